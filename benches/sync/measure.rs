//! One channel from its first version to a reader's store, and one version more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use garner_kernel::bundle::{
    self, Holders, KeyGrant, NoPlugins, PublisherKey, Reader, Reason, Right, Root, SecretScan,
};
use garner_kernel::{Change, Contents, Moment, Source};
use garner_loader::{LoadOptions, OpenOptions, OrderRule, Stamp, Store};
use garner_sync::{
    FolderRemote, Meter, Publication, Published, Pulled, RemoteUrl, Repository, Trust,
};
use serde_json::{Value, json};

use super::Result;
use super::corpus::Corpus;
use super::publisher::{CHANNEL, Publisher};
use super::servers::Place;

/// What one step took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// The names of the steps, in their order.
pub(crate) const STEPS: [&str; 7] = [
    "publish the first version",
    "pull it",
    "load it",
    "publish 1 % changed",
    "pull that",
    "load that",
    "pull nothing new",
];

/// What every step took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured(pub(crate) Vec<Cost>);

impl Measured {
    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(|c| json!([c.seconds, c.requests, c.bytes])).collect()
    }

    fn of(value: &Value) -> Option<Self> {
        let cost = |value: &Value| {
            let (seconds, requests) = (value.get(0)?.as_f64()?, value.get(1)?.as_u64()?);
            Some(Cost { seconds, requests, bytes: value.get(2)?.as_u64()? })
        };
        value.as_array()?.iter().map(cost).collect::<Option<_>>().map(Self)
    }
}

/// Measures in a process of its own, which finds credentials in its environment.
pub(crate) fn in_process(place: &Place, count: u64) -> Result<Measured> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--one", &place.publish, &place.read, &count.to_string()]);
    command.envs(place.environment.iter().cloned());
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let value = serde_json::from_slice(&output.stdout)?;
    Measured::of(&value).ok_or_else(|| "a measurement is malformed".into())
}

/// Publishes to one address, and pulls and loads from another one of the same files.
pub(crate) fn measure(publish: &str, read: &str, count: u64) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let machine = Machine::new(folder.path(), publish, read)?;
    let mut store = Store::open(&folder.path().join("store"), &OpenOptions::write())?;
    let mut corpus = Corpus::new(1, count);
    let first = corpus.contents(count)?;
    let second = changed(&mut corpus, &first)?;
    let mut trust = machine.trust.clone();
    let mut costs = Vec::new();
    for (number, contents) in [(1, &first), (2, &second)] {
        costs.push(machine.publish(number, contents)?);
        let (cost, pulled) = machine.pull(&trust, number)?;
        trust = pulled.trust;
        costs.push(cost);
        let (cost, loaded) = machine.load(&trust, &mut store, number)?;
        if loaded != *contents {
            return Err("other contents were loaded".into());
        }
        costs.push(cost);
    }
    let (cost, pulled) = machine.pull(&trust, 2)?;
    if pulled.new != 0 {
        return Err("there was something new".into());
    }
    costs.push(cost);
    Ok(Measured(costs))
}

/// Returns contents in which one fragment of a hundred changed: half of these were said again, half
/// are replaced by another statement.
pub(crate) fn changed(corpus: &mut Corpus, before: &Contents) -> Result<Contents> {
    let mut after = before.clone();
    for (at, fragment) in before.fragments().enumerate().filter(|(at, _)| at % 100 == 0) {
        if at % 200 == 0 {
            let mut again = fragment.clone();
            let more = again
                .sources
                .last()
                .map(|source| Source { line: source.line + 1, ..source.clone() });
            again.sources.extend(more);
            again.sources.sort();
            again.revision += 1;
            after.apply(Change::Put(Box::new(again)))?;
        } else {
            let mut newer = corpus.next_fragment()?;
            newer.supersedes = vec![fragment.id];
            after.apply(Change::Put(Box::new(newer)))?;
        }
    }
    Ok(after)
}

struct Machine {
    publisher: Publisher,
    near: garner_sync::AnyRemote,
    read: RemoteUrl,
    folder: PathBuf,
    meter: Arc<Meter>,
    mirror: FolderRemote,
    trust: Trust,
}

impl Machine {
    fn new(folder: &Path, publish: &str, read: &str) -> Result<Self> {
        let (publisher, meter) = (Publisher::new()?, Arc::new(Meter::default()));
        let (folder, read) = (folder.to_owned(), read.parse()?);
        let near: RemoteUrl = publish.parse()?;
        let near = near.open_metered(&folder.join("writer"), &meter)?;
        let id = garner_sync::create_repository(&near, &root(&publisher.key), &[&publisher.key])?;
        let trust = Trust::pin(Repository { id, channel: CHANNEL.parse()? });
        let mirror = FolderRemote::create(&folder.join("mirror"))?;
        Ok(Self { publisher, near, read, folder, meter, mirror, trust })
    }

    /// Times a step, and counts what it moved.
    fn cost<T>(&self, step: impl FnOnce() -> Result<T>) -> Result<(Cost, T)> {
        let (before, start) = (self.meter.moved(), Instant::now());
        let value = step()?;
        let (seconds, after) = (start.elapsed().as_secs_f64(), self.meter.moved());
        let requests = after.requests - before.requests;
        Ok((Cost { seconds, requests, bytes: after.bytes - before.bytes }, value))
    }

    fn publish(&self, number: u64, contents: &Contents) -> Result<Cost> {
        let publication = publication(&self.publisher, &self.trust, number);
        let readers = [reader(&self.publisher)];
        let publication = Publication { readers: &readers, ..publication };
        let devices: [&dyn bundle::Identity; 1] = [&self.publisher.device];
        let publication = Publication { devices: &devices, ..publication };
        let (cost, published) = self.cost(|| {
            Ok(garner_sync::publish(&self.near, &publication, &|_| Ok(contents.clone()))?)
        })?;
        match published {
            Published::New(sealed) if sealed.version.get() == number => Ok(cost),
            _ => Err("another version was published".into()),
        }
    }

    fn pull(&self, trust: &Trust, number: u64) -> Result<(Cost, Pulled)> {
        // A day later, when tags have settled.
        let clock = Publisher::created(number + 1);
        self.cost(|| {
            // As a command does, which is a process of its own.
            let far = self.read.open_metered(&self.folder.join("reader"), &self.meter)?;
            Ok(garner_sync::pull(&far, &self.mirror, trust, None, clock)?)
        })
    }

    fn load(&self, trust: &Trust, store: &mut Store, number: u64) -> Result<(Cost, Contents)> {
        let (at, version) = (Publisher::created(number + 1), garner_kernel::Version::new(number));
        let version = version.ok_or("a version")?;
        let stamp = Stamp { at, who: "bench".parse()? };
        let (cost, ()) = self.cost(|| {
            let survey = garner_sync::survey(&self.mirror, trust)?;
            let fetched = survey.fetch(&self.mirror, trust, version)?;
            let kernel = bundle::open(&fetched.bundle, &fetched.anchor, &[&self.publisher.device])?;
            let options = LoadOptions { embedder: None, order: OrderRule::NewerOnly };
            let plan = store.plan(&kernel, &options)?;
            store.apply(plan, None, &stamp)?;
            Ok(())
        })?;
        let contents = store.contents_at(&trust.repository.channel, version)?;
        Ok((cost, contents))
    }
}

/// Returns the one reader of every version.
pub(crate) fn reader(publisher: &Publisher) -> Reader {
    Reader { name: "laptop".to_owned(), recipient: publisher.device.recipient() }
}

/// Returns what publishing a version needs, but for readers and devices.
pub(crate) fn publication<'a>(
    publisher: &'a Publisher,
    trust: &'a Trust,
    number: u64,
) -> Publication<'a> {
    Publication {
        trust,
        readers: &[],
        granted: &[],
        removed: &[],
        publisher: &publisher.key,
        devices: &[],
        plugins: &NoPlugins,
        now: Publisher::created(number),
        reason: Reason::Publish,
        tool: "garner bench".to_owned(),
        scan: SecretScan { tool: "none".into(), version: "1".into(), findings: 0 },
    }
}

/// Returns the first root of a repository in which one key may do everything.
pub(crate) fn root(key: &PublisherKey) -> Root {
    let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    let expires: Moment = Publisher::created(900);
    let roles = [Right::Root, Right::Publish, Right::Freshness, Right::Revoke];
    Root {
        repository: None,
        version: 1,
        expires,
        keys: vec![KeyGrant::until(key.public(), expires)],
        roles: roles.map(|right| (right, holders.clone())).into(),
    }
}
