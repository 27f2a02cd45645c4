//! The semantic difference of two versions of a channel.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::{Contents, TombstoneReason};
use crate::digest::FragmentId;
use crate::fragment::Fragment;
use crate::moment::Moment;
use crate::words::{Kind, Scope};

/// How one fragment differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Only in the later version; lists what it replaces.
    Added {
        /// The fragment.
        fragment: Box<Fragment>,
    },
    /// In both, but replaced by a newer one in the later version only.
    Superseded {
        /// The older fragment.
        fragment: Box<Fragment>,
        /// The fragment that replaces it: where that is replaced as well, the last one.
        by: Box<Fragment>,
    },
    /// Only in the earlier version.
    Removed {
        /// The fragment.
        fragment: Box<Fragment>,
        /// Why, where the later version says so.
        reason: Option<TombstoneReason>,
    },
    /// Only in the earlier version, and no version may show it any more.
    Revoked {
        /// The fragment.
        fragment: Box<Fragment>,
    },
    /// In both, but it stopped being true between the times of the two.
    Expired {
        /// The fragment, as the later version has it.
        fragment: Box<Fragment>,
    },
    /// In both with the same statement, but other metadata.
    Changed {
        /// The earlier revision.
        before: Box<Fragment>,
        /// The later revision.
        after: Box<Fragment>,
    },
}

impl Difference {
    /// The words that stand for differences, in the order in which they are counted.
    pub const WORDS: [&str; 6] =
        ["added", "superseded", "removed", "changed", "revoked", "expired"];

    /// Returns the fragment that differs; where both versions have it, as the later one does,
    /// unless that replaces it.
    pub fn fragment(&self) -> &Fragment {
        match self {
            Self::Added { fragment }
            | Self::Superseded { fragment, .. }
            | Self::Removed { fragment, .. }
            | Self::Revoked { fragment }
            | Self::Expired { fragment } => fragment,
            Self::Changed { after, .. } => after,
        }
    }

    /// Returns the id of the fragment that differs.
    pub fn id(&self) -> FragmentId {
        self.fragment().id
    }

    /// Returns the word that stands for the difference on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Superseded { .. } => "superseded",
            Self::Removed { .. } => "removed",
            Self::Changed { .. } => "changed",
            Self::Revoked { .. } => "revoked",
            Self::Expired { .. } => "expired",
        }
    }
}

/// A difference as people look at it: what replaces something stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// A difference of one fragment.
    Alone(&'a Difference),
    /// A fragment and the one that replaces it.
    Pair(&'a Fragment, &'a Fragment),
}

/// Returns differences in the same order, without those that are told by a pair.
pub fn pair(differences: &[Difference]) -> Vec<Shown<'_>> {
    let newer = differences.iter().filter_map(|difference| match difference {
        Difference::Superseded { by, .. } => Some(by.id),
        _ => None,
    });
    let newer: BTreeSet<FragmentId> = newer.collect();
    let shown = differences.iter().filter_map(|difference| match difference {
        Difference::Superseded { fragment, by } => Some(Shown::Pair(fragment, by)),
        Difference::Added { fragment } if newer.contains(&fragment.id) => None,
        other => Some(Shown::Alone(other)),
    });
    shown.collect()
}

/// Returns how `after` differs from `before`, in the order of kind, scope and id.
pub fn diff(before: &Contents, after: &Contents) -> Vec<Difference> {
    differences(before, after, None)
}

/// Returns how `after` differs from `before`, with what expired between the times at which each of
/// them was the newest word.
pub fn diff_over_time(
    (before, then): (&Contents, Moment),
    (after, now): (&Contents, Moment),
) -> Vec<Difference> {
    differences(before, after, Some((then, now)))
}

fn differences(
    before: &Contents,
    after: &Contents,
    times: Option<(Moment, Moment)>,
) -> Vec<Difference> {
    let replaced_before = replaced(before);
    let replaced_after = replaced(after);
    let expired = |was: &Fragment, is: &Fragment| {
        times.is_some_and(|(then, now)| is_over(is, now) && !is_over(was, then))
    };
    let mut differences = Vec::new();
    for fragment in before.fragments() {
        let Some(now) = after.fragment(&fragment.id) else {
            differences.push(gone(fragment, after));
            continue;
        };
        if replaced_after.contains_key(&fragment.id) && !replaced_before.contains_key(&fragment.id)
        {
            let by = last(fragment.id, &replaced_after).and_then(|id| after.fragment(&id));
            if let Some(by) = by {
                let (fragment, by) = (Box::new(fragment.clone()), Box::new(by.clone()));
                differences.push(Difference::Superseded { fragment, by });
            }
        } else if expired(fragment, now) {
            differences.push(Difference::Expired { fragment: Box::new(now.clone()) });
        } else if now != fragment {
            let (before, after) = (Box::new(fragment.clone()), Box::new(now.clone()));
            differences.push(Difference::Changed { before, after });
        }
    }
    let added = after.fragments().filter(|f| before.fragment(&f.id).is_none());
    differences.extend(added.map(|f| Difference::Added { fragment: Box::new(f.clone()) }));
    differences.sort_by_key(order);
    differences
}

fn is_over(fragment: &Fragment, at: Moment) -> bool {
    fragment.valid_to.is_some_and(|end| end <= at)
}

/// Returns how a fragment is gone that `after` does not hold.
fn gone(fragment: &Fragment, after: &Contents) -> Difference {
    let reason = after.tombstone(&fragment.id).map(|tombstone| tombstone.reason);
    let fragment = Box::new(fragment.clone());
    match reason {
        Some(TombstoneReason::Revoked) => Difference::Revoked { fragment },
        reason => Difference::Removed { fragment, reason },
    }
}

fn order(difference: &Difference) -> (Kind, Scope, FragmentId) {
    let fragment = difference.fragment();
    (fragment.kind, fragment.scope.clone(), fragment.id)
}

/// Returns, for each replaced fragment, the one that replaces it.
fn replaced(contents: &Contents) -> BTreeMap<FragmentId, FragmentId> {
    contents.fragments().flat_map(|f| f.supersedes.iter().map(|old| (*old, f.id))).collect()
}

/// Returns what replaces a fragment in the end; what goes round in a circle ends somewhere on it.
fn last(mut id: FragmentId, replaced: &BTreeMap<FragmentId, FragmentId>) -> Option<FragmentId> {
    let mut seen = BTreeSet::from([id]);
    let mut newest = None;
    while let Some(next) = replaced.get(&id) {
        if !seen.insert(*next) {
            break;
        }
        newest = Some(*next);
        id = *next;
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::Change;
    use crate::contents::Tombstone;
    use crate::test_support::{contents, fragment};

    #[test]
    fn a_difference_speaks_of_fragments() {
        let old = fragment(Kind::Decision, "Use Postgres.");
        let kept = fragment(Kind::Rule, "Sync the folder.");
        let gone = fragment(Kind::Fact, "The port is 80.");
        let before = contents(&[&old, &kept, &gone]);
        let mut newer = fragment(Kind::Decision, "Use SQLite.");
        newer.supersedes = vec![old.id];
        let mut sourced = kept.clone();
        sourced.revision = 2;
        let after = contents(&[&old, &newer, &sourced]);
        let words: Vec<_> = diff(&before, &after).iter().map(|d| (d.as_str(), d.id())).collect();
        assert_eq!(words.len(), 4);
        for expected in [
            ("added", newer.id),
            ("superseded", old.id),
            ("changed", kept.id),
            ("removed", gone.id),
        ] {
            assert!(words.contains(&expected), "{expected:?} is missing");
        }
        assert!(diff(&after, &after).is_empty());
    }

    #[test]
    fn what_replaces_something_stands_beside_it_and_is_counted_all_the_same() {
        let [old, middle, new, other] =
            ["Use A.", "Use B.", "Use C.", "Use D."].map(|text| fragment(Kind::Rule, text));
        let replacing = |fragment: &Fragment, old: &Fragment| Fragment {
            supersedes: vec![old.id],
            ..fragment.clone()
        };
        let (middle, new) = (replacing(&middle, &old), replacing(&new, &middle));
        let differences = diff(&contents(&[&old]), &contents(&[&old, &middle, &new, &other]));
        let count = |word: &str| differences.iter().filter(|d| d.as_str() == word).count();
        assert_eq!((count("added"), count("superseded"), differences.len()), (3, 1, 4));
        let shown = pair(&differences);
        assert!(shown.contains(&Shown::Pair(&old, &new)), "{shown:?}");
        let alone = |id| shown.iter().any(|s| matches!(s, Shown::Alone(d) if d.id() == id));
        assert!(alone(other.id) && alone(middle.id) && !alone(new.id) && !alone(old.id));
        // What replaces each other has no end, and is told once.
        let (a, b) = (replacing(&old, &other), replacing(&other, &old));
        let differences = diff(&contents(&[&old]), &contents(&[&a, &b]));
        assert!(differences.iter().any(|d| d.as_str() == "superseded"));
    }

    #[test]
    fn what_was_revoked_is_not_merely_removed() {
        let (stays, goes) = (fragment(Kind::Fact, "A."), fragment(Kind::Fact, "B."));
        let before = contents(&[&stays, &goes]);
        for (reason, word) in [
            (TombstoneReason::Revoked, "revoked"),
            (TombstoneReason::Removed, "removed"),
            (TombstoneReason::Rejected, "removed"),
        ] {
            let mut after = before.clone();
            let (id, at) = (goes.id, stays.created);
            after.apply(Change::Del(Tombstone { id, revision: 2, at, reason })).unwrap();
            let differences = diff(&before, &after);
            assert_eq!(differences.iter().map(Difference::as_str).collect::<Vec<_>>(), [word]);
        }
    }

    #[test]
    fn what_stopped_being_true_between_two_times_expired() {
        let day = |day: u32| format!("2026-01-{day:02}T00:00:00Z").parse::<Moment>().unwrap();
        let until = |end: Option<u32>| Fragment {
            valid_to: end.map(day),
            revision: 1 + u32::from(end.is_some()),
            ..fragment(Kind::State, "The tests are red.")
        };
        for (was, is, then, now, expected) in [
            (Some(10), Some(10), 5, 15, Some("expired")),
            (Some(10), Some(10), 5, 10, Some("expired")),
            (Some(10), Some(10), 5, 9, None),
            (Some(10), Some(10), 10, 15, None),
            // A later time that is none.
            (Some(10), Some(10), 15, 5, None),
            (None, Some(10), 5, 15, Some("expired")),
            (None, Some(10), 5, 9, Some("changed")),
            (Some(10), None, 5, 15, Some("changed")),
        ] {
            let (before, after) = (contents(&[&until(was)]), contents(&[&until(is)]));
            let found = diff_over_time((&before, day(then)), (&after, day(now)));
            let found = found.first().map(Difference::as_str);
            assert_eq!(found, expected, "{was:?} {is:?} {then} {now}");
        }
    }

    #[test]
    fn changes_turn_one_version_into_the_next() {
        let (a, b) = (fragment(Kind::Fact, "A."), fragment(Kind::Fact, "B."));
        let (mut before, after) = (contents(&[&a]), contents(&[&a, &b]));
        for change in before.changes_to(&after) {
            before.apply(change).unwrap();
        }
        assert_eq!(before, after);
        assert_eq!(before.tree_digest(), after.tree_digest());
        assert!(before.apply(Change::Put(Box::new(a))).is_err());
    }
}
