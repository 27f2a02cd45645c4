//! What can go wrong when a store is compacted, or its log done again.

use std::path::PathBuf;

use garner_kernel::{Explain, Fault};

/// Why a store could not be kept as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpkeepError {
    /// The file that says how long things are kept cannot be read.
    #[error("cannot read `{}`", path.display())]
    Retention {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// Another process reads the store, so that its journal could not be emptied.
    #[error("another process reads the store: `{}-wal` may still hold what was revoked", path.display())]
    JournalHeld { path: PathBuf },
    /// The log, done again, gives another store.
    #[error("the log gives another store than the one that is here: {what}")]
    ReplayDiffers { what: String },
    /// A store is to be built where one is.
    #[error("there is a store in `{}`", path.display())]
    StoreThere { path: PathBuf },
}

impl Explain for UpkeepError {
    fn fault(&self) -> Fault {
        match self {
            Self::Retention { .. } | Self::JournalHeld { .. } | Self::StoreThere { .. } => {
                Fault::Input
            }
            Self::ReplayDiffers { .. } => Fault::Trust,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Retention { .. } => "mend it, or move it away: without it the defaults hold",
            Self::JournalHeld { .. } => {
                "stop `garner serve` and `garner mcp`, and run the command again"
            }
            Self::ReplayDiffers { .. } => {
                "`garner verify` says whether the store is broken; `garner store restore latest` \
                 brings back the newest backup"
            }
            Self::StoreThere { .. } => "name a folder that does not exist yet",
        };
        Some(hint.to_owned())
    }
}
