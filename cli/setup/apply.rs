//! Setting up: first the record of what will change, then the changes.

use std::path::Path;

use super::change::{Change, Changes, all_folders};
use super::disk;
use super::journal::{self, Journal};
use super::payload::Program;
use super::target::{Shape, Target};
use super::{Mode, Outcome, lock, undo};
use crate::error::Error;

/// Makes what `shape` needs in the target, or says what would be made.
///
/// What was begun and killed is finished; what is there already is kept. Where a change fails,
/// those that were made are taken back.
///
/// # Errors
/// [`SetupError`](super::SetupError) where something is in the way, before anything is changed.
pub(crate) fn set_up(
    target: &Target,
    shape: &Shape,
    program: &Program,
    mode: Mode,
) -> Result<Outcome, Error> {
    let _lock = lock(&target.home);
    let path = target.journal();
    if mode == Mode::Do {
        journal::clear(&path)?;
    }
    let known = Journal::load(&path)?;
    let changes = Changes::find(&target.wanted(shape, program)?, known.as_ref())?;
    if mode == Mode::Do && changes.any() {
        let recorded = match changes.record(&target.folder, known.as_ref()) {
            Some(mut next) => {
                next.save(&path)?;
                true
            }
            None => false,
        };
        if let Err(error) = apply(&changes, known.as_ref()) {
            // What cannot be taken back now is in the record, for `--undo`.
            if recorded {
                let _ = undo::take_back(target);
            }
            return Err(error);
        }
    }
    Ok(outcome(changes))
}

fn apply(changes: &Changes, known: Option<&Journal>) -> Result<(), Error> {
    for folder in &changes.folders {
        disk::make_folder(folder)?;
    }
    for step in &changes.steps {
        match &step.change {
            Change::Make(content) | Change::Replace(content) => disk::write(&step.path, content)?,
            Change::Remove => {
                disk::remove(&step.path)?;
                remove_empty_folders(&step.path, known)?;
            }
            Change::Keep | Change::Leave => {}
        }
    }
    Ok(())
}

/// Removes the folders of a file that were made for it and hold nothing any more.
fn remove_empty_folders(path: &Path, known: Option<&Journal>) -> Result<(), Error> {
    let made = known.map(all_folders).unwrap_or_default();
    for folder in path.ancestors().skip(1) {
        if !made.iter().any(|made| *made == folder) || !disk::remove_folder(folder)? {
            break;
        }
    }
    Ok(())
}

fn outcome(changes: Changes) -> Outcome {
    let mut outcome = Outcome::default();
    for step in changes.steps {
        let list = match step.change {
            Change::Make(_) => &mut outcome.made,
            Change::Replace(_) => &mut outcome.changed,
            Change::Remove => &mut outcome.removed,
            Change::Keep => &mut outcome.kept,
            Change::Leave => &mut outcome.left,
        };
        list.push(step.path);
    }
    outcome
}
