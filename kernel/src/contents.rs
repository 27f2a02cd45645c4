//! What a kernel holds: fragments and tombstones, and how one version becomes the next.

use std::collections::BTreeMap;

use crate::bundle::Revoked;
use crate::digest::{Digest, FragmentId};
use crate::error::Error;
use crate::fragment::Fragment;
use crate::moment::Moment;
use crate::record;
use crate::tree::TreeHasher;
use crate::words::ChannelName;

/// A fragment that was retired and is remembered as gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The fragment that is gone.
    pub id: FragmentId,
    /// Counts on from the fragment's last revision.
    pub revision: u32,
    /// When it was retired.
    pub at: Moment,
    /// Why, in a few words.
    pub reason: TombstoneReason,
}

/// Why a fragment is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TombstoneReason {
    /// A person said that it must not come back.
    Rejected,
    /// A publisher took it out of the channel.
    Removed,
    /// A version brought back an older one that did not hold it.
    RolledBack,
    /// It was revoked: no version may show it any more.
    Revoked,
}

impl TombstoneReason {
    /// Returns the word that stands for the reason in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Removed => "removed",
            Self::RolledBack => "rolled-back",
            Self::Revoked => "revoked",
        }
    }

    /// Returns the reason that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Rejected, Self::Removed, Self::RolledBack, Self::Revoked]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

/// One change to [`Contents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The fragment is new or has a new revision.
    Put(Box<Fragment>),
    /// The fragment is gone.
    Del(Tombstone),
}

impl Change {
    /// Returns the id of the fragment that changes.
    pub fn id(&self) -> FragmentId {
        match self {
            Self::Put(fragment) => fragment.id,
            Self::Del(tombstone) => tombstone.id,
        }
    }

    /// Returns the revision after the change.
    pub fn revision(&self) -> u32 {
        match self {
            Self::Put(fragment) => fragment.revision,
            Self::Del(tombstone) => tombstone.revision,
        }
    }
}

/// A set of fragments and tombstones; no id is in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    fragments: BTreeMap<FragmentId, Fragment>,
    tombstones: BTreeMap<FragmentId, Tombstone>,
}

impl Contents {
    /// Returns the fragments in the order of their ids.
    pub fn fragments(&self) -> impl ExactSizeIterator<Item = &Fragment> {
        self.fragments.values()
    }

    /// Returns the tombstones in the order of their ids.
    pub fn tombstones(&self) -> impl ExactSizeIterator<Item = &Tombstone> {
        self.tombstones.values()
    }

    /// Returns the fragment with this id, if it is here and alive.
    pub fn fragment(&self, id: &FragmentId) -> Option<&Fragment> {
        self.fragments.get(id)
    }

    /// Returns the tombstone of this id, if the fragment is gone.
    pub fn tombstone(&self, id: &FragmentId) -> Option<&Tombstone> {
        self.tombstones.get(id)
    }

    /// Returns whether a fragment, or its value under another kind, has a tombstone here.
    pub fn is_gone(&self, fragment: &Fragment) -> bool {
        self.tombstones.contains_key(&fragment.id)
            || self.tombstones.contains_key(&fragment.value())
    }

    /// Returns whether nothing is here, not even a tombstone.
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty() && self.tombstones.is_empty()
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`Error::RevisionWentBack`] unless the revision is higher than what is here.
    pub fn apply(&mut self, change: Change) -> Result<(), Error> {
        let id = change.id();
        let here = self
            .fragments
            .get(&id)
            .map(|f| f.revision)
            .or_else(|| self.tombstones.get(&id).map(|t| t.revision));
        if here.is_some_and(|here| here >= change.revision()) {
            return Err(Error::RevisionWentBack { id, revision: change.revision() });
        }
        match change {
            Change::Put(fragment) => {
                self.tombstones.remove(&id);
                self.fragments.insert(id, *fragment);
            }
            Change::Del(tombstone) => {
                self.fragments.remove(&id);
                self.tombstones.insert(id, tombstone);
            }
        }
        Ok(())
    }

    /// Takes revoked fragments out, as if by a record with the next revision (docs/format.md,
    /// "Verification", step 10).
    ///
    /// # Errors
    /// [`Error::RevisionWentBack`] for a fragment at the highest revision there is.
    pub fn withhold(&mut self, revoked: &Revoked) -> Result<(), Error> {
        for (id, revocation) in revoked {
            if let Some(fragment) = self.fragment(id) {
                let tombstone = revocation.tombstone(*id, fragment.revision);
                self.apply(Change::Del(tombstone))?;
            }
        }
        Ok(())
    }

    /// Returns the changes, in the order of their ids, that turn `self` into `newer`.
    ///
    /// What is only here is not mentioned: nothing ever vanishes without a tombstone.
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        let puts = newer
            .fragments
            .values()
            .filter(|f| self.fragments.get(&f.id) != Some(f))
            .map(|f| Change::Put(Box::new(f.clone())));
        let dels = newer
            .tombstones
            .values()
            .filter(|t| self.tombstones.get(&t.id) != Some(t))
            .map(|t| Change::Del(t.clone()));
        let mut changes: Vec<Change> = puts.chain(dels).collect();
        changes.sort_by_key(Change::id);
        changes
    }

    /// Returns every fragment and tombstone as a change to nothing, in the order of their ids.
    pub fn all(&self) -> Vec<Change> {
        Self::default().changes_to(self)
    }

    /// Returns the tree digest: SHA-256 over `id SP revision SP sha256(record) LF` for all live
    /// fragments in the order of their ids (docs/format.md, "Tree digest").
    pub fn tree_digest(&self) -> Digest {
        let mut tree = TreeHasher::default();
        for fragment in self.fragments.values() {
            tree.add(fragment.id, fragment.revision, &record::digest(fragment));
        }
        tree.finish()
    }
}

/// Takes changes in the order of their ids, one for each id.
///
/// That needs no search for where each belongs, as [`Contents::apply`] does.
#[derive(Default)]
pub(crate) struct Ascending {
    fragments: Vec<(FragmentId, Fragment)>,
    tombstones: Vec<(FragmentId, Tombstone)>,
}

impl Ascending {
    pub(crate) fn push(&mut self, change: Change) {
        match change {
            Change::Put(fragment) => self.fragments.push((fragment.id, *fragment)),
            Change::Del(tombstone) => self.tombstones.push((tombstone.id, tombstone)),
        }
    }

    pub(crate) fn finish(self) -> Contents {
        Contents {
            fragments: self.fragments.into_iter().collect(),
            tombstones: self.tombstones.into_iter().collect(),
        }
    }
}

/// The number of a kernel in its channel, from 1; displays as `v12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The first version of a channel.
    pub const FIRST: Self = Self(1);

    /// Returns version `number`; `None` for 0 and above 2^53 - 1.
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 || number > MAX_INTEGER { None } else { Some(Self(number)) }
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the version after this one; the last one stays what it is.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(if self.0 < MAX_INTEGER { self.0 + 1 } else { MAX_INTEGER })
    }

    /// Returns the version before this one; `None` for the first.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        Self::new(self.0.saturating_sub(1))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("v{}", self.0))
    }
}

/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Where a kernel stands in the history of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The number of the kernel.
    pub version: Version,
    /// The digest of the previous head; `None` for the first version.
    pub parent: Option<Digest>,
    /// The older version whose contents this one brings back.
    pub restores: Option<Version>,
}

/// An immutable set of fragments and tombstones at one version of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The channel.
    pub channel: ChannelName,
    /// Version, parent, and what it restores.
    pub lineage: Lineage,
    /// The digest of the head note that made this version.
    pub head: Digest,
    /// The name of the key that signed it.
    pub publisher: String,
    /// When it was published.
    pub created: Moment,
    /// The fragments and tombstones, without those that are revoked.
    pub contents: Contents,
    /// Everything that is revoked in its repository, whether this version held it or not.
    pub revoked: Revoked,
}
