//! Telling other programs about Garner: files that are made, hooks that are put into settings, and
//! all of it undone to the byte.
//!
//! A [`Target`] says what should be there, [`change`] compares that with what is, [`apply`] does it
//! and [`undo()`] takes it back, by the [`journal`] of what was there before. Nothing else is edited.

mod apply;
mod block;
mod change;
pub(crate) mod disk;
mod error;
mod journal;
mod jsonc;
mod payload;
mod shell;
mod splice;
mod target;
mod undo;

pub(crate) use apply::set_up;
pub(crate) use error::SetupError;
pub(crate) use payload::Program;
pub(crate) use shell::{Addresses, Profiles, Shell, named_proxy};
pub(crate) use target::{Shape, Target};
pub(crate) use undo::{Undone, undo};

use std::fs;
use std::path::{Path, PathBuf};

use journal::Journal;

use crate::error::Error;

/// What was done, or would be: files by their paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Files that are new.
    pub(crate) made: Vec<PathBuf>,
    /// Files that hold something else now.
    pub(crate) changed: Vec<PathBuf>,
    /// Files that were as they should be.
    pub(crate) kept: Vec<PathBuf>,
    /// Files that are gone.
    pub(crate) removed: Vec<PathBuf>,
    /// Files and folders that somebody changed since, and that stay as they are.
    pub(crate) left: Vec<PathBuf>,
}

/// Whether to do it, or to say what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Do,
    Say,
}

/// How what was set up stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Files that were made and are not there any more, or that lost our hooks.
    pub(crate) missing: Vec<PathBuf>,
    /// The programs that hooks start and that are not there.
    pub(crate) gone: Vec<PathBuf>,
}

/// Returns how what was set up in a target stands; `None` where nothing was.
pub(crate) fn standing(target: &Target) -> Result<Option<Standing>, Error> {
    let Some(journal) = Journal::load(&target.journal())? else { return Ok(None) };
    let mut standing = Standing::default();
    for changed in journal.latest().into_values() {
        if !changed.is_there() || changed.withdrawn {
            continue;
        }
        let text = target::text(&changed.path).unwrap_or_default();
        if text.is_empty() || (changed.spliced && without_ours(&text) == text) {
            standing.missing.push(changed.path.clone());
        }
        let gone = |program: &PathBuf| program.is_absolute() && !program.exists();
        standing.gone.extend(payload::programs(&text).into_iter().filter(gone));
    }
    standing.gone.sort();
    standing.gone.dedup();
    Ok(Some(standing))
}

/// Returns a file of somebody else without our hooks and without our lines.
fn without_ours(text: &str) -> String {
    block::take_out(&splice::take_out(text))
}

/// Waits until no other setup of this user runs, and holds others off until it is dropped.
///
/// A folder is locked, since a lock file would have to stay behind. Where that cannot be done,
/// nobody is held off.
fn lock(home: &Path) -> Option<fs::File> {
    let folder = home.ancestors().find(|folder| folder.is_dir())?;
    let folder = fs::File::open(folder).ok()?;
    folder.lock().ok().map(|()| folder)
}
