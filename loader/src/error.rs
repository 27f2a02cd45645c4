//! What can go wrong between a kernel and an injection.

use std::path::{Path, PathBuf};

use garner_kernel::{ChannelName, Digest, EmbedError, Explain, Fault, FragmentId, Version};
use rusqlite::ErrorCode;

/// Why the store could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No store is there to be read.
    #[error("no store at `{}`", path.display())]
    NoStore {
        /// The file that is not there.
        path: PathBuf,
    },
    /// The folder or file of the store cannot be made or read.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is something else: not SQLite, or the database of another program.
    #[error("`{}` is not a store of Garner", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// SQLite found the file damaged.
    #[error("the store `{}` is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A row breaks a rule that every writer keeps.
    #[error("the store `{}` holds a broken row: {what}", path.display())]
    BrokenRow {
        /// The file.
        path: PathBuf,
        /// Which table, and which rule.
        what: String,
    },
    /// A later version of the program wrote the store.
    #[error(
        "the store `{}` has version {found}, this program knows up to {known}",
        path.display()
    )]
    NewerStore {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u32,
        /// The latest version that this program knows.
        known: u32,
    },
    /// The store has to be upgraded, and it was opened to be read only.
    #[error("the store `{}` has version {found} and needs an upgrade to {known}", path.display())]
    OlderStore {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The disk is full; nothing was changed.
    #[error("no space left to write the store `{}`; nothing was changed", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Another process is writing and did not finish in time.
    #[error("another process holds the store `{}`", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The store was opened to be read only, or its file may not be written.
    #[error("the store `{}` cannot be written", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused to work for another reason.
    #[error("the store `{}` failed", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Texts have no vector yet of the embedder that is to be the only one.
    #[error("{missing} texts have no vector of the embedder yet")]
    VectorsMissing {
        /// How many.
        missing: usize,
    },
    /// A condition cannot be read.
    #[error("the condition `{text}` is broken at character {at}: expected {expected}")]
    Condition {
        /// The condition.
        text: String,
        /// The character that does not belong there, from 1.
        at: usize,
        /// What would be right there.
        expected: String,
    },
    /// A newer version of the channel is loaded already.
    #[error(
        "{channel}@{} is older than {channel}@{}, which is loaded",
        version.get(), loaded.get()
    )]
    OlderVersion {
        /// The channel.
        channel: ChannelName,
        /// The version that was to be loaded.
        version: Version,
        /// The newest version that is loaded.
        loaded: Version,
    },
    /// Two different kernels claim the same place in the history of a channel.
    #[error(
        "{channel} has forked at {version}: the loaded history has head {}, the kernel {}",
        loaded.short(), given.short()
    )]
    Fork {
        /// The channel.
        channel: ChannelName,
        /// The version whose head differs.
        version: Version,
        /// The head in the store.
        loaded: Digest,
        /// The head that the kernel names.
        given: Digest,
    },
    /// The rows that were written do not add up to the kernel; nothing was changed.
    #[error(
        "{channel}@{} does not read back as it was loaded; nothing was changed",
        version.get()
    )]
    TreeMismatch {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
    },
    /// A kernel claims a channel whose versions the store makes itself.
    #[error("the store makes the versions of `{channel}` itself, and no bundle brings one")]
    ReservedChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// A fragment that was to be remembered is none that a record can hold.
    #[error("this cannot be remembered")]
    NoRecord {
        /// Which rule it breaks.
        #[source]
        source: garner_kernel::Error,
    },
    /// Something in the store replaces or rejects a statement that was to be remembered.
    #[error("recall would not see {}: it is replaced or rejected here", fragment.short())]
    Replaced {
        /// The fragment.
        fragment: FragmentId,
    },
    /// The store changed between the plan and its application.
    #[error("the store changed since the load of {channel} was planned")]
    StalePlan {
        /// The channel.
        channel: ChannelName,
    },
    /// The store changed between the plan of a compaction and its application.
    #[error("the store changed since the compaction was planned: {} is read no more", fragment.short())]
    StaleCompaction {
        /// A fragment that was to be put away.
        fragment: FragmentId,
    },
    /// A store that is to be built from a log has one of its own.
    #[error("the store `{}` has a log of its own", path.display())]
    NotEmpty {
        /// The file.
        path: PathBuf,
    },
    /// What was remembered is in no bundle, and the store does not have it any more.
    #[error("operation {operation} remembered record {}, which is not in the store", record.short())]
    RecordLost {
        /// The operation.
        operation: u64,
        /// The digest of the record.
        record: Digest,
    },
    /// The vectors do not fit the texts of the plan.
    #[error("the plan asks for {texts} vectors of {dimensions} dimensions, the given ones differ")]
    VectorMismatch {
        /// How many texts were to be embedded.
        texts: usize,
        /// How many dimensions the embedder has.
        dimensions: usize,
    },
    /// The channel is not in the store.
    #[error("no channel `{channel}` in the store")]
    UnknownChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// The version of the channel is not in the store.
    #[error("{channel}@{} is not loaded", version.get())]
    UnknownVersion {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
    },
    /// No fragment's id starts like this.
    #[error("no fragment `{prefix}`")]
    UnknownFragment {
        /// What was asked for.
        prefix: String,
    },
    /// Several fragments' ids start like this.
    #[error("`{prefix}` is the start of {count} fragments")]
    AmbiguousFragment {
        /// What was asked for.
        prefix: String,
        /// How many match.
        count: usize,
        /// The first few ids, long enough to tell them apart.
        some: Vec<String>,
    },
    /// No operation has this number.
    #[error("no operation {number}")]
    UnknownOperation {
        /// The number.
        number: u64,
    },
    /// Every operation has been undone.
    #[error("nothing is left to undo")]
    NothingToUndo,
    /// The name of whoever acts is empty, too long or holds control characters.
    #[error("`{text}` cannot name who acts")]
    MalformedActor {
        /// What was given, shortened.
        text: String,
    },
    /// A text could not be turned into a vector.
    #[error("a text could not be embedded")]
    Embed(#[from] EmbedError),
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::NoStore { .. }
            | Self::UnknownChannel { .. }
            | Self::UnknownVersion { .. }
            | Self::UnknownFragment { .. }
            | Self::UnknownOperation { .. }
            | Self::NothingToUndo => Fault::Missing,
            Self::NotAStore { .. }
            | Self::NewerStore { .. }
            | Self::OlderStore { .. }
            | Self::OlderVersion { .. }
            | Self::ReservedChannel { .. }
            | Self::NoRecord { .. }
            | Self::Replaced { .. }
            | Self::StalePlan { .. }
            | Self::StaleCompaction { .. }
            | Self::NotEmpty { .. }
            | Self::AmbiguousFragment { .. }
            | Self::MalformedActor { .. }
            | Self::Condition { .. }
            | Self::VectorsMissing { .. }
            | Self::File { .. }
            | Self::DiskFull { .. }
            | Self::Locked { .. }
            | Self::ReadOnly { .. } => Fault::Input,
            Self::Corrupt { .. }
            | Self::BrokenRow { .. }
            | Self::Fork { .. }
            | Self::TreeMismatch { .. }
            | Self::RecordLost { .. } => Fault::Trust,
            Self::Sqlite { .. } | Self::VectorMismatch { .. } => Fault::Internal,
            Self::Embed(source) => source.fault(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Embed(source) => source.hint(),
            Self::VectorMismatch { .. } | Self::MalformedActor { .. } => None,
            Self::VectorsMissing { .. } => {
                Some("`garner store reindex` makes them first".to_owned())
            }
            Self::Condition { .. } => {
                Some("conditions look like `kind=decision and created>2026-01-31`".to_owned())
            }
            _ => self.file_hint().or_else(|| self.history_hint()),
        }
    }
}

impl Error {
    /// Returns what to do about the file of the store.
    fn file_hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoStore { .. } => "run `garner load KERNEL` to make one".to_owned(),
            Self::File { path, .. } | Self::ReadOnly { path } => {
                format!("check who owns `{}` and its mode, or pass `--store DIR`", path.display())
            }
            Self::NotAStore { .. } => {
                "pass `--store DIR` with another folder; the file was not touched; where it was a \
                 store, `garner store restore latest` brings a backup back"
                    .to_owned()
            }
            Self::Corrupt { .. } | Self::BrokenRow { .. } => {
                "run `garner verify` to see what is broken; `garner store restore latest` brings a \
                 backup back, and a new store (`--store DIR`) can be loaded from the bundles"
                    .to_owned()
            }
            Self::NewerStore { found, .. } => format!(
                "install a version of `garner` that knows store version {found}, or pass \
                 `--store DIR` with another folder; if there was never one, the file is damaged and \
                 `garner store restore latest` brings a backup back; it was not touched"
            ),
            Self::OlderStore { .. } => "run `garner load KERNEL` to upgrade it".to_owned(),
            Self::DiskFull { .. } => "free some space, then run the command again".to_owned(),
            Self::Locked { .. } => {
                "wait for the other `garner` to finish, then run the command again".to_owned()
            }
            Self::Sqlite { .. } => {
                "run `garner verify` to see whether the store is whole".to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }

    /// Returns what to do about a version, a fragment or an operation.
    fn history_hint(&self) -> Option<String> {
        let hint = match self {
            Self::OlderVersion { channel, version, .. } => format!(
                "run `garner rollback {channel}@{}` to read an older version that is loaded, or \
                 `garner load --history` to add it to the history",
                version.get()
            ),
            Self::Fork { channel, .. } => format!(
                "do not load it: run `garner verify` and ask the publisher of `{channel}` which \
                 history is right"
            ),
            Self::TreeMismatch { .. } => "run `garner verify`, and report this defect".to_owned(),
            Self::ReservedChannel { .. } => {
                "ask the publisher for a channel of another name".to_owned()
            }
            Self::NoRecord { .. } => "say it in fewer words, or in several statements".to_owned(),
            Self::Replaced { fragment } => {
                format!("`garner fragment show {}` says by what", fragment.short())
            }
            Self::NotEmpty { .. } => "name a folder without a store".to_owned(),
            Self::RecordLost { .. } => {
                "`garner verify` says what else is broken; `garner store restore latest` brings \
                 back the newest backup"
                    .to_owned()
            }
            Self::StalePlan { .. } | Self::StaleCompaction { .. } => {
                "run the command again".to_owned()
            }
            Self::UnknownChannel { .. } => {
                "`garner load` brings kernels in; `garner channel list` names channels".to_owned()
            }
            Self::UnknownVersion { channel, .. } => {
                format!("`garner log {channel}` lists the versions; `garner pull` fetches others")
            }
            Self::UnknownFragment { .. } => "`garner fragment list` lists them".to_owned(),
            Self::AmbiguousFragment { some, .. } => {
                format!("write more of the id: {}", some.join(", "))
            }
            Self::UnknownOperation { .. } | Self::NothingToUndo => {
                "`garner op list` lists the operations".to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}

/// What goes wrong inside a transaction, before the path of the store is known.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A row breaks a rule.
    Row(String),
    /// Something with an error of its own.
    Typed(Box<Error>),
}

impl From<rusqlite::Error> for Trouble {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Typed(Box::new(error))
    }
}

impl From<garner_kernel::Error> for Trouble {
    fn from(error: garner_kernel::Error) -> Self {
        Self::Row(error.to_string())
    }
}

/// `SQLITE_IOERR_SHMSIZE`.
const SHARED_MEMORY_SIZE: i32 = 0x130A;

impl Trouble {
    /// Returns the trouble of a row of `table` that breaks a rule.
    pub(crate) fn row(table: &str, what: impl std::fmt::Display) -> Self {
        Self::Row(format!("{table}: {what}"))
    }

    /// Returns the error, now that the file is known.
    pub(crate) fn at(self, path: &Path) -> Error {
        let path = path.to_owned();
        let source = match self {
            Self::Typed(error) => return *error,
            Self::Row(what) => return Error::BrokenRow { path, what },
            Self::Sqlite(source) => source,
        };
        let extended = source.sqlite_error().map(|error| error.extended_code);
        match source.sqlite_error_code() {
            // The index of the log could not grow, which SQLite reports apart from a full disk.
            Some(ErrorCode::SystemIoFailure) if extended == Some(SHARED_MEMORY_SIZE) => {
                Error::DiskFull { path }
            }
            Some(ErrorCode::DiskFull) => Error::DiskFull { path },
            Some(ErrorCode::NotADatabase) => Error::NotAStore { path },
            Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Locked { path },
            // Also who only reads writes beside the store who else does.
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Error::ReadOnly { path }
            }
            _ => Error::Sqlite { path, source },
        }
    }
}
