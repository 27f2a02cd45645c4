//! What is in the archive, and what put it there.

use garner_kernel::{ChannelName, Fragment, FragmentId};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::recall::Filters;
use crate::recall::facts::{Facts, Shown};
use crate::store::membership::{self, Table};
use crate::store::operation::{self, Action, Step};
use crate::store::view::{self, View};
use crate::store::{Store, channel, fragment_row};

/// What put a fragment into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutAway {
    /// The operation.
    pub operation: u64,
    /// Why.
    pub step: Step,
    /// What stands in its place, if anything does.
    pub by: Option<FragmentId>,
}

impl Store {
    /// Returns the fragments in the archive that pass the filters, in the order of kinds, scopes and
    /// ids. Conditions on channels never hold: nothing of it is read from one.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn archived(&self, filters: &Filters) -> Result<Vec<Fragment>, Error> {
        self.read(|db| {
            let view = view::current(db)?;
            let Some(version) = view.archive() else { return Ok(Vec::new()) };
            let (channel, _) = channel::known_kernel(db, &ChannelName::archive(), version)?;
            let rows = membership::rows(db, Table::Member, channel, version.get())?;
            let fragments = rows.into_iter().map(|row| fragment_row::get(db, row));
            let mut fragments: Vec<Fragment> = fragments.collect::<Result<_, _>>()?;
            fragments.retain(|fragment| {
                let facts = Facts::of(fragment);
                filters.pass(Shown { facts: &facts, place: None })
            });
            fragments.sort_by_key(|f| (f.kind, f.scope.clone(), f.id));
            Ok(fragments)
        })
    }
}

/// Returns what put a fragment into the archive that a view hides.
pub(crate) fn put_away(
    db: &Connection,
    view: &View,
    id: FragmentId,
) -> Result<Option<PutAway>, Trouble> {
    let Some(version) = view.archive() else { return Ok(None) };
    let (channel, _) = channel::known_kernel(db, &ChannelName::archive(), version)?;
    let held = membership::rows(db, Table::Member, channel, version.get())?;
    let revisions = fragment_row::revisions(db, &id)?;
    let Some((row, _)) = revisions.into_iter().find(|(row, _)| held.contains(row)) else {
        return Ok(None);
    };
    let record = fragment_row::record_of(db, row)?;
    let mut found = None;
    operation::find_last(db, |operation| {
        let Action::Compact { step, archived, .. } = &operation.action else { return false };
        let here = archived.iter().find(|archived| archived.record == record);
        let number = operation.number;
        found = here.map(|here| PutAway { operation: number, step: *step, by: here.by });
        found.is_some()
    })?;
    Ok(found)
}
