//! Putting away what nobody needs in front of them, and giving back the room that it took.
//!
//! What is put away is in the archive: a channel of its own whose versions the store makes, and whose
//! members recall does not see. So undo, rollback and looks into the past treat it like any other
//! channel, and nothing is lost.

mod alike;
mod archive;
mod outdated;
#[cfg(test)]
mod tests;
mod tidy;
mod verify;
mod write;

use std::collections::BTreeSet;

use garner_kernel::{Class, FragmentId, Moment};

use crate::error::Error;
use crate::recall::Filters;
use crate::recall::visible::{self, Entry};
use crate::stamp::Stamp;
use crate::store::operation::{Archived, Operation, Step};
use crate::store::{Store, event, fragment_row, view};

pub use archive::PutAway;
pub(crate) use archive::put_away;
pub use tidy::{Rewrite, Tidied};
pub(crate) use verify::problems;
pub(crate) use write::put;

/// How long fragments stay in front, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days after which what happened is put away, unless it was injected since; `None` keeps it.
    pub episodic: Option<u32>,
    /// The same for what is known.
    pub semantic: Option<u32>,
    /// The same for how things are done.
    pub procedural: Option<u32>,
    /// How many states of one scope stay: older ones are told by the newest.
    pub states: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { episodic: Some(180), semantic: None, procedural: None, states: 20 }
    }
}

impl Retention {
    const fn days(&self, class: Class) -> Option<u32> {
        match class {
            Class::Working => None,
            Class::Episodic => self.episodic,
            Class::Semantic => self.semantic,
            Class::Procedural => self.procedural,
        }
    }
}

/// What a compaction would put away for one reason: one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionStep {
    /// The reason.
    pub step: Step,
    /// The fragments, in the order of their ids.
    pub archived: Vec<Archived>,
}

/// What a compaction would put away; only [`Store::put_away`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The steps that put something away, in their order.
    pub steps: Vec<CompactionStep>,
    /// How many fragments stay in front.
    pub stay: usize,
}

/// What is put away, and what stands in its place.
type Away = Vec<(FragmentId, Option<FragmentId>)>;

impl Store {
    /// Plans a compaction; only reads.
    ///
    /// Pinned fragments are never put away. Two fragments say the same where they are of one kind and
    /// scope, the cosine of their vectors is above 0.92, and `same` holds for their statements; of the
    /// two the one stays that is believed more, then the later one. `progress` is told how many
    /// fragments were compared, and how many there are.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn plan_compaction(
        &self,
        retention: &Retention,
        same: &dyn Fn(&str, &str) -> bool,
        now: Moment,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Compaction, Error> {
        let (view, mut entries, injected) = self.read(|db| {
            let view = view::current(db)?;
            let entries = visible::visible(db, &view, &Filters::default(), now)?;
            let injected = event::injected(db)?;
            Ok((view, entries, injected))
        })?;
        let all = entries.len();
        entries.retain(|entry| !view.pinned.contains(&entry.id));
        let mut steps = Vec::new();
        for step in Step::ALL {
            let away = match step {
                Step::Expired => outdated::expired(&entries, retention, &injected, now),
                Step::States => outdated::states(&entries, retention.states),
                Step::Duplicates => alike::duplicates(self, &entries, same, now, progress)?,
            };
            let gone: BTreeSet<FragmentId> = away.iter().map(|(id, _)| *id).collect();
            let archived = self.with_records(&entries, away)?;
            entries.retain(|entry| !gone.contains(&entry.id));
            if !archived.is_empty() {
                steps.push(CompactionStep { step, archived });
            }
        }
        let away: usize = steps.iter().map(|step| step.archived.len()).sum();
        Ok(Compaction { steps, stay: all - away })
    }

    /// Looks up which records are put away.
    fn with_records(&self, entries: &[Entry], mut away: Away) -> Result<Vec<Archived>, Error> {
        away.sort_unstable();
        self.read(|db| {
            let archived = |(fragment, by): (FragmentId, Option<FragmentId>)| {
                let found = entries.binary_search_by_key(&fragment, |entry| entry.id);
                let entry = found.ok().and_then(|at| entries.get(at));
                let row = entry.map(|entry| entry.row).unwrap_or_default();
                Ok(Archived { fragment, record: fragment_row::record_of(db, row)?, by })
            };
            away.into_iter().map(archived).collect()
        })
    }

    /// Puts away what one step of a compaction names, as one operation.
    ///
    /// # Errors
    /// [`Error::StaleCompaction`] when recall no longer sees what is put away or what stands in its
    /// place, and those of writing, such as [`Error::Locked`]; nothing is changed then.
    pub fn put_away(&mut self, step: &CompactionStep, stamp: &Stamp) -> Result<Operation, Error> {
        self.write(|db| write::write(db, step, stamp))
    }
}
