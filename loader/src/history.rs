//! Rollback, undo, restore and pins: each changes the view by writing a new operation.

use std::collections::BTreeSet;

use garner_kernel::{ChannelName, Digest, FragmentId, Version};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::operation::{self, Act, Action, Operation};
use crate::store::standing::Touched;
use crate::store::view::{self, Policy, Reading, View};
use crate::store::{Store, channel};

impl Store {
    /// Returns what recall reads now.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::BrokenRow`].
    pub fn view(&self) -> Result<View, Error> {
        self.read(view::current)
    }

    /// Reads a channel at a loaded version and holds it there until [`release`](Self::release).
    ///
    /// # Errors
    /// [`Error::UnknownChannel`] or [`Error::UnknownVersion`] when it is not loaded.
    pub fn rollback(
        &mut self,
        name: &ChannelName,
        version: Version,
        stamp: &Stamp,
    ) -> Result<Operation, Error> {
        self.change(stamp, Action::Rollback { channel: name.clone(), version })
    }

    /// Reads a channel at its newest loaded version and lets later loads move it.
    ///
    /// # Errors
    /// [`Error::UnknownChannel`] when the store does not know it.
    pub fn release(&mut self, name: &ChannelName, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Release { channel: name.clone() })
    }

    /// Sets what a channel may say beside others; also before anything of it is loaded.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`].
    pub fn set_policy(
        &mut self,
        name: &ChannelName,
        policy: Policy,
        stamp: &Stamp,
    ) -> Result<Operation, Error> {
        self.change(stamp, Action::Policy { channel: name.clone(), policy })
    }

    /// Brings back the view before the last operation that is not undone yet.
    ///
    /// Undoing again walks further back; [`restore`](Self::restore) undoes an undo.
    ///
    /// # Errors
    /// [`Error::NothingToUndo`] at the beginning of the log.
    pub fn undo(&mut self, stamp: &Stamp) -> Result<Operation, Error> {
        self.write(|db| {
            let last = last_not_undone(db)?;
            let action = Action::Undo { operation: last.number };
            write(db, action, stamp)
        })
    }

    /// Brings back the view after the operation with this number.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`] when the log does not have it.
    pub fn restore(&mut self, number: u64, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Restore { operation: number })
    }

    /// Puts a fragment into the core.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when no loaded kernel has it.
    pub fn pin(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Pin { fragment })
    }

    /// Takes a fragment out of the core.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when it is not pinned.
    pub fn unpin(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Unpin { fragment })
    }

    /// Removes a fragment on this machine, whatever later kernels say; `undo` brings it back.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when no loaded kernel has it.
    pub fn remove(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Remove { fragment })
    }

    /// Writes down that this store was taken from a backup, whose note has the digest `backup`, to
    /// be put in the place of another one.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::DiskFull`].
    pub fn recover(&mut self, backup: Digest, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Recover { backup })
    }

    fn change(&mut self, stamp: &Stamp, action: Action) -> Result<Operation, Error> {
        self.write(|db| write(db, action, stamp))
    }
}

/// Changes the view as an action says, and appends it to the log.
fn write(db: &Connection, action: Action, stamp: &Stamp) -> Result<Operation, Trouble> {
    let before = operation::before(db)?;
    let after = after(db, before.view.clone(), &action)?;
    let touched = touched(&action);
    operation::commit(db, Act { stamp: stamp.clone(), action, touched }, before, after)
}

/// Returns the view after an action that brings no rows with it; what does is left to those who write
/// them.
pub(crate) fn after(db: &Connection, mut view: View, action: &Action) -> Result<View, Trouble> {
    match action {
        Action::Rollback { channel, version } => {
            channel::known_kernel(db, channel, *version)?;
            let policy = view.reading(channel).policy;
            Ok(view.with(channel, Reading { version: Some(*version), held: true, policy }))
        }
        Action::Release { channel } => {
            let row = channel::known_row(db, channel)?;
            let version = channel::kernels(db, row)?.last().map(|kernel| kernel.version);
            let policy = view.reading(channel).policy;
            Ok(view.with(channel, Reading { version, held: false, policy }))
        }
        Action::Policy { channel, policy } => {
            channel::ensure(db, channel)?;
            let reading = view.reading(channel);
            Ok(view.with(channel, Reading { policy: *policy, ..reading }))
        }
        Action::Undo { operation } => Ok(operation::get(db, *operation)?.before),
        Action::Restore { operation } => Ok(operation::get(db, *operation)?.after),
        Action::Pin { fragment } => {
            known(db, *fragment)?;
            view.pinned.insert(*fragment);
            Ok(view)
        }
        Action::Unpin { fragment } => {
            if view.pinned.remove(fragment) {
                return Ok(view);
            }
            Err(Error::UnknownFragment { prefix: fragment.short() }.into())
        }
        Action::Remove { fragment } => {
            known(db, *fragment)?;
            view.pinned.remove(fragment);
            view.removed.insert(*fragment);
            Ok(view)
        }
        Action::Load { .. }
        | Action::Remember { .. }
        | Action::Revoke { .. }
        | Action::Compact { .. }
        | Action::Recover { .. } => Ok(view),
    }
}

/// Returns which fragments a change of the view may show or hide.
fn touched(action: &Action) -> Touched {
    match action {
        // None of them changes what is shown.
        Action::Pin { .. } | Action::Unpin { .. } | Action::Recover { .. } => Touched::Nothing,
        Action::Remove { fragment } => Touched::Fragments(BTreeSet::from([*fragment])),
        _ => Touched::Everything,
    }
}

/// Returns the newest operation that no undo names and that is no undo itself.
///
/// What was revoked is gone for ever, and a store that took the place of another one changed
/// nothing of itself: there is nothing to bring back.
fn last_not_undone(db: &Connection) -> Result<Operation, Trouble> {
    let mut undone = BTreeSet::new();
    let found = operation::find_last(db, |operation| {
        // What undoes an operation comes after it, and so is seen before it.
        undone.extend(undoes(operation));
        let stays = matches!(operation.action, Action::Revoke { .. } | Action::Recover { .. });
        !stays && undoes(operation).is_none() && !undone.contains(&operation.number)
    })?;
    found.ok_or_else(|| Error::NothingToUndo.into())
}

const fn undoes(operation: &Operation) -> Option<u64> {
    match operation.action {
        Action::Undo { operation } => Some(operation),
        _ => None,
    }
}

fn known(db: &Connection, fragment: FragmentId) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached("SELECT 1 FROM fragment WHERE id = ?1")?;
    if statement.exists([fragment.digest().as_bytes()])? {
        return Ok(());
    }
    Err(Error::UnknownFragment { prefix: fragment.short() }.into())
}
