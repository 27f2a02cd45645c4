//! Pulls and pushes over remotes that go wrong: what arrives is whole or refused, what was published
//! is never lost, and nothing half of it is seen.

use std::time::Instant;

use garner_kernel::{Digest, Version};

use super::servers::{Git, Moto, Nginx, Trouble};
use super::{CLOCK, Chance, Faulty, found, length};
use crate::tests::{Setup, fragment, setup};
use crate::{Cached, FolderRemote, MemoryRemote, Remote, Trust, pull, survey};

/// One channel, reached in three ways.
struct Traffic<'a> {
    setup: &'a Setup,
    /// Opens what a publisher writes, under faults.
    write: &'a dyn Fn() -> Box<dyn Remote + 'a>,
    /// Opens what a reader reads, under faults.
    read: &'a dyn Fn() -> Box<dyn Remote + 'a>,
    /// Opens what is really there.
    real: &'a dyn Fn() -> Box<dyn Remote + 'a>,
}

/// Up to how many versions a reader starts anew: a remote that goes wrong once in so many requests
/// is no place to read hundreds of heads at once.
const FEW: usize = 24;

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    pushes: usize,
    pushes_refused: usize,
    pulls: usize,
    pulls_refused: usize,
}

impl Traffic<'_> {
    /// Pushes and pulls so often, each once a round at least.
    fn flow(&self, place: &str, rounds: usize) {
        let (start, mut tally) = (Instant::now(), Tally::default());
        let (mut mirror, mut trust) = (MemoryRemote::default(), self.setup.trust.clone());
        let mut publisher = (MemoryRemote::default(), self.setup.trust.clone());
        let mut digests: Vec<Digest> = Vec::new();
        for round in 0..rounds {
            let text = format!("Round {round}.");
            loop {
                tally.pushes += 1;
                let landed = self.push(&text, &mut publisher);
                self.check_real(&mut digests);
                if landed {
                    break;
                }
                tally.pushes_refused += 1;
                assert!(tally.pushes < rounds * 50 + 200, "`{text}` could not be published");
            }
            // Now and then a reader who has nothing yet.
            if round % 8 == 7 && round < FEW {
                (mirror, trust) = (MemoryRemote::default(), self.setup.trust.clone());
            }
            tally.pulls += 1;
            match pull(&(self.read)(), &mirror, &trust, None, CLOCK.parse().unwrap()) {
                Ok(pulled) => trust = pulled.trust,
                Err(_) => tally.pulls_refused += 1,
            }
            if let Some(floor) = trust.known.floor {
                // What the mirror shows is what was published, in full, whatever the pull said.
                assert_eq!(self.open(&mirror, floor.version), digests[index(floor.version)]);
            }
        }
        let (remote, versions) = ((self.real)(), digests.len() as u64);
        let newest = self.setup.contents(&remote, versions);
        let lost = (0..rounds)
            .filter(|round| newest.fragment(&fragment(&format!("Round {round}.")).id).is_none());
        let lost = lost.count();
        let seconds = start.elapsed().as_secs();
        eprintln!("{place}: {versions} versions, {lost} lost, {tally:?}, {seconds} s");
        assert_eq!(lost, 0, "{place}");
        assert_eq!(digests.len(), rounds, "{place}: a version says nothing, or two things");
        assert!(tally.pulls_refused * 10 < tally.pulls * 9, "{place}: nothing was pulled");
        // Without faults the reader ends where the publisher is.
        pull(&remote, &mirror, &trust, None, CLOCK.parse().unwrap()).unwrap();
        let newest = Version::new(versions).unwrap();
        assert_eq!(self.open(&mirror, newest), digests[index(newest)]);
    }

    /// Publishes once and pulls into the publisher's own mirror, as the command does.
    fn push(&self, text: &str, (mirror, trust): &mut (MemoryRemote, Trust)) -> bool {
        let remote = (self.write)();
        let near = Cached::new(&remote, mirror, trust);
        let published = self.setup.publish(&near, text).is_ok();
        let pulled = pull(&remote, mirror, trust, None, CLOCK.parse().unwrap());
        if let Ok(pulled) = pulled {
            *trust = pulled.trust;
        }
        published
    }

    /// Opens the newest version that is really there, and notes what it holds.
    fn check_real(&self, digests: &mut Vec<Digest>) {
        let remote = (self.real)();
        let versions = survey(&remote, &self.setup.trust).unwrap().releases().len();
        for version in digests.len()..versions {
            let version = Version::new(version as u64 + 1).unwrap();
            digests.push(self.open(&remote, version));
        }
        assert_eq!(digests.len(), versions, "a version is gone");
    }

    fn open(&self, remote: &impl Remote, version: Version) -> Digest {
        self.setup.contents(remote, version.get()).tree_digest()
    }
}

fn index(version: Version) -> usize {
    usize::try_from(version.get()).unwrap() - 1
}

/// Lets traffic flow over a remote that is wrong by itself.
fn over<R: Remote>(place: &str, rounds: usize, open: &dyn Fn(&str) -> R) {
    let (setup, chance) = (setup(), Chance::new(7, 25));
    found(&setup, &open("publisher"));
    let unsteady = |machine| Faulty { inner: open(machine), chance: &chance };
    Traffic {
        setup: &setup,
        write: &|| Box::new(unsteady("publisher")),
        read: &|| Box::new(unsteady("reader")),
        real: &|| Box::new(open("checker")),
    }
    .flow(place, rounds);
    eprintln!("{place}: {} faults", chance.faults());
}

#[test]
fn a_folder_that_goes_wrong_loses_and_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    over("folder", length(30, 250), &|_| FolderRemote::open(folder.path()).unwrap());
}

#[test]
fn a_git_repository_that_goes_wrong_loses_and_breaks_nothing() {
    let git = Git::new();
    over("git", length(4, 250), &|machine| git.open(machine));
}

#[test]
fn a_web_server_behind_a_bad_line_and_a_stale_cache_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let Some(nginx) = Nginx::start(&folder.path().join("nginx"), &root) else { return };
    let (setup, chance) = (setup(), Chance::new(11, 25));
    let open = || FolderRemote::open(&root).unwrap();
    found(&setup, &open());
    let door = nginx.behind(Chance::new(3, 8), Trouble::Reading);
    Traffic {
        setup: &setup,
        write: &|| Box::new(Faulty { inner: open(), chance: &chance }),
        read: &|| Box::new(door.web()),
        real: &|| Box::new(open()),
    }
    .flow("nginx", length(30, 250));
    eprintln!("nginx: {} faults of the publisher; {}", chance.faults(), door.told());
}

#[test]
fn a_bucket_behind_a_bad_line_loses_and_breaks_nothing() {
    let Some(moto) = Moto::start() else { return };
    let setup = setup();
    found(&setup, &moto.open());
    let (out, back) = (Chance::new(5, 12), Chance::new(6, 12));
    let writing = moto.behind(out, Trouble::Writing);
    let reading = moto.behind(back, Trouble::Reading);
    Traffic {
        setup: &setup,
        write: &|| Box::new(writing.bucket()),
        read: &|| Box::new(reading.bucket()),
        real: &|| Box::new(moto.open()),
    }
    .flow("bucket", length(6, 250));
    eprintln!("bucket, pushes: {}", writing.told());
    eprintln!("bucket, pulls: {}", reading.told());
}
