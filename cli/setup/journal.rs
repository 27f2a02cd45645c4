//! The record of what setup changed: what was there before, byte by byte, and what was put there.
//!
//! It is written before the first change and removed after the last one is undone, so a setup that
//! was killed anywhere can be finished or undone. A later version of Garner that changes what an
//! earlier one set up puts its own record on top; undoing it brings the earlier state back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use garner_kernel::Digest;
use serde::{Deserialize, Serialize};

use super::disk::{self, Content, Found};
use super::error::SetupError;
use crate::error::Error;

/// The format that is written.
const FORMAT: u32 = 1;
/// Only its owner reads the record: it holds settings as they were.
const MODE: u32 = 0o600;

/// What was changed, the latest change first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    /// The version of Garner.
    pub(super) garner: String,
    /// The folder that was set up.
    pub(super) target: PathBuf,
    /// The folders that were made, the outermost first.
    pub(super) folders: Vec<PathBuf>,
    /// The folders that were made for this record itself.
    own_folders: Vec<PathBuf>,
    pub(super) files: Vec<Changed>,
    /// What an earlier version did.
    pub(super) previous: Option<Box<Self>>,
}

/// A file that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changed {
    pub(super) path: PathBuf,
    before: Option<Kept>,
    /// What was put there; nothing where the file was removed.
    after: Option<Put>,
    /// Whether only our hooks were put into a file of somebody else.
    pub(super) spliced: bool,
    /// Whether nothing of ours is in it any more.
    pub(super) withdrawn: bool,
}

/// What a file was, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    mode: u32,
    base64: String,
}

/// What a file became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Put {
    mode: u32,
    sha256: String,
}

impl Changed {
    pub(super) fn new(path: &Path, before: Option<&Content>, after: Option<&Content>) -> Self {
        let kept = |content: &Content| Kept {
            mode: content.mode,
            base64: BASE64_STANDARD.encode(&content.bytes),
        };
        let put = |content: &Content| Put { mode: content.mode, sha256: digest(&content.bytes) };
        Self {
            path: path.to_owned(),
            before: before.map(kept),
            after: after.map(put),
            spliced: false,
            withdrawn: false,
        }
    }

    /// Returns what was there before.
    pub(super) fn before(&self) -> Option<Content> {
        let kept = self.before.as_ref()?;
        let bytes = BASE64_STANDARD.decode(&kept.base64).ok()?;
        Some(Content { bytes, mode: kept.mode })
    }

    /// Returns whether something was put there, and these are its bytes.
    pub(super) fn put(&self, bytes: &[u8]) -> bool {
        self.after.as_ref().is_some_and(|put| put.sha256 == digest(bytes))
    }

    /// Returns whether the file was there after the change.
    pub(super) const fn is_there(&self) -> bool {
        self.after.is_some()
    }
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

impl Journal {
    pub(super) fn new(target: &Path, folders: Vec<PathBuf>, files: Vec<Changed>) -> Self {
        Self {
            format: FORMAT,
            garner: env!("CARGO_PKG_VERSION").to_owned(),
            target: target.to_owned(),
            folders,
            own_folders: Vec::new(),
            files,
            previous: None,
        }
    }

    /// Returns the last change of each file, by its path.
    pub(super) fn latest(&self) -> BTreeMap<&Path, &Changed> {
        let mut latest = self.previous.as_ref().map(|earlier| earlier.latest()).unwrap_or_default();
        latest.extend(self.files.iter().map(|changed| (&*changed.path, changed)));
        latest
    }

    /// Reads a record; `None` where nothing was set up.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match disk::look(path)? {
            Found::Nothing => return Ok(None),
            Found::File(content) => content.bytes,
            Found::Other(what) => {
                return Err(SetupError::NotAFile { path: path.to_owned(), what }.into());
            }
        };
        let broken = |source| SetupError::Journal { path: path.to_owned(), source };
        let head: Head = serde_json::from_slice(&bytes).map_err(broken)?;
        if head.format > FORMAT {
            let format = head.format;
            return Err(SetupError::NewerJournal { path: path.to_owned(), format }.into());
        }
        Ok(Some(serde_json::from_slice(&bytes).map_err(broken)?))
    }

    /// Writes the record. Where it needs folders, they appear with it in one step.
    pub(super) fn save(&mut self, path: &Path) -> Result<(), Error> {
        let made = disk::missing_folders(path)?;
        let Some(outermost) = made.first() else { return disk::write(path, &self.content(path)?) };
        self.own_folders.clone_from(&made);
        let temporary = disk::temporary(outermost);
        let inner = path.strip_prefix(outermost).unwrap_or(path);
        disk::write(&temporary.join(inner), &self.content(path)?)?;
        fs::rename(&temporary, outermost).map_err(|e| Error::io("create", outermost, e))?;
        disk::sync_folder(outermost)
    }

    /// Removes the record, and the folders that were made for it and hold nothing else.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        let mut inner = path;
        for folder in self.own_folders.iter().rev() {
            let only = fs::read_dir(folder).is_ok_and(|entries| entries.count() == 1);
            if !only || inner.parent() != Some(folder) {
                break;
            }
            inner = folder;
        }
        if inner == path {
            return disk::remove(path);
        }
        // Record and folders go in one step; what is left of the rest is cleared by whoever is next.
        let temporary = disk::temporary(inner);
        fs::rename(inner, &temporary).map_err(|e| Error::io("remove", inner, e))?;
        clear(path)?;
        disk::sync_folder(inner)
    }

    fn content(&self, path: &Path) -> Result<Content, Error> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|_| SetupError::Path { path: path.to_owned() })?;
        Ok(Content { bytes, mode: MODE })
    }
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Removes what a command that was killed left of a record: nothing but the record and its folders.
pub(super) fn clear(path: &Path) -> Result<(), Error> {
    for ancestor in path.ancestors().filter(|ancestor| ancestor.file_name().is_some()) {
        let temporary = disk::temporary(ancestor);
        if ancestor == path {
            disk::remove(&temporary)?;
        } else if temporary.is_dir() {
            let inner = path.strip_prefix(ancestor).unwrap_or(path);
            let record = temporary.join(inner);
            disk::remove(&disk::temporary(&record))?;
            disk::remove(&record)?;
            for folder in record.ancestors().skip(1).take_while(|f| f.starts_with(&temporary)) {
                disk::remove_folder(folder)?;
            }
        }
    }
    Ok(())
}
