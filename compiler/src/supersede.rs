//! Which answers replace which, over all sessions of a draft.
//!
//! Recency cannot do this: a stale answer is as close to a question as its successor. The link is
//! made where the evidence is, and ranking only has to follow it.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{Draft, FragmentId, Kind, Moment, Scope, Status, normalize, record};

/// How the context of an answer opens; the question follows on the same line.
pub(crate) const ASKED: &str = "Asked: ";

/// Lets each answer replace the earlier answers to the same question in the same scope.
///
/// Only what is part of the next kernel replaces anything: a candidate waits for a person. What a
/// later session took back is not linked again, so that no two answers replace each other.
pub(crate) fn answers(draft: &mut Draft) {
    let mut asked: BTreeMap<(Scope, String), Vec<(Moment, FragmentId)>> = BTreeMap::new();
    for (id, entry) in &draft.entries {
        let fragment = &entry.fragment;
        let question = fragment.context.as_ref().and_then(|context| question(context.as_str()));
        if let Some(question) = question
            && fragment.kind == Kind::Decision
            && entry.status == Status::Active
        {
            let key = (fragment.scope.clone(), question);
            asked.entry(key).or_default().push((fragment.created, *id));
        }
    }
    for mut same in asked.into_values() {
        same.sort();
        for (older, newer) in same.iter().zip(same.iter().skip(1)) {
            link(draft, newer.1, older.1);
        }
    }
}

/// Makes `newer` replace `older`, unless it is the other way round already.
fn link(draft: &mut Draft, newer: FragmentId, older: FragmentId) {
    let taken_back =
        draft.entries.get(&older).is_some_and(|entry| entry.fragment.supersedes.contains(&newer));
    if taken_back {
        return;
    }
    if let Some(entry) = draft.entries.get_mut(&newer) {
        let mut all: BTreeSet<FragmentId> = entry.fragment.supersedes.iter().copied().collect();
        all.insert(older);
        entry.fragment.supersedes = all.into_iter().take(record::MAX_SUPERSEDES).collect();
    }
}

/// Returns the question that the context of an answer opens with, normalised.
fn question(context: &str) -> Option<String> {
    context.lines().next()?.strip_prefix(ASKED).map(normalize)
}
