//! What can be wrong when readers, keys and proposals change.

use std::path::PathBuf;

use garner_kernel::{ChannelName, Explain, Fault};

/// Why who is trusted was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TrustError {
    /// Nobody of that name reads the channel.
    #[error("`{who}` is no reader of channel `{channel}`")]
    NoReader { channel: ChannelName, who: String },
    /// Several readers have that name.
    #[error("{count} readers of channel `{channel}` are called `{who}`")]
    WhichReader { channel: ChannelName, who: String, count: usize },
    /// A channel would be left without readers.
    #[error("`{who}` is the last reader of channel `{channel}`")]
    LastReader { channel: ChannelName, who: String },
    /// A machine would lock itself out.
    #[error("`{who}` is the {what} of this machine")]
    OwnReader { channel: ChannelName, who: String, what: &'static str },
    /// A key serves no repository.
    #[error("the {what} of this machine serves no repository that is published from here")]
    NothingToRotate { what: &'static str },
    /// A key has no right in the repository of a channel.
    #[error("the keys of this machine do not publish to channel `{channel}`")]
    NotOurs { channel: ChannelName },
    /// Channels of other repositories would lose their publisher.
    #[error("without the old key nobody here could publish to {}", names(channels))]
    LeftBehind { channels: Vec<ChannelName> },
    /// The root key of this machine has no say in a repository.
    #[error("the root key of this machine is not that of repository {repository}")]
    OtherRoot { repository: String, holders: Vec<String> },
    /// One root key is not enough.
    #[error("a root of repository {repository} needs {needed} signatures")]
    Threshold { repository: String, needed: usize },
    /// A stolen root key cannot be told from the one that it was.
    #[error("a root key counts for all that it signed: no time bounds it")]
    RootSince,
    /// Roots of several repositories do not fit into one file.
    #[error("the key serves several repositories, with the channels {}", names(channels))]
    OneRootAtATime { channels: Vec<ChannelName> },
    /// A root that others may have signed would be replaced.
    #[error("there is a file `{}` already", path.display())]
    NoteExists { path: PathBuf },
    /// Nobody could open a proposal.
    #[error("nobody is named who can open the proposal")]
    NoRecipients,
    /// A line names no recipient.
    #[error("line {number} of `{}` does not start with a recipient", path.display())]
    RecipientLine { path: PathBuf, number: usize },
    /// A proposal holds what looks like a secret.
    #[error("{} found in what `{}` proposes", found(*findings), path.display())]
    SecretsProposed { path: PathBuf, findings: u64 },
    /// A draft has nothing to seal.
    #[error("the draft of channel `{channel}` has no active fragment")]
    NothingActive { channel: ChannelName },
}

fn found(findings: u64) -> String {
    if findings == 1 { "1 secret was".to_owned() } else { format!("{findings} secrets were") }
}

fn names(channels: &[ChannelName]) -> String {
    channels.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Explain for TrustError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoReader { .. }
            | Self::NothingToRotate { .. }
            | Self::NoRecipients
            | Self::NothingActive { .. } => Fault::Missing,
            Self::WhichReader { .. }
            | Self::LastReader { .. }
            | Self::OwnReader { .. }
            | Self::RecipientLine { .. }
            | Self::OneRootAtATime { .. }
            | Self::RootSince
            | Self::NoteExists { .. }
            | Self::LeftBehind { .. } => Fault::Input,
            Self::NotOurs { .. }
            | Self::OtherRoot { .. }
            | Self::Threshold { .. }
            | Self::SecretsProposed { .. } => Fault::Trust,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoReader { channel, .. } => {
                format!("run `garner channel show {channel}` to see who reads it")
            }
            Self::WhichReader { channel, .. } => format!(
                "name it by its recipient (`age1…`), as `garner channel show {channel}` lists it"
            ),
            Self::LastReader { channel, .. } => format!(
                "run `garner channel grant {channel} RECIPIENT --as LABEL` first, or `garner \
                 channel remove {channel}` to forget the channel here"
            ),
            Self::OwnReader { .. } => {
                "nothing was changed; add `--own` if this machine must not read it any more"
                    .to_owned()
            }
            Self::NoRecipients => {
                "name the publisher's device key with `--to`: `garner key show device` prints it"
                    .to_owned()
            }
            Self::RootSince => {
                "run `garner key rotate root` before whoever has it adds a root; if one was added, \
                 start a new repository"
                    .to_owned()
            }
            Self::OneRootAtATime { .. } => {
                "nothing was changed; one root at a time can be written to a file".to_owned()
            }
            Self::NoteExists { path } => format!(
                "nothing was changed; `garner key sign {}` shows who signed it",
                path.display()
            ),
            Self::SecretsProposed { .. } => {
                "nothing was published; have them masked where the file was made, and rotate them"
                    .to_owned()
            }
            Self::RecipientLine { .. } => "write `age1… LABEL` on each line".to_owned(),
            Self::NothingActive { .. } => {
                "run `garner review` to accept candidates, or `garner compile` more sessions"
                    .to_owned()
            }
            Self::NothingToRotate { .. } => {
                "run `garner channel add NAME file:/FOLDER` to publish somewhere".to_owned()
            }
            Self::NotOurs { channel } => {
                format!("`garner channel show {channel}` names its repository; ask its publisher")
            }
            Self::LeftBehind { .. } => {
                "nothing was changed; run `garner key rotate` without a channel to rotate it for \
                 all of them"
                    .to_owned()
            }
            Self::OtherRoot { holders, .. } => {
                format!("nothing was changed; ask whoever holds {}", holders.join(" or "))
            }
            Self::Threshold { .. } => {
                "nothing was changed; `garner key rotate --out FILE` writes the root for others to sign"
                    .to_owned()
            }
        })
    }
}
