//! Figures that are held to a bound: hostile headers, and a pull that finds nothing new.

use std::cell::Cell;
use std::error::Error;

use garner_kernel::bundle::{
    Holders, KeyGrant, Keyring, NoPlugins, PublisherKey, Reader, Reason, Right, Root, SecretScan,
    limits,
};
use garner_kernel::{Contents, Digest};
use garner_sync::{Changed, MemoryRemote, Name, Publication, Put, Remote, Repository, Trust};

use super::clock::{Seconds, timed};
use super::publisher::{CHANNEL, Publisher};

/// Returns how long opening keyrings of 64 KiB with hostile headers takes: the worst of them.
pub(crate) fn header_bombs(publisher: &Publisher) -> Result<Seconds, Box<dyn Error>> {
    let start = b"age-encryption.org/v1\n".as_slice();
    let body = |line: &[u8]| [start, &line.repeat(limits::KEYRING / line.len())].concat();
    // Below the limits, every stanza is tried; above them, nothing is.
    let stanza = format!("-> X25519 {0}\n{0}\n", "A".repeat(43));
    let most = limits::RECIPIENTS.min(limits::AGE_HEADER / stanza.len() - 1);
    let mac = format!("--- {}\n", "A".repeat(43));
    let tried = [start, stanza.repeat(most).as_bytes(), mac.as_bytes(), &[0; 64]].concat();
    let bombs =
        [body(b"-> X25519 a\nb\n"), body(b"-> a\n"), body(b"-> X25519 "), body(b"A"), tried];
    let mut worst = Seconds::default();
    for bomb in bombs {
        let (opened, seconds) = timed(|| Keyring::open(&bomb, &[&publisher.device]));
        if opened.is_ok() {
            return Err("a hostile header opened".into());
        }
        if seconds.processor > worst.processor {
            worst = seconds;
        }
    }
    Ok(worst)
}

/// Counts what is asked of a remote.
#[derive(Default)]
struct Counted {
    inner: MemoryRemote,
    /// Whether it can tell that a file is the same, as web servers and buckets can.
    tags: bool,
    requests: Cell<u64>,
    bytes: Cell<u64>,
}

impl Remote for Counted {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, garner_sync::Error> {
        let got = self.inner.get(name, limit)?;
        self.requests.set(self.requests.get() + 1);
        self.bytes.set(self.bytes.get() + got.as_ref().map_or(0, |bytes| bytes.len() as u64));
        Ok(got)
    }

    fn get_changed(
        &self,
        name: &Name,
        limit: u64,
        tag: Option<&str>,
    ) -> Result<Changed, garner_sync::Error> {
        let Some(bytes) = self.inner.get(name, limit)? else { return Ok(Changed::Gone) };
        self.requests.set(self.requests.get() + 1);
        let here = self.tags.then(|| Digest::of(&bytes).to_string());
        if here.is_some() && tag == here.as_deref() {
            return Ok(Changed::Same);
        }
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        Ok(Changed::New(bytes, here))
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

/// Publishes contents `versions` times, pulls twice, and returns the requests and bytes of the
/// second pull; `tags` says whether the remote has tags.
pub(crate) fn pull_of_nothing_new(
    contents: &[Contents],
    publisher: &Publisher,
    tags: bool,
) -> Result<(u64, u64), Box<dyn Error>> {
    let remote = Counted { tags, ..Counted::default() };
    let key = &publisher.key;
    let root = first_root(key);
    let id = garner_sync::create_repository(&remote, &root, &[key])?;
    let mut trust = Trust::pin(Repository { id, channel: CHANNEL.parse()? });
    let recipient = publisher.device.recipient();
    for (number, contents) in (1..).zip(contents) {
        let publication = Publication {
            trust: &trust,
            readers: &[Reader { name: "laptop".to_owned(), recipient: recipient.clone() }],
            granted: &[],
            removed: &[],
            publisher: key,
            devices: &[&publisher.device],
            plugins: &NoPlugins,
            now: Publisher::created(number),
            reason: Reason::Publish,
            tool: "garner bench".to_owned(),
            scan: SecretScan { tool: "none".into(), version: "1".into(), findings: 0 },
        };
        garner_sync::publish(&remote, &publication, &|_| Ok(contents.clone()))?;
    }
    let (mirror, clock) = (MemoryRemote::default(), Publisher::created(contents.len() as u64 + 1));
    trust = garner_sync::pull(&remote, &mirror, &trust, None, clock)?.trust;
    remote.requests.set(0);
    remote.bytes.set(0);
    let pulled = garner_sync::pull(&remote, &mirror, &trust, None, clock)?;
    if pulled.new != 0 {
        return Err("there was something new".into());
    }
    Ok((remote.requests.get(), remote.bytes.get()))
}

fn first_root(key: &PublisherKey) -> Root {
    let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    let expires = Publisher::created(900);
    let roles = [Right::Root, Right::Publish, Right::Freshness, Right::Revoke];
    Root {
        repository: None,
        version: 1,
        expires,
        keys: vec![KeyGrant::until(key.public(), expires)],
        roles: roles.map(|right| (right, holders.clone())).into(),
    }
}
