//! Rivals: fragments that replace the same one without knowing of each other.
//!
//! Publishers who meet lose nothing: what each says is kept. Where both replaced the same fragment,
//! the contents hold two answers, and a person has to settle which one counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::Contents;
use crate::digest::FragmentId;
use crate::fragment::Fragment;
use crate::words::SessionId;

/// Fragments that all replace the same one and of which none replaces another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rivals {
    /// The fragment that they replace; it may be gone.
    pub older: FragmentId,
    /// The fragments that replace it, at least two, ascending.
    pub newer: Vec<FragmentId>,
}

/// Returns the rivals among live fragments, in the order of what they replace.
///
/// What one session says together is no contradiction: a statement may be replaced by several.
pub fn rivals(contents: &Contents) -> Vec<Rivals> {
    let mut replacing: BTreeMap<FragmentId, Vec<&Fragment>> = BTreeMap::new();
    for fragment in contents.fragments() {
        for older in &fragment.supersedes {
            replacing.entry(*older).or_default().push(fragment);
        }
    }
    let mut found: BTreeMap<Vec<FragmentId>, (usize, FragmentId)> = BTreeMap::new();
    for (older, direct) in &replacing {
        let last = last_words(direct, &replacing);
        if last.len() < 2 || !disagree(&last) {
            continue;
        }
        let newer: Vec<FragmentId> = last.iter().map(|fragment| fragment.id).collect();
        // Of a line of older ones the nearest is told: most of the rivals replace it themselves.
        let near = direct.iter().filter(|fragment| newer.contains(&fragment.id)).count();
        let best = found.entry(newer).or_insert((near, *older));
        if near > best.0 {
            *best = (near, *older);
        }
    }
    let mut rivals: Vec<Rivals> =
        found.into_iter().map(|(newer, (_, older))| Rivals { older, newer }).collect();
    rivals.sort();
    rivals
}

/// Follows replacements to those that nothing replaces, in the order of their ids.
fn last_words<'a>(
    direct: &[&'a Fragment],
    replacing: &BTreeMap<FragmentId, Vec<&'a Fragment>>,
) -> Vec<&'a Fragment> {
    let mut last = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open = direct.to_vec();
    while let Some(fragment) = open.pop() {
        if !seen.insert(fragment.id) {
            continue;
        }
        match replacing.get(&fragment.id) {
            Some(newer) => open.extend(newer),
            None => {
                last.insert(fragment.id, fragment);
            }
        }
    }
    last.into_values().collect()
}

/// Returns whether two of the fragments have no session in common.
fn disagree(fragments: &[&Fragment]) -> bool {
    let sessions = |fragment: &&'_ Fragment| -> BTreeSet<SessionId> {
        fragment.sources.iter().map(|source| source.session.clone()).collect()
    };
    let sessions: Vec<BTreeSet<SessionId>> = fragments.iter().map(sessions).collect();
    let pairs = sessions.iter().enumerate();
    pairs.into_iter().any(|(at, one)| sessions.iter().skip(at + 1).any(|two| one.is_disjoint(two)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{contents, fragment};
    use crate::words::Kind;

    fn said(statement: &str, session: &str, replaces: &[&Fragment]) -> Fragment {
        let mut said = fragment(Kind::Decision, statement);
        said.sources[0].session = session.parse().unwrap();
        said.supersedes = replaces.iter().map(|older| older.id).collect();
        said.supersedes.sort();
        said
    }

    fn newer(fragments: &[&Fragment]) -> Vec<Vec<FragmentId>> {
        rivals(&contents(fragments)).into_iter().map(|rivals| rivals.newer).collect()
    }

    #[test]
    fn two_sessions_that_replace_the_same_fragment_are_rivals_until_one_replaces_the_other() {
        let port = said("The port is 80.", "s-1", &[]);
        let ours = said("The port is 81.", "s-2", &[&port]);
        let theirs = said("The port is 82.", "s-3", &[&port]);
        let mut both = vec![ours.id, theirs.id];
        both.sort();
        assert_eq!(newer(&[&port, &ours]), Vec::<Vec<FragmentId>>::new());
        assert_eq!(newer(&[&port, &ours, &theirs]), [both.clone()]);
        assert_eq!(newer(&[&ours, &theirs]), [both], "what they replace may be gone");
        let settled = said("The port is 82.", "s-3", &[&port, &ours]);
        assert_eq!(newer(&[&port, &ours, &settled]), Vec::<Vec<FragmentId>>::new());
        // A third that replaces only one of them still disagrees with the other.
        let third = said("The port is 83.", "s-4", &[&ours]);
        let mut both = vec![third.id, theirs.id];
        both.sort();
        let found = rivals(&contents(&[&port, &ours, &theirs, &third]));
        assert_eq!(found, [Rivals { older: port.id, newer: both }]);
    }

    #[test]
    fn what_one_session_says_together_is_no_contradiction() {
        let all = said("Ports are 80 and 81.", "s-1", &[]);
        let one = said("The port of the page is 80.", "s-2", &[&all]);
        let two = said("The port of the data is 81.", "s-2", &[&all]);
        assert_eq!(newer(&[&all, &one, &two]), Vec::<Vec<FragmentId>>::new());
        // Another session that confirms one of them does not change that.
        let mut confirmed = one.clone();
        confirmed.sources.extend(said("x", "s-3", &[]).sources);
        assert_eq!(newer(&[&all, &confirmed, &two]), Vec::<Vec<FragmentId>>::new());
    }

    #[test]
    fn a_ring_of_replacements_has_no_last_word() {
        let (a, b) = (fragment(Kind::Fact, "A."), fragment(Kind::Fact, "B."));
        let ring_a = said("A.", "s-1", &[&b]);
        let ring_b = said("B.", "s-2", &[&a]);
        assert!(rivals(&contents(&[&ring_a, &ring_b])).is_empty());
    }
}
