//! What is kept in memory answers as the store does, and both answer as a plain loop over everything.

use std::collections::BTreeSet;

use garner_kernel::bundle::{Revocation, RevocationClass, Revoked};
use garner_kernel::{Embedder, FragmentId, Moment, Vector};
use proptest::prelude::*;

use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::Near;
use crate::recall::resident::InMemory;
use crate::recall::stored::Stored;
use crate::recall::tests::{query, render};
use crate::recall::{Condition, Filters, QueryVector, Search};
use crate::store::{code_row, vector_row};
use crate::test_support::{HashEmbedder, kernel, load, now, random, stamp, store, vector};
use crate::{OpenOptions, Query, Residency, Store};

fn resident(store: &Store, residency: Residency) -> Store {
    let options = OpenOptions { residency, ..OpenOptions::read() };
    let resident = Store::open(store.path().parent().unwrap(), &options).unwrap();
    resident.warm().unwrap();
    assert!(resident.kept_bytes() > 0);
    resident
}

/// Returns every signal of queries with filters.
fn filtered(store: &Store) -> String {
    let with = |change: &dyn Fn(&mut Query)| {
        let mut query = query("store port is the 8080");
        change(&mut query);
        format!("{:?}\n", store.recall(&query).unwrap())
    };
    let condition = |text: &str| {
        let condition: Condition = text.parse().unwrap();
        with(&|query| query.filters.condition = Some(condition.clone()))
    };
    [
        with(&|query| query.filters.min_trust = Some(garner_kernel::Trust::Human)),
        with(&|query| query.filters.scopes = vec!["project:api".parse().unwrap()]),
        with(&|query| query.filters.tags = vec!["even".parse().unwrap()]),
        with(&|query| query.filters.channels = vec!["team".parse().unwrap()]),
        with(&|query| query.search = Search::Approximate),
        with(&|query| query.search = Search::Exact),
        condition("since>1 or tag=even"),
        condition("not kind=fact and created<2025-12-01"),
        condition("expires>2026-01-01 and confidence>20 and channel=team"),
    ]
    .concat()
}

/// Makes codes, which a store has only from many vectors on.
fn with_codes(store: &mut Store) {
    let make = |db: &rusqlite::Transaction<'_>| {
        let row = vector_row::embedder_row(db, HashEmbedder.id())?.unwrap();
        code_row::build(db, row, HashEmbedder.dimensions())
    };
    store.write(make).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn memory_answers_as_the_store_does(
        history in random::history(4),
        codes in any::<bool>(),
        removed in any::<prop::sample::Index>(),
        budget in prop_oneof![Just(usize::MAX), Just(0), 1_000usize..9_000],
    ) {
        let (_dir, mut store) = store();
        let memory = resident(&store, Residency::UpTo(budget));
        let agree = |store: &Store| {
            for at in [now(), Moment::from_unix(now().unix() + 86_400)] {
                assert_eq!(render(&memory, at), render(store, at));
            }
            assert_eq!(filtered(&memory), filtered(store));
            assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
        };
        for (contents, number) in history.iter().zip(1..) {
            load(&mut store, &kernel("team", number, contents.clone()));
            if codes && number == 1 {
                with_codes(&mut store);
            }
            agree(&store);
        }
        let ids: Vec<FragmentId> = history[0].fragments().map(|fragment| fragment.id).collect();
        prop_assume!(!ids.is_empty());
        store.rollback(&"team".parse().unwrap(), garner_kernel::Version::FIRST, &stamp()).unwrap();
        agree(&store);
        let id = *removed.get(&ids);
        store.remove(id, &stamp()).unwrap();
        agree(&store);
        let (class, reason) = (RevocationClass::Purge, "leaked".parse().unwrap());
        let revocation = Revocation { class, reason, since: now() };
        store.erase(&"team".parse().unwrap(), &Revoked::from([(id, revocation)]), &stamp()).unwrap();
        agree(&store);
        memory.warm().unwrap();
        agree(&store);
    }

    #[test]
    fn the_nearest_are_those_of_a_plain_loop(
        history in random::history(2),
        words in "(store|port|8080|lock|never){1} (sqlite|the|is|file)",
        want in 0usize..9,
        kinds in proptest::sample::subsequence(garner_kernel::Kind::ALL.to_vec(), 0..4),
    ) {
        let (_dir, mut store) = store();
        for (contents, number) in history.iter().zip(1..) {
            load(&mut store, &kernel("team", number, contents.clone()));
        }
        let memory = resident(&store, Residency::Everything);
        let vector = QueryVector { embedder: HashEmbedder.id(), vector: vector(&words).unwrap() };
        let filters = Filters { kinds, ..Filters::default() };
        let shown = store.fragments(None, &filters, now()).unwrap();
        let shown: BTreeSet<FragmentId> = shown.iter().map(|fragment| fragment.id).collect();
        let found = |in_memory: bool| {
            let asked = if in_memory { &memory } else { &store };
            asked.read(|db| {
                let ground = Ground::read(db, None, &filters, now())?;
                let kept = asked.memory(db, Some(&vector))?;
                let index: &dyn Index = match kept.as_deref() {
                    Some(resident) => &InMemory { db, resident },
                    None => &Stored { db },
                };
                let allowed = index.allowed(&filters, &ground)?;
                let near = Near { vector: &vector, allowed: &allowed, want, search: Search::Exact };
                let rows = index.nearest(&near)?.rows;
                let scored = rows.iter().map(|near| Ok((index.merits(near.row)?.id, near.score)));
                scored.collect::<Result<Vec<_>, crate::error::Trouble>>()
            })
        };
        let mut plain: Vec<(f64, FragmentId)> = history
            .last()
            .unwrap()
            .fragments()
            .filter(|fragment| shown.contains(&fragment.id))
            .map(|fragment| (cosine(fragment.statement.as_str(), &vector.vector), fragment.id))
            .collect();
        plain.sort_by(|a, b| b.0.total_cmp(&a.0));
        for list in [found(false).unwrap(), found(true).unwrap()] {
            prop_assert_eq!(list.len(), want.min(plain.len()));
            for ((id, score), (expected, _)) in list.iter().zip(&plain) {
                // Half precision and sums in another order; equal ones may change places.
                prop_assert!((f64::from(*score) - expected).abs() < 2e-3);
                let own = plain.iter().find(|(_, plain)| plain == id).unwrap().0;
                prop_assert!((f64::from(*score) - own).abs() < 2e-3);
            }
        }
        prop_assert_eq!(found(false).unwrap(), found(true).unwrap());
    }
}

fn cosine(text: &str, query: &Vector) -> f64 {
    let own = vector(text).unwrap();
    own.as_slice().iter().zip(query.as_slice()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn the_first_queries_do_not_wait_for_memory() {
    let (dir, mut store) = store();
    let text = crate::test_support::fact("Port 80.");
    load(&mut store, &kernel("team", 1, crate::test_support::contents(&[&text])));
    let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    let memory = Store::open(dir.path(), &options).unwrap();
    let ask = || memory.recall(&query("port")).unwrap();
    assert_eq!(memory.kept_bytes(), 0);
    let first = ask();
    while memory.kept_bytes() == 0 {
        assert_eq!(ask(), first);
        std::thread::yield_now();
    }
    assert_eq!(ask(), first);
    assert_eq!(first.hits.len(), 1);
    let send: &dyn Fn(Store) = &|store| drop(std::thread::spawn(move || store).join());
    send(memory);
}

#[test]
fn programs_list_the_newest_and_the_nearest() {
    let (_dir, mut store) = store();
    let text = |day: i64| {
        let mut text = crate::test_support::fact(&format!("Port {day}."));
        text.created = Moment::from_unix(now().unix() - day * 86_400);
        text
    };
    let texts: Vec<_> = (0..40).map(text).collect();
    let contents = crate::test_support::contents(&texts.iter().collect::<Vec<_>>());
    load(&mut store, &kernel("team", 1, contents));
    store.remove(texts[1].id, &stamp()).unwrap();
    let vector = QueryVector { embedder: HashEmbedder.id(), vector: vector("port 7.").unwrap() };
    let check = |asked: &Store, first_look: bool| {
        let newest: Vec<FragmentId> =
            asked.newest(3, now()).unwrap().iter().map(|fragment| fragment.id).collect();
        assert_eq!(newest, [texts[0].id, texts[2].id, texts[3].id]);
        for search in [Search::Exact, Search::Approximate, Search::Auto] {
            let near = asked.nearest(&vector, 5, search, now()).unwrap();
            assert_eq!((near.len(), near[0].0), (5, texts[7].id));
            assert!(near.is_sorted_by(|a, b| a.1 >= b.1));
        }
        assert_eq!(
            asked.get(texts[1].id).unwrap().as_deref(),
            Some(&texts[1]),
            "removed is not gone"
        );
        assert_eq!(asked.find(&texts[1].id.to_string()).unwrap(), texts[1].id);
        let tried = asked.approximation(8, now()).unwrap();
        assert_eq!(
            tried.map(|tried| (tried.queries, tried.found.get())),
            first_look.then_some((8, 1.0))
        );
    };
    check(&store, false);
    check(&resident(&store, Residency::Everything), false);
    with_codes(&mut store);
    check(&store, true);
    check(&resident(&store, Residency::Everything), true);
}
