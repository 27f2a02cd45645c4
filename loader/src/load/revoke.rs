//! Revoked fragments: out of every loaded version of a channel, and their bytes out of the file.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use garner_kernel::bundle::Revoked;
use garner_kernel::{ChannelName, FragmentId, Kernel, Tombstone, Verified, Version};
use rusqlite::{Connection, params};

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::fragment_row;
use crate::store::membership::Interval;
use crate::store::operation::{self, Act, Action};
use crate::store::standing::Touched;
use crate::store::{Store, channel, contents, membership};

/// What was erased because it is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The channel.
    pub channel: ChannelName,
    /// The fragments, ascending.
    pub fragments: Vec<FragmentId>,
    /// The number of the operation.
    pub operation: u64,
    /// Whether the journal beside the store holds nothing of them either; another process that
    /// reads the store keeps it until it ends.
    pub journal_cleared: bool,
}

impl Store {
    /// Erases what the repository of a kernel revoked from every loaded version of its channel,
    /// whichever of them is read; `None` if nothing of it is here.
    ///
    /// A version is then what it would be if it were loaded anew: a tombstone stands for each
    /// fragment. Neither undo nor restore brings one back. A fragment that another channel holds as
    /// well stays there.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn revoke(
        &mut self,
        kernel: &Verified<Kernel>,
        stamp: &Stamp,
    ) -> Result<Option<Erasure>, Error> {
        self.erase(&kernel.get().channel, &kernel.get().revoked, stamp)
    }

    /// Erases fragments that the caller vouches are revoked.
    pub(crate) fn erase(
        &mut self,
        name: &ChannelName,
        revoked: &Revoked,
        stamp: &Stamp,
    ) -> Result<Option<Erasure>, Error> {
        if revoked.is_empty() {
            return Ok(None);
        }
        let anything = !self.read(|db| held(db, name, revoked))?.is_empty();
        let write = || {
            self.write(|db| {
                let held = held(db, name, revoked)?;
                let before = operation::before(db)?;
                let after = before.view.clone();
                let fragments = bury(db, name, &held)?;
                let action = Action::Revoke { channel: name.clone(), fragments: fragments.clone() };
                let act = Act { stamp: stamp.clone(), action, touched: Touched::Everything };
                Ok((operation::commit(db, act, before, after)?.number, fragments))
            })
        };
        let erased = anything.then(write).transpose()?;
        // Where an earlier erasure was stopped before this step, it is made up for.
        let journal_cleared = self.clear_journal()?;
        Ok(erased.map(|(operation, fragments)| {
            let channel = name.clone();
            Erasure { channel, fragments, operation, journal_cleared }
        }))
    }
}

/// A revoked fragment that a version of the channel holds.
struct Held {
    id: FragmentId,
    row: i64,
    tombstone: Tombstone,
}

/// Returns the revoked fragments that versions of a channel hold, ascending.
fn held(db: &Connection, name: &ChannelName, revoked: &Revoked) -> Result<Vec<Held>, Trouble> {
    let Some(channel) = channel::row(db, name)? else { return Ok(Vec::new()) };
    let mut held = Vec::new();
    for (id, revocation) in revoked {
        for (row, revision) in fragment_row::revisions(db, id)? {
            if membership::is_held(db, channel, row)? {
                held.push(Held { id: *id, row, tombstone: revocation.tombstone(*id, revision) });
            }
        }
    }
    Ok(held)
}

/// Puts tombstones in the place of what is revoked of a channel.
pub(crate) fn bury_revoked(
    db: &Connection,
    name: &ChannelName,
    revoked: &Revoked,
) -> Result<(), Trouble> {
    let held = held(db, name, revoked)?;
    if !held.is_empty() {
        bury(db, name, &held)?;
    }
    Ok(())
}

/// Puts tombstones in the place of fragments, and deletes those that no channel holds any more.
fn bury(db: &Connection, name: &ChannelName, held: &[Held]) -> Result<Vec<FragmentId>, Trouble> {
    let channel = channel::known_row(db, name)?;
    let mut intervals = Vec::new();
    let mut deleted = false;
    for Held { row, tombstone, .. } in held {
        let tombstone = fragment_row::ensure_tombstone(db, tombstone)?;
        intervals.extend(membership::bury(db, channel, *row, tombstone)?);
        forget(db, *row)?;
        deleted |= fragment_row::delete_unused(db, *row)?;
    }
    if deleted {
        let unused = "DELETE FROM origin WHERE row NOT IN (SELECT origin FROM source)";
        db.execute(unused, [])?;
        // Deleted rows leave their terms in the text index until its parts are merged.
        db.execute("INSERT INTO text_index (text_index) VALUES ('optimize')", [])?;
    }
    set_trees(db, channel, &intervals)?;
    Ok(held.iter().map(|held| held.id).collect::<BTreeSet<_>>().into_iter().collect())
}

/// Writes down what the fragments of a loaded version add up to now.
fn set_tree(db: &Connection, channel: i64, version: Version) -> Result<(), Trouble> {
    let tree = contents::tree(db, channel, version)?;
    db.prepare_cached("UPDATE kernel SET tree = ?3 WHERE channel = ?1 AND version = ?2")?
        .execute(params![channel, version.get(), tree.as_bytes()])?;
    Ok(())
}

/// Writes down what the versions of a channel add up to now that are in one of the intervals.
fn set_trees(db: &Connection, channel: i64, changed: &[Interval]) -> Result<(), Trouble> {
    for kernel in channel::kernels(db, channel)? {
        if changed.iter().any(|interval| interval.covers(kernel.version.get())) {
            set_tree(db, channel, kernel.version)?;
        }
    }
    Ok(())
}

/// Takes a row out of the archive, where nothing but the archive holds it.
fn forget(db: &Connection, row: i64) -> Result<(), Trouble> {
    let Some(archive) = channel::row(db, &ChannelName::archive())? else { return Ok(()) };
    let elsewhere = "SELECT 1 FROM member WHERE channel IN (SELECT row FROM channel WHERE row <> ?2) \
                     AND fragment = ?1";
    if !db.prepare_cached(elsewhere)?.exists([row, archive])? {
        let taken = membership::take(db, archive, row)?;
        set_trees(db, archive, &taken)?;
    }
    Ok(())
}
