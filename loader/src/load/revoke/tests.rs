//! Revocation in the store: as if the versions were loaded anew, and no byte left.

use std::fs;

use garner_kernel::bundle::{Revocation, RevocationClass, Revoked};
use garner_kernel::{ChannelName, Contents, Fragment, FragmentId, Kernel, Moment, Text, Version};
use proptest::prelude::*;

use crate::test_support::{NOW, contents, fact, kernel, load, now, random, stamp, store, vector};
use crate::{Query, Store};

fn team() -> ChannelName {
    "team".parse().unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn revoked(ids: impl IntoIterator<Item = FragmentId>) -> Revoked {
    let revocation = Revocation {
        class: RevocationClass::Purge,
        reason: "leaked".parse().unwrap(),
        since: Moment::from_unix(NOW),
    };
    ids.into_iter().map(|id| (id, revocation.clone())).collect()
}

fn secret() -> Fragment {
    let mut secret = fact("The xylophonequark opens zugzwangdoor.");
    secret.context = Some(Text::new("Which quizzicalkey?"));
    secret.sources[0].record = "wombatrecord".parse().unwrap();
    secret.tags = vec!["gnutag".parse().unwrap()];
    secret
}

/// Returns which of some words stand in the files of the store.
fn left(store: &Store, words: &[&[u8]]) -> Vec<String> {
    let folder = store.path().parent().unwrap();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|path| fs::read(path).unwrap()).collect();
    let there = |word: &&&[u8]| bytes.windows(word.len()).any(|window| window == **word);
    words.iter().filter(there).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[test]
fn a_revoked_fragment_is_gone_from_a_held_channel_and_no_byte_of_it_is_left() {
    let (_dir, mut store) = store();
    let (kept, secret) = (fact("The port is 80."), secret());
    let mut later = secret.clone();
    later.revision = 2;
    load(&mut store, &kernel("team", 1, contents(&[&kept, &secret])));
    load(&mut store, &kernel("team", 2, contents(&[&kept, &later])));
    load(&mut store, &kernel("team", 3, contents(&[&kept])));
    store.pin(secret.id, &stamp()).unwrap();
    store.rollback(&team(), version(1), &stamp()).unwrap();
    let half = |v: &f32| half::f16::from_f32(*v).to_le_bytes();
    let embedded: Vec<u8> =
        vector(secret.statement.as_str()).unwrap().as_slice().iter().flat_map(half).collect();
    let words: [&[u8]; 8] = [
        b"xylophonequark",
        b"zugzwangdoor",
        b"zugzwang",
        b"quizzicalkey",
        b"quizzicalk",
        b"wombatrecord",
        b"gnutag",
        &embedded,
    ];
    assert_eq!(left(&store, &words).len(), words.len(), "the scan sees what is there");

    let erased = store.erase(&team(), &revoked([secret.id]), &stamp()).unwrap().unwrap();
    assert_eq!((erased.fragments.as_slice(), erased.journal_cleared), (&[secret.id][..], true));
    assert_eq!(left(&store, &words), Vec::<String>::new());
    let hits = store.recall(&Query::new("xylophonequark zugzwangdoor", now())).unwrap().hits;
    assert!(hits.is_empty());
    assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
    assert_eq!(store.view().unwrap().reading(&team()).version, Some(version(1)));

    // Neither back nor forth in the log of operations brings it back.
    for number in 1..=erased.operation {
        store.restore(number, &stamp()).unwrap();
        assert!(store.verify().unwrap().is_sound());
    }
    store.undo(&stamp()).unwrap();
    assert!(store.pin(secret.id, &stamp()).is_err());
    assert_eq!(left(&store, &words), Vec::<String>::new());
    assert_eq!(store.erase(&team(), &revoked([secret.id]), &stamp()).unwrap(), None);
}

#[test]
fn no_byte_is_left_of_a_fragment_that_came_in_one_load() {
    let (_dir, mut store) = store();
    let secret = secret();
    let others: Vec<Fragment> = (0..300).map(|n| fact(&format!("The port {n} is open."))).collect();
    let all: Vec<&Fragment> = others.iter().chain([&secret]).collect();
    load(&mut store, &kernel("team", 1, contents(&all)));
    let words: [&[u8]; 3] = [b"xylophonequark", b"zugzwangdoor", b"quizzicalk"];
    assert_eq!(left(&store, &words).len(), 3);
    store.erase(&team(), &revoked([secret.id]), &stamp()).unwrap().unwrap();
    assert_eq!(left(&store, &words), Vec::<String>::new());
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn undo_walks_past_a_revocation() {
    let (_dir, mut store) = store();
    let (kept, secret) = (fact("The port is 80."), secret());
    load(&mut store, &kernel("team", 1, contents(&[&kept, &secret])));
    load(&mut store, &kernel("team", 2, contents(&[&kept])));
    store.erase(&team(), &revoked([secret.id]), &stamp()).unwrap().unwrap();
    store.undo(&stamp()).unwrap();
    assert_eq!(store.view().unwrap().reading(&team()).version, Some(version(1)));
    let held = store.contents_at(&team(), version(1)).unwrap();
    assert!(held.fragment(&secret.id).is_none() && held.tombstone(&secret.id).is_some());
}

#[test]
fn another_channel_keeps_what_it_holds_itself() {
    let (_dir, mut store) = store();
    let shared = fact("The port is 80.");
    for channel in ["team", "other"] {
        load(&mut store, &kernel(channel, 1, contents(&[&shared])));
    }
    store.erase(&team(), &revoked([shared.id]), &stamp()).unwrap().unwrap();
    let hits = store.recall(&Query::new("port", now())).unwrap().hits;
    assert_eq!(hits.iter().map(|hit| hit.fragment.id).collect::<Vec<_>>(), [shared.id]);
    let other = store.contents_at(&"other".parse().unwrap(), version(1)).unwrap();
    assert_eq!(other, contents(&[&shared]));
    assert!(store.verify().unwrap().is_sound());
}

/// Returns the intervals of a channel, by what they are of.
fn intervals(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT 'put', hex(f.id), f.revision, '', m.from_version, m.to_version \
         FROM member m JOIN fragment f ON f.row = m.fragment",
        "SELECT 'del', hex(t.id), t.revision, t.reason, b.from_version, b.to_version \
         FROM burial b JOIN tombstone t ON t.row = b.tombstone",
    ] {
        let mut statement = store.connection().prepare(sql).unwrap();
        let line = |row: &rusqlite::Row<'_>| {
            let text = |i| row.get_ref(i).map(|value| format!("{value:?}"));
            (0..6).map(text).collect::<Result<Vec<_>, _>>().map(|parts| parts.join(" "))
        };
        all.extend(statement.query_map([], line).unwrap().map(Result::unwrap));
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_is_as_if_it_had_never_loaded_what_is_revoked(
        history in random::history(5),
        picks in proptest::collection::vec(any::<bool>(), 14),
        when in 0usize..5,
    ) {
        let kernels: Vec<Kernel> =
            history.into_iter().zip(1..).map(|(held, n)| kernel("team", n, held)).collect();
        let ids = kernels.iter().flat_map(|k| k.contents.fragments().map(|f| f.id));
        let ids: std::collections::BTreeSet<FragmentId> = ids.collect();
        let revoked = revoked(ids.iter().zip(&picks).filter(|(_, pick)| **pick).map(|(id, _)| *id));
        let without: Vec<Kernel> = kernels
            .iter()
            .map(|kernel| {
                let mut kernel = kernel.clone();
                kernel.contents.withhold(&revoked).unwrap();
                kernel
            })
            .collect();
        // Some versions are loaded before the revocation is known, the rest after it.
        let (_dir, mut store) = store();
        let before = when.min(kernels.len());
        for kernel in &kernels[..before] {
            load(&mut store, kernel);
        }
        store.erase(&team(), &revoked, &stamp()).unwrap();
        for kernel in &without[before..] {
            load(&mut store, kernel);
        }
        let (_dir, mut anew) = self::store();
        for kernel in &without {
            load(&mut anew, kernel);
        }
        let held = |store: &Store| -> Vec<Contents> {
            let versions = without.iter().map(|kernel| kernel.lineage.version);
            versions.map(|version| store.contents_at(&team(), version).unwrap()).collect()
        };
        prop_assert_eq!(held(&store), held(&anew));
        prop_assert_eq!(intervals(&store), intervals(&anew));
        let rows = |store: &Store| {
            let counts = store.counts().unwrap();
            (counts.fragments, counts.rows, counts.tombstones, counts.vectors)
        };
        prop_assert_eq!(rows(&store), rows(&anew));
        prop_assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
    }
}
