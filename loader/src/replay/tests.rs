//! Doing a log again: the same store, or a word about what is not.

use std::collections::BTreeMap;

use garner_kernel::bundle::{Revocation, RevocationClass, Revoked};
use garner_kernel::{ChannelName, Contents, Fragment, Kernel, Version};

use super::Replayed;
use crate::test_support::{contents, fact, kernel, load, now, stamp, store};
use crate::{Error, Store};

type Shelf = BTreeMap<u64, Kernel>;

fn team() -> ChannelName {
    "team".parse().unwrap()
}

fn again(log: &Store, shelf: &Shelf) -> Result<(tempfile::TempDir, Store, Replayed), Error> {
    let (dir, mut new) = store();
    let mut open =
        |_: &ChannelName, version: Version| Ok::<_, Error>(shelf[&version.get()].clone());
    let replayed = new.replay_with(log, &mut open, &mut |_, _| {})?;
    Ok((dir, new, replayed))
}

fn filled(store: &mut Store, versions: &[&[&Fragment]]) -> Shelf {
    let kernels = (1..).zip(versions).map(|(n, held)| (n, kernel("team", n, contents(held))));
    let shelf: Shelf = kernels.collect();
    for kernel in shelf.values() {
        load(store, kernel);
    }
    shelf
}

fn revoked(fragment: &Fragment) -> Revoked {
    let revocation = Revocation {
        class: RevocationClass::Purge,
        reason: "leaked".parse().unwrap(),
        since: now(),
    };
    Revoked::from([(fragment.id, revocation)])
}

#[test]
fn a_log_with_every_action_gives_the_same_store() {
    let (_dir, mut store) = store();
    let (port, host, own) =
        (fact("The port is 80."), fact("The host is ada."), fact("It is mine."));
    let shelf = filled(&mut store, &[&[&port], &[&port, &host]]);
    let version = |n| Version::new(n).unwrap();
    store.remember(&own, None, &stamp()).unwrap().unwrap();
    store.rollback(&team(), version(1), &stamp()).unwrap();
    store.undo(&stamp()).unwrap();
    store.restore(4, &stamp()).unwrap();
    store.release(&team(), &stamp()).unwrap();
    let policy = crate::Policy { precedence: 3, min_trust: None };
    store.set_policy(&team(), policy, &stamp()).unwrap();
    store.pin(port.id, &stamp()).unwrap();
    store.unpin(port.id, &stamp()).unwrap();
    store.remove(host.id, &stamp()).unwrap();
    store.recover(garner_kernel::Digest::of(b"backup"), &stamp()).unwrap();
    let (_dir, new, replayed) = again(&store, &shelf).unwrap();
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!(replayed.operations, 12);
    assert_eq!(new.operations(99).unwrap(), store.operations(99).unwrap());
    assert!(new.verify().unwrap().is_sound());
}

#[test]
fn what_is_revoked_stays_erased_and_the_end_is_the_same() {
    let (_dir, mut store) = store();
    let (kept, secret) = (fact("The port is 80."), fact("The xylophone is loud."));
    let mut shelf = filled(&mut store, &[&[&kept, &secret], &[&kept, &secret], &[&kept]]);
    store.rollback(&team(), Version::FIRST, &stamp()).unwrap();
    let revoked = revoked(&secret);
    store.erase(&team(), &revoked, &stamp()).unwrap().unwrap();
    store.pin(kept.id, &stamp()).unwrap();
    // Whoever opens the kernels now knows of the revocation, and finds a tombstone in them or not.
    for is_erased in [true, false] {
        for kernel in shelf.values_mut() {
            kernel.revoked = revoked.clone();
            if is_erased {
                kernel.contents = store.contents_at(&team(), kernel.lineage.version).unwrap();
            }
        }
        let (_dir, new, replayed) = again(&store, &shelf).unwrap();
        assert_eq!(replayed.differences, Vec::<String>::new());
        assert_eq!(replayed.digest, store.operations(1).unwrap()[0].digest_after);
        assert!(new.verify().unwrap().is_sound());
        assert!(new.get(secret.id).unwrap().is_none());
        shelf = (1..=3).map(|n| (n, kernel("team", n, unerased(n, &kept, &secret)))).collect();
    }
}

fn unerased(version: u64, kept: &Fragment, secret: &Fragment) -> Contents {
    if version < 3 { contents(&[kept, secret]) } else { contents(&[kept]) }
}

#[test]
fn another_kernel_in_the_same_place_is_named() {
    let (_dir, mut store) = store();
    let mut shelf = filled(&mut store, &[&[&fact("The port is 80.")]]);
    shelf.get_mut(&1).unwrap().contents = contents(&[&fact("The port is 81.")]);
    let (_dir, _, replayed) = again(&store, &shelf).unwrap();
    assert_eq!(
        replayed.differences,
        ["operation 1 has another digest than then", "team@1 is not what it was"]
    );
    shelf.get_mut(&1).unwrap().head = garner_kernel::Digest::of(b"another head");
    assert!(matches!(again(&store, &shelf), Err(Error::Fork { .. })));
}

#[test]
fn a_remembered_text_that_is_gone_or_changed_is_named() {
    let (_dir, mut store) = store();
    store.remember(&fact("It is mine."), None, &stamp()).unwrap().unwrap();
    store.connection().execute("UPDATE fragment SET statement = 'It is yours.'", []).unwrap();
    let lost = again(&store, &Shelf::new()).map(|(_, _, replayed)| replayed);
    assert!(matches!(lost, Err(Error::RecordLost { operation: 1, .. })), "{lost:?}");
}
