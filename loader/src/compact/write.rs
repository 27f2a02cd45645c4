//! Versions of the archive.

use garner_kernel::{ChannelName, Digest, FieldHasher, Version};
use rusqlite::Connection;

use super::CompactionStep;
use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::channel::{self, Own};
use crate::store::membership::{self, Place, Table};
use crate::store::operation::{self, Act, Action, Archived, Operation};
use crate::store::standing::{self, Touched};
use crate::store::view::{Reading, View};
use crate::store::{contents, fragment_row};

/// Puts away what a step names, if recall still sees it and what stands in its place.
pub(super) fn write(
    db: &Connection,
    step: &CompactionStep,
    stamp: &Stamp,
) -> Result<Operation, Trouble> {
    for Archived { fragment, record, by } in &step.archived {
        let shown = match fragment_row::row_of(db, *fragment, record)? {
            Some(row) => standing::is_shown(db, row)?,
            None => false,
        };
        let mut standing_in = by.iter();
        let stands = standing_in.try_fold(true, |so_far, by| {
            let rows = fragment_row::revisions(db, by)?;
            let shown = rows.into_iter().map(|(row, _)| standing::is_shown(db, row));
            Ok::<_, Trouble>(so_far && shown.collect::<Result<Vec<_>, _>>()?.contains(&true))
        })?;
        if !shown || !stands {
            return Err(Error::StaleCompaction { fragment: *fragment }.into());
        }
    }
    let before = operation::before(db)?;
    let number = operation::next_number(db)?;
    let (version, after) = put(db, &step.archived, &before.view, (number, stamp))?;
    let (step, archived) = (step.step, step.archived.clone());
    let action = Action::Compact { version, step, archived };
    let act = Act { stamp: stamp.clone(), action, touched: Touched::Everything };
    operation::commit(db, act, before, after)
}

/// Writes the rows of the next version of the archive, which operation `number` makes, and returns it
/// with the view after it.
pub(crate) fn put(
    db: &Connection,
    archived: &[Archived],
    before: &View,
    (number, stamp): (u64, &Stamp),
) -> Result<(Version, View), Trouble> {
    let name = ChannelName::archive();
    let channel = channel::ensure(db, &name)?;
    let newest = channel::newest(db, channel)?;
    let version = newest.map_or(Version::FIRST, Version::next);
    let read = before.reading(&name);
    let rows = |version: Version| membership::rows(db, Table::Member, channel, version.get());
    let mut rows = read.version.map(rows).transpose()?.unwrap_or_default();
    for Archived { fragment, record, .. } in archived {
        // One revision of a fragment is enough: it hides the older ones.
        for (row, _) in fragment_row::revisions(db, fragment)? {
            rows.remove(&row);
        }
        // What was revoked since is not there any more.
        rows.extend(fragment_row::row_of(db, *fragment, record)?);
    }
    let place =
        Place { channel, version: version.get(), before: newest.map(Version::get), after: None };
    membership::insert(db, Table::Member, place, &rows)?;
    let parent = read.version.map(|version| channel::known_kernel(db, &name, version));
    let parent = parent.transpose()?.map(|(_, kernel)| kernel.head);
    let tree = contents::tree(db, channel, version)?;
    let head = link(parent, version, archived);
    channel::insert_own(
        db,
        channel,
        Own { version, head, parent, tree, operation: number },
        stamp,
    )?;
    let reading = Reading { version: Some(version), held: false, ..read };
    Ok((version, before.clone().with(&name, reading)))
}

/// Returns the digest that stands for a version: it covers what was put away and all before it.
pub(super) fn link(parent: Option<Digest>, version: Version, archived: &[Archived]) -> Digest {
    let mut hasher = FieldHasher::new("garner.archive.v1");
    hasher
        .field(parent.as_ref().map_or(&[], |parent| parent.as_bytes().as_slice()))
        .field(&version.get().to_le_bytes());
    for Archived { record, .. } in archived {
        hasher.field(record.as_bytes());
    }
    hasher.finish()
}
