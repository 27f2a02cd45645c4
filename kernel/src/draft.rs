//! A draft: a kernel before sealing, with what is not yet part of it.

use std::collections::BTreeMap;

use crate::contents::{Change, Contents, Tombstone, TombstoneReason};
use crate::digest::FragmentId;
use crate::error::Error;
use crate::fragment::{Fragment, Source, Text};
use crate::moment::Moment;
use crate::record::MAX_SOURCES;

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
        if self.is_gone(&entry.fragment) {
            return Merged::Buried;
        }
        let Some(known) = self.entries.get_mut(&entry.fragment.id) else {
            self.entries.insert(entry.fragment.id, entry);
            return Merged::New;
        };
        let merged = add_sources(&mut known.fragment, &entry.fragment.sources);
        if merged == Merged::Sourced {
            // Who is read first does not matter: the first time that it was said counts.
            if entry.fragment.created < known.fragment.created {
                known.fragment.created = entry.fragment.created;
                known.fragment.context = entry.fragment.context;
            }
            known.fragment.trust = known.fragment.trust.max(entry.fragment.trust);
            known.fragment.confidence = known.fragment.confidence.max(entry.fragment.confidence);
            if known.status == Status::Candidate {
                known.status = entry.status;
            }
        }
        merged
    }

    /// Returns whether a fragment, or its value under another kind, was rejected here.
    pub fn is_gone(&self, fragment: &Fragment) -> bool {
        let gone = |id| self.tombstones.contains_key(id);
        gone(&fragment.id) || gone(&fragment.value())
    }

    /// Returns the contents that publishing the draft on top of `before` gives.
    ///
    /// Active fragments are added, or lend their sources to what is there; rejections retire what
    /// is there. A fragment that has a tombstone stays gone, and so does one whose value has.
    ///
    /// # Errors
    /// [`Error::RevisionWentBack`] never happens for contents that were verified.
    pub fn onto(&self, before: &Contents) -> Result<Contents, Error> {
        let mut after = before.clone();
        for fragment in self.active().filter(|f| !before.is_gone(f)) {
            let mut next = fragment.clone();
            if let Some(known) = before.fragment(&fragment.id) {
                next = known.clone();
                add_sources(&mut next, &fragment.sources);
                next.supersedes.extend_from_slice(&fragment.supersedes);
                next.supersedes.sort();
                next.supersedes.dedup();
                if next == *known {
                    continue;
                }
                next.revision = known.revision.saturating_add(1);
            }
            after.apply(Change::Put(Box::new(next)))?;
        }
        for tombstone in self.tombstones.values() {
            if before.tombstone(&tombstone.id).is_some() {
                continue;
            }
            let known = before.fragment(&tombstone.id).map_or(0, |fragment| fragment.revision);
            let revision = tombstone.revision.max(known.saturating_add(1));
            after.apply(Change::Del(Tombstone { revision, ..tombstone.clone() }))?;
        }
        self.retire_values(&mut after)?;
        Ok(after)
    }

    /// Retires what says a rejected value under another kind.
    fn retire_values(&self, after: &mut Contents) -> Result<(), Error> {
        let said = |fragment: &&Fragment| self.tombstones.contains_key(&fragment.value());
        let gone: Vec<Tombstone> = after
            .fragments()
            .filter(said)
            .filter_map(|fragment| {
                let tombstone = self.tombstones.get(&fragment.value())?;
                let revision = fragment.revision.saturating_add(1);
                Some(Tombstone { id: fragment.id, revision, ..tombstone.clone() })
            })
            .collect();
        gone.into_iter().try_for_each(|tombstone| after.apply(Change::Del(tombstone)))
    }

    /// Makes an entry part of the next kernel, and returns whether it was there and was not.
    pub fn accept(&mut self, id: &FragmentId) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        let changed = entry.status != Status::Active;
        entry.status = Status::Active;
        changed
    }

    /// Removes an entry for ever: its statement does not come back, under no kind, and leaves the
    /// channel with the next version.
    pub fn reject(&mut self, id: &FragmentId, at: Moment) -> bool {
        let Some(entry) = self.entries.remove(id) else { return false };
        let revision = entry.fragment.revision.saturating_add(1);
        let reason = TombstoneReason::Rejected;
        self.tombstones.insert(*id, Tombstone { id: *id, revision, at, reason });
        // Distilled again it may be of another kind, and have another id.
        let id = entry.fragment.value();
        self.tombstones.insert(id, Tombstone { id, revision: 1, at, reason });
        self.entries.retain(|_, other| other.fragment.value() != id);
        true
    }

    /// Removes an entry until its statement is said again, and returns whether it was there.
    pub fn drop_entry(&mut self, id: &FragmentId) -> bool {
        self.entries.remove(id).is_some()
    }

    /// Accepts an entry in other words; the old ones do not come back. Returns the id that it has
    /// now, or `None` where there is no such entry, or where the new words were rejected before.
    ///
    /// Kind, scope, trust and sources stay: nobody gains trust by being quoted in other words.
    pub fn reword(&mut self, id: &FragmentId, words: Text, at: Moment) -> Option<FragmentId> {
        let mut fragment = self.entries.get(id)?.fragment.clone();
        fragment.id = Fragment::id_of(fragment.kind, &fragment.scope, words.as_str());
        fragment.statement = words;
        fragment.supersedes.retain(|replaced| *replaced != fragment.id);
        let new = fragment.id;
        if new == *id {
            fragment.revision = fragment.revision.saturating_add(1);
            self.entries.insert(new, Entry { fragment, status: Status::Active });
            return Some(new);
        }
        if self.merge(Entry { fragment, status: Status::Active }) == Merged::Buried {
            return None;
        }
        self.accept(&new);
        self.reject(id, at);
        Some(new)
    }

    /// Lets a fragment replace its rivals with the next kernel: of all of them it is the one that
    /// counts.
    pub fn settle(&mut self, winner: &Fragment, rivals: &[FragmentId]) {
        let entry = || Entry { fragment: winner.clone(), status: Status::Active };
        let entry = self.entries.entry(winner.id).or_insert_with(entry);
        entry.status = Status::Active;
        let losers = rivals.iter().filter(|id| **id != winner.id);
        entry.fragment.supersedes.extend(losers);
        entry.fragment.supersedes.sort();
        entry.fragment.supersedes.dedup();
    }

    /// Removes an entry that was revoked: neither its text nor what is distilled again stays here.
    pub fn bury(&mut self, id: FragmentId, at: Moment) {
        let revision = self.entries.remove(&id).map_or(0, |entry| entry.fragment.revision);
        let (revision, reason) = (revision.saturating_add(1), TombstoneReason::Revoked);
        self.tombstones.entry(id).or_insert(Tombstone { id, revision, at, reason });
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
    fragment.sources.truncate(MAX_SOURCES);
    if fragment.sources.len() == before {
        return Merged::Known;
    }
    fragment.revision = fragment.revision.saturating_add(1);
    Merged::Sourced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{contents, fragment};
    use crate::words::Kind;

    fn draft(entries: &[(&Fragment, Status)]) -> Draft {
        let mut draft = Draft::default();
        for (fragment, status) in entries {
            draft.merge(Entry { fragment: (*fragment).clone(), status: status.clone() });
        }
        draft
    }

    #[test]
    fn publishing_adds_what_is_active_and_retires_what_was_rejected() {
        let (old, new) = (fragment(Kind::Fact, "Old."), fragment(Kind::Fact, "New."));
        let waiting = fragment(Kind::Rule, "Waiting.");
        let mut draft =
            draft(&[(&old, Status::Active), (&new, Status::Active), (&waiting, Status::Candidate)]);
        let before = contents(&[&old]);
        let after = draft.onto(&before).unwrap();
        assert_eq!(after, contents(&[&old, &new]));
        assert_eq!(draft.onto(&after).unwrap(), after);
        assert!(draft.reject(&old.id, old.created));
        let after = draft.onto(&after).unwrap();
        assert!(after.fragment(&old.id).is_none());
        assert_eq!(after.tombstone(&old.id).unwrap().reason, TombstoneReason::Rejected);
        // What was rejected does not come back, neither by distilling nor by publishing.
        let again = Entry { fragment: old.clone(), status: Status::Active };
        assert_eq!(draft.merge(again), Merged::Buried);
        let stale = self::draft(&[(&old, Status::Active)]);
        assert_eq!(stale.onto(&after).unwrap(), after);
    }

    #[test]
    fn a_rejected_value_does_not_come_back_as_another_kind() {
        let (rule, fact) = (fragment(Kind::Rule, "Use tabs."), fragment(Kind::Fact, "use  TABS."));
        let mut draft = draft(&[(&rule, Status::Candidate)]);
        assert!(draft.reject(&rule.id, rule.created));
        let again = Entry { fragment: fact.clone(), status: Status::Active };
        assert_eq!(draft.merge(again), Merged::Buried);
        // The tombstones travel with the channel and hold on a machine that has no draft.
        let published = draft.onto(&contents(&[&fact])).unwrap();
        assert!(published.fragment(&fact.id).is_none(), "what was published before is retired");
        let elsewhere = self::draft(&[(&fact, Status::Active)]);
        assert_eq!(elsewhere.onto(&published).unwrap(), published);
        assert_eq!(draft.onto(&published).unwrap(), published, "publishing again changes nothing");
    }

    #[test]
    fn a_second_source_makes_a_new_revision() {
        let known = fragment(Kind::Fact, "Known.");
        let mut seen_again = known.clone();
        seen_again.sources[0].line = 8;
        let before = contents(&[&known]);
        let after = draft(&[(&seen_again, Status::Active)]).onto(&before).unwrap();
        let merged = after.fragment(&known.id).unwrap();
        assert_eq!((merged.revision, merged.sources.len()), (2, 2));
    }

    #[test]
    fn other_words_take_the_place_of_the_old_ones_for_good() {
        let (said, known) = (fragment(Kind::Rule, "Use tabs"), fragment(Kind::Rule, "Use spaces."));
        let quarantined = Status::Quarantined { reason: "odd".into() };
        for (words, entries, sources) in
            [("Use tabs.", 2, 1), ("use  TABS", 2, 1), ("Use spaces.", 1, 1)]
        {
            let mut draft = draft(&[(&said, quarantined.clone()), (&known, Status::Candidate)]);
            let new = draft.reword(&said.id, Text::new(words), said.created).unwrap();
            let entry = &draft.entries[&new];
            assert_eq!((entry.status.clone(), entry.fragment.trust), (Status::Active, said.trust));
            assert_eq!((draft.entries.len(), entry.fragment.sources.len()), (entries, sources));
            let again = Entry { fragment: said.clone(), status: Status::Candidate };
            let merged = draft.merge(again);
            assert!(matches!(merged, Merged::Buried) || new == said.id, "{words}: {merged:?}");
        }
        let mut draft = draft(&[(&said, Status::Candidate), (&known, Status::Candidate)]);
        draft.reject(&known.id, said.created);
        assert_eq!(draft.reword(&said.id, Text::new("Use spaces."), said.created), None);
        assert_eq!(draft.entries[&said.id].status, Status::Candidate, "nothing changed");
    }

    #[test]
    fn what_is_dropped_comes_back_when_it_is_said_again() {
        let said = fragment(Kind::Rule, "Use tabs");
        let mut draft = draft(&[(&said, Status::Candidate)]);
        assert!(draft.drop_entry(&said.id) && !draft.drop_entry(&said.id));
        assert_eq!(draft, Draft::default());
        let again = Entry { fragment: said, status: Status::Candidate };
        assert_eq!(draft.merge(again), Merged::New);
    }

    #[test]
    fn a_settled_conflict_is_none_any_more() {
        let old = fragment(Kind::Fact, "Old.");
        let newer = |statement: &str, session: &str| {
            let mut newer = fragment(Kind::Fact, statement);
            newer.sources[0].session = session.parse().unwrap();
            newer.supersedes = vec![old.id];
            newer
        };
        let (ours, theirs) = (newer("Ours.", "s-2"), newer("Theirs.", "s-3"));
        let before = contents(&[&old, &ours, &theirs]);
        let [conflict] = crate::rivals(&before).try_into().unwrap();
        let mut draft = Draft::default();
        draft.settle(&theirs, &conflict.newer);
        let after = draft.onto(&before).unwrap();
        assert_eq!(crate::rivals(&after), []);
        let winner = after.fragment(&theirs.id).unwrap();
        assert!(winner.supersedes.contains(&ours.id) && winner.revision == 2);
        assert!(after.fragment(&ours.id).is_some(), "nothing is lost");
    }

    #[test]
    fn stronger_evidence_lifts_a_candidate_and_never_a_quarantined_one() {
        let seen = fragment(Kind::Fact, "Seen.");
        let mut again = seen.clone();
        again.sources[0].line = 9;
        for (before, after) in [
            (Status::Candidate, Status::Active),
            (
                Status::Quarantined { reason: "odd".into() },
                Status::Quarantined { reason: "odd".into() },
            ),
        ] {
            let mut draft = draft(&[(&seen, before)]);
            draft.merge(Entry { fragment: again.clone(), status: Status::Active });
            assert_eq!(draft.entries[&seen.id].status, after);
        }
    }
}
