use garner_kernel::{ChannelName, Fragment, Moment, Trust, Version};
use proptest::prelude::*;

use crate::recall::tests::{query, render};
use crate::store::vector_row::EmbedderInfo;
use crate::test_support::{
    HashEmbedder, contents, fact, kernel, load, now, random, stamp, store, vector,
};
use crate::{Error, LoadOptions, OpenOptions, Policy, Remembered, Residency, Store};

fn local() -> ChannelName {
    ChannelName::local()
}

/// Remembers a fragment with a vector of its words.
fn remember(store: &mut Store, fragment: &Fragment) -> Result<Option<Remembered>, Error> {
    let vector = vector(fragment.statement.as_str()).unwrap();
    store.remember(fragment, Some((&EmbedderInfo::of(&HashEmbedder), &vector)), &stamp())
}

fn recalled(store: &Store, text: &str) -> Vec<String> {
    let recall = store.recall(&query(text)).unwrap();
    recall.hits.iter().map(|hit| hit.fragment.statement.as_str().to_owned()).collect()
}

fn assert_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn what_is_remembered_is_recalled_and_can_be_taken_back() {
    let (_dir, mut store) = store();
    let first = remember(&mut store, &fact("The port is 80.")).unwrap().unwrap();
    let second = remember(&mut store, &fact("The port of tests is 81.")).unwrap().unwrap();
    assert_eq!((first.version, second.version), (Version::FIRST, Version::FIRST.next()));
    assert_eq!(recalled(&store, "port").len(), 2);
    assert_eq!(store.counts().unwrap().vectors[0].1, 2);
    assert_sound(&store);

    store.undo(&stamp()).unwrap();
    assert_eq!(recalled(&store, "port"), ["The port is 80."]);
    assert_sound(&store);
    // What comes next starts from what is read, not from what was taken back.
    let third = remember(&mut store, &fact("The port of drills is 82.")).unwrap().unwrap();
    assert_eq!(third.version.get(), 3);
    let mut found = recalled(&store, "port");
    found.sort();
    assert_eq!(found, ["The port is 80.", "The port of drills is 82."]);
    assert_sound(&store);

    store.rollback(&local(), second.version, &stamp()).unwrap();
    let mut found = recalled(&store, "port");
    found.sort();
    assert_eq!(found, ["The port is 80.", "The port of tests is 81."]);
    assert_sound(&store);
}

#[test]
fn what_recall_sees_already_is_not_written_again() {
    let (_dir, mut store) = store();
    load(&mut store, &kernel("team", 1, contents(&[&fact("Port 80.")])));
    let before = store.operations(9).unwrap();
    assert_eq!(remember(&mut store, &fact("Port 80.")).unwrap(), None);
    assert_eq!(store.operations(9).unwrap(), before);

    store.remove(fact("Port 80.").id, &stamp()).unwrap();
    assert!(recalled(&store, "port").is_empty());
    assert!(remember(&mut store, &fact("Port 80.")).unwrap().is_some());
    assert_eq!(recalled(&store, "port"), ["Port 80."]);
    assert_sound(&store);
}

#[test]
fn a_statement_that_expired_is_remembered_anew() {
    let (_dir, mut store) = store();
    let old = Fragment { valid_to: Some(Moment::from_unix(now().unix() - 1)), ..fact("Port 80.") };
    load(&mut store, &kernel("team", 1, contents(&[&old])));
    assert!(recalled(&store, "port").is_empty());
    assert!(remember(&mut store, &fact("Port 80.")).unwrap().is_some());
    assert_eq!(recalled(&store, "port"), ["Port 80."]);
    assert_eq!(store.get(old.id).unwrap().unwrap().revision, 2);
    assert_sound(&store);
}

#[test]
fn what_is_remembered_replaces_what_it_names() {
    let (_dir, mut store) = store();
    let old = fact("Port 80.");
    load(&mut store, &kernel("team", 1, contents(&[&old])));
    let new = Fragment { supersedes: vec![old.id], ..fact("Port 443.") };
    remember(&mut store, &new).unwrap().unwrap();
    assert_eq!(recalled(&store, "port"), ["Port 443."]);
    assert_sound(&store);

    // What was replaced does not come back by being said again.
    let before = (store.operations(9).unwrap(), store.counts().unwrap());
    let error = remember(&mut store, &old).unwrap_err();
    assert!(matches!(error, Error::Replaced { fragment } if fragment == old.id), "{error:?}");
    assert_eq!((store.operations(9).unwrap(), store.counts().unwrap()), before);
}

#[test]
fn what_no_record_can_hold_is_refused_and_leaves_nothing() {
    let (_dir, mut store) = store();
    for text in ["\u{200B}".to_owned(), "x".repeat(garner_kernel::record::MAX_TEXT + 1)] {
        let error = remember(&mut store, &fact(&text)).unwrap_err();
        assert!(matches!(error, Error::NoRecord { .. }), "{error:?}");
    }
    assert_eq!(store.counts().unwrap().rows, 0);
    assert_sound(&store);
}

#[test]
fn no_bundle_brings_the_channel_of_this_machine() {
    let (_dir, store) = store();
    let kernel = kernel("local", 1, contents(&[&fact("Port 80.")]));
    let error = store.plan_kernel(&kernel, &LoadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::ReservedChannel { .. }), "{error:?}");
}

#[test]
fn a_changed_statement_or_a_broken_chain_is_found() {
    let broken = |sql: &str| {
        let (_dir, mut store) = store();
        remember(&mut store, &fact("The port is 80.")).unwrap();
        remember(&mut store, &fact("The port is 81.")).unwrap();
        assert_sound(&store);
        store.connection().execute_batch(sql).unwrap();
        let report = store.verify().unwrap();
        let check = report.checks.iter().find(|check| check.name == "versions").unwrap();
        check.problems.join("; ")
    };
    let changed = broken("UPDATE fragment SET confidence = 12 WHERE row = 2");
    assert!(changed.contains("is not what was remembered"), "{changed}");
    let chain = broken("UPDATE kernel SET created = 1, tree = zeroblob(32) WHERE version = 2");
    assert!(chain.contains("local@2: the chain is broken"), "{chain}");
    let member = broken("UPDATE member SET to_version = 2 WHERE fragment = 1");
    assert!(member.contains("local@2: it is not its parent and one fragment"), "{member}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What an operation says of a few fragments is what resolving the whole view says, and memory
    /// follows.
    #[test]
    fn what_is_shown_of_a_few_is_what_is_shown_of_all(
        history in random::history(2),
        said in proptest::collection::vec((random::a_fragment(), 0u8..4, any::<prop::sample::Index>()), 1..14),
        precedence in -1i32..2,
    ) {
        let (_dir, mut store) = store();
        for (contents, number) in history.iter().zip(1..) {
            load(&mut store, &kernel("team", number, contents.clone()));
        }
        let policy = Policy { precedence, min_trust: Some(Trust::Assistant) };
        store.set_policy(&local(), policy, &stamp()).unwrap();
        let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
        let memory = Store::open(store.path().parent().unwrap(), &options).unwrap();
        memory.warm().unwrap();
        let mut ids: Vec<_> = history[0].fragments().map(|fragment| fragment.id).collect();
        for (mut fragment, act, which) in said {
            let other = (!ids.is_empty()).then(|| *which.get(&ids));
            match (act, other) {
                (0, Some(other)) => drop(store.remove(other, &stamp())),
                (1, _) => drop(store.undo(&stamp())),
                (2, Some(other)) if other != fragment.id => fragment.supersedes = vec![other],
                _ => {}
            }
            let before = store.operations(1).unwrap();
            match remember(&mut store, &fragment) {
                Ok(Some(_)) => ids.push(fragment.id),
                Ok(None) => {}
                Err(Error::Replaced { .. }) => {
                    prop_assert_eq!(store.operations(1).unwrap(), before);
                }
                Err(error) => panic!("{error}"),
            }
            assert_sound(&store);
            prop_assert_eq!(render(&memory, now()), render(&store, now()));
        }
    }
}
