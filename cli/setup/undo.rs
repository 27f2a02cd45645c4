//! Undoing: every file that still is what was put there becomes what it was before.

use std::path::PathBuf;

use super::change::{Back, taken_back};
use super::disk::{self, Content, Found};
use super::journal::{self, Changed, Journal};
use super::target::Target;
use super::{Mode, Outcome, lock};
use crate::error::Error;

/// What undoing did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) outcome: Outcome,
    /// The version of Garner whose setup is there again, if one was there before.
    pub(crate) earlier: Option<String>,
}

impl Undone {
    /// Returns what both undoings did together, this one being the later.
    pub(crate) fn after(mut self, earlier: Self) -> Self {
        let Outcome { made, changed, kept, removed, left } = earlier.outcome;
        let now = &mut self.outcome;
        for (list, before) in [
            (&mut now.made, made),
            (&mut now.changed, changed),
            (&mut now.kept, kept),
            (&mut now.left, left),
        ] {
            let is_gone = |path: &PathBuf| now.removed.contains(path) || !path.exists();
            list.extend(before.into_iter().filter(|path| !is_gone(path)));
            list.sort();
            list.dedup();
        }
        now.removed.extend(removed.into_iter().filter(|path| !path.exists()));
        now.removed.sort();
        now.removed.dedup();
        self
    }
}

/// What becomes of a file.
enum Step {
    Put(Content),
    Remove,
    /// It is as it was before.
    Done,
    Leave,
}

/// Takes the last setup of the target back, or says what would be taken back; `None` where nothing
/// was set up.
pub(crate) fn undo(target: &Target, mode: Mode) -> Result<Option<Undone>, Error> {
    let _lock = lock(&target.home);
    if mode == Mode::Do {
        return take_back(target);
    }
    let Some(journal) = Journal::load(&target.journal())? else { return Ok(None) };
    let mut outcome = Outcome::default();
    for changed in &journal.files {
        tell(&step(changed)?, changed, &mut outcome);
    }
    Ok(Some(Undone { outcome, earlier: journal.previous.map(|earlier| earlier.garner) }))
}

/// Takes the last setup back, for a caller that holds others off.
pub(super) fn take_back(target: &Target) -> Result<Option<Undone>, Error> {
    let path = target.journal();
    journal::clear(&path)?;
    let Some(journal) = Journal::load(&path)? else { return Ok(None) };
    let mut outcome = Outcome::default();
    for changed in journal.files.iter().rev() {
        disk::remove(&disk::temporary(&changed.path))?;
        let step = step(changed)?;
        match &step {
            Step::Put(content) => disk::write(&changed.path, content)?,
            Step::Remove => disk::remove(&changed.path)?,
            Step::Done | Step::Leave => {}
        }
        tell(&step, changed, &mut outcome);
    }
    outcome.left.extend(remove_folders(&journal.folders)?);
    let earlier = journal.previous.as_ref().map(|earlier| earlier.garner.clone());
    match journal.previous {
        Some(mut earlier) => earlier.save(&path)?,
        None => journal.remove(&path)?,
    }
    Ok(Some(Undone { outcome, earlier }))
}

fn step(changed: &Changed) -> Result<Step, Error> {
    let before = changed.before();
    Ok(match disk::look(&changed.path)? {
        Found::Nothing => match before {
            Some(before) if !changed.is_there() => Step::Put(before),
            // It was never made, or somebody removed it since.
            _ => Step::Done,
        },
        Found::File(there) if before.as_ref() == Some(&there) => Step::Done,
        Found::File(there) => match taken_back(changed, &there) {
            Back::To(content) => Step::Put(content),
            Back::ToNothing => Step::Remove,
            // Somebody took our hooks out.
            Back::Theirs if changed.spliced && !changed.withdrawn => Step::Done,
            Back::Theirs => Step::Leave,
        },
        Found::Other(_) => Step::Leave,
    })
}

fn tell(step: &Step, changed: &Changed, outcome: &mut Outcome) {
    let list = match step {
        Step::Put(_) => &mut outcome.changed,
        Step::Remove => &mut outcome.removed,
        Step::Done => return,
        Step::Leave => &mut outcome.left,
    };
    list.push(changed.path.clone());
}

/// Removes the folders that hold nothing, and returns those that hold something.
fn remove_folders(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut left = Vec::new();
    for folder in folders.iter().rev() {
        if !disk::remove_folder(folder)? {
            left.push(folder.clone());
        }
    }
    Ok(left)
}
