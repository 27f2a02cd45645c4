//! What can go wrong in the binary itself, and the errors of the libraries.

use std::io;
use std::path::PathBuf;

use garner_kernel::{ChannelName, Explain, Fault, FragmentId};

use crate::backup::BackupError;
use crate::distil::ModelError;
use crate::keys::KeyError;
use crate::setup::SetupError;
use crate::trust::TrustError;
use crate::upkeep::UpkeepError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error(transparent)]
    Kernel(#[from] garner_kernel::Error),
    #[error(transparent)]
    Compiler(#[from] garner_compiler::Error),
    #[error(transparent)]
    Sync(#[from] garner_sync::Error),
    #[error(transparent)]
    Loader(#[from] garner_loader::Error),
    #[error(transparent)]
    Install(#[from] garner_embed::InstallError),
    #[error(transparent)]
    OllamaEmbedder(#[from] garner_embed::OllamaError),
    #[error(transparent)]
    Embed(#[from] garner_kernel::EmbedError),
    #[error(transparent)]
    Serve(#[from] garner_serve::Error),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A transcript could not be compiled.
    #[error("cannot compile `{}`", path.display())]
    Transcript {
        path: PathBuf,
        #[source]
        source: garner_compiler::Error,
    },
    /// An archive is damaged, or of a kind that is not read.
    #[error("`{}` is not a usable archive: {rule}", path.display())]
    Archive { path: PathBuf, rule: String },
    /// A file is larger than the program reads.
    #[error("`{}` has {size} bytes, more than the limit of {limit}", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    /// A bundle file is refused.
    #[error("`{}` is refused", path.display())]
    Bundle {
        path: PathBuf,
        #[source]
        source: garner_kernel::Error,
    },
    /// A draft file is broken.
    #[error("`{}` is not a draft", path.display())]
    Draft {
        path: PathBuf,
        #[source]
        source: garner_kernel::Error,
    },
    /// A key is needed that is not there.
    #[error("there is no {what} at `{}`", path.display())]
    NoKey { what: &'static str, path: PathBuf },
    /// Others can read a key file.
    #[error("key file `{}` can be read by others (mode {mode:03o})", path.display())]
    OpenKey { path: PathBuf, mode: u32 },
    /// A key file does not hold a key.
    #[error("key file `{}` is damaged", path.display())]
    BrokenKey {
        path: PathBuf,
        #[source]
        source: garner_kernel::Error,
    },
    /// No transcript was found where one was expected.
    #[error("no transcript (`*.jsonl`) in `{}`", path.display())]
    NoTranscripts { path: PathBuf },
    /// The text names no kernel.
    #[error("`{text}` names no kernel")]
    KernelName { text: String },
    /// A file was given where a loaded version or a second kernel is needed.
    #[error("`{}` is a file, and {need}", path.display())]
    File { path: PathBuf, need: &'static str },
    /// The channel is not set up here.
    #[error("channel `{channel}` is not known on this machine")]
    UnknownChannel { channel: ChannelName },
    /// The channel is set up here for another repository.
    #[error("channel `{channel}` is set up on this machine for another repository")]
    ChannelExists { channel: ChannelName },
    /// A version is published, but this machine has no copy.
    #[error("{version} of `{channel}` is published, but was not copied to this machine")]
    NotCopied {
        channel: ChannelName,
        version: garner_kernel::Version,
        #[source]
        source: Box<Error>,
    },
    /// A folder that should be new or empty holds something.
    #[error("folder `{}` is not empty", path.display())]
    NotEmpty { path: PathBuf },
    /// No channel is set up here.
    #[error("no channel is set up on this machine")]
    NoChannels,
    /// Several channels are set up and none was named.
    #[error("several channels are set up: {}", names(known))]
    WhichChannel { known: Vec<ChannelName> },
    /// The channel has no remote.
    #[error("channel `{channel}` has no remote: its kernels arrive as files")]
    NoRemote { channel: ChannelName },
    /// A remote on the network is needed, and the user said not to go there.
    #[error("`{remote}` is on the network, and `--offline` forbids to go there")]
    OnNetwork { remote: String },
    /// Something is needed that was not fetched, and the user said not to go where it is.
    #[error("{} was not fetched yet, and `--offline` forbids to", what(channel, *version))]
    NotFetched { channel: ChannelName, version: Option<garner_kernel::Version> },
    /// A channel would have the name of one whose versions the store makes itself.
    #[error("the store makes the versions of `{channel}` itself")]
    OwnChannel { channel: ChannelName },
    /// A secret in a text cannot be masked.
    #[error("the text holds a secret that cannot be masked")]
    Unmaskable,
    /// A statement says nearly what the store says already.
    #[error("{} says nearly the same (cosine {cosine:.2}): {statement}", id.short())]
    Alike { id: FragmentId, cosine: f64, statement: String },
    /// Nothing was compiled for a channel yet.
    #[error("there is no draft for channel `{channel}`")]
    NoDraft { channel: ChannelName },
    /// It cannot be told which part of a file is Garner's.
    #[error("in `{}`, it cannot be told what is Garner's", path.display())]
    Section { path: PathBuf },
    /// An id prefix matches nothing or too much.
    #[error("`{prefix}` matches {matches} fragments of the draft, not one")]
    DraftPrefix { prefix: String, matches: usize },
    /// An id prefix matches no fragment of a conflict, or several.
    #[error("`{prefix}` matches {matches} fragments of conflicts, not one")]
    ConflictPrefix { prefix: String, matches: usize },
    /// A bundle comes from a repository that nobody pinned.
    #[error("`{}` comes from repository {repository}, which this machine does not trust", path.display())]
    Untrusted { path: PathBuf, repository: String, channel: ChannelName },
    /// A check found problems; they are printed already.
    #[error("{problems} of the checks failed")]
    Problems { problems: usize },
    /// What was checked does not hold; what is broken is printed already.
    #[error("{problems} of the checks failed")]
    Unsound { problems: usize, next: &'static str },
    /// Two kernels differ, and the caller asked to be told by the exit status.
    #[error("the kernels differ")]
    Differ,
    /// Something would be changed and nobody confirmed it.
    #[error("nobody confirmed the plan")]
    Unconfirmed,
    /// A value of the environment is malformed.
    #[error("environment variable `{name}` is malformed: `{value}`")]
    Environment { name: &'static str, value: String },
    /// The home folder is unknown.
    #[error("the home folder is unknown")]
    NoHome,
    /// A text does not fit into a QR code.
    #[error("{bytes} bytes are too many for a QR code")]
    QrCode { bytes: usize },
    /// An address that other machines reach was given, and nobody asked for that.
    #[error("other machines could connect to `{address}`")]
    Exposed { address: String },
    /// Rules would go to a third party, and nobody allowed it.
    #[error("model `{model}` runs at a third party, which would read the rules")]
    ThirdParty { model: String },
    /// A channel has nothing that is always injected.
    #[error("channel `{channel}` has no rule and nothing pinned")]
    NoCore { channel: ChannelName },
    /// A client cannot be started.
    #[error("cannot run `{program}`")]
    NoClient {
        program: String,
        #[source]
        source: io::Error,
    },
    /// A client ended with a status of its own, and said why itself.
    #[error("the client ended with status {status}")]
    Ended { status: u8 },
    /// Whoever read our output has gone.
    #[error("the output was closed")]
    ClosedPipe,
    /// Receipts need a place that can be written.
    #[error(
        "receipts of `{channel}` need a place that can be written{}",
        remote.as_ref().map_or_else(String::new, |r| format!(": `{r}` can only be read"))
    )]
    NoReceiptPlace { channel: ChannelName, remote: Option<String> },
    /// Nobody of that name or key is registered.
    #[error("no receipts of `{who}` are looked at for `{channel}`")]
    NoMember { channel: ChannelName, who: String },
    /// The async runtime did not start.
    #[error("the runtime did not start")]
    Runtime(#[source] io::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// Returns the error of a library or of a part of the program, which explains itself.
    fn inner(&self) -> Option<&dyn Explain> {
        Some(match self {
            Self::Kernel(e)
            | Self::Bundle { source: e, .. }
            | Self::Draft { source: e, .. }
            | Self::BrokenKey { source: e, .. } => e,
            Self::Compiler(e) | Self::Transcript { source: e, .. } => e,
            Self::Sync(e) => e,
            Self::Loader(e) => e,
            Self::Install(e) => e,
            Self::OllamaEmbedder(e) => e,
            Self::Embed(e) => e,
            Self::Serve(e) => e,
            Self::Backup(e) => e,
            Self::Upkeep(e) => e,
            Self::Model(e) => e,
            Self::Key(e) => e,
            Self::Trust(e) => e,
            Self::Setup(e) => e,
            _ => return None,
        })
    }
}

impl Error {
    /// Returns the hint of an error of the faces that stand before a model.
    const fn hint_of_faces(&self) -> Option<&'static str> {
        let hint = match self {
            Self::Exposed { .. } => {
                "add `--expose` if they may: whoever connects can use the models and read what is injected"
            }
            Self::ThirdParty { .. } => "add `--cloud` if it may",
            Self::NoCore { .. } => {
                "`garner ask` and `garner serve` inject what matters to a question; baking takes rules only"
            }
            Self::NoClient { .. } => "install it, or name another client: `garner run -- CLIENT`",
            _ => return None,
        };
        Some(hint)
    }
}

/// Returns what is missing of a channel: all of it, or one version.
fn what(channel: &ChannelName, version: Option<garner_kernel::Version>) -> String {
    version.map_or_else(|| format!("`{channel}`"), |version| format!("{version} of `{channel}`"))
}

fn names(channels: &[ChannelName]) -> String {
    channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Kernel(e)
            | Self::Bundle { source: e, .. }
            | Self::BrokenKey { source: e, .. }
            | Self::Draft { source: e, .. } => e.fault(),
            Self::Compiler(e) | Self::Transcript { source: e, .. } => e.fault(),
            Self::Sync(e) => e.fault(),
            Self::Loader(e) => e.fault(),
            Self::Install(e) => e.fault(),
            Self::OllamaEmbedder(e) => e.fault(),
            Self::Embed(e) => e.fault(),
            Self::NotCopied { source, .. } => source.fault(),
            Self::Serve(e) => e.fault(),
            Self::Backup(e) => e.fault(),
            Self::Upkeep(e) => e.fault(),
            Self::Model(e) => e.fault(),
            Self::Key(e) => e.fault(),
            Self::Trust(e) => e.fault(),
            Self::Setup(e) => e.fault(),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Fault::Missing,
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::AlreadyExists => Fault::Input,
                _ => Fault::Internal,
            },
            Self::Runtime(_) => Fault::Internal,
            Self::NoKey { .. }
            | Self::NoTranscripts { .. }
            | Self::UnknownChannel { .. }
            | Self::NoChannels
            | Self::NoDraft { .. }
            | Self::NoHome
            | Self::NoMember { .. }
            | Self::NoClient { .. }
            | Self::NoCore { .. }
            | Self::NoRemote { .. } => Fault::Missing,
            Self::OnNetwork { .. } | Self::NotFetched { .. } => Fault::Offline,
            Self::OpenKey { .. }
            | Self::Untrusted { .. }
            | Self::Problems { .. }
            | Self::Unsound { .. } => Fault::Trust,
            Self::TooLarge { .. }
            | Self::Archive { .. }
            | Self::KernelName { .. }
            | Self::WhichChannel { .. }
            | Self::DraftPrefix { .. }
            | Self::ConflictPrefix { .. }
            | Self::ChannelExists { .. }
            | Self::OwnChannel { .. }
            | Self::Unmaskable
            | Self::Alike { .. }
            | Self::File { .. }
            | Self::NotEmpty { .. }
            | Self::NoReceiptPlace { .. }
            | Self::Differ
            | Self::Unconfirmed
            | Self::Environment { .. }
            | Self::QrCode { .. }
            | Self::Section { .. }
            | Self::Exposed { .. }
            | Self::ThirdParty { .. }
            | Self::Ended { .. }
            | Self::ClosedPipe => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(inner) = self.inner() {
            return inner.hint();
        }
        let hint = match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path",
                io::ErrorKind::PermissionDenied => "check who owns the path and its mode",
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room on the disk and run the command again"
                }
                io::ErrorKind::IsADirectory => "name a file, not a folder",
                io::ErrorKind::ReadOnlyFilesystem => {
                    "mount the disk so that it can be written, and run the command again"
                }
                _ => return None,
            },
            Self::Exposed { .. }
            | Self::ThirdParty { .. }
            | Self::NoCore { .. }
            | Self::NoClient { .. } => return self.hint_of_faces().map(str::to_owned),
            Self::TooLarge { .. } => "split the file, or leave it out",
            Self::Archive { .. } => "unpack it, and name the folder",
            Self::NoKey { .. } | Self::NoHome => "run `garner setup`",
            Self::OpenKey { path, .. } => {
                return Some(format!("run `chmod 600 {}`", path.display()));
            }
            Self::NoTranscripts { .. } => {
                "Claude Code keeps them under `~/.claude/projects/PROJECT/SESSION.jsonl`"
            }
            Self::KernelName { .. } => {
                "write `notes`, `notes@3`, `notes@prev`, `notes@TAG` or a `.kernel` file"
            }
            Self::UnknownChannel { .. } => "run `garner channel list`, or `garner channel add`",
            Self::File { path, .. } => {
                return Some(format!(
                    "`garner load -n {}` shows what loading it would change",
                    path.display()
                ));
            }
            Self::ChannelExists { channel } => {
                return Some(format!(
                    "choose another name, or run `garner channel remove {channel} --yes` first"
                ));
            }
            Self::NotCopied { channel, .. } => {
                return Some(format!("mend that, then run `garner pull {channel}`"));
            }
            Self::OwnChannel { .. } => "choose another name",
            Self::Unmaskable => "say it without the secret",
            Self::Alike { id, .. } => {
                let id = id.short();
                return Some(format!(
                    "add `--replaces {id}` to put it in the place of that, or `--anyway` to keep both"
                ));
            }
            Self::NotEmpty { .. } => "name a folder that does not exist yet",
            Self::NoChannels => "run `garner channel add NAME file:/FOLDER`",
            Self::WhichChannel { .. } => "name one of them",
            Self::NoRemote { .. } => "load a `.kernel` file, or run `garner channel add` again",
            Self::OnNetwork { .. } => {
                "run the command without `--offline`; without a network, `garner publish \
                 --ephemeral --to RECIPIENT --out FILE` seals a draft in a file"
            }
            Self::NotFetched { channel, .. } => {
                return Some(format!("run `garner pull {channel}` once, without `--offline`"));
            }
            Self::NoDraft { .. } => "run `garner compile SESSION.jsonl` first",
            Self::DraftPrefix { .. } | Self::ConflictPrefix { .. } => {
                "run `garner review` to see the ids"
            }
            Self::Untrusted { repository, channel, .. } => {
                return Some(format!(
                    "compare the id with the publisher's, then run `garner channel trust {channel} \
                     {repository}`"
                ));
            }
            Self::Problems { .. } => "the lines above name what is broken",
            Self::Unsound { next, .. } => next,
            Self::NoReceiptPlace { .. } => {
                "name a folder, a git repository or a bucket with `--to URL`, and tell the publisher"
            }
            Self::NoMember { channel, .. } => {
                return Some(format!("`garner channel fleet {channel}` lists who is registered"));
            }
            Self::Section { .. } => {
                "leave one `<garner-memory …>` and one `</garner-memory …>` in it, or none"
            }
            Self::Unconfirmed => "add `--yes` to go ahead without a question",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
