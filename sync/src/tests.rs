//! Channels from end to end, over a remote in memory.

use garner_kernel::bundle::{
    self, DeviceKey, Floor, Holders, KeyGrant, PublisherKey, Reader, Reason, Right, Root,
    SecretScan,
};
use garner_kernel::{
    Change, Confidence, Contents, Digest, Fragment, Kind, Scope, Source, Text, Trust as Speaker,
    Version,
};

use crate::{
    Changed, Error, Left, MemoryRemote, Name, Publication, Published, Pulled, Put, Remote,
    Repository, Succession, Trust, add_root, create_repository, next_root, publish, survey,
};

pub(crate) struct Setup {
    pub(crate) remote: MemoryRemote,
    pub(crate) key: PublisherKey,
    pub(crate) device: DeviceKey,
    pub(crate) readers: Vec<Reader>,
    pub(crate) trust: Trust,
}

/// Returns a first root in which one key may do everything.
pub(crate) fn root_of(key: &PublisherKey) -> Root {
    let roles = [Right::Root, Right::Publish, Right::Freshness, Right::Revoke];
    let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    Root {
        repository: None,
        version: 1,
        expires: "2030-01-01T00:00:00Z".parse().unwrap(),
        keys: vec![KeyGrant::until(key.public(), "2031-01-01T00:00:00Z".parse().unwrap())],
        roles: roles.map(|right| (right, holders.clone())).into(),
    }
}

/// Pulls as of a day after the publications of these tests.
fn pull(
    remote: &impl Remote,
    mirror: &impl Remote,
    trust: &Trust,
    version: Option<Version>,
) -> Result<Pulled, Error> {
    crate::pull(remote, mirror, trust, version, "2026-01-03T00:00:00Z".parse().unwrap())
}

pub(crate) fn setup() -> Setup {
    let key = PublisherKey::from_seed("ada".parse().unwrap(), &[1; 32]);
    let root = root_of(&key);
    let remote = MemoryRemote::default();
    let id = create_repository(&remote, &root, &[&key]).unwrap();
    let device = DeviceKey::generate();
    let readers = vec![Reader { name: "laptop".to_owned(), recipient: device.recipient() }];
    let repository = Repository { id, channel: "notes".parse().unwrap() };
    Setup { remote, key, device, readers, trust: Trust::pin(repository) }
}

pub(crate) fn fragment(text: &str) -> Fragment {
    Fragment {
        id: Fragment::id_of(Kind::Fact, &Scope::User, text),
        revision: 1,
        kind: Kind::Fact,
        scope: Scope::User,
        trust: Speaker::Human,
        confidence: Confidence::percent(80),
        statement: Text::new(text),
        context: None,
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "s".parse().unwrap(),
            file: "s.jsonl".parse().unwrap(),
            record: "r".parse().unwrap(),
            line: 1,
            digest: Digest::of(b"line"),
            speaker: Speaker::Human,
            rule: "test".parse().unwrap(),
        }],
    }
}

impl Setup {
    pub(crate) fn publish(&self, remote: &impl Remote, text: &str) -> Result<Published, Error> {
        self.publish_as(remote, text, &self.key, "2026-01-02T00:00:00Z")
    }

    /// Publishes with a key at a time.
    pub(crate) fn publish_as(
        &self,
        remote: &impl Remote,
        text: &str,
        key: &PublisherKey,
        now: &str,
    ) -> Result<Published, Error> {
        let publication = Publication {
            trust: &self.trust,
            readers: &self.readers,
            granted: &self.readers,
            removed: &[],
            publisher: key,
            devices: &[&self.device],
            plugins: &bundle::NoPlugins,
            now: now.parse().unwrap(),
            reason: Reason::Publish,
            tool: "garner test".to_owned(),
            scan: SecretScan { tool: "test".into(), version: "1".into(), findings: 0 },
        };
        publish(remote, &publication, &|before| {
            let mut after = before.clone();
            if after.fragment(&fragment(text).id).is_none() {
                after.apply(Change::Put(Box::new(fragment(text))))?;
            }
            Ok(after)
        })
    }

    pub(crate) fn contents(&self, remote: &impl Remote, version: u64) -> Contents {
        let version = Version::new(version).unwrap();
        let survey = survey(remote, &self.trust).unwrap();
        let fetched = survey.fetch(remote, &self.trust, version).unwrap();
        let kernel = bundle::open(&fetched.bundle, &fetched.anchor, &[&self.device]).unwrap();
        kernel.into_inner().contents
    }
}

#[test]
fn what_is_published_is_pulled() {
    let mut setup = setup();
    let mirror = MemoryRemote::default();
    for text in ["One.", "Two.", "Three."] {
        assert!(matches!(setup.publish(&setup.remote, text).unwrap(), Published::New(_)));
        let pulled = pull(&setup.remote, &mirror, &setup.trust, None).unwrap();
        assert_eq!(pulled.new, 1);
        setup.trust = pulled.trust;
    }
    let again = setup.publish(&setup.remote, "Three.").unwrap();
    assert!(matches!(again, Published::Unchanged(version) if version.get() == 3));
    assert_eq!(pull(&setup.remote, &mirror, &setup.trust, None).unwrap().bytes, 0);
    assert_eq!(survey(&mirror, &setup.trust).unwrap().releases().len(), 3);
    for version in 1..=3 {
        let fragments = setup.contents(&mirror, version).fragments().len() as u64;
        assert_eq!(fragments, version);
    }
}

#[test]
fn a_new_reader_gets_a_version_without_new_objects() {
    let mut setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    let before = setup.remote.files().len();
    let phone = DeviceKey::generate();
    let reader = Reader { name: "phone".to_owned(), recipient: phone.recipient() };
    setup.readers.push(reader);
    let published = setup.publish(&setup.remote, "One.").unwrap();
    assert!(matches!(published, Published::New(ref sealed) if sealed.version.get() == 2));
    // A keyring, a manifest, an index and a head: no segment is encrypted anew.
    assert_eq!(setup.remote.files().len(), before + 4);
    setup.device = phone;
    assert_eq!(setup.contents(&setup.remote, 2).fragments().len(), 1);
}

#[test]
fn every_damaged_or_missing_file_is_refused_and_the_mirror_stays_whole() {
    let mut setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    let mirror = MemoryRemote::default();
    let pulled = pull(&setup.remote, &mirror, &setup.trust, None).unwrap();
    setup.trust = pulled.trust;
    setup.publish(&setup.remote, "Two.").unwrap();
    for (name, good) in setup.remote.files() {
        // The text for people is not signed, and the latest note is a hint.
        if name == Name::readme() || name == Name::latest(&"notes".parse().unwrap()) {
            continue;
        }
        let kept = mirror.files();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for damage in [Some(flipped), Some(good[..good.len() - 1].to_vec()), None] {
            match damage {
                Some(bytes) => setup.remote.put_over(&name, &bytes).unwrap(),
                None => setup.remote.remove(&name),
            }
            let fresh = MemoryRemote::default();
            let refused = pull(&setup.remote, &fresh, &setup.trust, None);
            let used = pull(&setup.remote, &mirror, &setup.trust, None);
            // What belongs to version 1 alone may be damaged without harm to version 2.
            if let Ok(pulled) = refused {
                assert_eq!(pulled.floor.version.get(), 2, "{name}");
                assert_eq!(setup.contents(&fresh, 2).fragments().len(), 2, "{name}");
            } else if kept.contains_key(&name) && used.is_ok() {
                // What the mirror holds is not asked for again.
                assert_eq!(setup.contents(&mirror, 2).fragments().len(), 2, "{name}");
            } else {
                assert!(used.is_err(), "{name}");
            }
            assert_eq!(setup.contents(&mirror, 1).fragments().len(), 1, "{name}");
        }
        setup.remote.put_over(&name, &good).unwrap();
        for name in mirror.files().keys().filter(|name| !kept.contains_key(name)) {
            mirror.remove(name);
        }
    }
}

/// A remote that counts what it is asked for, and tags files with their digests.
#[derive(Default)]
struct Tagged {
    files: MemoryRemote,
    asked: std::cell::RefCell<Vec<Name>>,
}

impl Remote for Tagged {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.asked.borrow_mut().push(name.clone());
        self.files.get(name, limit)
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        let Some(bytes) = self.get(name, limit)? else { return Ok(Changed::Gone) };
        let here = Digest::of(&bytes).to_string();
        Ok(if tag == Some(&here) { Changed::Same } else { Changed::New(bytes, Some(here)) })
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        self.files.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.files.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.files.delete(name)
    }
}

/// Returns a setup with two versions on a remote with tags, of which both were pulled.
fn pulled_with_tags() -> (Setup, Tagged, MemoryRemote) {
    let mut setup = setup();
    let (remote, mirror) = (Tagged::default(), MemoryRemote::default());
    for (name, bytes) in setup.remote.files() {
        remote.put_over(&name, &bytes).unwrap();
    }
    for text in ["One.", "Two."] {
        setup.publish(&remote, text).unwrap();
    }
    setup.trust = pull(&remote, &mirror, &setup.trust, None).unwrap().trust;
    remote.asked.borrow_mut().clear();
    (setup, remote, mirror)
}

#[test]
fn a_pull_of_nothing_new_is_one_request() {
    let (mut setup, remote, mirror) = pulled_with_tags();
    let latest = Name::latest(&"notes".parse().unwrap());
    let pulled = pull(&remote, &mirror, &setup.trust, None).unwrap();
    assert_eq!((pulled.new, pulled.bytes, pulled.releases.len()), (0, 0, 2));
    assert_eq!(remote.asked.take(), [latest]);
    // A note that is a moment old may have been replaced under the same tag.
    let soon = "2026-01-02T00:00:59Z".parse().unwrap();
    let fresh = crate::pull(&remote, &mirror, &setup.trust, None, soon).unwrap().trust;
    assert_eq!(fresh.polled, None);
    remote.asked.take();
    // Once a day everything that may be new is asked for, and nothing that is here.
    let day = "2026-01-04T00:00:00Z".parse().unwrap();
    let pulled = crate::pull(&remote, &mirror, &setup.trust, None, day).unwrap();
    assert_eq!(pulled.new, 0);
    let asked = remote.asked.take();
    assert!(asked.len() <= 8 && asked.iter().all(|name| name.digest().is_none()), "{asked:?}");
    // A file that the mirror lost is fetched again.
    let lost = mirror.files().into_keys().find(|name| name.as_str().starts_with("obj/")).unwrap();
    mirror.remove(&lost);
    setup.trust = pulled.trust;
    crate::pull(&remote, &mirror, &setup.trust, None, day).unwrap();
    assert!(remote.asked.take().contains(&lost) && mirror.files().contains_key(&lost));
}

#[test]
fn only_what_is_new_is_fetched() {
    let (mut setup, remote, mirror) = pulled_with_tags();
    setup.publish(&remote, "Three.").unwrap();
    remote.asked.borrow_mut().clear();
    let pulled = pull(&remote, &mirror, &setup.trust, None).unwrap();
    assert_eq!((pulled.new, pulled.floor.version.get()), (1, 3));
    let objects = |name: &&Name| name.as_str().starts_with("obj/");
    // The delta and the index of version 3; the base and the delta before are here.
    assert_eq!(remote.asked.take().iter().filter(objects).count(), 2);
    assert_eq!(setup.contents(&mirror, 3).fragments().len(), 3);
    // Damage in the mirror is not believed: the remote is asked again, and the mirror is mended.
    setup.trust = pulled.trust;
    let files = mirror.files();
    for (name, good) in &files {
        let mut damaged = good.clone();
        damaged[good.len() / 2] ^= 1;
        mirror.put_over(name, &damaged).unwrap();
        let pulled = pull(&remote, &mirror, &setup.trust, None).unwrap();
        assert_eq!(pulled.floor.version.get(), 3, "{name}");
        assert_eq!(setup.contents(&mirror, 3).fragments().len(), 3, "{name}");
        // Only what the newest version does not need may stay as it is.
        mirror.put_over(name, good).unwrap();
    }
}

#[test]
fn a_pull_that_was_cut_goes_on_where_it_stopped() {
    let (setup, remote, _) = pulled_with_tags();
    let pin = Trust::pin(setup.trust.repository.clone());
    let newest = survey(&remote.files, &pin).unwrap();
    let fetched = newest.fetch(&remote.files, &pin, Version::new(2).unwrap()).unwrap();
    let names: Vec<_> =
        fetched.bundle.objects.iter().map(|object| Name::object(&Digest::of(object))).collect();
    let (cut, bytes) = (names.last().unwrap(), fetched.bundle.objects.last().unwrap());
    let fresh = MemoryRemote::default();
    remote.delete(cut).unwrap();
    assert!(pull(&remote, &fresh, &pin, None).is_err());
    assert!(survey(&fresh, &pin).is_err(), "a version is visible without its files");
    remote.put_over(cut, bytes).unwrap();
    remote.asked.borrow_mut().clear();
    pull(&remote, &fresh, &pin, None).unwrap();
    let asked = remote.asked.take();
    let objects: Vec<_> = asked.iter().filter(|name| name.digest().is_some()).collect();
    assert_eq!(objects, [cut], "the others were fetched twice");
    assert_eq!(setup.contents(&fresh, 2).fragments().len(), 2);
}

#[test]
fn a_remote_that_goes_back_or_forks_is_refused() {
    let mut setup = setup();
    let mirror = MemoryRemote::default();
    setup.publish(&setup.remote, "One.").unwrap();
    setup.publish(&setup.remote, "Two.").unwrap();
    let pulled = pull(&setup.remote, &mirror, &setup.trust, None).unwrap();
    setup.trust = pulled.trust;
    setup.remote.remove(&Name::head(&"notes".parse().unwrap(), pulled.floor.version));
    let refused = pull(&setup.remote, &mirror, &setup.trust, None);
    let source = |e: Error| matches!(e, Error::Kernel(garner_kernel::Error::WentBack { .. }));
    assert!(refused.is_err_and(source));
    // A publisher that knows better does not build on it; one that does not makes a fork.
    assert!(setup.publish(&setup.remote, "Another two.").is_err());
    let floor = setup.trust.known.floor.take();
    setup.publish(&setup.remote, "Another two.").unwrap();
    setup.trust.known.floor = floor;
    let refused = pull(&setup.remote, &mirror, &setup.trust, None);
    let source = |e: Error| matches!(e, Error::Kernel(garner_kernel::Error::Fork { .. }));
    assert!(refused.is_err_and(source));
    let stranger = Floor { version: Version::FIRST, head: Digest::of(b"other") };
    setup.trust.known.floor = Some(stranger);
    assert!(pull(&setup.remote, &mirror, &setup.trust, None).is_err());
}

#[test]
fn a_remote_that_hides_a_root_is_refused() {
    let setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    let mut second = root_of(&setup.key);
    second.repository = Some(setup.trust.repository.id.clone());
    second.version = 2;
    let note = second.sign(&[&setup.key]).to_bytes();
    setup.remote.put_new(&Name::root(2), &note).unwrap();
    let mirror = MemoryRemote::default();
    pull(&setup.remote, &mirror, &setup.trust, None).unwrap();
    setup.remote.remove(&Name::root(2));
    let refused = pull(&setup.remote, &mirror, &setup.trust, None);
    let missing = garner_kernel::Error::RootsMissing { needed: 2, offered: 1 };
    assert_eq!(refused.unwrap_err().to_string(), missing.to_string());
}

/// Returns the root after the last one, in which `new` follows the key of the setup.
fn second_root(setup: &Setup, new: &PublisherKey, left: Left) -> Root {
    let chain = survey(&setup.remote, &setup.trust).unwrap().roots().clone();
    let mut root = next_root(&chain, "2031-01-01T00:00:00Z".parse().unwrap());
    let (old, new) = (setup.key.public(), new.public());
    let since = "2026-01-02T00:00:00Z".parse().unwrap();
    let not_after = "2031-01-01T00:00:00Z".parse().unwrap();
    Succession { old: &old, new: &new, since, not_after, left }.apply(&mut root);
    root
}

#[test]
fn a_key_follows_another_with_its_roles_and_bounds() {
    let setup = setup();
    let new = PublisherKey::from_seed("ada-2".parse().unwrap(), &[3; 32]);
    for (left, freshness) in [(Left::Retired, 2), (Left::Compromised, 1)] {
        let root = second_root(&setup, &new, left);
        let names = |right: &Right| root.roles[right].keys.len();
        assert_eq!((names(&Right::Root), names(&Right::Publish)), (1, 2));
        assert_eq!(names(&Right::Freshness), freshness);
        assert_eq!(root.roles[&Right::Root].keys, [new.public().name().clone()]);
        let old = root.grant(setup.key.public().name()).unwrap();
        assert!(old.revoked_at.is_some());
        assert!(root.grant(new.public().name()).unwrap().revoked_at.is_none());
        let note = root.sign(&[&setup.key, &new]).to_bytes();
        assert_eq!(Root::parse(&note_text(&note)).unwrap(), root);
    }
}

/// Returns the signed text of a note.
fn note_text(note: &[u8]) -> String {
    let (text, _) = std::str::from_utf8(note).unwrap().rsplit_once("\n\n").unwrap();
    format!("{text}\n")
}

#[test]
fn a_root_is_added_once_and_only_with_the_signatures_that_it_needs() {
    let setup = setup();
    let new = PublisherKey::from_seed("ada-2".parse().unwrap(), &[3; 32]);
    let id = &setup.trust.repository.id;
    let root = second_root(&setup, &new, Left::Retired);
    for keys in [&[&setup.key][..], &[&new]] {
        let refused = add_root(&setup.remote, id, &root.sign(keys).to_bytes());
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
    let note = root.sign(&[&setup.key, &new]).to_bytes();
    let rival = LateRoot { setup: &setup, note: root_of_rival(&setup, &new) };
    let lost = add_root(&rival, id, &note);
    assert!(matches!(lost, Err(Error::RootExists { number: 2 })), "{lost:?}");
    setup.remote.remove(&Name::root(2));
    assert_eq!(add_root(&setup.remote, id, &note).unwrap(), 2);
    assert_eq!(add_root(&setup.remote, id, &note).unwrap(), 2);
    assert!(setup.remote.get(&Name::root(3), 1 << 20).unwrap().is_none());
}

fn root_of_rival(setup: &Setup, new: &PublisherKey) -> Vec<u8> {
    let mut root = second_root(setup, new, Left::Retired);
    root.expires = "2032-01-01T00:00:00Z".parse().unwrap();
    root.sign(&[&setup.key, new]).to_bytes()
}

/// A remote on which somebody else adds a root right before we do.
struct LateRoot<'a> {
    setup: &'a Setup,
    note: Vec<u8>,
}

impl Remote for LateRoot<'_> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.setup.remote.get(name, limit)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        self.setup.remote.put_new(name, &self.note)?;
        self.setup.remote.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.setup.remote.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.setup.remote.delete(name)
    }
}

/// A remote on which somebody else publishes while we do.
struct Rival<'a> {
    setup: &'a Setup,
    head: Name,
    done: std::cell::Cell<bool>,
}

impl Remote for Rival<'_> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.setup.remote.get(name, limit)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        if *name == self.head && !self.done.replace(true) {
            self.setup.publish(&self.setup.remote, "Theirs.")?;
        }
        self.setup.remote.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.setup.remote.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.setup.remote.delete(name)
    }
}

#[test]
fn a_lost_race_is_run_again_and_nothing_is_lost() {
    let setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    let head = Name::head(&"notes".parse().unwrap(), Version::new(2).unwrap());
    let rival = Rival { setup: &setup, head, done: false.into() };
    let published = setup.publish(&rival, "Ours.").unwrap();
    assert!(matches!(published, Published::New(ref sealed) if sealed.version.get() == 3));
    let last = setup.contents(&setup.remote, 3);
    for text in ["One.", "Theirs.", "Ours."] {
        assert!(last.fragment(&fragment(text).id).is_some(), "{text} is lost");
    }
}

#[test]
fn a_second_repository_is_not_made_on_top_of_the_first() {
    let setup = setup();
    let other = PublisherKey::from_seed("eve".parse().unwrap(), &[2; 32]);
    let root = root_of(&other);
    let refused = create_repository(&setup.remote, &root, &[&other]);
    assert!(matches!(refused, Err(Error::RepositoryExists { .. })));
}

/// A remote on which one file cannot be replaced.
struct Stuck<'a>(&'a MemoryRemote, Name);

impl Remote for Stuck<'_> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(name, limit)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        self.0.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        if *name == self.1 {
            return Err(Error::io("write", name.as_str(), std::io::ErrorKind::StorageFull.into()));
        }
        self.0.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.0.delete(name)
    }
}

#[test]
fn a_version_without_its_latest_note_is_told_to_be_published_and_made_up_for() {
    let setup = setup();
    let latest = Name::latest(&"notes".parse().unwrap());
    let told = setup.publish(&Stuck(&setup.remote, latest.clone()), "One.").unwrap_err();
    assert!(matches!(&told, Error::Unannounced { version, .. } if version.get() == 1), "{told}");
    assert_eq!(setup.contents(&setup.remote, 1).fragments().len(), 1);
    assert!(setup.remote.get(&latest, 1 << 20).unwrap().is_none());
    let again = setup.publish(&setup.remote, "One.").unwrap();
    assert!(matches!(again, Published::Unchanged(_)));
    assert!(setup.remote.get(&latest, 1 << 20).unwrap().is_some());
}
