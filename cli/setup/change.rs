//! What has to change: the files as they should be, beside what is there and what was done before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::disk::{self, Content, Found};
use super::error::SetupError;
use super::journal::{Changed, Journal};
use super::target::Wanted;
use super::{splice, without_ours};
use crate::error::Error;

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Make(Content),
    Replace(Content),
    Remove,
    Keep,
    /// Somebody changed a file of ours, and it stays so.
    Leave,
}

/// A file, what happens to it, and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) change: Change,
    before: Option<Content>,
    spliced: bool,
    /// Whether nothing of ours is in it afterwards.
    withdrawn: bool,
}

/// What has to be done, in order.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) steps: Vec<Step>,
    /// The folders to make, the outermost first.
    pub(super) folders: Vec<PathBuf>,
}

impl Step {
    /// Returns whether the file changes.
    const fn changes(&self) -> bool {
        !matches!(self.change, Change::Keep | Change::Leave)
    }

    /// Returns what is written to the file.
    const fn written(&self) -> Option<&Content> {
        match &self.change {
            Change::Make(content) | Change::Replace(content) => Some(content),
            Change::Remove | Change::Keep | Change::Leave => None,
        }
    }
}

impl Changes {
    /// Compares.
    ///
    /// # Errors
    /// [`SetupError`] where something of somebody else is in the way, before anything is changed.
    pub(super) fn find(wanted: &[Wanted], journal: Option<&Journal>) -> Result<Self, Error> {
        let known = journal.map(Journal::latest).unwrap_or_default();
        let mut steps = Vec::new();
        for file in wanted {
            steps.push(step(file, known.get(&*file.path).copied())?);
        }
        let names: BTreeSet<&Path> = wanted.iter().map(|file| &*file.path).collect();
        for (path, changed) in known.iter().filter(|(path, _)| !names.contains(*path)) {
            steps.extend(without(path, changed)?);
        }
        let mut folders = Vec::new();
        for step in steps.iter().filter(|step| matches!(step.change, Change::Make(_))) {
            for folder in disk::missing_folders(&step.path)? {
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
        }
        Ok(Self { steps, folders })
    }

    /// Returns whether something changes.
    pub(super) fn any(&self) -> bool {
        self.steps.iter().any(Step::changes)
    }

    /// Returns the record of these changes; `None` where `journal` foresees all of them already,
    /// because what it tells of was killed, or somebody removed a file.
    pub(super) fn record(&self, target: &Path, journal: Option<&Journal>) -> Option<Journal> {
        let known = journal.map(Journal::latest).unwrap_or_default();
        let changing = || self.steps.iter().filter(|step| step.changes());
        let foreseen = |step: &Step| {
            known.get(&*step.path).is_some_and(|changed| match step.written() {
                Some(content) => changed.put(&content.bytes),
                None => !changed.is_there(),
            })
        };
        if changing().all(foreseen) {
            return None;
        }
        let files = changing().map(|step| {
            let mut changed = Changed::new(&step.path, step.before.as_ref(), step.written());
            changed.spliced = step.spliced;
            changed.withdrawn = step.withdrawn;
            changed
        });
        let mut next = Journal::new(target, self.folders.clone(), files.collect());
        next.previous = journal.cloned().map(Box::new);
        Some(next)
    }
}

/// Returns every folder that was made.
pub(super) fn all_folders(journal: &Journal) -> Vec<&PathBuf> {
    let mut folders: Vec<&PathBuf> =
        journal.previous.as_deref().map(all_folders).unwrap_or_default();
    folders.extend(&journal.folders);
    folders
}

fn step(file: &Wanted, known: Option<&Changed>) -> Result<Step, Error> {
    let Wanted { path, bytes, spliced } = file;
    let content = |mode| Content { bytes: bytes.clone(), mode };
    let (change, before) = match disk::look(path)? {
        Found::Nothing => (Change::Make(content(disk::MODE)), None),
        Found::Other(what) => {
            return Err(SetupError::NotAFile { path: path.clone(), what }.into());
        }
        Found::File(there) if there.bytes == *bytes => (Change::Keep, None),
        Found::File(there) => {
            let ours = known.is_some_and(|changed| {
                changed.put(&there.bytes) || changed.before().as_ref() == Some(&there)
            });
            let change = if *spliced || ours {
                disk::check_mode(path, there.mode)?;
                Change::Replace(content(there.mode))
            } else if known.is_some() {
                Change::Leave
            } else {
                return Err(SetupError::NotOurs { path: path.clone() }.into());
            };
            (change, Some(there))
        }
    };
    Ok(Step { path: path.clone(), change, before, spliced: *spliced, withdrawn: false })
}

/// Returns what becomes of a file that was needed and is not any more.
fn without(path: &Path, changed: &Changed) -> Result<Option<Step>, Error> {
    let Found::File(there) = disk::look(path)? else { return Ok(None) };
    let change = match (changed.withdrawn, changed.is_there()) {
        (false, _) => match taken_back(changed, &there) {
            Back::To(before) => Change::Replace(before),
            Back::ToNothing => Change::Remove,
            Back::Theirs => Change::Leave,
        },
        // What was withdrawn before is done, unless that was killed.
        (true, false) if changed.before().as_ref() == Some(&there) => Change::Remove,
        (true, false) => return Ok(None),
        (true, true) => match without_hooks(&there) {
            Some(content) => Change::Replace(content),
            None => return Ok(None),
        },
    };
    let (before, spliced) = (Some(there), changed.spliced);
    Ok(Some(Step { path: path.to_owned(), change, before, spliced, withdrawn: true }))
}

/// What a file is without our change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Back {
    To(Content),
    ToNothing,
    /// Somebody changed it since, and nothing in it is ours to take back.
    Theirs,
}

/// Returns what a file is without our change.
pub(super) fn taken_back(changed: &Changed, there: &Content) -> Back {
    if changed.put(&there.bytes) {
        return changed.before().map_or(Back::ToNothing, Back::To);
    }
    let Some(without) = without_hooks(there).filter(|_| changed.spliced) else {
        return Back::Theirs;
    };
    let text = std::str::from_utf8(&without.bytes).unwrap_or_default();
    let nothing = changed.before().is_none() && (text.is_empty() || splice::is_empty(text));
    if nothing { Back::ToNothing } else { Back::To(without) }
}

/// Returns a file without our hooks and lines; `None` where it has none.
fn without_hooks(there: &Content) -> Option<Content> {
    let text = std::str::from_utf8(&there.bytes).ok()?;
    let without = without_ours(text);
    (without != text).then(|| Content { bytes: without.into_bytes(), mode: there.mode })
}
