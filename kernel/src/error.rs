//! What can go wrong in the kernel.

use crate::contents::Version;
use crate::digest::{Digest, FragmentId};
use crate::explain::{Explain, Fault};
use crate::moment::Moment;

/// Why bytes or words could not become a value of the kernel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id, name, time or digest is not written as it must be.
    #[error("`{text}` is not a {what}")]
    MalformedId {
        /// What was expected.
        what: &'static str,
        /// What was given, shortened.
        text: String,
    },
    /// A word is not in the vocabulary.
    #[error("unknown {what} `{word}`")]
    UnknownWord {
        /// Which vocabulary.
        what: &'static str,
        /// The word.
        word: String,
        /// The words it knows.
        known: &'static [&'static str],
    },
    /// A record breaks a rule of the format.
    #[error("broken record: {rule}")]
    Record {
        /// The rule.
        rule: String,
    },
    /// A draft file breaks a rule of its format.
    #[error("line {line} of the draft is broken: {rule}")]
    Draft {
        /// The line, from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// A change carries a revision that is not higher than what is here.
    #[error("revision {revision} of fragment {} is not newer than what it changes", id.short())]
    RevisionWentBack {
        /// The fragment.
        id: FragmentId,
        /// The revision of the change.
        revision: u32,
    },
    /// The file is not a bundle.
    #[error("this is not a Garner bundle [K101]")]
    NotABundle,
    /// The bundle file is damaged or cut.
    #[error("the bundle is damaged: {rule} [K102]")]
    Container {
        /// The rule that it breaks.
        rule: String,
    },
    /// Something is larger than the format allows.
    #[error("{what} has {got}, more than the limit of {max} [K104]")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        got: u64,
        /// How large it may be.
        max: u64,
    },
    /// The file has a version of the format that this program does not know.
    #[error(
        "the {what} has version {found} of the format, which this version of garner does not read [K105]"
    )]
    Unsupported {
        /// What has the version.
        what: &'static str,
        /// The version, as it is written.
        found: String,
    },
    /// A signed note is malformed.
    #[error("the {what} is malformed: {rule} [K201]")]
    Note {
        /// Which note.
        what: &'static str,
        /// The rule that it breaks.
        rule: String,
    },
    /// Too few trusted keys signed a note.
    #[error("the {what} is signed by [{}], but {want} of [{}] must sign it [K202]", signed_by.join(", "), trusted.join(", "))]
    Threshold {
        /// Which note.
        what: &'static str,
        /// The names on its signature lines.
        signed_by: Vec<String>,
        /// The names of the keys that could sign it.
        trusted: Vec<String>,
        /// How many of them must.
        want: usize,
    },
    /// A trusted key's signature does not verify.
    #[error("the signature of `{key}` on the {what} is wrong [K203]")]
    Signature {
        /// Which note.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// A key signed something that it may not sign.
    #[error("key `{key}` may not sign this: {reason} [K205]")]
    KeyScope {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A file has another size than the signed one.
    #[error("{what} has {got} bytes, not {want} [K211]")]
    WrongSize {
        /// Which file.
        what: String,
        /// Its size.
        got: u64,
        /// The signed size.
        want: u64,
    },
    /// A file has another digest than the signed one.
    #[error("{what} has digest {}, not {} [K212]", got.short(), want.short())]
    WrongDigest {
        /// Which file.
        what: String,
        /// Its digest.
        got: Digest,
        /// The signed digest.
        want: Digest,
    },
    /// A signed statement speaks of something else.
    #[error("the {what} is `{got}`, not `{want}` [K213]")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What it says.
        got: String,
        /// What it must say.
        want: String,
    },
    /// The bundle comes from another repository than the pinned one.
    #[error("the bundle comes from repository {found}, not from the pinned {want} [K213]")]
    WrongRepository {
        /// The pinned repository.
        want: String,
        /// Where it comes from.
        found: String,
    },
    /// None of the keys is among the recipients.
    #[error("none of our {} keys is among the {recipients} recipients of the {what} [K221]", tried.len())]
    CannotDecrypt {
        /// What is encrypted.
        what: &'static str,
        /// The public halves of the keys that were tried.
        tried: Vec<String>,
        /// How many recipients it has.
        recipients: usize,
    },
    /// The age crate could not encrypt or decrypt.
    #[error("encryption of the {what} failed: {reason} [K222]")]
    Age {
        /// What it was about.
        what: &'static str,
        /// What the crate said.
        reason: String,
    },
    /// A zstd frame is not as it must be.
    #[error("compressed data is damaged: {reason} [K231]")]
    Zstd {
        /// What is wrong.
        reason: String,
    },
    /// The plaintext of an object breaks a rule.
    #[error("an object is malformed: {rule} [K232]")]
    Object {
        /// The rule.
        rule: String,
    },
    /// An older version was offered than one that is known.
    #[error("version {offered} was offered, but {known} is already known [K301]")]
    WentBack {
        /// The newest known version.
        known: Version,
        /// The offered one.
        offered: Version,
    },
    /// Two heads claim the same version.
    #[error("two different heads claim version {version}: {} and {} [K302]", known.short(), offered.short())]
    Fork {
        /// The version.
        version: Version,
        /// The head that was verified first.
        known: Digest,
        /// The other one.
        offered: Digest,
    },
    /// A head does not follow on from those before it.
    #[error("the head of {version} does not follow on: {rule} [K306]")]
    Chain {
        /// The version of the head.
        version: Version,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Bytes could not be read.
    #[error("the {what} cannot be read")]
    Read {
        /// What is read.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A root or latest note expired too long ago.
    #[error("the {what} expired on {}: nobody renewed it, or somebody holds back what is newer [K303]", expired.date())]
    Expired {
        /// Which note.
        what: &'static str,
        /// When.
        expired: Moment,
    },
    /// Roots are missing that are known or named.
    #[error("{offered} roots are offered, but {needed} are known or named [K304]")]
    RootsMissing {
        /// How many there must be.
        needed: u64,
        /// How many there are.
        offered: u64,
    },
    /// Older revocations were offered than are known.
    #[error("revocations {offered} were offered, but {known} are known or named [K305]")]
    RevocationsWentBack {
        /// The newest number that is known; 0 for none.
        known: u64,
        /// The offered one; 0 for none.
        offered: u64,
    },
    /// Two revocations claim the same number.
    #[error("two different revocations claim number {number}: {} and {} [K302]", known.short(), offered.short())]
    RevocationsFork {
        /// The number.
        number: u64,
        /// The note that is known or named.
        known: Digest,
        /// The other one.
        offered: Digest,
    },
    /// The search for secrets found some; nothing was sealed.
    #[error("{findings} secrets were found in the fragments")]
    SecretsFound {
        /// How many.
        findings: u64,
    },
    /// A key is not written as it must be; the text is not repeated.
    #[error("this is not a valid {what}")]
    BrokenKey {
        /// What kind of key.
        what: &'static str,
    },
    /// A recipient belongs to an age plugin that is not here.
    #[error("the program `age-plugin-{plugin}` is not installed")]
    NoPlugin {
        /// The name of the plugin.
        plugin: String,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
}

impl Error {
    /// Returns a broken value as a fault of the note that holds it.
    pub(crate) fn in_note(self, what: &'static str) -> Self {
        match self {
            Self::MalformedId { .. } | Self::UnknownWord { .. } | Self::BrokenKey { .. } => {
                Self::Note { what, rule: self.to_string() }
            }
            other => other,
        }
    }

    /// Returns a broken value as a fault of the object that holds it.
    pub(crate) fn in_object(self) -> Self {
        match self {
            Self::MalformedId { .. } | Self::UnknownWord { .. } | Self::RevisionWentBack { .. } => {
                Self::Object { rule: self.to_string() }
            }
            other => other,
        }
    }

    /// Returns the code in the message (docs/format.md, "Error codes"), such as `K212`.
    pub fn code(&self) -> Option<String> {
        let message = self.to_string();
        let (_, code) = message.strip_suffix(']')?.rsplit_once('[')?;
        let known = code.len() == 4 && code.starts_with('K');
        known.then(|| code.to_owned())
    }
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::MalformedId { .. }
            | Self::UnknownWord { .. }
            | Self::Record { .. }
            | Self::Draft { .. }
            | Self::SecretsFound { .. }
            | Self::NotABundle
            | Self::BrokenKey { .. } => Fault::Input,
            Self::NoPlugin { .. } => Fault::Missing,
            Self::Random { .. } | Self::Read { .. } => Fault::Internal,
            _ => Fault::Trust,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownWord { known, .. } => {
                return Some(format!("use one of: {}", known.join(", ")));
            }
            Self::NotABundle => "give a `.kernel` file, or a channel such as `notes@latest`",
            Self::NoPlugin { plugin } => {
                return Some(format!(
                    "nothing was changed; install the plugin, so that `age-plugin-{plugin}` is on \
                     the `PATH`"
                ));
            }
            Self::Container { .. } | Self::WrongSize { .. } | Self::WrongDigest { .. } => {
                "nothing was loaded; copy or pull the bundle again, then run `garner verify` on it"
            }
            Self::CannotDecrypt { .. } => {
                "send the line of `garner key show device` to the publisher, who runs \
                 `garner channel grant`; then pull again"
            }
            Self::WrongRepository { .. } => {
                "nothing was changed; compare both ids with what the publisher says"
            }
            Self::WentBack { .. } => "nothing was changed; ask the publisher why history was cut",
            Self::Unsupported { .. } => "update garner; what is loaded stays as it is",
            Self::Expired { .. } => {
                "what is loaded stays as it is; ask the publisher to run `garner channel renew`"
            }
            Self::RootsMissing { .. } | Self::RevocationsWentBack { .. } => {
                "nothing was changed; pull from another copy, or ask the publisher"
            }
            Self::Fork { .. } | Self::RevocationsFork { .. } => {
                "nothing was changed; show both digests to the publisher"
            }
            Self::SecretsFound { .. } => "run `garner review` and remove or edit those fragments",
            Self::KeyScope { .. } => "ask whoever holds the root key to name a key that may",
            Self::Signature { .. } | Self::Threshold { .. } => {
                "nothing was loaded; ask the publisher for a properly signed bundle"
            }
            _ if self.fault() == Fault::Trust => {
                "nothing of it was used; copy or pull it again, or ask the publisher"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
