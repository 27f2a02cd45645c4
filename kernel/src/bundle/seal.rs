//! Sealing: from the contents of a version to the files that carry it.

use std::collections::BTreeMap;

use super::container::Bundle;
use super::head::{Head, Latest, Reason};
use super::index::{Index, SecretScan};
use super::keyring::Keyring;
use super::keys::PublisherKey;
use super::manifest::{FileRef, Manifest, ObjectRef};
use super::note::Note;
use super::object::{self, Raw, Role};
use super::statement::RepositoryId;
use crate::contents::{Change, Contents, Version};
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::record;
use crate::words::ChannelName;

/// The zstd level of deltas: they are small and many.
const DELTA_LEVEL: i32 = 9;
/// The zstd level of bases: they are large and few.
const BASE_LEVEL: i32 = 19;
/// The most deltas on one base.
const MAX_DELTAS: usize = 16;
/// A new base is made when the deltas reach this share of the old one, in percent.
const MAX_DELTA_PERCENT: u64 = 25;
/// How long a `latest` note holds, in days.
const LATEST_DAYS: u32 = 14;

/// The version that a new one builds on, as it was verified.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Its head.
    pub head: Head,
    /// The digest of its head note.
    pub digest: Digest,
    /// The digest of the head that the new version's `skip` points to, if any.
    pub skip: Option<Digest>,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its object files, in the manifest's order.
    pub objects: Vec<Vec<u8>>,
    /// Its fragments and tombstones.
    pub contents: Contents,
}

/// Everything that sealing needs besides the contents.
pub struct Seal<'a> {
    /// The repository.
    pub repository: RepositoryId,
    /// Every root note, ascending.
    pub roots: Vec<Vec<u8>>,
    /// The version of the last of them.
    pub root: u64,
    /// The channel.
    pub channel: ChannelName,
    /// The version to build on; `None` for the first.
    pub parent: Option<&'a Parent>,
    /// The keyring, and its sealed file, which must decrypt to it.
    pub keyring: (&'a Keyring, Vec<u8>),
    /// The key that signs.
    pub publisher: &'a PublisherKey,
    /// The present.
    pub now: Moment,
    /// The program that seals, with its version.
    pub tool: String,
    /// What the search for secrets found.
    pub scan: SecretScan,
}

/// The files of a new version.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The version.
    pub version: Version,
    /// The digest of the head note.
    pub head: Digest,
    /// The bundle that carries it.
    pub bundle: Bundle,
    /// The manifest, as the bundle carries it in signed form.
    pub manifest: Manifest,
    /// The note that names this version as the newest.
    pub latest: Vec<u8>,
}

/// Seals `contents` as the version after `seal.parent`.
///
/// Objects of the parent are used again; only what changed is encrypted anew.
///
/// # Errors
/// [`Error::SecretsFound`] unless the scan is clean; limits and encryption errors.
pub fn seal(contents: &Contents, seal: &Seal<'_>) -> Result<Sealed, Error> {
    if seal.scan.findings != 0 {
        return Err(Error::SecretsFound { findings: seal.scan.findings });
    }
    let version = seal.parent.map_or(Version::FIRST, |parent| parent.head.version.next());
    let epoch = seal
        .keyring
        .0
        .current()
        .ok_or_else(|| Error::Note { what: "keyring", rule: "it has no epoch".to_owned() })?;
    let recipient = epoch.key.recipient();
    let publisher = seal.publisher.public().name().clone();
    let mut objects = segments(contents, seal, version)?;
    let mut raw_digests = BTreeMap::new();
    let mut refs = Vec::new();
    let mut files = Vec::new();
    for segment in objects.drain(..) {
        let (object, file, raw) = match segment {
            Segment::Kept { object, file } => {
                let raw = object::open(&file, &epoch.key, object.raw_size)?;
                (object, file, Digest::of(&raw.bytes))
            }
            Segment::New { raw, from, level } => {
                let file = object::seal(&raw, &recipient, level)?;
                let (to, raw_size) = (version.get(), raw.bytes.len() as u64);
                let object =
                    ObjectRef { role: raw.role, file: FileRef::of(&file), raw_size, from, to };
                (object, file, Digest::of(&raw.bytes))
            }
        };
        raw_digests.insert(object.file.digest, raw);
        refs.push(object);
        files.push(file);
    }
    let index = Index {
        repository: seal.repository.clone(),
        channel: seal.channel.clone(),
        publisher: publisher.clone(),
        objects: raw_digests,
        tree: contents.tree_digest(),
        fragments: contents.fragments().len() as u64,
        scan: seal.scan.clone(),
    };
    let raw = Raw { role: Role::Index, records: 1, bytes: index.to_json().into_bytes() };
    let file = object::seal(&raw, &recipient, DELTA_LEVEL)?;
    let (raw_size, to) = (raw.bytes.len() as u64, version.get());
    refs.push(ObjectRef { role: Role::Index, file: FileRef::of(&file), raw_size, from: to, to });
    files.push(file);
    let manifest = Manifest {
        repository: seal.repository.clone(),
        channel: seal.channel.clone(),
        parents: seal.parent.iter().map(|parent| parent.digest).collect(),
        publisher,
        created: seal.now,
        tool: seal.tool.clone(),
        epoch: epoch.number,
        keyring: FileRef::of(&seal.keyring.1),
        objects: refs,
    };
    Ok(sign(manifest, files, version, seal))
}

/// Signs manifest, head and latest.
fn sign(manifest: Manifest, objects: Vec<Vec<u8>>, version: Version, seal: &Seal<'_>) -> Sealed {
    let keys = [seal.publisher];
    let signed = Note::sign(manifest.to_text(), &keys).to_bytes();
    let head = Head {
        repository: seal.repository.clone(),
        channel: seal.channel.clone(),
        version,
        previous: seal.parent.map(|parent| parent.digest),
        skip: seal.parent.and_then(|parent| parent.skip),
        manifest: FileRef::of(&signed),
        root: seal.root,
        created: seal.now,
        reason: Reason::Publish,
    };
    let note = Note::sign(head.to_text(), &keys);
    let latest = Latest {
        repository: seal.repository.clone(),
        channel: seal.channel.clone(),
        version,
        head: note.digest(),
        issued: seal.now,
        expires: seal.now.plus_days(LATEST_DAYS),
    };
    let bundle = Bundle {
        roots: seal.roots.clone(),
        head: note.to_bytes(),
        manifest: signed,
        keyring: seal.keyring.1.clone(),
        objects,
    };
    let latest = Note::sign(latest.to_text(), &keys).to_bytes();
    Sealed { version, head: note.digest(), bundle, manifest, latest }
}

enum Segment {
    Kept { object: ObjectRef, file: Vec<u8> },
    New { raw: Raw, from: u64, level: i32 },
}

/// Returns the parent's segments and a delta, or a new base where that is smaller in the long run.
fn segments(contents: &Contents, seal: &Seal<'_>, version: Version) -> Result<Vec<Segment>, Error> {
    let base = |contents: &Contents| {
        let raw = lines(Role::Base, &contents.all())?;
        Ok::<_, Error>(vec![Segment::New { raw, from: 0, level: BASE_LEVEL }])
    };
    let Some(parent) = seal.parent else { return base(contents) };
    if seal.keyring.0.current().map(|e| e.number) != Some(parent.manifest.epoch) {
        return base(contents);
    }
    let changes = parent.contents.changes_to(contents);
    let kept: Vec<_> = parent
        .manifest
        .objects
        .iter()
        .zip(&parent.objects)
        .filter(|(object, _)| object.role != Role::Index)
        .map(|(object, file)| Segment::Kept { object: *object, file: file.clone() })
        .collect();
    if changes.is_empty() {
        return Ok(kept);
    }
    let delta = lines(Role::Delta, &changes)?;
    let size = |role| {
        let objects = parent.manifest.objects.iter().filter(move |o| o.role == role);
        objects.map(|o| o.raw_size).sum::<u64>()
    };
    let deltas = size(Role::Delta) + delta.bytes.len() as u64;
    if kept.len() > MAX_DELTAS || deltas * 100 > size(Role::Base) * MAX_DELTA_PERCENT {
        return base(contents);
    }
    let from = parent
        .manifest
        .objects
        .iter()
        .filter(|object| object.role != Role::Index)
        .map(|object| object.to)
        .next_back()
        .unwrap_or(version.get());
    let mut segments = kept;
    segments.push(Segment::New { raw: delta, from, level: DELTA_LEVEL });
    Ok(segments)
}

fn lines(role: Role, changes: &[Change]) -> Result<Raw, Error> {
    let mut bytes = Vec::new();
    for change in changes {
        let line = record::line(change);
        // What cannot be read back must not be sealed.
        record::parse(&line)?;
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    let records = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    Ok(Raw { role, records, bytes })
}
