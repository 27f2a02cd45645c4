//! A remote whose traffic is counted, shown while it goes on, and held to a rate.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Changed, Put, Remote};

/// The most bytes that may move in a second; displays as it is written, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// Returns how long so many bytes take.
    fn time_of(self, bytes: u64) -> Duration {
        // A file has far fewer bytes than a nanosecond count can hold; more would wait for ever.
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.0.get());
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl FromStr for Rate {
    type Err = Error;

    /// Parses bytes per second: digits, and `K`, `M` or `G` for 1024 to its powers.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Rate { text: text.to_owned() };
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (text.get(..at), 1 << 10),
            Some((at, 'm' | 'M')) => (text.get(..at), 1 << 20),
            Some((at, 'g' | 'G')) => (text.get(..at), 1 << 30),
            _ => (Some(text), 1),
        };
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
        number.checked_mul(unit).and_then(NonZeroU64::new).map(Self).ok_or_else(malformed)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was moved so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// How often a remote was asked for something, or given something.
    pub requests: u64,
    /// How many bytes of files came or went.
    pub bytes: u64,
    /// How many bytes there will be once what was announced has moved, if that is known.
    pub expected: Option<u64>,
}

/// What is told of every change of a [`Meter`].
pub type Watcher = Box<dyn Fn(Moved) + Send + Sync>;

/// Counts what remotes move, and says when the next byte may.
#[derive(Default)]
pub struct Meter {
    moved: Mutex<Moved>,
    rate: Mutex<Option<Rate>>,
    /// Until when the bytes that moved use up the rate.
    due: Mutex<Option<Instant>>,
    watcher: Mutex<Option<Watcher>>,
}

impl Meter {
    /// Lets no more than this much move from now on.
    pub fn limit(&self, rate: Option<Rate>) {
        *lock(&self.rate) = rate;
    }

    /// Tells `watcher` of every change from now on, and nobody else.
    pub fn watch(&self, watcher: Option<Watcher>) {
        *lock(&self.watcher) = watcher;
    }

    /// Returns what was moved so far.
    pub fn moved(&self) -> Moved {
        *lock(&self.moved)
    }

    /// Counts bytes as they come or go.
    pub(crate) fn add(&self, bytes: u64) {
        self.change(|moved| moved.bytes += bytes);
        let Some(rate) = *lock(&self.rate) else { return };
        let (mut due, now) = (lock(&self.due), Instant::now());
        let from = due.filter(|due| *due > now).unwrap_or(now);
        *due = from.checked_add(rate.time_of(bytes)).or(*due);
    }

    /// Returns how long to wait before more may move.
    pub(crate) fn pause(&self) -> Duration {
        let due = *lock(&self.due);
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Counts bytes that came, and waits until more may.
    pub(crate) async fn take(&self, bytes: u64) {
        self.add(bytes);
        let pause = self.pause();
        // A timer takes its time even for nothing.
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Moved)) {
        let mut moved = lock(&self.moved);
        change(&mut moved);
        let now = *moved;
        drop(moved);
        if let Some(watcher) = lock(&self.watcher).as_ref() {
            watcher(now);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.moved().fmt(f)
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change leaves the value whole, so a panic elsewhere cannot have broken it.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts what another remote moves, and waits before each request for as long as the rate asks.
///
/// A remote that is given the same meter may count while a file is on its way, and wait between its
/// parts; what it did not count is counted when the file is here.
pub struct Metered<R: Remote> {
    far: R,
    meter: Arc<Meter>,
}

impl<R: Remote> Metered<R> {
    /// Counts on `meter` what `far` moves.
    pub const fn new(far: R, meter: Arc<Meter>) -> Self {
        Self { far, meter }
    }

    /// Runs a request, and counts those of its bytes that were not counted on the way.
    fn run<T>(
        &self,
        request: impl FnOnce(&R) -> Result<T, Error>,
        size: impl FnOnce(&T) -> usize,
    ) -> Result<T, Error> {
        std::thread::sleep(self.meter.pause());
        self.meter.change(|moved| moved.requests += 1);
        let before = self.meter.moved().bytes;
        let answer = request(&self.far)?;
        let counted = self.meter.moved().bytes.saturating_sub(before);
        self.meter.add((size(&answer) as u64).saturating_sub(counted));
        Ok(answer)
    }
}

impl<R: Remote> Remote for Metered<R> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.run(|far| far.get(name, limit), |found| found.as_ref().map_or(0, Vec::len))
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        self.run(
            |far| far.get_changed(name, limit, tag),
            |found| match found {
                Changed::New(bytes, _) => bytes.len(),
                Changed::Gone | Changed::Same => 0,
            },
        )
    }

    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        self.run(|far| far.size(name), |_| 0)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        self.run(|far| far.put_new(name, bytes), |_| bytes.len())
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.run(|far| far.put_over(name, bytes), |()| bytes.len())
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.run(|far| far.delete(name), |()| 0)
    }

    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        self.run(|far| far.delete_all(names), |()| 0)
    }

    fn announce(&self, files: &[(Name, u64)]) {
        let more: u64 = files.iter().map(|(_, size)| size).sum();
        self.meter.change(|moved| moved.expected = Some(moved.bytes.saturating_add(more)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryRemote;

    #[test]
    fn rates_are_bytes_a_second_with_a_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("800", 800),
            ("200K", 200 << 10),
            ("200k", 200 << 10),
            ("1M", 1 << 20),
            ("2g", 2_u64 << 30),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), format!("{bytes}"), "{text}");
        }
        for text in ["", "0", "0K", "K", "-1", "+1", "1.5M", "1 M", "1MB", "99999999999G", "é"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_request_and_every_byte_is_counted() {
        let meter = Arc::new(Meter::default());
        let remote = Metered::new(MemoryRemote::default(), Arc::clone(&meter));
        let (name, other) = (Name::root(1), Name::root(2));
        assert_eq!(remote.put_new(&name, b"12345").unwrap(), Put::Created);
        assert_eq!(remote.get(&name, 9).unwrap().unwrap(), b"12345");
        assert_eq!(remote.get(&other, 9).unwrap(), None);
        assert_eq!(meter.moved(), Moved { requests: 3, bytes: 10, expected: None });
        remote.put_over(&name, b"12").unwrap();
        assert!(matches!(remote.get_changed(&name, 9, None).unwrap(), Changed::New(..)));
        remote.announce(&[(name.clone(), 2), (other, 3)]);
        assert_eq!(meter.moved(), Moved { requests: 5, bytes: 14, expected: Some(19) });
        remote.delete(&name).unwrap();
        assert!(remote.get(&name, 9).unwrap().is_none());
        assert_eq!((meter.moved().requests, meter.moved().bytes), (7, 14));
    }

    /// A remote that counts a file itself, as one does that reads it in parts.
    struct InParts(Arc<Meter>);

    impl Remote for InParts {
        fn get(&self, _: &Name, _: u64) -> Result<Option<Vec<u8>>, Error> {
            // The second part came twice: the first time, it broke off.
            for part in [2, 1, 2] {
                self.0.add(part);
            }
            Ok(Some(b"1234".to_vec()))
        }

        fn put_new(&self, _: &Name, _: &[u8]) -> Result<Put, Error> {
            Ok(Put::Exists)
        }

        fn put_over(&self, _: &Name, _: &[u8]) -> Result<(), Error> {
            Ok(())
        }

        fn delete(&self, _: &Name) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn what_was_counted_on_the_way_is_not_counted_again() {
        let meter = Arc::new(Meter::default());
        let remote = Metered::new(InParts(Arc::clone(&meter)), Arc::clone(&meter));
        remote.get(&Name::root(1), 9).unwrap();
        assert_eq!(meter.moved(), Moved { requests: 1, bytes: 5, expected: None });
    }

    #[test]
    fn a_rate_asks_for_a_pause_that_grows_with_the_bytes() {
        let meter = Meter::default();
        meter.add(1 << 40);
        assert_eq!(meter.pause(), Duration::ZERO);
        meter.limit(Some("1K".parse().unwrap()));
        meter.add(1 << 20);
        let within = |from: u64, to: u64| {
            let pause = meter.pause();
            assert!(pause > Duration::from_secs(from) && pause <= Duration::from_secs(to));
        };
        within(1000, 1024);
        meter.add(1 << 20);
        within(2000, 2048);
    }

    #[test]
    fn a_watcher_sees_what_moves() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let meter = Arc::new(Meter::default());
        let (remote, sink) =
            (Metered::new(MemoryRemote::default(), Arc::clone(&meter)), Arc::clone(&seen));
        meter.watch(Some(Box::new(move |moved| sink.lock().unwrap().push(moved.bytes))));
        remote.put_new(&Name::root(1), b"123").unwrap();
        meter.watch(None);
        remote.put_new(&Name::root(2), b"123").unwrap();
        assert_eq!(*seen.lock().unwrap(), [0, 3]);
    }
}
