//! Recall through the store: what is visible, what is found, and that rollback is exact.

use std::fmt::Write;

use garner_kernel::{
    Change, ChannelName, Embedder, Fragment, Kind, Moment, Tombstone, TombstoneReason, Trust,
    Version,
};
use proptest::prelude::*;

use crate::recall::Ranking;
use crate::test_support::{
    HashEmbedder, contents, fact, fragment, kernel, load, now, random, stamp, store, vector,
};
use crate::{Filters, Policy, Query, QueryVector, Recall, Store};

fn team() -> ChannelName {
    "team".parse().unwrap()
}

pub(crate) fn query(text: &str) -> Query {
    let vector = vector(text).map(|vector| QueryVector { embedder: HashEmbedder.id(), vector });
    Query { vector, ..Query::new(text, now()) }
}

/// Returns the statements that words alone find, the best first.
fn found(store: &Store, text: &str) -> Vec<String> {
    let recall = store.recall(&Query::new(text, now())).unwrap();
    recall.hits.iter().map(|h| h.fragment.statement.as_str().to_owned()).collect()
}

#[test]
fn words_identifiers_and_phrases_are_found() {
    let (_dir, mut store) = store();
    let mut asked = fact("Postgres.");
    asked.context = Some(garner_kernel::Text::new("Which database do we use?"));
    let texts = [
        fact("The function open_store takes a lock."),
        fact("Nothing in a store is open forever."),
        fact("The file is src/store/open.rs."),
        fact("Running tests needs no network."),
        asked,
    ];
    load(&mut store, &kernel("team", 1, contents(&texts.iter().collect::<Vec<_>>())));
    for (text, first) in [
        ("open_store", "The function open_store takes a lock."),
        ("what does openStore do with the lock", "The function open_store takes a lock."),
        ("src/store/open.rs", "The file is src/store/open.rs."),
        ("\"store is open\"", "Nothing in a store is open forever."),
        ("run the test", "Running tests needs no network."),
        ("which database", "Postgres."),
    ] {
        assert_eq!(found(&store, text).first().map(String::as_str), Some(first), "{text}");
    }
    assert_eq!(found(&store, "\"open forever is\"").len(), 0, "a phrase stays a phrase");
    assert_eq!(found(&store, "bicycle").len(), 0);
    assert_eq!(found(&store, "").len(), 0);
}

#[test]
fn what_is_replaced_expired_or_gone_is_not_visible() {
    let (_dir, mut store) = store();
    let old = fact("Port 80.");
    let mut middle = fact("Port 81.");
    middle.supersedes = vec![old.id];
    let mut last = fact("Port 82.");
    last.supersedes = vec![middle.id];
    let mut expired = fact("Port 83.");
    expired.valid_to = Some(now());
    let mut lasting = fact("Port 84.");
    lasting.valid_to = Some(now().plus_days(1));
    let here = contents(&[&old, &middle, &last, &expired, &lasting, &fact("Port 85.")]);
    load(&mut store, &kernel("team", 1, here));
    assert_eq!(sorted(found(&store, "port")), ["Port 82.", "Port 84.", "Port 85."]);
    store.remove(fact("Port 85.").id, &stamp()).unwrap();
    assert_eq!(sorted(found(&store, "port")), ["Port 82.", "Port 84."]);
    store.undo(&stamp()).unwrap();
    // Another channel: a rejection holds below it, a removal only in its own channel.
    let mut other = contents(&[]);
    for (text, reason) in
        [("Port 84.", TombstoneReason::Removed), ("Port 85.", TombstoneReason::Rejected)]
    {
        let id = fact(text).id;
        other.apply(Change::Del(Tombstone { id, revision: 2, at: now(), reason })).unwrap();
    }
    // A less trusted fragment of another channel replaces nothing.
    let mut weak = fact("Port 86.");
    (weak.trust, weak.supersedes) = (Trust::Tool, vec![last.id]);
    other.apply(Change::Put(Box::new(weak))).unwrap();
    load(&mut store, &kernel("other", 1, other));
    let all = ["Port 82.", "Port 84.", "Port 85.", "Port 86."];
    assert_eq!(sorted(found(&store, "port")), all);
    let above = Policy { precedence: 1, min_trust: None };
    store.set_policy(&"other".parse().unwrap(), above, &stamp()).unwrap();
    assert_eq!(sorted(found(&store, "port")), ["Port 82.", "Port 84.", "Port 86."]);
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn filters_limits_and_views_narrow_what_is_found() {
    let (_dir, mut store) = store();
    let mut weak = fragment(Kind::Decision, "Port 2.");
    weak.trust = Trust::Tool;
    load(&mut store, &kernel("team", 1, contents(&[&fact("Port 1.")])));
    let then = store.view().unwrap();
    load(&mut store, &kernel("team", 2, contents(&[&fact("Port 1."), &weak])));
    load(&mut store, &kernel("mine", 1, contents(&[&fact("Port 3.")])));
    let count = |change: &dyn Fn(&mut Query)| {
        let mut query = Query::new("port", now());
        change(&mut query);
        store.recall(&query).unwrap().hits.len()
    };
    assert_eq!(count(&|_| {}), 3);
    assert_eq!(count(&|q| q.limit = 2), 2);
    assert_eq!(count(&|q| q.limit = 0), 0);
    assert_eq!(count(&|q| q.filters.kinds = vec![Kind::Decision]), 1);
    assert_eq!(count(&|q| q.filters.channels = vec!["mine".parse().unwrap()]), 1);
    assert_eq!(count(&|q| q.filters.min_trust = Some(Trust::Human)), 2);
    assert_eq!(count(&|q| q.filters.scopes = vec!["project:x".parse().unwrap()]), 0);
    assert_eq!(count(&|q| q.at = Some(then.clone())), 1);
}

#[test]
fn the_core_is_rules_and_pins_in_a_fixed_order() {
    let (_dir, mut store) = store();
    let (rule, pinned) = (fragment(Kind::Rule, "Never squash."), fact("The port is 80."));
    load(&mut store, &kernel("team", 1, contents(&[&rule, &pinned, &fact("Other.")])));
    let core = |store: &Store| {
        let core = store.core(None, &Filters::default(), now()).unwrap();
        core.iter().map(|f: &Fragment| f.id).collect::<Vec<_>>()
    };
    assert_eq!(core(&store), [rule.id]);
    store.pin(pinned.id, &stamp()).unwrap();
    assert_eq!(core(&store), [rule.id, pinned.id]);
    store.unpin(pinned.id, &stamp()).unwrap();
    assert_eq!(core(&store), [rule.id]);
    assert!(store.unpin(pinned.id, &stamp()).is_err());
}

#[test]
fn near_duplicates_make_room_for_others() {
    let (_dir, mut store) = store();
    let texts = [
        fact("The store takes a file lock."),
        fragment(Kind::Decision, "The store takes a file lock."),
        fact("A lock may be stale."),
    ];
    load(&mut store, &kernel("team", 1, contents(&texts.iter().collect::<Vec<_>>())));
    let recall = store.recall(&query("store file lock")).unwrap();
    let statements: Vec<_> = recall.hits.iter().map(|h| h.fragment.statement.as_str()).collect();
    assert_eq!(statements.len(), 3);
    assert_eq!(statements[0], "The store takes a file lock.");
    let repeated = recall.hits.iter().filter(|h| h.signals.diversity.get() < 0.6).count();
    assert_eq!(repeated, 1);
}

/// Returns every hit with every signal: as values, which compare the terms too, and as text.
pub(crate) fn render(store: &Store, at: Moment) -> (Vec<Recall>, String) {
    let texts = ["store lock", "openStore", "the port is 8080", "\"never squash\"", "東京 café"];
    let mut recalls = Vec::new();
    let mut rendered = String::new();
    for text in texts {
        for ranking in [Ranking::Fusion, Ranking::Rrf] {
            let with = Query { ranking, now: at, ..query(text) };
            let without = Query { vector: None, ..with.clone() };
            for query in [with, without] {
                let recall = store.recall(&query).unwrap();
                writeln!(rendered, "{recall:?}").unwrap();
                recalls.push(recall);
            }
        }
    }
    write!(rendered, "{:?}", store.core(None, &Filters::default(), at).unwrap()).unwrap();
    (recalls, rendered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rolling_back_gives_the_same_bytes(history in random::history(3), other in random::history(1)) {
        let (_dir, mut store) = store();
        load(&mut store, &kernel("other", 1, other[0].clone()));
        load(&mut store, &kernel("team", 1, history[0].clone()));
        let before = render(&store, now());
        // Histories that show nothing prove nothing.
        prop_assume!(before.0.iter().any(|recall| recall.hits.len() > 1));
        for (contents, number) in history.iter().zip(1..).skip(1) {
            load(&mut store, &kernel("team", number, contents.clone()));
        }
        let loaded = store.view().unwrap();
        store.rollback(&team(), Version::FIRST, &stamp()).unwrap();
        prop_assert_eq!(&render(&store, now()), &before);
        // Later on the same day nothing drifts.
        prop_assert_eq!(&render(&store, Moment::from_unix(now().unix() + 3600)), &before);
        store.undo(&stamp()).unwrap();
        prop_assert_eq!(store.view().unwrap(), loaded);
        prop_assert!(store.verify().unwrap().is_sound());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_is_a_syntax_error(text in any::<String>(), words in "[\"'*^(){}:+\\-a-z NEARORAND]{0,40}") {
        thread_local! {
            static STORE: (tempfile::TempDir, Store) = {
                let (dir, mut store) = store();
                let text = fact("near the and or not store");
                load(&mut store, &kernel("team", 1, contents(&[&text])));
                (dir, store)
            };
        }
        STORE.with(|(_, store)| {
            for text in [&text, &words] {
                prop_assert!(store.recall(&Query::new(text.as_str(), now())).is_ok());
            }
            Ok(())
        })?;
    }
}
