//! What a machine remembers by itself: each statement makes a version of the channel `local`.
//!
//! Versions of that channel come from no bundle. They hang together by a chain of digests instead of
//! a tree over everything, so that one more statement costs the same however many there are; undo,
//! rollback and policies treat them as those of any other channel.

mod alike;
mod import;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::BTreeSet;

use garner_kernel::{
    Change, ChannelName, Digest, FieldHasher, Fragment, FragmentId, Moment, Vector, Version, record,
};
use rusqlite::{Connection, params};

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::channel::Own;
use crate::store::membership::{self, Place, Table};
use crate::store::operation::{self, Act, Action};
use crate::store::standing::{self, Touched};
use crate::store::vector_row::{self, EmbedderInfo};
use crate::store::view::{Reading, View};
use crate::store::{Store, channel, fragment_row};

pub use import::Imported;
pub(crate) use verify::problems;

/// What remembering a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// The version of the channel `local` that it made.
    pub version: Version,
    /// The number of the operation.
    pub operation: u64,
}

impl Store {
    /// Adds a fragment to the channel `local`, with its vector where there is one; `None` where
    /// recall sees the same statement already, from whichever channel.
    ///
    /// A statement that was removed on this machine comes back. Its revision is the
    /// next one that the store does not have, unless it has a higher one.
    ///
    /// # Errors
    /// [`Error::NoRecord`] when a record cannot hold the fragment, [`Error::Replaced`] when something
    /// in the store replaces or rejects the statement, so that recall would not see it, and those of writing, such as [`Error::Locked`]; nothing is changed.
    pub fn remember(
        &mut self,
        fragment: &Fragment,
        vector: Option<(&EmbedderInfo, &Vector)>,
        stamp: &Stamp,
    ) -> Result<Option<Remembered>, Error> {
        self.write(|db| {
            if is_seen(db, fragment.id, stamp.at)? {
                return Ok(None);
            }
            let remembered = remember(db, fragment.clone(), stamp)?;
            if let Some((embedder, vector)) = vector {
                let embedder = vector_row::ensure_embedder(db, embedder)?;
                vector_row::insert(db, embedder, &[(remembered.row, vector)])?;
            }
            if is_seen(db, fragment.id, stamp.at)? {
                return Ok(Some(remembered.result));
            }
            Err(Error::Replaced { fragment: fragment.id }.into())
        })
    }
}

struct Written {
    row: i64,
    result: Remembered,
}

fn remember(db: &Connection, fragment: Fragment, stamp: &Stamp) -> Result<Written, Trouble> {
    let before = operation::before(db)?;
    let number = operation::next_number(db)?;
    let (id, put) = (fragment.id, put(db, fragment, &before.view, (number, stamp))?);
    let Put { row, version, record, after, touched } = put;
    let action = Action::Remember { version, fragment: id, record };
    let act = Act { stamp: stamp.clone(), action, touched };
    operation::commit(db, act, before, after)?;
    Ok(Written { row, result: Remembered { version, operation: number } })
}

/// A version of the channel `local` whose rows are written.
pub(crate) struct Put {
    row: i64,
    version: Version,
    record: Digest,
    pub(crate) after: View,
    touched: Touched,
}

/// Writes the rows of the next version, which operation `number` makes.
pub(crate) fn put(
    db: &Connection,
    mut fragment: Fragment,
    before: &View,
    (number, stamp): (u64, &Stamp),
) -> Result<Put, Trouble> {
    let name = ChannelName::local();
    let reading = before.reading(&name);
    let known = fragment_row::revisions(db, &fragment.id)?;
    let highest = known.iter().map(|(_, revision)| *revision).max();
    let next = highest.map_or(1, |highest| highest.saturating_add(1));
    fragment.revision = fragment.revision.max(next);
    let written = record::line(&Change::Put(Box::new(fragment.clone())));
    record::parse(&written).map_err(|source| Error::NoRecord { source })?;
    let record = Digest::of(written.as_bytes());
    let row = fragment_row::ensure(db, &fragment, &record)?;

    let channel = channel::ensure(db, &name)?;
    let newest = channel::newest(db, channel)?;
    let version = newest.map_or(Version::FIRST, Version::next);
    let place =
        Place { channel, version: version.get(), before: newest.map(Version::get), after: None };
    // As long as nothing was taken back, the newest version only grows.
    let grows = reading.version == newest;
    if grows {
        membership::put(db, place, row, &known)?;
    } else {
        add_to(db, place, reading.version, (row, &known))?;
    }
    let parent = reading.version.map(|version| channel::known_kernel(db, &name, version));
    let parent = parent.transpose()?.map(|(_, kernel)| kernel.head);
    let head = link(parent, version, &record);
    let own = Own { version, head, parent, tree: head, operation: number };
    channel::insert_own(db, channel, own, stamp)?;

    let after = after(before.clone(), fragment.id, version, reading);
    let touched =
        if grows { Touched::Fragments(BTreeSet::from([fragment.id])) } else { Touched::Everything };
    Ok(Put { row, version, record, after, touched })
}

/// Makes a version that holds what another one held, and a row in the place of older ones.
fn add_to(
    db: &Connection,
    place: Place,
    base: Option<Version>,
    (row, older): (i64, &[(i64, u32)]),
) -> Result<(), Trouble> {
    for table in [Table::Member, Table::Burial] {
        let rows = |version: Version| membership::rows(db, table, place.channel, version.get());
        let mut now = base.map(rows).transpose()?.unwrap_or_default();
        if matches!(table, Table::Member) {
            now.retain(|held| older.iter().all(|(older, _)| older != held));
            now.insert(row);
        }
        membership::insert(db, table, place, &now)?;
    }
    Ok(())
}

fn after(mut view: View, fragment: FragmentId, version: Version, reading: Reading) -> View {
    view.removed.remove(&fragment);
    let reading = Reading { version: Some(version), held: false, ..reading };
    view.with(&ChannelName::local(), reading)
}

/// Returns the digest that stands for a version: it covers what was remembered and all before it.
fn link(parent: Option<Digest>, version: Version, record: &Digest) -> Digest {
    let mut hasher = FieldHasher::new("garner.local.v1");
    hasher
        .field(parent.as_ref().map_or(&[], |parent| parent.as_bytes().as_slice()))
        .field(&version.get().to_le_bytes())
        .field(record.as_bytes());
    hasher.finish()
}

/// Returns whether recall sees a fragment at `now`.
fn is_seen(db: &Connection, id: FragmentId, now: Moment) -> Result<bool, Trouble> {
    let sql = "SELECT row FROM fragment WHERE id = ?1 AND (valid_to IS NULL OR valid_to > ?2)";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.digest().as_bytes(), now.unix()])?;
    while let Some(row) = rows.next()? {
        if standing::is_shown(db, row.get(0)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}
