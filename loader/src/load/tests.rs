//! Loading: orders, refusals, and what a failure leaves behind.

use garner_kernel::{ChannelName, Digest, EmbedError, Embedder, EmbedderId, Vector, Version};
use proptest::prelude::*;

use crate::test_support::{
    HashEmbedder, contents, fact, head, kernel, load, now, random, stamp, store, vector,
};
use crate::{
    Effect, Error, Filters, LoadOptions, OpenOptions, OrderRule, Policy, Query, QueryVector,
    Reading, Store, Vectors,
};

const TEAM: &str = "team";

fn team() -> ChannelName {
    TEAM.parse().unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// Everything that a load may change, to be compared.
fn state(store: &Store) -> String {
    let counts = store.counts().unwrap();
    format!("{:?} {counts:?} {:?}", store.view().unwrap(), store.operations(9).unwrap())
}

#[test]
fn a_load_is_planned_applied_and_repeated_without_effect() {
    let (_dir, mut store) = store();
    let (a, b) = (fact("The port is 80."), fact("The store is SQLite."));
    let first = kernel(TEAM, 1, contents(&[&a, &b]));
    let plan = store.plan_kernel(&first, &LoadOptions::default()).unwrap();
    assert_eq!((plan.from(), plan.to(), plan.summary().added), (None, version(1), 2));
    assert_eq!((plan.effect(), plan.texts().len()), (Effect::Reads, 0));
    let report = store.apply(plan, None, &stamp()).unwrap();
    assert_eq!(report.operation, Some(1));

    let mut newer = fact("The port is 81.");
    newer.supersedes = vec![a.id];
    let second = kernel(TEAM, 2, contents(&[&a, &newer]));
    let plan = store.plan_kernel(&second, &LoadOptions::default()).unwrap();
    let summary = *plan.summary();
    assert_eq!((summary.added, summary.superseded, summary.removed), (1, 1, 1));
    store.apply(plan, None, &stamp()).unwrap();

    let before = state(&store);
    for again in [&second, &first] {
        let plan = store.plan_kernel(again, &LoadOptions::default()).unwrap();
        assert_eq!(plan.effect(), Effect::Nothing);
        assert_eq!(store.apply(plan, None, &stamp()).unwrap().operation, None);
    }
    assert_eq!(state(&store), before);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn older_versions_and_forks_are_refused() {
    let (_dir, mut store) = store();
    let text = fact("A.");
    let at = |number| kernel(TEAM, number, contents(&[&text]));
    load(&mut store, &at(3));
    let older = store.plan_kernel(&at(1), &LoadOptions::default()).unwrap_err();
    assert!(matches!(older, Error::OlderVersion { loaded, .. } if loaded == version(3)));
    let mut fork = at(3);
    fork.head = head("other", 3);
    let mut orphan = at(4);
    orphan.lineage.parent = Some(head("other", 3));
    let mut stranger = at(2);
    stranger.head = head("other", 2);
    for forked in [fork, orphan, stranger] {
        let options = LoadOptions { order: OrderRule::AnyOrder, ..LoadOptions::default() };
        let error = store.plan_kernel(&forked, &options).unwrap_err();
        assert!(matches!(error, Error::Fork { .. }), "{error:?}");
    }
    assert_eq!(load(&mut store, &at(1)).effect, Effect::History);
    assert_eq!(store.view().unwrap().reading(&team()).version, Some(version(3)));
}

#[test]
fn a_held_channel_is_not_moved_until_it_is_released() {
    let (_dir, mut store) = store();
    for number in 1..=2 {
        load(&mut store, &kernel(TEAM, number, contents(&[&fact(&format!("Text {number}."))])));
    }
    store.rollback(&team(), version(1), &stamp()).unwrap();
    let report = load(&mut store, &kernel(TEAM, 3, contents(&[&fact("Text 3.")])));
    assert_eq!(report.effect, Effect::Held { at: Some(version(1)) });
    let held = Reading { version: Some(version(1)), held: true, policy: Policy::default() };
    assert_eq!(store.view().unwrap().reading(&team()), held);
    store.release(&team(), &stamp()).unwrap();
    let free = Reading { held: false, version: Some(version(3)), ..held };
    assert_eq!(store.view().unwrap().reading(&team()), free);
}

#[test]
fn a_plan_that_is_no_longer_true_is_refused() {
    let (_dir, mut store) = store();
    let first = kernel(TEAM, 1, contents(&[&fact("A.")]));
    let plan = store.plan_kernel(&first, &LoadOptions::default()).unwrap();
    load(&mut store, &first);
    let error = store.apply(plan, None, &stamp()).unwrap_err();
    assert!(matches!(error, Error::StalePlan { .. }), "{error:?}");
}

struct Broken;

impl Embedder for Broken {
    fn id(&self) -> EmbedderId {
        HashEmbedder.id()
    }
    fn name(&self) -> &'static str {
        "broken"
    }
    fn dimensions(&self) -> usize {
        7
    }
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        HashEmbedder.embed(texts)
    }
}

#[test]
fn a_failing_embedder_leaves_the_store_unchanged() {
    let (_dir, mut store) = store();
    load(&mut store, &kernel(TEAM, 1, contents(&[&fact("A.")])));
    let before = state(&store);
    let second = kernel(TEAM, 2, contents(&[&fact("A."), &fact("B.")]));
    let options = LoadOptions { embedder: Some(HashEmbedder.id()), ..LoadOptions::default() };
    let plan = store.plan_kernel(&second, &options).unwrap();
    assert_eq!(plan.texts().len(), 1, "the vector of the first text is reused");
    let error = Vectors::embed(plan.texts(), &Broken, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::VectorMismatch { .. }));
    assert_eq!(state(&store), before);
}

#[test]
fn a_full_disk_is_a_typed_error_and_leaves_the_store_unchanged() {
    let (_dir, mut store) = store();
    load(&mut store, &kernel(TEAM, 1, contents(&[&fact("A.")])));
    let before = state(&store);
    let many: Vec<_> =
        (0..400).map(|i| fact(&format!("Statement {i} {}", "x y ".repeat(99)))).collect();
    let second = kernel(TEAM, 2, contents(&many.iter().collect::<Vec<_>>()));
    let pages: u32 =
        store.connection().pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    store.connection().pragma_update(None, "max_page_count", pages + 8).unwrap();
    let plan = store.plan_kernel(&second, &LoadOptions::default()).unwrap();
    let error = store.apply(plan, None, &stamp()).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("store.db"));
    assert_eq!(state(&store), before);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn vectors_that_are_missing_are_filled_in_later() {
    let (_dir, mut store) = store();
    let texts: Vec<_> = (0..40).map(|i| fact(&format!("Text number {i}."))).collect();
    let first = kernel(TEAM, 1, contents(&texts.iter().collect::<Vec<_>>()));
    let plan = store.plan_kernel(&first, &LoadOptions::default()).unwrap();
    store.apply(plan, None, &stamp()).unwrap();
    let mut steps = Vec::new();
    let mut progress = |done, all| steps.push((done, all));
    assert_eq!(store.embed_missing(&HashEmbedder, &mut progress).unwrap(), 40);
    assert_eq!(steps, [(32, 40), (40, 40)]);
    assert_eq!(store.embed_missing(&HashEmbedder, &mut |_, _| {}).unwrap(), 0);
    // A new revision with the same statement takes the vector of the old one.
    let mut sourced = texts[0].clone();
    sourced.revision = 2;
    let second = kernel(TEAM, 2, contents(&[&sourced]));
    let plan = store.plan_kernel(&second, &LoadOptions::default()).unwrap();
    store.apply(plan, None, &stamp()).unwrap();
    assert!(!store.verify().unwrap().is_sound());
    assert_eq!(store.embed_missing(&HashEmbedder, &mut |_, _| {}).unwrap(), 0);
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(store.reindex().unwrap(), 41);
    assert!(store.verify().unwrap().is_sound());
}

/// An embedder with another id.
struct Other;

impl Embedder for Other {
    fn id(&self) -> EmbedderId {
        EmbedderId::new(Digest::of(b"other"))
    }

    fn name(&self) -> &'static str {
        "other"
    }

    fn dimensions(&self) -> usize {
        HashEmbedder.dimensions()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        HashEmbedder.embed(texts)
    }
}

#[test]
fn another_embedder_takes_over_without_a_gap() {
    let (_dir, mut store) = store();
    let texts: Vec<_> = (0..40).map(|i| fact(&format!("Text number {i}."))).collect();
    load(&mut store, &kernel(TEAM, 1, contents(&texts.iter().collect::<Vec<_>>())));
    let hits = |store: &Store, embedder| {
        let vector = vector("text number 7.").map(|vector| QueryVector { embedder, vector });
        let recall = store.recall(&Query { vector, ..Query::new("number 7", now()) }).unwrap();
        (recall.hits.len(), recall.signals.vectors)
    };
    assert_eq!(hits(&store, HashEmbedder.id()), (10, 40));
    assert_eq!(hits(&store, Other.id()), (10, 0), "words answer alone");
    let error = store.drop_other_vectors(Other.id()).unwrap_err();
    assert!(matches!(error, Error::VectorsMissing { missing: 40 }), "{error:?}");
    store.embed_missing(&Other, &mut |_, _| {}).unwrap();
    assert_eq!(hits(&store, HashEmbedder.id()), (10, 40), "both are there");
    assert_eq!(hits(&store, Other.id()), (10, 40));
    assert_eq!(store.drop_other_vectors(Other.id()).unwrap(), 40);
    assert_eq!(hits(&store, HashEmbedder.id()), (10, 0));
    assert_eq!(hits(&store, Other.id()), (10, 40));
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(store.counts().unwrap().vectors.len(), 1);
}

#[test]
fn readers_see_one_state_while_another_writes() {
    let (dir, mut writer) = store();
    load(&mut writer, &kernel(TEAM, 1, contents(&[&fact("Text 1.")])));
    let reader = || {
        let store = Store::open(dir.path(), &OpenOptions::read()).unwrap();
        move || store.recall(&Query::new("text", now())).unwrap().hits.len()
    };
    let (one, two) = (reader(), reader());
    writer
        .write(|db| {
            db.execute("DELETE FROM standing", [])?;
            assert_eq!((one(), two()), (1, 1), "readers do not wait for a writer");
            Ok(())
        })
        .unwrap();
    assert_eq!((one(), two()), (0, 0));
}

#[test]
fn a_reader_cannot_write() {
    let (dir, _writer) = store();
    let mut reader = Store::open(dir.path(), &OpenOptions::read()).unwrap();
    assert!(reader.verify().unwrap().is_sound());
    let error = reader.reindex().unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_way_to_the_newest_version_gives_the_same_store(history in random::history(4)) {
        let kernels: Vec<_> = history
            .iter()
            .zip(1..)
            .map(|(contents, number)| kernel(TEAM, number, contents.clone()))
            .collect();
        let newest = kernels.last().unwrap();
        let (_in_turn, mut in_turn) = store();
        for kernel in &kernels {
            load(&mut in_turn, kernel);
        }
        let (_direct, mut direct) = store();
        load(&mut direct, newest);
        let (_backwards, mut backwards) = store();
        for kernel in kernels.iter().rev() {
            load(&mut backwards, kernel);
        }

        for kernel in &kernels {
            let number = kernel.lineage.version;
            for store in [&in_turn, &backwards] {
                let back = store.contents_at(&team(), number).unwrap();
                prop_assert_eq!(&back, &kernel.contents);
                prop_assert_eq!(back.tree_digest(), kernel.contents.tree_digest());
            }
        }
        let seen = |store: &Store| {
            format!("{:?}", store.fragments(None, &Filters::default(), now()).unwrap())
        };
        prop_assert_eq!(seen(&in_turn), seen(&direct));
        prop_assert_eq!(seen(&in_turn), seen(&backwards));
        for store in [&in_turn, &direct, &backwards] {
            let report = store.verify().unwrap();
            prop_assert!(report.is_sound(), "{:?}", report);
        }
    }
}
