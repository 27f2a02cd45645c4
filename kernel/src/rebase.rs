//! Three-way merge: what one publisher changed, on top of what another published meanwhile.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::contents::{Change, Contents, Tombstone, TombstoneReason};
use crate::digest::FragmentId;
use crate::error::Error;
use crate::fragment::Fragment;
use crate::moment::Moment;
use crate::record::{MAX_SOURCES, MAX_SUPERSEDES, MAX_TAGS};

/// What came of a three-way merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebased {
    /// Theirs, with what we changed.
    pub contents: Contents,
    /// Where both changed the same fragment in ways that do not add up, in the order of the ids.
    pub conflicts: Vec<Conflict>,
}

/// A fragment that both changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// The fragment.
    pub id: FragmentId,
    /// Whose change stands.
    pub kept: Side,
}

/// One of the two who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Whoever publishes now.
    Ours,
    /// Whoever published before.
    Theirs,
}

/// Applies what turned `base` into `ours` to `theirs`, which somebody else made of `base`.
///
/// Sources, labels and replacements of a fragment that both changed are added up. What a person
/// rejected and what was revoked stays gone; otherwise a change beats a removal, so that nothing is
/// lost unseen.
///
/// # Errors
/// [`Error::RevisionWentBack`] for a fragment at the highest revision there is.
pub fn rebase(base: &Contents, ours: &Contents, theirs: &Contents) -> Result<Rebased, Error> {
    let mut rebased = Rebased { contents: theirs.clone(), conflicts: Vec::new() };
    let ids = |contents: &Contents| -> BTreeSet<FragmentId> {
        let live = contents.fragments().map(|fragment| fragment.id);
        live.chain(contents.tombstones().map(|tombstone| tombstone.id)).collect()
    };
    for id in ids(ours).union(&ids(base)) {
        let (was, our, their) = (State::of(base, id), State::of(ours, id), State::of(theirs, id));
        if our.says(&was) || our.says(&their) {
            continue;
        }
        let change = if their.says(&was) {
            our.change()
        } else {
            let (change, kept) = settle(&was, &our, &their);
            rebased.conflicts.extend(kept.map(|kept| Conflict { id: *id, kept }));
            change
        };
        if let Some(change) = change {
            rebased.contents.apply(after(change, &their))?;
        }
    }
    Ok(rebased)
}

/// What contents say of one fragment.
enum State<'a> {
    Unknown,
    Live(&'a Fragment),
    Gone(&'a Tombstone),
}

impl<'a> State<'a> {
    fn of(contents: &'a Contents, id: &FragmentId) -> Self {
        match (contents.fragment(id), contents.tombstone(id)) {
            (Some(fragment), _) => Self::Live(fragment),
            (None, Some(tombstone)) => Self::Gone(tombstone),
            (None, None) => Self::Unknown,
        }
    }

    /// Returns whether both say the same, whatever their revisions.
    fn says(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) => true,
            (Self::Live(one), Self::Live(two)) => {
                **one == Fragment { revision: one.revision, ..(*two).clone() }
            }
            (Self::Gone(one), Self::Gone(two)) => (one.at, one.reason) == (two.at, two.reason),
            _ => false,
        }
    }

    fn revision(&self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Live(fragment) => fragment.revision,
            Self::Gone(tombstone) => tombstone.revision,
        }
    }

    /// Returns the change that makes contents say so; `None` where they need not say anything.
    fn change(&self) -> Option<Change> {
        match self {
            Self::Unknown => None,
            Self::Live(fragment) => Some(Change::Put(Box::new((*fragment).clone()))),
            Self::Gone(tombstone) => Some(Change::Del((*tombstone).clone())),
        }
    }

    /// Returns whether it is gone for good.
    fn is_final(&self) -> bool {
        let last = [TombstoneReason::Rejected, TombstoneReason::Revoked];
        matches!(self, Self::Gone(tombstone) if last.contains(&tombstone.reason))
    }
}

/// Decides between two changes: what to change of theirs, and whose word it is where they differ.
fn settle(was: &State<'_>, our: &State<'_>, their: &State<'_>) -> (Option<Change>, Option<Side>) {
    match (our, their) {
        (State::Live(our), State::Live(their)) => {
            let (both, conflict) = add_up(was, our, their);
            (Some(Change::Put(Box::new(both))), conflict.then_some(Side::Theirs))
        }
        (State::Gone(_), State::Live(_)) if our.is_final() => (our.change(), None),
        (State::Gone(_) | State::Unknown, State::Live(_)) => (None, Some(Side::Theirs)),
        (State::Live(_), State::Gone(_)) if their.is_final() => (None, Some(Side::Theirs)),
        (State::Live(_), _) => (our.change(), Some(Side::Ours)),
        (State::Gone(_), _) if our.is_final() && !their.is_final() => (our.change(), None),
        // Both removed it.
        (_, _) => (None, None),
    }
}

/// Adds up two revisions of a fragment; the second value tells whether something did not add up.
fn add_up(was: &State<'_>, our: &Fragment, their: &Fragment) -> (Fragment, bool) {
    let mut both = their.clone();
    both.sources.extend_from_slice(&our.sources);
    both.sources.sort();
    both.sources.dedup();
    both.sources.truncate(MAX_SOURCES);
    both.supersedes.extend_from_slice(&our.supersedes);
    both.supersedes.sort();
    both.supersedes.dedup();
    both.supersedes.truncate(MAX_SUPERSEDES);
    both.tags.extend(our.tags.iter().cloned());
    both.tags.sort();
    both.tags.dedup();
    both.tags.truncate(MAX_TAGS);
    // The first time that it was said counts, and the stronger evidence.
    if our.created < their.created {
        (both.created, both.context) = (our.created, our.context.clone());
    }
    both.trust = our.trust.max(their.trust);
    both.confidence = our.confidence.max(their.confidence);
    let ended = match was {
        State::Live(was) => was.valid_to,
        _ => None,
    };
    let (ours, theirs) = (our.valid_to, their.valid_to);
    if theirs == ended {
        both.valid_to = ours;
    }
    (both, ours != ended && theirs != ended && ours != theirs)
}

/// Returns the change with a revision above what it changes.
fn after(change: Change, there: &State<'_>) -> Change {
    let next = there.revision().saturating_add(1);
    match change {
        Change::Put(mut fragment) => {
            fragment.revision = fragment.revision.max(next);
            Change::Put(fragment)
        }
        Change::Del(tombstone) => {
            let revision = tombstone.revision.max(next);
            Change::Del(Tombstone { revision, ..tombstone })
        }
    }
}

impl Contents {
    /// Returns contents that say on top of `self` what `older` said: what came since is gone, what
    /// went since is back.
    ///
    /// What a person rejected and what was revoked stays gone.
    ///
    /// # Errors
    /// [`Error::RevisionWentBack`] for a fragment at the highest revision there is.
    pub fn rolled_back(&self, older: &Self, at: Moment) -> Result<Self, Error> {
        let mut restored = self.clone();
        for fragment in self.fragments().filter(|f| older.fragment(&f.id).is_none()) {
            let (id, revision) = (fragment.id, fragment.revision.saturating_add(1));
            let reason = TombstoneReason::RolledBack;
            restored.apply(Change::Del(Tombstone { id, revision, at, reason }))?;
        }
        for fragment in older.fragments() {
            let (now, then) = (State::of(self, &fragment.id), State::Live(fragment));
            if now.says(&then) || now.is_final() {
                continue;
            }
            restored.apply(after(Change::Put(Box::new(fragment.clone())), &now))?;
        }
        Ok(restored)
    }
}
