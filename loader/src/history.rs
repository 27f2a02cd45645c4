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
        let action = Action::Rollback { channel: name.clone(), version };
        self.change(stamp, action, |db, view| {
            channel::known_kernel(db, name, version)?;
            let policy = view.reading(name).policy;
            Ok(view.with(name, Reading { version: Some(version), held: true, policy }))
        })
    }

    /// Reads a channel at its newest loaded version and lets later loads move it.
    ///
    /// # Errors
    /// [`Error::UnknownChannel`] when the store does not know it.
    pub fn release(&mut self, name: &ChannelName, stamp: &Stamp) -> Result<Operation, Error> {
        let action = Action::Release { channel: name.clone() };
        self.change(stamp, action, |db, view| {
            let row = channel::known_row(db, name)?;
            let version = channel::kernels(db, row)?.last().map(|kernel| kernel.version);
            let policy = view.reading(name).policy;
            Ok(view.with(name, Reading { version, held: false, policy }))
        })
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
        let action = Action::Policy { channel: name.clone(), policy };
        self.change(stamp, action, |db, view| {
            channel::ensure(db, name)?;
            let reading = view.reading(name);
            Ok(view.with(name, Reading { policy, ..reading }))
        })
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
            let act = Act { stamp: stamp.clone(), action, touched: Touched::Everything };
            operation::commit(db, act, operation::before(db)?, last.before)
        })
    }

    /// Brings back the view after the operation with this number.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`] when the log does not have it.
    pub fn restore(&mut self, number: u64, stamp: &Stamp) -> Result<Operation, Error> {
        let action = Action::Restore { operation: number };
        self.change(stamp, action, |db, _| Ok(operation::get(db, number)?.after))
    }

    /// Puts a fragment into the core.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when no loaded kernel has it.
    pub fn pin(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Pin { fragment }, |db, mut view| {
            known(db, fragment)?;
            view.pinned.insert(fragment);
            Ok(view)
        })
    }

    /// Takes a fragment out of the core.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when it is not pinned.
    pub fn unpin(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Unpin { fragment }, |_, mut view| {
            if view.pinned.remove(&fragment) {
                return Ok(view);
            }
            Err(Error::UnknownFragment { prefix: fragment.short() }.into())
        })
    }

    /// Removes a fragment on this machine, whatever later kernels say; `undo` brings it back.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] when no loaded kernel has it.
    pub fn remove(&mut self, fragment: FragmentId, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Remove { fragment }, |db, mut view| {
            known(db, fragment)?;
            view.pinned.remove(&fragment);
            view.removed.insert(fragment);
            Ok(view)
        })
    }

    /// Writes down that this store was taken from a backup, whose note has the digest `backup`, to
    /// be put in the place of another one.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::DiskFull`].
    pub fn recover(&mut self, backup: Digest, stamp: &Stamp) -> Result<Operation, Error> {
        self.change(stamp, Action::Recover { backup }, |_, view| Ok(view))
    }

    fn change(
        &mut self,
        stamp: &Stamp,
        action: Action,
        after: impl FnOnce(&Connection, View) -> Result<View, Trouble>,
    ) -> Result<Operation, Error> {
        self.write(|db| {
            let before = operation::before(db)?;
            let after = after(db, before.view.clone())?;
            let touched = touched(&action);
            operation::commit(db, Act { stamp: stamp.clone(), action, touched }, before, after)
        })
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
