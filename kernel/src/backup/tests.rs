//! A backup opens with a recovery key, and with nothing else; whatever is changed is refused.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};

use super::*;
use crate::bundle::{DeviceKey, NoPlugins, PublisherKey};
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;

type Parts = BTreeMap<Digest, Vec<u8>>;

/// Bytes that do not compress, from a seed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| byte()).collect()
}

fn sealed(plain: &[u8], key: &DeviceKey) -> (Manifest, Parts) {
    let mut parts = Parts::new();
    let mut store = |part: &Part, bytes: &[u8]| {
        parts.insert(part.digest, bytes.to_vec());
        Ok(())
    };
    let recipient = key.recipient();
    let mut sealer = Sealer::new(&[&recipient], &NoPlugins, &mut store).unwrap();
    plain.chunks(70_000).for_each(|chunk| sealer.write_all(chunk).unwrap());
    let made = sealer.finish().unwrap();
    let at = Moment::from_unix(1_770_000_000);
    let recipients = vec![recipient];
    let tool = "garner 0.1.0".to_owned();
    (Manifest { at, tool, raw: made.raw, recipients, parts: made.parts }, parts)
}

fn opened(manifest: &Manifest, parts: &Parts, key: &DeviceKey) -> Result<Vec<u8>, Error> {
    let mut fetch = |part: &Part| {
        parts.get(&part.digest).cloned().ok_or_else(|| io::Error::other("it is not there"))
    };
    let mut opened = open(manifest, &[key], &mut fetch)?;
    let mut plain = Vec::new();
    match opened.read_to_end(&mut plain) {
        Ok(_) => Ok(plain),
        Err(e) => Err(opened.failure().unwrap_or(Error::Zstd { reason: e.to_string() })),
    }
}

#[test]
fn a_backup_of_several_parts_opens_as_it_was_sealed() {
    let key = DeviceKey::generate();
    for len in [0, 1, 100_000, 40 << 20] {
        let plain = noise(len);
        let (manifest, parts) = sealed(&plain, &key);
        assert_eq!(manifest.parts.len(), (len >> 24) + 1);
        assert_eq!(manifest.raw, len as u64);
        let signer = PublisherKey::from_seed("ada".parse().unwrap(), &[7; 32]);
        let note = manifest.sign(&signer).unwrap();
        let (again, digest) = Manifest::check(&note.to_bytes(), &[&signer.public()]).unwrap();
        assert_eq!((&again, digest), (&manifest, note.digest()));
        assert!(opened(&again, &parts, &key).unwrap() == plain);
    }
}

#[test]
fn another_key_opens_nothing() {
    let (manifest, parts) = sealed(b"grain", &DeviceKey::generate());
    let refused = opened(&manifest, &parts, &DeviceKey::generate());
    assert!(matches!(refused, Err(Error::CannotDecrypt { what: "backup", recipients: 1, .. })));
}

#[test]
fn changed_missing_and_swapped_parts_are_refused_before_they_are_decrypted() {
    let key = DeviceKey::generate();
    let plain = noise(20 << 20);
    let (manifest, parts) = sealed(&plain, &key);
    let [first, second] = [0, 1].map(|at| manifest.parts[at].digest);
    for at in [first, second] {
        let mut other = parts.clone();
        other.get_mut(&at).unwrap()[500] ^= 1;
        assert!(matches!(opened(&manifest, &other, &key), Err(Error::WrongDigest { .. })));
        other.get_mut(&at).unwrap().pop();
        assert!(matches!(opened(&manifest, &other, &key), Err(Error::WrongSize { .. })));
        other.remove(&at);
        assert!(opened(&manifest, &other, &key).is_err());
    }
    // Signed for, but not what was sealed: lengths that lie, and the end cut off.
    for raw in [manifest.raw - 1, manifest.raw + 1] {
        let lies = Manifest { raw, ..manifest.clone() };
        assert!(matches!(opened(&lies, &parts, &key), Err(Error::Object { .. })));
    }
    let mut cut = manifest.clone();
    cut.parts.pop();
    assert!(opened(&cut, &parts, &key).is_err());
}

#[test]
fn notes_that_no_reader_takes_are_not_signed() {
    let (manifest, _) = sealed(b"grain", &DeviceKey::generate());
    let signer = PublisherKey::from_seed("ada".parse().unwrap(), &[7; 32]);
    let part = manifest.parts[0].clone();
    let small = Part { size: 5, ..part.clone() };
    let cases: [(&str, Manifest); 7] = [
        ("no part", Manifest { parts: vec![], ..manifest.clone() }),
        ("no recipient", Manifest { recipients: vec![], ..manifest.clone() }),
        ("an empty part", Manifest { parts: vec![Part { size: 0, ..part }], ..manifest.clone() }),
        ("a short part", Manifest { parts: vec![small.clone(); 2], ..manifest.clone() }),
        ("too many parts", Manifest { parts: vec![small; limits::PARTS + 1], ..manifest.clone() }),
        ("too large", Manifest { raw: limits::RAW + 1, ..manifest.clone() }),
        ("no program", Manifest { tool: String::new(), ..manifest.clone() }),
    ];
    for (what, case) in cases {
        assert!(case.sign(&signer).is_err(), "{what}");
        assert!(Manifest::parse(&case.to_text()).is_err(), "{what}");
    }
    let later = manifest.to_text().replace("garner.backup.v1", "garner.backup.v2");
    assert!(matches!(Manifest::parse(&later), Err(Error::Unsupported { .. })));
    // A signature over one sort of statement is none over another.
    let note = manifest.sign(&signer).unwrap().to_bytes();
    assert!(Listing::check(&note, &signer.public()).is_err());
}

#[test]
fn a_list_reads_what_it_writes_and_stays_in_order() {
    let signer = PublisherKey::from_seed("ada".parse().unwrap(), &[7; 32]);
    let listed = |day: i64| Listed {
        digest: Digest::of(&day.to_le_bytes()),
        at: Moment::from_unix(day * 86_400),
        size: 7,
    };
    let at = Moment::from_unix(86_400 * 9);
    let listing = Listing { at, backups: vec![listed(1), listed(2)] };
    let bytes = listing.sign(&signer).unwrap().to_bytes();
    assert_eq!(Listing::check(&bytes, &signer.public()).unwrap(), listing);
    let other = PublisherKey::from_seed("ada".parse().unwrap(), &[8; 32]);
    assert!(Listing::check(&bytes, &other.public()).is_err());
    for backups in [vec![listed(2), listed(1)], vec![listed(1); 2]] {
        assert!(Listing { at, backups }.sign(&signer).is_err());
    }
}
