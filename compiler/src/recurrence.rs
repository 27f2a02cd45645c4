//! What two sessions found independently of each other no longer waits for a person.

use std::collections::BTreeSet;

use garner_kernel::{Draft, Fragment, RuleName, SessionId, Status};

/// How many sessions have to have found the same.
const ENOUGH: usize = 2;

/// Makes candidates of `rule` active that enough sessions found; returns how many those were.
pub(crate) fn lift(draft: &mut Draft, rule: &str) -> u32 {
    let Ok(rule) = rule.parse::<RuleName>() else { return 0 };
    let mut lifted = 0;
    for entry in draft.entries.values_mut() {
        if entry.status == Status::Candidate && found_by(&entry.fragment, &rule) >= ENOUGH {
            entry.status = Status::Active;
            lifted += 1;
        }
    }
    lifted
}

fn found_by(fragment: &Fragment, rule: &RuleName) -> usize {
    let sources = fragment.sources.iter().filter(|source| source.rule == *rule);
    sources.map(|source| &source.session).collect::<BTreeSet<&SessionId>>().len()
}
