//! What is too old to stay in front.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use garner_kernel::{FragmentId, Kind, Moment};

use super::{Away, Retention};
use crate::recall::visible::Entry;

/// Returns what is older than its class is kept and was not injected in that time.
pub(super) fn expired(
    entries: &[Entry],
    retention: &Retention,
    injected: &BTreeMap<FragmentId, Moment>,
    now: Moment,
) -> Away {
    let is_old = |entry: &&Entry| {
        let Some(days) = retention.days(entry.kind.class()) else { return false };
        let used = injected.get(&entry.id).copied().unwrap_or(entry.created);
        entry.created.max(used).plus_days(days) < now
    };
    entries.iter().filter(is_old).map(|entry| (entry.id, None)).collect()
}

/// Returns the states of each scope but the `most` newest, in whose place the newest one stands.
pub(super) fn states(entries: &[Entry], most: usize) -> Away {
    let mut scopes: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::State) {
        scopes.entry(&*entry.scope).or_default().push(entry);
    }
    let mut away = Away::new();
    for mut states in scopes.into_values() {
        states.sort_by_key(|entry| (Reverse(entry.created), entry.id));
        let newest = states.first().map(|entry| entry.id);
        away.extend(states.iter().skip(most.max(1)).map(|entry| (entry.id, newest)));
    }
    away
}
