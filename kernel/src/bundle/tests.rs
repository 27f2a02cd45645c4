//! Whole bundles: what is sealed opens again, and nothing else does.

use super::*;
use crate::contents::{Contents, Version};
use crate::error::Error;
use crate::moment::Moment;
use crate::test_support::{contents, fragment};
use crate::words::Kind;

struct Publisher {
    key: PublisherKey,
    device: DeviceKey,
    roots: Vec<Vec<u8>>,
    repository: RepositoryId,
    keyring: Keyring,
}

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn publisher() -> Publisher {
    let key = PublisherKey::from_seed("ada".parse().unwrap(), &[1; 32]);
    let mut grant = KeyGrant::until(key.public(), moment("2027-01-01T00:00:00Z"));
    grant.channels = vec!["notes".parse().unwrap()];
    let names = || Holders { keys: vec!["ada".parse().unwrap()], threshold: 1 };
    let root = Root {
        repository: None,
        version: 1,
        expires: moment("2030-01-01T00:00:00Z"),
        keys: vec![grant],
        roles: [Right::Root, Right::Publish, Right::Freshness].map(|r| (r, names())).into(),
    };
    let roots = vec![root.sign(&[&key]).to_bytes()];
    let repository = repository_of(&roots[0]).unwrap();
    let device = DeviceKey::generate();
    let reader = Reader { name: "laptop".to_owned(), recipient: device.recipient() };
    let keyring = Keyring::new(repository.clone(), vec![reader]);
    Publisher { key, device, roots, repository, keyring }
}

impl Publisher {
    fn seal(&self, contents: &Contents, parent: Option<&Parent>, at: &str) -> Sealed {
        let (repository, roots) = (self.repository.clone(), self.roots.clone());
        let context = Seal {
            repository,
            roots,
            root: 1,
            revocations: None,
            reason: Reason::Publish,
            channel: "notes".parse().unwrap(),
            parent,
            afresh: false,
            keyring: (&self.keyring, self.keyring.seal().unwrap()),
            publisher: &self.key,
            now: moment(at),
            tool: "garner test".to_owned(),
            scan: SecretScan { tool: "test".into(), version: "1".into(), findings: 0 },
        };
        seal(contents, &context).unwrap()
    }

    fn anchor(&self) -> Anchor {
        let channel = Some("notes".parse().unwrap());
        Anchor::pin(self.repository.clone(), channel)
    }

    fn first(&self) -> Sealed {
        let fragments = [fragment(Kind::Rule, "Sync first."), fragment(Kind::Fact, "Port 80.")];
        self.seal(&contents(&fragments.each_ref()), None, "2026-01-02T00:00:00Z")
    }
}

#[test]
fn a_bundle_opens_to_what_was_sealed() {
    let ada = publisher();
    let sealed = ada.first();
    let bundle = Bundle::parse(&sealed.bundle.to_bytes()).unwrap();
    let kernel = open(&bundle, &ada.anchor(), &[&ada.device]).unwrap();
    assert_eq!(kernel.get().lineage.version, Version::FIRST);
    assert_eq!(kernel.get().head, sealed.head);
    assert_eq!(kernel.get().contents.fragments().len(), 2);
}

#[test]
fn the_next_version_is_a_delta_on_the_same_objects() {
    let ada = publisher();
    let many: Vec<_> =
        (0..50).map(|n| fragment(Kind::Fact, &format!("Fact number {n}."))).collect();
    let first = ada.seal(&contents(&many.iter().collect::<Vec<_>>()), None, "2026-01-02T00:00:00Z");
    let (parent, _) = open_parent(&first.bundle, &ada.anchor(), &[&ada.device]).unwrap();
    let mut after = parent.contents.clone();
    let extra = fragment(Kind::Rule, "A new rule.");
    after.apply(crate::contents::Change::Put(Box::new(extra))).unwrap();
    let second = ada.seal(&after, Some(&parent), "2026-01-03T00:00:00Z");
    assert_eq!(second.bundle.objects[0], first.bundle.objects[0]);
    assert_eq!(second.manifest.objects.len(), 3);
    let mut anchor = ada.anchor();
    anchor.known.floor = Some(Floor { version: first.version, head: first.head });
    let kernel = open(&second.bundle, &anchor, &[&ada.device]).unwrap();
    assert_eq!(kernel.get().contents, after);
    assert_eq!(kernel.get().lineage.parent, Some(first.head));
    // Going back below a known version, or to another head of it, is refused.
    anchor.known.floor = Some(Floor { version: second.version, head: second.head });
    let refused = open(&first.bundle, &anchor, &[&ada.device]);
    assert!(matches!(refused, Err(Error::WentBack { .. })));
    anchor.known.floor = Some(Floor { version: second.version, head: first.head });
    let refused = open(&second.bundle, &anchor, &[&ada.device]);
    assert!(matches!(refused, Err(Error::Fork { .. })));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_bundle_is_refused() {
    let ada = publisher();
    let bytes = ada.first().bundle.to_bytes();
    let opens = |bytes: &[u8]| {
        Bundle::parse(bytes).and_then(|b| open(&b, &ada.anchor(), &[&ada.device])).is_ok()
    };
    assert!(opens(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Bundle::parse(&flipped).is_err(), "bit {bit} was accepted");
    }
    for cut in 0..bytes.len() {
        assert!(!opens(&bytes[..cut]), "cut at {cut}");
    }
    assert!(!opens(&[bytes.as_slice(), &[0]].concat()));
}

#[test]
fn every_flipped_bit_of_a_part_is_refused_without_the_container_digest() {
    let ada = publisher();
    let good = ada.first().bundle;
    let parts: [fn(&mut Bundle) -> &mut Vec<u8>; 5] = [
        |b| &mut b.roots[0],
        |b| &mut b.heads[0],
        |b| &mut b.manifest,
        |b| &mut b.keyring,
        |b| &mut b.objects[0],
    ];
    for (number, part) in parts.into_iter().enumerate() {
        let mut bundle = good.clone();
        let bits = part(&mut bundle).len() * 8;
        for bit in 0..bits {
            part(&mut bundle)[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bundle, &ada.anchor()).is_err(), "part {number}, bit {bit}");
            part(&mut bundle)[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(bundle, good);
    }
}

#[test]
fn strangers_are_refused() {
    let (ada, mut eve) = (publisher(), publisher());
    let sealed = ada.first();
    let refused = open(&sealed.bundle, &ada.anchor(), &[&eve.device]);
    assert!(matches!(refused, Err(Error::CannotDecrypt { recipients: 1, .. })));
    let mut anchor = ada.anchor();
    anchor.channel = Some("other".parse().unwrap());
    let refused = open(&sealed.bundle, &anchor, &[&ada.device]);
    assert!(matches!(refused, Err(Error::Mismatch { what: "channel", .. })));
    // Another key under the same name, with the true root.
    eve.key = PublisherKey::from_seed("ada".parse().unwrap(), &[2; 32]);
    let forged = eve.first();
    let bundle = Bundle { roots: ada.roots.clone(), ..forged.bundle };
    let refused = open(&bundle, &ada.anchor(), &[&ada.device]);
    assert!(matches!(refused, Err(Error::Threshold { .. })));
}

#[test]
fn an_expired_or_foreign_key_may_not_sign() {
    let ada = publisher();
    let late = ada.seal(&Contents::default(), None, "2027-06-01T00:00:00Z");
    let refused = open(&late.bundle, &ada.anchor(), &[&ada.device]);
    assert!(matches!(refused, Err(Error::KeyScope { .. })));
}

#[test]
fn objects_of_two_versions_do_not_mix() {
    let ada = publisher();
    let (one, two) = (ada.first().bundle, ada.first().bundle);
    let mixed = Bundle { objects: two.objects.clone(), ..one.clone() };
    assert!(matches!(
        check(&mixed, &ada.anchor()),
        Err(Error::WrongSize { .. } | Error::WrongDigest { .. })
    ));
    let swapped = Bundle { objects: one.objects.iter().rev().cloned().collect(), ..one };
    assert!(check(&swapped, &ada.anchor()).is_err());
}
