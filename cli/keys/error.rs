//! What can be wrong with the keys of this machine.

use std::path::PathBuf;

use garner_kernel::{ChannelName, Explain, Fault};

/// Why a key could not be made, read or moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyError {
    /// A key was taken away from this machine.
    #[error("the {what} is not on this machine: there is its public half, but no `{}`", path.display())]
    Elsewhere { what: &'static str, path: PathBuf },
    /// A key file is protected and nobody can be asked.
    #[error("`{}` is protected by a passphrase, and nobody can be asked for it", path.display())]
    NoPassphrase { path: PathBuf },
    /// A new passphrase is needed and nobody can be asked.
    #[error("the {what} needs a new passphrase, and nobody can be asked for it")]
    NoNewPassphrase { what: &'static str },
    /// The passphrase does not open the file.
    #[error("the passphrase does not open `{}`", path.display())]
    WrongPassphrase { path: PathBuf },
    /// The two passphrases that were typed differ.
    #[error("the two passphrases differ")]
    Differ,
    /// The passphrase has no characters.
    #[error("the passphrase is empty")]
    Empty,
    /// The passphrase is in a file that others can read.
    #[error("passphrase file `{}` can be read by others (mode {mode:03o})", path.display())]
    OpenPassphrase { path: PathBuf, mode: u32 },
    /// A file asks for more work than a passphrase is worth.
    #[error("`{}` asks for an scrypt work factor of 2^{required}, more than the limit of 2^{limit}", path.display())]
    TooMuchWork { path: PathBuf, required: u8, limit: u8 },
    /// A file is encrypted, but not with a passphrase.
    #[error("`{}` is encrypted to age recipients, not with a passphrase", path.display())]
    NotPassphrase { path: PathBuf },
    /// The age crate could not do what it should.
    #[error("`{}` could not be encrypted or decrypted: {reason}", path.display())]
    Age { path: PathBuf, reason: String },
    /// A key file is protected already.
    #[error("the {what} is protected by a passphrase already")]
    Protected { what: &'static str },
    /// A key file is not protected.
    #[error("the {what} is not protected by a passphrase")]
    NotProtected { what: &'static str },
    /// A key would be replaced.
    #[error("there is a {what} at `{}` already", path.display())]
    Exists { what: &'static str, path: PathBuf },
    /// The public half of a protected key is not known.
    #[error("`{}` is missing, which names the public half of the {what}", path.display())]
    NoPublicHalf { what: &'static str, path: PathBuf },
    /// The file beside a protected key names another public half.
    #[error("`{}` does not name the public half of the {what}", path.display())]
    OtherPublicHalf { what: &'static str, path: PathBuf },
    /// A plugin's key without its public half.
    #[error("`{}` holds an identity of an age plugin and does not name its recipient", path.display())]
    NoRecipient { path: PathBuf },
    /// A file holds no key.
    #[error("`{}` holds no key", path.display())]
    NotAKey { path: PathBuf },
    /// A key of the other sort: one that signs where one that reads is needed, or the reverse.
    #[error("`{}` holds a key that {holds}, and a {what} {needs}", path.display())]
    OtherSort { path: PathBuf, what: &'static str, holds: &'static str, needs: &'static str },
    /// It cannot be told what an imported key is for.
    #[error("`{}` holds a key that {holds}, and does not say what it is for", path.display())]
    WhichRole { path: PathBuf, holds: &'static str, roles: [&'static str; 2] },
    /// A page for paper was asked for as JSON.
    #[error("a page for paper holds the secret itself and is never JSON")]
    PaperOnly,
    /// A copy is one of another key than that of this machine.
    #[error("{found} is not the {what} of this machine, {known}")]
    NotOurs { what: &'static str, found: String, known: String },
    /// The recovery key does not open what was published.
    #[error("the recovery key does not open {}", names(channels))]
    DrillFailed { channels: Vec<ChannelName>, recipient: String },
    /// There is nothing to try the recovery key on.
    #[error("no version of any channel was pulled yet")]
    NothingToDrill,
    /// The list of drills is malformed.
    #[error("`{}` is not a list of drills", path.display())]
    DrillLog {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
}

fn names(channels: &[ChannelName]) -> String {
    channels.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Explain for KeyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Elsewhere { .. }
            | Self::NoPassphrase { .. }
            | Self::NoNewPassphrase { .. }
            | Self::NoPublicHalf { .. }
            | Self::NothingToDrill => Fault::Missing,
            Self::WrongPassphrase { .. }
            | Self::OpenPassphrase { .. }
            | Self::TooMuchWork { .. }
            | Self::OtherPublicHalf { .. }
            | Self::NotOurs { .. }
            | Self::DrillFailed { .. }
            | Self::Age { .. } => Fault::Trust,
            Self::Differ
            | Self::Empty
            | Self::NotPassphrase { .. }
            | Self::Protected { .. }
            | Self::NotProtected { .. }
            | Self::Exists { .. }
            | Self::NotAKey { .. }
            | Self::NoRecipient { .. }
            | Self::DrillLog { .. }
            | Self::WhichRole { .. }
            | Self::PaperOnly
            | Self::OtherSort { .. } => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Elsewhere { .. } => {
                "take a copy in with `garner key import FILE`; for a drill, name the copy: \
                 `garner key drill --from FILE`"
            }
            Self::NoPassphrase { .. } | Self::NoNewPassphrase { .. } => {
                "run it in a terminal, or write the passphrase to a file of mode 600 and name the \
                 file in `GARNER_PASSPHRASE_FILE`"
            }
            Self::WrongPassphrase { .. } => "nothing was changed; try another passphrase",
            Self::Differ => "nothing was changed; type the same passphrase twice",
            Self::Empty => "nothing was changed; choose a passphrase of several words",
            Self::OpenPassphrase { path, .. } => {
                return Some(format!("run `chmod 600 {}`", path.display()));
            }
            Self::TooMuchWork { .. } => {
                "no time was spent on it; if you trust the file, decrypt it with `age -d` and \
                 encrypt it again with `age -p`"
            }
            Self::NotPassphrase { .. } => {
                "decrypt it with `age -d -i IDENTITY`, then run `garner key import` on the result"
            }
            Self::Age { .. } => "nothing was changed; take another copy of the file",
            Self::Protected { what } => {
                return Some(format!(
                    "for another passphrase run `garner key unprotect {0}` first, then `garner key \
                     protect {0}`",
                    first_word(what)
                ));
            }
            Self::NoPublicHalf { what, .. } | Self::OtherPublicHalf { what, .. } => {
                return Some(format!(
                    "run `garner key unprotect {}`, which writes it again from the key itself",
                    first_word(what)
                ));
            }
            Self::NotProtected { .. } => "nothing was changed",
            Self::Exists { .. } => "nothing was changed; move it away first if it must be replaced",
            Self::NoRecipient { .. } => {
                "add the line `# public key: age1NAME1…`, which the plugin printed with the identity"
            }
            Self::NotAKey { .. } => {
                "a key is a line `AGE-SECRET-KEY-1…`, `AGE-PLUGIN-NAME-1…` or `PRIVATE+KEY+…`, alone in \
                 its file"
            }
            Self::OtherSort { .. } => "name the role that the key was made for",
            Self::WhichRole { roles: [one, other], .. } => {
                return Some(format!("say what it is for: `--role {one}` or `--role {other}`"));
            }
            Self::PaperOnly => "leave `--json` away",
            Self::NotOurs { .. } => {
                "look for a copy of the key itself; if this one is meant to replace it, move the \
                 `.pub` file away first"
            }
            Self::DrillFailed { channels, recipient } => {
                let name = channels.first().map_or("NAME", ChannelName::as_str);
                return Some(format!(
                    "run `garner channel grant {name} {recipient} --as recovery`, then \
                     `garner key drill` again"
                ));
            }
            Self::NothingToDrill => "run `garner publish` or `garner pull` first",
            Self::DrillLog { .. } => "move it away, then run `garner key drill`",
        };
        Some(hint.to_owned())
    }
}

/// Returns the word that names a role: `device` of `device key`.
fn first_word(what: &str) -> &str {
    what.split(' ').next().unwrap_or(what)
}
