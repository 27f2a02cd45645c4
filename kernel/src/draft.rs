//! A draft: a kernel before sealing, with what is not yet part of it.

use std::collections::BTreeMap;

use crate::contents::Tombstone;
use crate::digest::FragmentId;
use crate::fragment::{Fragment, Source};

/// Whether a distilled fragment will be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is part of the next kernel.
    Active,
    /// A person has to accept it first.
    Candidate,
    /// It looks like an attack; a person has to look at the reason first.
    Quarantined {
        /// What looked wrong.
        reason: String,
    },
}

impl Status {
    /// Returns the word that stands for the status in files and on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Candidate => "candidate",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}

/// A distilled fragment and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The fragment.
    pub fragment: Fragment,
    /// Whether it will be published.
    pub status: Status,
}

/// A kernel before sealing: entries in the order of their ids, and rejections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The entries by id.
    pub entries: BTreeMap<FragmentId, Entry>,
    /// What must not come back; published with the next kernel.
    pub tombstones: BTreeMap<FragmentId, Tombstone>,
}

/// What [`Draft::merge`] did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// The statement was not known.
    New,
    /// The statement was known; a source was added.
    Sourced,
    /// Nothing changed.
    Known,
    /// The statement has a tombstone and stays gone.
    Buried,
}

impl Draft {
    /// Adds `entry`, or its sources where the statement is already known.
    ///
    /// Stronger evidence for the same statement lifts a candidate; what is quarantined stays so
    /// until a person has looked at it.
    pub fn merge(&mut self, entry: Entry) -> Merged {
        if self.tombstones.contains_key(&entry.fragment.id) {
            return Merged::Buried;
        }
        let Some(known) = self.entries.get_mut(&entry.fragment.id) else {
            self.entries.insert(entry.fragment.id, entry);
            return Merged::New;
        };
        let merged = add_sources(&mut known.fragment, &entry.fragment.sources);
        if merged == Merged::Sourced {
            known.fragment.trust = known.fragment.trust.max(entry.fragment.trust);
            known.fragment.confidence = known.fragment.confidence.max(entry.fragment.confidence);
            if known.status == Status::Candidate {
                known.status = entry.status;
            }
        }
        merged
    }

    /// Returns the fragments that the next kernel will hold, in the order of their ids.
    pub fn active(&self) -> impl Iterator<Item = &Fragment> {
        self.entries.values().filter(|e| e.status == Status::Active).map(|e| &e.fragment)
    }
}

/// Adds the sources that `fragment` does not have yet and raises its revision if there were any.
fn add_sources(fragment: &mut Fragment, sources: &[Source]) -> Merged {
    let before = fragment.sources.len();
    fragment.sources.extend_from_slice(sources);
    fragment.sources.sort();
    fragment.sources.dedup();
    if fragment.sources.len() == before {
        return Merged::Known;
    }
    fragment.revision = fragment.revision.saturating_add(1);
    Merged::Sourced
}
