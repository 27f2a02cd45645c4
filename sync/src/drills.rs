//! Drills: publishers that meet, and pulls and pushes over remotes that fail in every way they can.
//!
//! `GARNER_DRILL=1` runs them at full length and prints the figures of docs/drills.md. The servers
//! are real ones on the loopback; those that are not installed are said and left out.

mod probes;
mod proxy;
mod publishers;
mod servers;
mod traffic;

use std::sync::Mutex;

use crate::tests::Setup;
use crate::{Changed, Error, Name, Put, Remote};

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

/// Decides what goes wrong, and when, as a seed says.
struct Chance {
    state: Mutex<u64>,
    /// Once in how many requests.
    one_in: u64,
    /// How often something went wrong.
    faults: Mutex<usize>,
}

impl Chance {
    fn new(seed: u64, one_in: u64) -> Self {
        let state = Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { state, one_in, faults: Mutex::default() }
    }

    /// Returns the next number of the seed (xorshift64).
    fn next(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Returns one of the kinds, if something goes wrong this time.
    fn draw<T: Copy>(&self, kinds: &[T]) -> Option<T> {
        let draw = self.next();
        let kind = usize::try_from(draw / self.one_in % kinds.len() as u64).unwrap();
        let fault = draw.is_multiple_of(self.one_in).then(|| kinds[kind]);
        *self.faults.lock().unwrap() += usize::from(fault.is_some());
        fault
    }

    fn faults(&self) -> usize {
        *self.faults.lock().unwrap()
    }
}

/// A remote that goes wrong once in a while.
struct Faulty<'a, R> {
    inner: R,
    chance: &'a Chance,
}

fn silence(name: &Name, action: &'static str) -> Error {
    let remote = "memory".to_owned();
    Error::Transport { remote, name: name.to_string(), action, reason: "silence".into(), tries: 1 }
}

impl<R: Remote> Remote for Faulty<'_, R> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let found = self.inner.get(name, limit)?;
        match self.chance.draw(&[Fault::Refuses, Fault::Cut, Fault::Hidden]) {
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
        match self.chance.draw(&[Fault::Refuses, Fault::AnswerLost, Fault::TakenByNobody]) {
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
        match self.chance.draw(&[Fault::Refuses, Fault::AnswerLost]) {
            Some(Fault::Refuses) => Err(silence(name, "write")),
            Some(_) => self.inner.put_over(name, bytes).and(Err(silence(name, "write"))),
            None => self.inner.put_over(name, bytes),
        }
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.inner.delete(name)
    }
}

/// Puts the repository of a setup on another remote.
fn found(setup: &Setup, remote: &impl Remote) {
    for (name, bytes) in setup.remote.files() {
        remote.put_over(&name, &bytes).unwrap();
    }
}

/// Returns the length of a drill: what continuous integration has time for, or all of it.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
fn length(short: usize, full: usize) -> usize {
    if std::env::var_os("GARNER_DRILL").is_some() { full } else { short }
}

/// The time of all pulls.
const CLOCK: &str = "2026-01-03T00:00:00Z";
