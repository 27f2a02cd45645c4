//! Backups of the store: made, kept, found and unpacked (docs/format.md, "Backups").
//!
//! One process at a time works on backups of a store; whoever comes next removes what a process
//! that was killed left behind.

mod canary;
mod contents;
mod error;
mod make;
mod pending;
mod policy;
mod recover;
mod retention;
mod source;
mod vault;

use std::fs::File;
use std::path::{Path, PathBuf};

use garner_loader::Store;
use tempfile::TempDir;

use crate::context::Context;
use crate::error::Error;
use crate::files;

pub(crate) use canary::{Canary, asked_again, differing};
pub(crate) use error::BackupError;
pub(crate) use make::{Made, Target, make, planned, recipient};
pub(crate) use policy::{Policy, Target as Goal};
pub(crate) use recover::{Recovered, keep_rest, unpack};
pub(crate) use retention::{Keep, KeepArguments, Pruning, prune, pruning};
pub(crate) use source::{Source, Wanted, found};
pub(crate) use vault::Vault;

/// How the names of folders start in which a backup is made or unpacked.
const SCRATCH: &str = ".tmp-backup-";

/// The right to work on the backups of a store, until it is dropped.
pub(crate) struct Turn {
    data: PathBuf,
    _lock: File,
}

impl Turn {
    /// Waits for it, and removes what a process left that was killed in its turn.
    pub(crate) fn take(context: &Context) -> Result<Self, Error> {
        let data = &context.places.data;
        let lock = files::lock(&data.join("backup"))?;
        let turn = Self { data: data.clone(), _lock: lock };
        for folder in leftovers(context)? {
            std::fs::remove_dir_all(&folder).map_err(|e| Error::io("remove", folder, e))?;
        }
        Store::tidy_kept(data, &turn.kept())?;
        Ok(turn)
    }

    /// Makes a folder that only this user can read and that goes when it is dropped.
    pub(crate) fn scratch(&self) -> Result<TempDir, Error> {
        let folder = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&self.data);
        folder.map_err(|e| Error::io("make a folder in", &self.data, e))
    }

    /// Returns the folder of the stores that were replaced.
    pub(crate) fn kept(&self) -> PathBuf {
        self.data.join("replaced")
    }
}

/// Returns the folders that were left by processes that were killed.
pub(crate) fn leftovers(context: &Context) -> Result<Vec<PathBuf>, Error> {
    let data = &context.places.data;
    if !data.is_dir() {
        return Ok(Vec::new());
    }
    let listed = |e| Error::io("list", data, e);
    let entries = std::fs::read_dir(data).map_err(listed)?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(listed)?;
    Ok(paths.into_iter().filter(|path| is_scratch(path)).collect())
}

fn is_scratch(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCRATCH))
}
