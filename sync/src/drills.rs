//! Drills: publishers that meet, and pulls over a remote that fails in every way it can.
//!
//! `GARNER_DRILL=1` runs them at full length: four publishers with 250 versions each, and a
//! thousand pulls.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use garner_kernel::Version;

use crate::tests::{Setup, fragment, setup};
use crate::{
    Cached, Changed, Error, MemoryRemote, Name, Published, Put, Remote, Trust, pull, survey,
};

/// What a remote does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing happens, and the answer says so.
    Refuses,
    /// What was asked for happens, and the answer is lost.
    AnswerLost,
    /// Nothing happens, and the answer says that the name is taken.
    TakenByNobody,
    /// A file is cut.
    Cut,
    /// A file that is there is said to be missing.
    Hidden,
}

/// A remote that goes wrong once in a while, as a seed says.
struct Faulty<'a> {
    inner: &'a MemoryRemote,
    state: Mutex<u64>,
    /// Once in how many requests.
    one_in: u64,
}

impl<'a> Faulty<'a> {
    fn new(inner: &'a MemoryRemote, seed: u64, one_in: u64) -> Self {
        Self { inner, state: Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1), one_in }
    }

    /// Returns the next number of the seed (xorshift64).
    fn next(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn fault(&self, kinds: &[Fault]) -> Option<Fault> {
        let draw = self.next();
        let kind = usize::try_from(draw / self.one_in % kinds.len() as u64).unwrap();
        draw.is_multiple_of(self.one_in).then(|| kinds[kind])
    }
}

fn silence(name: &Name, action: &'static str) -> Error {
    let remote = "memory".to_owned();
    Error::Transport { remote, name: name.to_string(), action, reason: "silence".into(), tries: 1 }
}

impl Remote for Faulty<'_> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let found = self.inner.get(name, limit)?;
        match self.fault(&[Fault::Refuses, Fault::Cut, Fault::Hidden]) {
            Some(Fault::Refuses) => Err(silence(name, "read")),
            Some(Fault::Cut) => Ok(found.map(|bytes| bytes[..bytes.len() / 2].to_vec())),
            Some(Fault::Hidden) => Ok(None),
            _ => Ok(found),
        }
    }

    fn get_changed(&self, name: &Name, limit: u64, _: Option<&str>) -> Result<Changed, Error> {
        let found = self.get(name, limit)?;
        Ok(found.map_or(Changed::Gone, |bytes| Changed::New(bytes, None)))
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        match self.fault(&[Fault::Refuses, Fault::AnswerLost, Fault::TakenByNobody]) {
            Some(Fault::Refuses) => Err(silence(name, "create")),
            Some(Fault::TakenByNobody) => Ok(Put::Exists),
            Some(Fault::AnswerLost) => {
                self.inner.put_new(name, bytes)?;
                Err(silence(name, "create"))
            }
            _ => self.inner.put_new(name, bytes),
        }
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        match self.fault(&[Fault::Refuses, Fault::AnswerLost]) {
            Some(Fault::Refuses) => Err(silence(name, "write")),
            Some(_) => self.inner.put_over(name, bytes).and(Err(silence(name, "write"))),
            None => self.inner.put_over(name, bytes),
        }
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.inner.delete(name)
    }
}

/// Returns the length of a drill: what continuous integration has time for, or all of it.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
fn length(short: usize, full: usize) -> usize {
    if std::env::var_os("GARNER_DRILL").is_some() { full } else { short }
}

/// The time of all pulls.
const CLOCK: &str = "2026-01-03T00:00:00Z";

/// Publishes texts as one machine does: each again and again until it is there, with a pull into
/// the mirror after each try.
fn publish_all(setup: &Setup, remote: &Faulty<'_>, texts: impl Iterator<Item = String>) {
    let (mirror, mut trust) = (MemoryRemote::default(), setup.trust.clone());
    for text in texts {
        let mut tries = 0;
        loop {
            let near = Cached::new(remote, &mirror, &trust);
            let published = setup.publish(&near, &text);
            if let Ok(pulled) = pull(remote, &mirror, &trust, None, CLOCK.parse().unwrap()) {
                trust = pulled.trust;
            }
            if let Ok(Published::New(_) | Published::Unchanged(_)) = published {
                break;
            }
            tries += 1;
            assert!(tries < 200, "`{text}` could not be published: {published:?}");
        }
    }
}

#[test]
fn publishers_that_meet_lose_nothing() {
    const PUBLISHERS: usize = 4;
    let each = length(12, 250);
    let setup = setup();
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let setup = &setup;
            scope.spawn(move || {
                let remote = Faulty::new(&setup.remote, publisher as u64 + 1, 40);
                let texts = (0..each).map(|number| format!("{publisher} says {number}."));
                publish_all(setup, &remote, texts);
            });
        }
    });
    // Every fragment is there once, and each version added exactly one.
    let survey = survey(&setup.remote, &setup.trust).unwrap();
    let versions = survey.releases().len();
    assert_eq!(versions, PUBLISHERS * each, "a version says nothing, or two things");
    let newest = setup.contents(&setup.remote, versions as u64);
    let there: BTreeSet<_> = newest.fragments().map(|fragment| fragment.id).collect();
    for publisher in 0..PUBLISHERS {
        for number in 0..each {
            let id = fragment(&format!("{publisher} says {number}.")).id;
            assert!(there.contains(&id), "what {publisher} said as number {number} is lost");
        }
    }
    assert_eq!(there.len(), PUBLISHERS * each);
}

#[test]
fn pulls_under_faults_are_whole_or_refused() {
    let pulls = length(200, 1000);
    let setup = setup();
    let (mirror, mut trust) = (MemoryRemote::default(), setup.trust.clone());
    let remote = Faulty::new(&setup.remote, 7, 12);
    let (mut whole, mut refused, mut published) = (0, 0, 0);
    let clock = CLOCK.parse().unwrap();
    for round in 0..pulls {
        if round % 10 == 0 {
            setup.publish(&setup.remote, &format!("Round {round}.")).unwrap();
            published += 1;
        }
        match pull(&remote, &mirror, &trust, None, clock) {
            Ok(pulled) => {
                whole += 1;
                trust = pulled.trust;
                check(&setup, &mirror, &trust, published);
            }
            Err(_) => {
                refused += 1;
                if let Some(floor) = trust.known.floor {
                    // What was here is here still.
                    let newest = survey(&mirror, &trust).unwrap().releases().len() as u64;
                    assert!(newest >= floor.version.get());
                    open(&setup, &mirror, floor.version);
                }
            }
        }
    }
    assert!(whole > pulls / 10 && refused > pulls / 10, "{whole} whole, {refused} refused");
    // Without faults the reader ends where the publisher is.
    pull(&setup.remote, &mirror, &trust, None, clock).unwrap();
    let last = Version::new(published).unwrap();
    assert_eq!(open(&setup, &mirror, last), open(&setup, &setup.remote, last));
}

/// Opens a version and returns the digest of its tree.
fn open(setup: &Setup, remote: &MemoryRemote, version: Version) -> garner_kernel::Digest {
    setup.contents(remote, version.get()).tree_digest()
}

/// Checks that the mirror shows what the publisher published, up to where it is.
fn check(setup: &Setup, mirror: &MemoryRemote, trust: &Trust, published: u64) {
    let floor = trust.known.floor.unwrap();
    // A remote may hide the newest for a while; it may not show anything else.
    assert!(floor.version.get() <= published);
    assert_eq!(open(setup, mirror, floor.version), open(setup, &setup.remote, floor.version));
}
