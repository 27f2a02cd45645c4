//! The semantic difference of two versions of a channel.

use std::collections::BTreeMap;

use crate::contents::{Contents, TombstoneReason};
use crate::digest::FragmentId;
use crate::fragment::Fragment;

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
        /// The fragment that replaces it.
        by: FragmentId,
    },
    /// Only in the earlier version.
    Removed {
        /// The fragment.
        fragment: Box<Fragment>,
        /// Why, where the later version says so.
        reason: Option<TombstoneReason>,
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
    /// Returns the id of the fragment that differs.
    pub fn id(&self) -> FragmentId {
        match self {
            Self::Added { fragment }
            | Self::Superseded { fragment, .. }
            | Self::Removed { fragment, .. } => fragment.id,
            Self::Changed { after, .. } => after.id,
        }
    }

    /// Returns the word that stands for the difference on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Superseded { .. } => "superseded",
            Self::Removed { .. } => "removed",
            Self::Changed { .. } => "changed",
        }
    }
}

/// Returns how `after` differs from `before`, in the order of kind, scope and id.
pub fn diff(before: &Contents, after: &Contents) -> Vec<Difference> {
    let replaced_before = replaced(before);
    let replaced_after = replaced(after);
    let mut differences = Vec::new();
    for fragment in before.fragments() {
        match after.fragment(&fragment.id) {
            None => differences.push(Difference::Removed {
                fragment: Box::new(fragment.clone()),
                reason: after.tombstone(&fragment.id).map(|t| t.reason),
            }),
            Some(now) => {
                if let Some(by) = replaced_after.get(&fragment.id)
                    && !replaced_before.contains_key(&fragment.id)
                {
                    let fragment = Box::new(fragment.clone());
                    differences.push(Difference::Superseded { fragment, by: *by });
                } else if now != fragment {
                    let (before, after) = (Box::new(fragment.clone()), Box::new(now.clone()));
                    differences.push(Difference::Changed { before, after });
                }
            }
        }
    }
    let added = after.fragments().filter(|f| before.fragment(&f.id).is_none());
    differences.extend(added.map(|f| Difference::Added { fragment: Box::new(f.clone()) }));
    differences.sort_by_key(order);
    differences
}

fn order(difference: &Difference) -> (crate::words::Kind, crate::words::Scope, FragmentId) {
    let fragment = match difference {
        Difference::Added { fragment }
        | Difference::Superseded { fragment, .. }
        | Difference::Removed { fragment, .. } => fragment,
        Difference::Changed { after, .. } => after,
    };
    (fragment.kind, fragment.scope.clone(), fragment.id)
}

/// Returns, for each replaced fragment, the one that replaces it.
fn replaced(contents: &Contents) -> BTreeMap<FragmentId, FragmentId> {
    contents.fragments().flat_map(|f| f.supersedes.iter().map(|old| (*old, f.id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::Change;
    use crate::test_support::{contents, fragment};
    use crate::words::Kind;

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
