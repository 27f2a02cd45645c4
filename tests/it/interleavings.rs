//! Three readers and a publisher in any order: publish, revoke, roll back, pull, load, undo.
//!
//! However the steps fall, readers that pull and load at the end read the same, and what was
//! revoked is in no version of any store. `GARNER_DRILL=1` tries 1,000 orders, otherwise 25.

use std::collections::BTreeSet;

use garner_kernel::bundle::{
    self, DeviceKey, Holders, KeyGrant, NoPlugins, PublisherKey, Reader, Reason, Revocation,
    RevocationClass, Right, Root, SecretScan,
};
use garner_kernel::{
    Change, ChannelName, Confidence, Contents, Digest, Fragment, FragmentId, Kernel, Kind, Moment,
    Scope, Source, Text, Trust as Speaker, Verified, Version, rebase,
};
use garner_loader::{LoadOptions, OpenOptions, OrderRule, Stamp, Store};
use garner_sync::{
    Collection, MemoryRemote, Publication, Published, Repository, Trust, create_repository,
    publish, pull, revoke, survey,
};
use tempfile::TempDir;

use crate::dice::Dice;

const NOW: &str = "2026-03-20T12:00:00Z";

fn now() -> Moment {
    NOW.parse().unwrap()
}

fn channel() -> ChannelName {
    "notes".parse().unwrap()
}

/// Returns one of a few fragments, which replaces another one or not.
fn fragment(number: u64, line: u64, replaces: Option<u64>) -> Fragment {
    let text = |number: u64| format!("Statement number {number}.");
    let id = |number| Fragment::id_of(Kind::Fact, &Scope::User, &text(number));
    Fragment {
        id: id(number),
        revision: 1,
        kind: Kind::Fact,
        scope: Scope::User,
        trust: Speaker::Human,
        confidence: Confidence::percent(80),
        statement: Text::new(text(number)),
        context: None,
        created: "2026-03-01T00:00:00Z".parse().unwrap(),
        valid_to: None,
        supersedes: replaces.filter(|older| *older != number).map(id).into_iter().collect(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "s-1".parse().unwrap(),
            file: "s-1.jsonl".parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: u32::try_from(line).unwrap() + 1,
            digest: Digest::of(b"line"),
            speaker: Speaker::Human,
            rule: "test".parse().unwrap(),
        }],
    }
}

/// Whoever publishes.
struct Origin {
    remote: MemoryRemote,
    key: PublisherKey,
    device: DeviceKey,
    trust: Trust,
    revoked: BTreeSet<FragmentId>,
}

impl Origin {
    fn new() -> Self {
        let key = PublisherKey::from_seed("ada".parse().unwrap(), &[1; 32]);
        let rights = [Right::Root, Right::Publish, Right::Freshness, Right::Revoke];
        let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
        let root = Root {
            repository: None,
            version: 1,
            expires: "2030-01-01T00:00:00Z".parse().unwrap(),
            keys: vec![KeyGrant::until(key.public(), "2030-01-01T00:00:00Z".parse().unwrap())],
            roles: rights.map(|right| (right, holders.clone())).into(),
        };
        let remote = MemoryRemote::default();
        let id = create_repository(&remote, &root, &[&key]).unwrap();
        let trust = Trust::pin(Repository { id, channel: channel() });
        Self { remote, key, device: DeviceKey::generate(), trust, revoked: BTreeSet::new() }
    }

    fn publish(
        &self,
        reason: Reason,
        change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
    ) -> Published {
        let reader = Reader { name: "all".to_owned(), recipient: self.device.recipient() };
        let publication = Publication {
            trust: &self.trust,
            readers: &[reader],
            granted: &[],
            removed: &[],
            publisher: &self.key,
            devices: &[&self.device],
            plugins: &NoPlugins,
            now: now(),
            reason,
            tool: "garner test".to_owned(),
            scan: SecretScan { tool: "test".into(), version: "1".into(), findings: 0 },
        };
        publish(&self.remote, &publication, change).unwrap()
    }

    fn versions(&self) -> u64 {
        survey(&self.remote, &self.trust).unwrap().releases().len() as u64
    }

    fn open(
        &self,
        remote: &MemoryRemote,
        trust: &Trust,
        version: Version,
    ) -> Option<Verified<Kernel>> {
        let fetched = survey(remote, trust).unwrap().fetch(remote, trust, version).ok()?;
        Some(bundle::open(&fetched.bundle, &fetched.anchor, &[&self.device]).unwrap())
    }

    /// Adds a fragment, says one again, or replaces one.
    fn add(&self, dice: &mut Dice) {
        let replaces = (dice.roll(3) == 0).then(|| dice.roll(9));
        let put = fragment(dice.roll(9), dice.roll(3), replaces);
        self.publish(Reason::Publish, &|before| {
            let mut after = before.clone();
            if before.tombstone(&put.id).is_none() {
                let revision = before.fragment(&put.id).map_or(0, |known| known.revision) + 1;
                after.apply(Change::Put(Box::new(Fragment { revision, ..put.clone() })))?;
            }
            Ok(after)
        });
    }

    fn roll_back(&self, dice: &mut Dice) {
        let newest = self.versions();
        let older = Version::new(dice.roll(newest.max(1)) + 1).unwrap();
        let Some(base) = Version::new(newest) else { return };
        let older_kernel = self.open(&self.remote, &self.trust, older);
        let base = self.open(&self.remote, &self.trust, base).unwrap().into_inner().contents;
        // The files of what was before a purge are gone.
        let Some(older_kernel) = older_kernel.filter(|_| older.get() < newest) else { return };
        let ours = base.rolled_back(&older_kernel.get().contents, now()).unwrap();
        self.publish(Reason::RollbackTo(older), &|before| {
            Ok(rebase(&base, &ours, before)?.contents)
        });
    }

    /// Revokes a fragment; sometimes the version after the note is left to the next publication.
    fn revoke(&mut self, dice: &mut Dice) {
        let id = fragment(dice.roll(9), 0, None).id;
        let purge = dice.roll(2) == 0;
        let class = if purge { RevocationClass::Purge } else { RevocationClass::Yank };
        let revocation = Revocation { class, reason: "test".parse().unwrap(), since: now() };
        revoke(&self.remote, &self.trust, &self.key, &[(id, revocation)].into()).unwrap();
        self.revoked.insert(id);
        if dice.roll(3) > 0 && self.versions() > 0 {
            self.publish(Reason::Publish, &|before| Ok(before.clone()));
            if purge {
                let survey = survey(&self.remote, &self.trust).unwrap();
                let newest = survey.history().newest().unwrap().head.version;
                let old = Collection::purge(&self.remote, &survey, newest).unwrap();
                old.remove(&self.remote).unwrap();
            }
        }
    }
}

/// Whoever reads.
struct Machine {
    _folder: TempDir,
    store: Store,
    mirror: MemoryRemote,
    trust: Trust,
}

impl Machine {
    fn new(source: &Origin) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &OpenOptions::write()).unwrap();
        let (mirror, trust) = (MemoryRemote::default(), source.trust.clone());
        Self { _folder: folder, store, mirror, trust }
    }

    fn stamp() -> Stamp {
        Stamp { at: now(), who: "tester".parse().unwrap() }
    }

    fn pull(&mut self, source: &Origin) {
        match pull(&source.remote, &self.mirror, &self.trust, None, now()) {
            Ok(pulled) => self.trust = pulled.trust,
            Err(garner_sync::Error::Empty { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn load(&mut self, source: &Origin) {
        let Some(floor) = self.trust.known.floor else { return };
        let kernel = source.open(&self.mirror, &self.trust, floor.version).unwrap();
        self.store.revoke(&kernel, &Self::stamp()).unwrap();
        let options = LoadOptions { embedder: None, order: OrderRule::NewerOnly };
        let plan = self.store.plan(&kernel, &options).unwrap();
        self.store.apply(plan, None, &Self::stamp()).unwrap();
        // What is known to be revoked is gone, whatever is read.
        let revoked = &kernel.get().revoked;
        assert!(self.held().iter().all(|id| !revoked.contains_key(id)));
    }

    fn loaded(&self) -> Vec<Version> {
        let versions = self.store.versions(&channel()).unwrap_or_default();
        versions.iter().map(|kernel| kernel.version).collect()
    }

    /// Returns every fragment of every loaded version.
    fn held(&self) -> BTreeSet<FragmentId> {
        let contents = |version| self.store.contents_at(&channel(), version).unwrap();
        let ids = |version| contents(version).fragments().map(|f| f.id).collect::<Vec<_>>();
        self.loaded().into_iter().flat_map(ids).collect()
    }

    fn hold(&mut self, dice: &mut Dice) {
        let loaded = self.loaded();
        let Some(count) = u64::try_from(loaded.len()).ok().filter(|count| *count > 0) else {
            return;
        };
        let version = loaded[usize::try_from(dice.roll(count)).unwrap()];
        self.store.rollback(&channel(), version, &Self::stamp()).unwrap();
    }

    /// Returns the digest of what is read, and what it holds.
    fn reads(&self) -> (Digest, Contents) {
        let view = self.store.view().unwrap();
        let version = view.reading(&channel()).version.unwrap();
        let last = self.store.operations(1).unwrap().remove(0);
        (last.digest_after, self.store.contents_at(&channel(), version).unwrap())
    }
}

fn one_order(seed: u64) {
    let mut dice = Dice(seed);
    let mut source = Origin::new();
    let mut machines: Vec<Machine> = (0..3).map(|_| Machine::new(&source)).collect();
    for _ in 0..24 {
        match dice.roll(10) {
            0..3 => source.add(&mut dice),
            3 => source.revoke(&mut dice),
            4 => source.roll_back(&mut dice),
            step => {
                let machine = &mut machines[usize::try_from(dice.roll(3)).unwrap()];
                match step {
                    5 | 6 => machine.pull(&source),
                    7 | 8 => machine.load(&source),
                    _ if dice.roll(2) == 0 => machine.hold(&mut dice),
                    // There may be nothing to undo.
                    _ => drop(machine.store.undo(&Machine::stamp())),
                }
            }
        }
    }
    // The last word, so that there is something to read; then everybody catches up.
    source.add(&mut dice);
    for machine in &mut machines {
        machine.pull(&source);
        machine.load(&source);
        machine.store.release(&channel(), &Machine::stamp()).unwrap();
        assert!(machine.held().is_disjoint(&source.revoked), "seed {seed}");
        let report = machine.store.verify().unwrap();
        assert!(report.is_sound(), "seed {seed}: {report:?}");
    }
    let newest = Version::new(source.versions()).unwrap();
    let published = source.open(&source.remote, &source.trust, newest).unwrap();
    let first = machines[0].reads();
    assert_eq!(first.1, published.get().contents, "seed {seed}");
    assert!(machines.iter().all(|machine| machine.reads() == first), "seed {seed}");
}

#[test]
fn readers_converge_whatever_the_order() {
    let orders = if std::env::var_os("GARNER_DRILL").is_some() { 1000 } else { 25 };
    for seed in 0..orders {
        one_order(seed);
    }
}
