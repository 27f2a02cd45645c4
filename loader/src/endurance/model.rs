//! What a store holds, as plain sets: what an operation has to do to it, without a store.

use std::collections::{BTreeMap, BTreeSet};

/// The number of a statement in the pool.
pub(super) type Item = usize;
/// What a version holds: statements, each with those that it replaces.
pub(super) type Held = BTreeMap<Item, BTreeSet<Item>>;

/// How a channel is read: the version, from 1, and whether it stays there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) version: usize,
    pub(super) held: bool,
}

/// What recall reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The channels: one that is loaded, and the one of this machine.
    pub(super) read: [Read; 2],
    pub(super) removed: BTreeSet<Item>,
    pub(super) pinned: BTreeSet<Item>,
    /// What is in the archive, with its revision.
    pub(super) archived: BTreeMap<Item, u32>,
}

/// Which channel is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Team = 0,
    Local = 1,
}

/// One change.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Remember(Item, BTreeSet<Item>),
    Load(Held),
    Rollback(Which, usize),
    Release(Which),
    Remove(Item),
    Pin(Item),
    Unpin(Item),
    /// Some of what is seen is put away.
    PutAway(BTreeSet<Item>),
    Undo,
    Reindex,
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An operation was written.
    Done,
    /// There was nothing to do.
    Nothing,
    /// It was refused.
    Refused,
}

/// The model.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) versions: [Vec<Held>; 2],
    /// The revisions in each version of the channel of this machine; those of the other are 1.
    revisions: Vec<BTreeMap<Item, u32>>,
    /// The highest revision of each statement that was ever written.
    highest: BTreeMap<Item, u32>,
    pub(super) view: View,
    /// The views before operations that are not undone, the newest last.
    undoable: Vec<View>,
    /// How many operations the log has.
    pub(super) operations: u64,
    /// Statements that were ever in any version.
    pub(super) known: BTreeSet<Item>,
}

impl Model {
    /// Returns what the members of the view hold, but for what is removed.
    fn members(&self) -> Vec<(&Item, &BTreeSet<Item>)> {
        let read = self.view.read.iter().zip(&self.versions);
        let held = read.filter_map(|(read, versions)| versions.get(read.version.checked_sub(1)?));
        held.flatten().filter(|(item, _)| !self.view.removed.contains(item)).collect()
    }

    /// Returns what recall sees.
    pub(super) fn shown(&self) -> BTreeSet<Item> {
        let members = self.members();
        let replaced: BTreeSet<Item> = members
            .iter()
            .flat_map(|(item, older)| older.iter().filter(move |older| older != item))
            .copied()
            .collect();
        let shown = members.iter().map(|(item, _)| **item);
        shown.filter(|item| !replaced.contains(item) && !self.is_away(*item)).collect()
    }

    /// Returns the highest revision of a statement that the view holds.
    fn revision(&self, item: Item) -> u32 {
        let read = self.view.read[1].version.checked_sub(1);
        let own = read.and_then(|at| self.revisions[at].get(&item).copied());
        own.unwrap_or(1)
    }

    fn is_away(&self, item: Item) -> bool {
        self.view.archived.get(&item).is_some_and(|away| self.revision(item) <= *away)
    }

    /// Changes the model, and returns what the store has to say to the same change.
    pub(super) fn apply(&mut self, change: &Change) -> Came {
        let before = self.view.clone();
        let came = self.step(change);
        if came != Came::Done {
            self.view = before;
            return came;
        }
        if !matches!(change, Change::Reindex) {
            self.operations += 1;
        }
        if !matches!(change, Change::Undo | Change::Reindex) {
            self.undoable.push(before);
        }
        came
    }

    fn step(&mut self, change: &Change) -> Came {
        match change {
            Change::Remember(item, older) => return self.remember(*item, older),
            Change::Load(held) => {
                self.known.extend(held.keys());
                for item in held.keys() {
                    self.highest.entry(*item).or_insert(1);
                }
                self.versions[0].push(held.clone());
                let newest = self.versions[0].len();
                let read = &mut self.view.read[0];
                if !read.held {
                    read.version = newest;
                }
            }
            Change::Rollback(which, version) => {
                if *version == 0 || *version > self.versions[*which as usize].len() {
                    return Came::Refused;
                }
                self.view.read[*which as usize] = Read { version: *version, held: true };
            }
            Change::Release(which) => {
                let newest = self.versions[*which as usize].len();
                if newest == 0 {
                    return Came::Refused;
                }
                self.view.read[*which as usize] = Read { version: newest, held: false };
            }
            Change::Remove(item) | Change::Pin(item) if !self.known.contains(item) => {
                return Came::Refused;
            }
            Change::Remove(item) => {
                self.view.pinned.remove(item);
                self.view.removed.insert(*item);
            }
            Change::Pin(item) => drop(self.view.pinned.insert(*item)),
            Change::Unpin(item) => {
                if !self.view.pinned.remove(item) {
                    return Came::Refused;
                }
            }
            Change::PutAway(items) if items.is_empty() => return Came::Refused,
            Change::PutAway(items) => {
                for item in items {
                    let revision = self.revision(*item);
                    self.view.archived.insert(*item, revision);
                }
            }
            Change::Undo => match self.undoable.pop() {
                Some(view) => self.view = view,
                None => return Came::Refused,
            },
            Change::Reindex => {}
        }
        Came::Done
    }

    fn remember(&mut self, item: Item, older: &BTreeSet<Item>) -> Came {
        if self.shown().contains(&item) {
            return Came::Nothing;
        }
        let read = self.view.read[1].version.checked_sub(1);
        let mut held = read.map(|at| self.versions[1][at].clone()).unwrap_or_default();
        held.insert(item, older.clone());
        let mut revisions = read.map(|at| self.revisions[at].clone()).unwrap_or_default();
        let revision = self.highest.get(&item).map_or(1, |highest| highest + 1);
        revisions.insert(item, revision);
        self.versions[1].push(held);
        self.revisions.push(revisions);
        self.view.read[1] = Read { version: self.versions[1].len(), held: false };
        self.view.removed.remove(&item);
        if !self.shown().contains(&item) {
            self.versions[1].pop();
            self.revisions.pop();
            return Came::Refused;
        }
        self.highest.insert(item, revision);
        self.known.insert(item);
        Came::Done
    }
}
