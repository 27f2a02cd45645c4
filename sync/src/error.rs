//! What can go wrong between a channel and its remote.

use std::io;
use std::path::PathBuf;

use garner_kernel::{ChannelName, Explain, Fault, TagName, Version};

/// Why a channel could not be read, checked or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The remote is not there.
    #[error("the remote `{}` cannot be reached", path.display())]
    Unreachable {
        /// The folder that should be there.
        path: PathBuf,
    },
    /// A remote on the network did not answer as it should, however often it was asked.
    #[error("cannot {action} `{name}` on `{remote}`: {reason} (tried {tries}x) [K601]")]
    Transport {
        /// The address of the remote.
        remote: String,
        /// The file.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What came instead.
        reason: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A remote knows us and says no, or does not know us.
    #[error("`{remote}` does not let us {action} `{name}`: {reason}")]
    Denied {
        /// The address of the remote.
        remote: String,
        /// The file.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// A remote that can only be read was to be written.
    #[error("`{remote}` can only be read")]
    ReadOnly {
        /// The address of the remote.
        remote: String,
    },
    /// A remote does not do what publishing rests on.
    #[error("`{remote}` broke {broken} of the promises of a remote [K402]")]
    NotAtomic {
        /// The address of the remote.
        remote: String,
        /// How many promises it broke.
        broken: usize,
    },
    /// The text is not the address of a remote.
    #[error("`{text}` is not the address of a remote: {reason}")]
    Url {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not a rate.
    #[error("`{text}` is not a number of bytes a second")]
    Rate {
        /// The text.
        text: String,
    },
    /// A file of the remote is larger than its kind may be.
    #[error("`{name}` of the remote has {got} bytes, more than {max}")]
    TooLarge {
        /// The file.
        name: String,
        /// Its size.
        got: u64,
        /// The limit.
        max: u64,
    },
    /// A file that a signed statement names is not on the remote.
    #[error("`{name}` is missing on the remote")]
    MissingFile {
        /// The file.
        name: String,
    },
    /// A file of the remote does not pass the checks.
    #[error("`{name}` of the remote is refused")]
    Refused {
        /// The file.
        name: String,
        /// The rule that it breaks.
        #[source]
        source: garner_kernel::Error,
    },
    /// The bundle format refused.
    #[error(transparent)]
    Kernel(#[from] garner_kernel::Error),
    /// The remote holds no repository.
    #[error("the remote holds no Garner repository")]
    NoRepository,
    /// The remote already holds a repository.
    #[error("the remote already holds repository {repository}")]
    RepositoryExists {
        /// Its id.
        repository: String,
    },
    /// Somebody else added a root first.
    #[error("somebody else added root {number} first, and it is another one")]
    RootExists {
        /// The number of the root.
        number: u64,
    },
    /// Every version was signed by keys that were revoked before.
    #[error("no version of channel `{channel}` is from before its keys were revoked")]
    NothingLeft {
        /// The channel.
        channel: ChannelName,
    },
    /// The channel has no such version.
    #[error("channel `{channel}` has no version {version}")]
    NoVersion {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
    },
    /// The files of an old version are gone; its head is still linked.
    #[error("the files of {version} of channel `{channel}` are no longer there")]
    NotKept {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
    },
    /// A name of a version is that of another one.
    #[error("tag `{name}` names {} and cannot name {}", version_of(there), version_of(wanted))]
    TagTaken {
        /// The name.
        name: TagName,
        /// The version that has it.
        there: (ChannelName, Version),
        /// The version that should.
        wanted: (ChannelName, Version),
    },
    /// No version has this name.
    #[error("no version of channel `{channel}` is tagged `{name}`")]
    NoTag {
        /// The channel.
        channel: ChannelName,
        /// The name.
        name: TagName,
    },
    /// Nothing was published to the channel yet.
    #[error("nothing was published to channel `{channel}` yet")]
    Empty {
        /// The channel.
        channel: ChannelName,
    },
    /// A version is published, but not the note that says so.
    #[error("{version} of `{channel}` is published, but the note that says so is not")]
    Unannounced {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
        /// Why the note could not be written.
        #[source]
        source: Box<Error>,
    },
    /// Others published first, again and again.
    #[error("others published to channel `{channel}` first, {tries} times in a row")]
    LostRace {
        /// The channel.
        channel: ChannelName,
        /// How often it was tried.
        tries: u32,
    },
    /// A settings or trust file is malformed.
    #[error("`{}` is not a valid settings file", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The channel is not set up on this machine.
    #[error("channel `{channel}` is not known on this machine")]
    UnknownChannel {
        /// The channel.
        channel: ChannelName,
    },
}

/// Names a version of a channel.
fn version_of((channel, version): &(ChannelName, Version)) -> String {
    format!("{version} of `{channel}`")
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Fault::Missing,
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists => Fault::Input,
                _ => Fault::Internal,
            },
            Self::Unreachable { .. }
            | Self::Transport { .. }
            | Self::LostRace { .. }
            | Self::RootExists { .. } => Fault::Offline,
            Self::Url { .. }
            | Self::TagTaken { .. }
            | Self::Rate { .. }
            | Self::Denied { .. }
            | Self::ReadOnly { .. }
            | Self::RepositoryExists { .. }
            | Self::Settings { .. } => Fault::Input,
            Self::NoRepository
            | Self::NoTag { .. }
            | Self::NoVersion { .. }
            | Self::NotKept { .. }
            | Self::Empty { .. }
            | Self::UnknownChannel { .. } => Fault::Missing,
            Self::NotAtomic { .. }
            | Self::TooLarge { .. }
            | Self::MissingFile { .. }
            | Self::NothingLeft { .. }
            | Self::Refused { .. } => Fault::Trust,
            Self::Kernel(source) => source.fault(),
            Self::Unannounced { source, .. } => source.fault(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                // What came before may have been written; it is whole, and not written again.
                "the disk is full: make room and run the command again"
            }
            Self::Io { .. } => "check that the path exists and that you may write there",
            Self::Unreachable { .. } => {
                "plug the medium in or mount it (a new channel needs its folder first: `mkdir -p`), \
                 then run the command again; what is loaded stays usable"
            }
            Self::Transport { .. } => {
                "what is loaded stays usable; run the command again when the remote answers"
            }
            Self::Denied { .. } => {
                "a web server must show its files to anyone; for others, check the credentials in \
                 the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`, git's own)"
            }
            Self::NotAtomic { .. } => {
                "publish from one machine only, or use a store that creates a name once; reading \
                 is safe"
            }
            Self::ReadOnly { .. } => {
                "publish to the bucket, folder or repository that it serves, and read it here"
            }
            Self::Url { .. } => {
                "write `file:/media/usb/notes`, `https://host/notes`, `git:https://host/notes.git` \
                 or `s3://bucket/notes`"
            }
            Self::Rate { .. } => "write `800`, `200K` or `1M`",
            Self::TooLarge { .. } | Self::MissingFile { .. } => {
                "nothing was changed; copy the remote again or ask the publisher"
            }
            Self::Refused { source, .. } | Self::Kernel(source) => return source.hint(),
            Self::NoRepository => "the publisher creates one with `garner channel add NAME URL`",
            Self::RepositoryExists { repository } => {
                return Some(format!(
                    "to read it, add `#{repository}` to the address once you trust that id"
                ));
            }
            Self::NoVersion { channel, .. } | Self::Empty { channel } => {
                return Some(format!("run `garner log {channel}` to see what there is"));
            }
            Self::NotKept { channel, .. } => {
                return Some(format!(
                    "old versions are collected after a while; `garner load {channel}` reads the \
                     newest"
                ));
            }
            Self::TagTaken { .. } => "tags never change: choose another name",
            Self::NoTag { channel, .. } => {
                return Some(format!(
                    "`garner channel tags {channel}` lists the tags that are known here; a remote \
                     cannot list its own"
                ));
            }
            Self::LostRace { .. } => "run `garner publish` again",
            Self::Unannounced { .. } => {
                "readers find the version all the same; mend that and run the command again, which \
                 writes the note"
            }
            Self::RootExists { .. } => {
                "nothing was changed; run the command again, on top of the new root"
            }
            Self::NothingLeft { .. } => {
                "start a new repository: `garner channel add NAME URL` in an empty folder"
            }
            Self::Settings { .. } => "repair or delete the file, then run the command again",
            Self::UnknownChannel { .. } => {
                "add it with `garner channel add NAME URL`; `garner channel list` shows the known"
            }
        };
        Some(hint.to_owned())
    }
}
