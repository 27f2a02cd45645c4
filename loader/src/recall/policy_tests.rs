//! Several channels in one store: who is believed where they disagree.

use std::collections::BTreeSet;

use garner_kernel::{
    Change, ChannelName, Contents, Fragment, FragmentId, Moment, Tombstone, TombstoneReason, Trust,
    Version,
};
use proptest::prelude::*;

use crate::recall::{Filters, visible};
use crate::store::view;
use crate::test_support::{contents, fact, kernel, load, now, random, stamp, store};
use crate::{Policy, Store};

fn name(channel: &str) -> ChannelName {
    channel.parse().unwrap()
}

fn policy(precedence: i32, min_trust: Option<Trust>) -> Policy {
    Policy { precedence, min_trust }
}

/// Says how `channel` is read from now on.
fn set(store: &mut Store, channel: &str, precedence: i32, min_trust: Option<Trust>) {
    store.set_policy(&name(channel), policy(precedence, min_trust), &stamp()).unwrap();
}

/// Returns what is visible: the statement, and the channel that shows it.
fn shown(store: &Store) -> BTreeSet<(String, String)> {
    let fragments = store.fragments(None, &Filters::default(), now()).unwrap();
    let from = |f: &Fragment| store.read_from(f.id, now()).unwrap().unwrap().channel.to_string();
    fragments.iter().map(|f| (f.statement.as_str().to_owned(), from(f))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    expected.iter().map(|(text, channel)| ((*text).to_owned(), (*channel).to_owned())).collect()
}

#[test]
fn the_same_fragment_is_read_from_the_highest_channel() {
    let (_dir, mut store) = store();
    let port = fact("Port 80.");
    let mut newer = port.clone();
    newer.revision = 2;
    load(&mut store, &kernel("a", 1, contents(&[&port])));
    load(&mut store, &kernel("b", 1, contents(&[&newer])));
    let read = |store: &Store| {
        let from = store.read_from(port.id, now()).unwrap().unwrap();
        (from.channel.to_string(), from.revision, from.policy)
    };
    assert_eq!(read(&store), ("b".to_owned(), 2, Policy::default()), "the higher revision");
    set(&mut store, "a", 1, None);
    assert_eq!(read(&store), ("a".to_owned(), 1, policy(1, None)), "the higher precedence");
    // A channel that does not show it does not count.
    set(&mut store, "a", 1, Some(Trust::Operator));
    assert_eq!(read(&store).0, "b");
    store.undo(&stamp()).unwrap();
    assert_eq!(read(&store).0, "a");
    store.remove(port.id, &stamp()).unwrap();
    assert_eq!(store.read_from(port.id, now()).unwrap(), None);
}

#[test]
fn a_low_channel_adds_and_never_silences_a_high_one() {
    let (_dir, mut store) = store();
    let (old, gone) = (fact("Port 80."), fact("Port 90."));
    let mut new = fact("Port 81.");
    new.supersedes = vec![old.id];
    let mut low = contents(&[&new]);
    let buried = |reason| Tombstone { id: gone.id, revision: 2, at: now(), reason };
    low.apply(Change::Del(buried(TombstoneReason::Rejected))).unwrap();
    load(&mut store, &kernel("high", 1, contents(&[&old, &gone])));
    load(&mut store, &kernel("low", 1, low));
    let both = pairs(&[("Port 81.", "low"), ("Port 90.", "high")]);
    assert_eq!(shown(&store), both, "among equals the newer one is read, and nobody buries");
    set(&mut store, "high", 1, None);
    let all = pairs(&[("Port 80.", "high"), ("Port 81.", "low"), ("Port 90.", "high")]);
    assert_eq!(shown(&store), all);
    set(&mut store, "low", 2, None);
    assert_eq!(shown(&store), pairs(&[("Port 81.", "low")]), "a tombstone holds further down");
    set(&mut store, "low", 2, Some(Trust::Operator));
    assert_eq!(
        shown(&store),
        pairs(&[("Port 80.", "high")]),
        "what is not trusted enough replaces nothing; a tombstone has no trust"
    );
}

#[test]
fn what_a_publisher_revoked_or_removed_is_told_apart() {
    for (reason, hides) in [
        (TombstoneReason::Revoked, true),
        (TombstoneReason::Rejected, true),
        (TombstoneReason::Removed, false),
        (TombstoneReason::RolledBack, false),
    ] {
        let (_dir, mut store) = store();
        let port = fact("Port 80.");
        let mut high = contents(&[]);
        let tombstone = Tombstone { id: port.id, revision: 2, at: now(), reason };
        high.apply(Change::Del(tombstone)).unwrap();
        load(&mut store, &kernel("low", 1, contents(&[&port])));
        load(&mut store, &kernel("high", 1, high));
        assert_eq!(shown(&store).len(), 1, "{reason:?}");
        set(&mut store, "high", 1, None);
        assert_eq!(shown(&store).is_empty(), hides, "{reason:?}");
    }
}

#[test]
fn a_policy_is_an_operation_that_rollbacks_and_loads_keep() {
    let (_dir, mut store) = store();
    // Before anything of the channel is loaded.
    set(&mut store, "team", 3, Some(Trust::Human));
    let mut weak = fact("Port 80.");
    weak.trust = Trust::Tool;
    for number in 1..=2 {
        load(&mut store, &kernel("team", number, contents(&[&weak, &fact("Port 81.")])));
    }
    let expected = pairs(&[("Port 81.", "team")]);
    assert_eq!(shown(&store), expected);
    store.rollback(&name("team"), Version::FIRST, &stamp()).unwrap();
    assert_eq!(shown(&store), expected);
    store.release(&name("team"), &stamp()).unwrap();
    assert_eq!(store.view().unwrap().reading(&name("team")).policy, policy(3, Some(Trust::Human)));
    set(&mut store, "team", 0, None);
    assert_eq!(shown(&store).len(), 2);
    let operation = store.undo(&stamp()).unwrap();
    assert_ne!(operation.digest_before, operation.digest_after);
    assert_eq!(shown(&store), expected);
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(store.operations(99).unwrap().last().unwrap().action.as_str(), "policy");
}

/// A channel of the reference: its contents and its policy.
type Channel = (ChannelName, Contents, Policy);

/// Returns what the rules make visible, word by word and without any haste.
fn reference(
    channels: &[Channel],
    removed: FragmentId,
    now: Moment,
) -> BTreeSet<(FragmentId, u32, ChannelName)> {
    let buried_above = |id: FragmentId, precedence: i32| {
        channels.iter().any(|(_, contents, policy)| {
            policy.precedence > precedence
                && contents.tombstone(&id).is_some_and(|tombstone| {
                    let reasons = [TombstoneReason::Rejected, TombstoneReason::Revoked];
                    reasons.contains(&tombstone.reason)
                })
        })
    };
    let mut copies = Vec::new();
    for (name, contents, policy) in channels {
        for fragment in contents.fragments() {
            let trusted = policy.min_trust.is_none_or(|least| fragment.trust >= least);
            if trusted && fragment.id != removed && !buried_above(fragment.id, policy.precedence) {
                copies.push((name, fragment, policy.precedence));
            }
        }
    }
    let mut visible = BTreeSet::new();
    for (name, fragment, precedence) in &copies {
        let better = |(other, copy, above): &(&ChannelName, &Fragment, i32)| {
            copy.id == fragment.id
                && (above > precedence
                    || (above == precedence && copy.revision > fragment.revision)
                    || (above == precedence && copy.revision == fragment.revision && other < name))
        };
        let silenced = |(other, newer, above): &(&ChannelName, &Fragment, i32)| {
            newer.id != fragment.id
                && newer.supersedes.contains(&fragment.id)
                && (other == name || (newer.trust >= fragment.trust && above >= precedence))
        };
        let expired = fragment.valid_to.is_some_and(|end| end <= now);
        if !expired && !copies.iter().any(better) && !copies.iter().any(silenced) {
            visible.insert((fragment.id, fragment.revision, (*name).clone()));
        }
    }
    visible
}

fn a_policy() -> impl Strategy<Value = Policy> {
    let trust = proptest::option::weighted(0.4, proptest::sample::select(Trust::ALL));
    (-1i32..2, trust).prop_map(|(precedence, min_trust)| policy(precedence, min_trust))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_visible_is_what_the_rules_say(
        history in random::history(3),
        policies in proptest::collection::vec(a_policy(), 3),
        removed in any::<prop::sample::Index>(),
    ) {
        let (_dir, mut store) = store();
        let names = ["b", "c", "a"].map(name);
        let channels: Vec<Channel> = names
            .into_iter()
            .zip(history.into_iter().zip(policies))
            .map(|(name, (contents, policy))| (name, contents, policy))
            .collect();
        let mut ids = Vec::new();
        for (name, contents, policy) in &channels {
            store.set_policy(name, *policy, &stamp()).unwrap();
            load(&mut store, &kernel(name.as_str(), 1, contents.clone()));
            ids.extend(contents.fragments().map(|fragment| fragment.id));
        }
        prop_assume!(!ids.is_empty());
        let removed = *removed.get(&ids);
        store.remove(removed, &stamp()).unwrap();
        let found = store.read(|db| {
            visible::visible(db, &view::current(db)?, &Filters::default(), now())
        });
        let found: BTreeSet<_> = found
            .unwrap()
            .into_iter()
            .map(|entry| (entry.id, entry.revision, ChannelName::clone(&entry.channel)))
            .collect();
        prop_assert_eq!(found, reference(&channels, removed, now()));
        prop_assert!(store.verify().unwrap().is_sound());
    }
}
