//! Publishers that meet on one channel: nothing is lost, nothing is there twice.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::thread;
use std::time::Instant;

use super::servers::{Git, Moto, Trouble};
use super::{CLOCK, Chance, Faulty, found, length};
use crate::tests::{Setup, fragment, setup};
use crate::{Cached, FolderRemote, MemoryRemote, Published, Remote, pull, survey};

const PUBLISHERS: usize = 4;

/// How publishers reach one remote.
struct Meeting<'a, R> {
    setup: &'a Setup,
    /// Opens the remote as a publisher's next command does.
    open: &'a (dyn Fn(usize) -> R + Sync),
    /// How many versions each of them publishes.
    each: usize,
    /// Once in how many requests something goes wrong between us and the remote.
    one_in: u64,
}

impl<R: Remote + Debug> Meeting<'_, R> {
    /// Publishes as one machine does: each text again and again until it is there, with a pull into
    /// the mirror after each try. Returns how often something went wrong.
    fn publish_all(&self, publisher: usize) -> usize {
        let (mirror, mut trust) = (MemoryRemote::default(), self.setup.trust.clone());
        let chance = Chance::new(publisher as u64 + 1, self.one_in);
        for number in 0..self.each {
            let text = text(publisher, number);
            let mut tries = 0;
            loop {
                let remote = Faulty { inner: (self.open)(publisher), chance: &chance };
                let near = Cached::new(&remote, &mirror, &trust);
                let outcome = self.setup.publish(&near, &text);
                if let Ok(pulled) = pull(&remote, &mirror, &trust, None, CLOCK.parse().unwrap()) {
                    trust = pulled.trust;
                }
                if let Ok(Published::New(_) | Published::Unchanged(_)) = outcome {
                    break;
                }
                tries += 1;
                assert!(tries < 200, "`{text}` could not be published: {outcome:?}");
            }
        }
        chance.faults()
    }

    /// Lets the publishers meet and checks that every fragment is there once, and that each version
    /// added exactly one.
    fn hold(&self, place: &str) {
        let start = Instant::now();
        let faults: usize = thread::scope(|scope| {
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| scope.spawn(move || self.publish_all(publisher)))
                .collect();
            publishers.into_iter().map(|publisher| publisher.join().unwrap()).sum()
        });
        let remote = (self.open)(PUBLISHERS);
        let versions = survey(&remote, &self.setup.trust).unwrap().releases().len();
        let newest = self.setup.contents(&remote, versions as u64);
        let there: BTreeSet<_> = newest.fragments().map(|fragment| fragment.id).collect();
        let said = (0..PUBLISHERS)
            .flat_map(|publisher| (0..self.each).map(move |number| text(publisher, number)));
        let lost: Vec<String> = said.filter(|text| !there.contains(&fragment(text).id)).collect();
        let expected = PUBLISHERS * self.each;
        eprintln!(
            "{place}: {PUBLISHERS} publishers x {}: {versions} versions, {} fragments, {} lost, \
             {faults} faults, {} s",
            self.each,
            there.len(),
            lost.len(),
            start.elapsed().as_secs()
        );
        assert!(lost.is_empty(), "{place}: {lost:?}");
        assert_eq!(there.len(), expected);
        assert_eq!(versions, expected, "a version says nothing, or two things");
    }
}

fn text(publisher: usize, number: usize) -> String {
    format!("{publisher} says {number}.")
}

#[test]
fn publishers_that_meet_in_memory_lose_nothing() {
    let setup = setup();
    let shared = std::sync::Arc::new(MemoryRemote::default());
    found(&setup, &*shared);
    let open = |_| Shared(std::sync::Arc::clone(&shared));
    Meeting { setup: &setup, open: &open, each: length(12, 250), one_in: 40 }.hold("memory");
}

#[test]
fn publishers_that_meet_in_a_folder_lose_nothing() {
    let (setup, folder) = (setup(), tempfile::tempdir().unwrap());
    let open = |_| FolderRemote::open(folder.path()).unwrap();
    found(&setup, &open(0));
    Meeting { setup: &setup, open: &open, each: length(12, 250), one_in: 40 }.hold("folder");
}

#[test]
fn publishers_that_meet_in_a_git_repository_lose_nothing() {
    let (setup, git) = (setup(), Git::new());
    let open = |publisher: usize| git.open(&format!("machine {publisher}"));
    found(&setup, &open(0));
    Meeting { setup: &setup, open: &open, each: length(3, 250), one_in: 40 }.hold("git");
}

#[test]
fn publishers_that_meet_in_a_bucket_lose_nothing() {
    let Some(moto) = Moto::start() else { return };
    let setup = setup();
    found(&setup, &moto.open());
    // Half of what goes wrong does so on the network: answers that are lost after the upload,
    // conflicts and names that are taken though nothing landed.
    let proxy = moto.behind(Chance::new(9, 40), Trouble::Writing);
    let open = |_| proxy.bucket();
    Meeting { setup: &setup, open: &open, each: length(3, 250), one_in: 80 }.hold("bucket");
    eprintln!("bucket: {}", proxy.told());
}

/// A remote in memory that everybody shares.
#[derive(Debug)]
struct Shared(std::sync::Arc<MemoryRemote>);

impl Remote for Shared {
    fn get(&self, name: &crate::Name, limit: u64) -> Result<Option<Vec<u8>>, crate::Error> {
        self.0.get(name, limit)
    }

    fn put_new(&self, name: &crate::Name, bytes: &[u8]) -> Result<crate::Put, crate::Error> {
        self.0.put_new(name, bytes)
    }

    fn put_over(&self, name: &crate::Name, bytes: &[u8]) -> Result<(), crate::Error> {
        self.0.put_over(name, bytes)
    }

    fn delete(&self, name: &crate::Name) -> Result<(), crate::Error> {
        self.0.delete(name)
    }
}
