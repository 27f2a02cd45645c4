//! What a reader asks of a remote, request by request, recorded from pulls of a channel.

use std::sync::Mutex;

use garner_kernel::Digest;
use garner_kernel::bundle;
use garner_sync::{Changed, MemoryRemote, Name, Publication, Put, Remote, Repository, Trust};

use super::Result;
use super::corpus::Corpus;
use super::measure::{changed, publication, reader, root};
use super::publisher::{CHANNEL, Publisher};

/// How many fragments the channel has.
pub(crate) const FRAGMENTS: u64 = 10_000;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A file that never changes, with its size.
    Permanent(u64),
    /// The note that changes, with its size.
    Latest(u64),
    /// The note is still the one that the reader has.
    Same,
    /// There is no such file, yet.
    Absent,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) answer: Answer,
}

/// The requests of a reader who has nothing, who is one version behind, and who has everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    pub(crate) first: Vec<Request>,
    pub(crate) behind: Vec<Request>,
    pub(crate) nothing: Vec<Request>,
}

#[derive(Default)]
struct Recorder {
    inner: MemoryRemote,
    requests: Mutex<Vec<Request>>,
}

impl Recorder {
    fn note(&self, name: &Name, answer: Answer) {
        if let Ok(mut requests) = self.requests.lock() {
            requests.push(Request { name: name.to_string(), answer });
        }
    }

    fn take(&self) -> Vec<Request> {
        self.requests.lock().map(|mut requests| std::mem::take(&mut *requests)).unwrap_or_default()
    }
}

impl Remote for Recorder {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, garner_sync::Error> {
        let found = self.inner.get(name, limit)?;
        self.note(
            name,
            match &found {
                Some(bytes) if name.is_permanent() => Answer::Permanent(bytes.len() as u64),
                Some(bytes) => Answer::Latest(bytes.len() as u64),
                None => Answer::Absent,
            },
        );
        Ok(found)
    }

    fn get_changed(
        &self,
        name: &Name,
        limit: u64,
        tag: Option<&str>,
    ) -> Result<Changed, garner_sync::Error> {
        let Some(bytes) = self.inner.get(name, limit)? else {
            self.note(name, Answer::Absent);
            return Ok(Changed::Gone);
        };
        let here = Digest::of(&bytes).to_string();
        if tag == Some(&*here) {
            self.note(name, Answer::Same);
            return Ok(Changed::Same);
        }
        self.note(name, Answer::Latest(bytes.len() as u64));
        Ok(Changed::New(bytes, Some(here)))
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, garner_sync::Error> {
        self.inner.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), garner_sync::Error> {
        self.inner.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), garner_sync::Error> {
        self.inner.delete(name)
    }
}

/// Publishes versions of which each changes one fragment in a hundred, and records pulls.
pub(crate) fn record() -> Result<Traffic> {
    let (remote, publisher) = (Recorder::default(), Publisher::new()?);
    let id = garner_sync::create_repository(&remote, &root(&publisher.key), &[&publisher.key])?;
    let mut trust = Trust::pin(Repository { id, channel: CHANNEL.parse()? });
    let mut corpus = Corpus::new(1, FRAGMENTS);
    let mut contents = corpus.contents(FRAGMENTS)?;
    let mirror = MemoryRemote::default();
    let mut traffic = Traffic::default();
    for number in 1..=3 {
        let readers = [reader(&publisher)];
        let devices: [&dyn bundle::Identity; 1] = [&publisher.device];
        let next = publication(&publisher, &trust, number);
        let next = Publication { readers: &readers, devices: &devices, ..next };
        garner_sync::publish(&remote, &next, &|_| Ok(contents.clone()))?;
        remote.take();
        let clock = Publisher::created(number).plus_days(1);
        trust = garner_sync::pull(&remote, &mirror, &trust, None, clock)?.trust;
        traffic.behind = remote.take();
        if number == 1 {
            traffic.first.clone_from(&traffic.behind);
        }
        contents = changed(&mut corpus, &contents)?;
    }
    garner_sync::pull(&remote, &mirror, &trust, None, Publisher::created(4))?;
    traffic.nothing = remote.take();
    Ok(traffic)
}
