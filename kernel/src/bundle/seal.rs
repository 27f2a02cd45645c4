//! Sealing: from the contents of a version to the files that carry it.

use std::collections::BTreeMap;

use super::container::Bundle;
use super::head::{Head, NoteRef, Reason};
use super::index::{Index, SecretScan};
use super::keyring::{Keyring, Reader};
use super::keys::PublisherKey;
use super::latest::Latest;
use super::limits;
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
/// The zstd level of bases: they are large and few. Higher ones take longer for nothing.
const BASE_LEVEL: i32 = 16;
/// Above this many bytes of plaintext, a base is compressed at [`LARGE_LEVEL`].
const LARGE: usize = 8 << 20;
/// The zstd level of large bases, where [`BASE_LEVEL`] takes ten times as long for 14 %.
const LARGE_LEVEL: i32 = 9;
/// A new base is made when the deltas reach this share of the old one, in percent.
const MAX_DELTA_PERCENT: u64 = 25;
/// How long a `latest` note holds, in days.
pub const LATEST_DAYS: u32 = 14;

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
    /// The digests of their plaintexts by those of the files, without the index.
    pub raw_digests: BTreeMap<Digest, Digest>,
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
    /// The newest revocations note, if there is any.
    pub revocations: Option<(NoteRef, Vec<u8>)>,
    /// Why the version is made.
    pub reason: Reason,
    /// The channel.
    pub channel: ChannelName,
    /// The version to build on; `None` for the first.
    pub parent: Option<&'a Parent>,
    /// Whether nothing of the parent's objects is used again: they hold what must vanish.
    pub afresh: bool,
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
    /// Who can read it.
    pub readers: Vec<Reader>,
}

/// Seals `contents` as the version after `seal.parent`.
///
/// Objects of the parent are used again, unless `seal.afresh`; only what changed is encrypted anew.
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
            Segment::Kept { object, file, raw } => (object, file, raw),
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
        revocations: seal.revocations.as_ref().map(|(reference, _)| *reference),
        created: seal.now,
        reason: seal.reason.clone(),
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
        revocations: seal.revocations.as_ref().map(|(_, note)| note.clone()),
        heads: vec![note.to_bytes()],
        manifest: signed,
        keyring: seal.keyring.1.clone(),
        objects,
    };
    let latest = Note::sign(latest.to_text(), &keys).to_bytes();
    let readers = seal.keyring.0.readers.clone();
    Sealed { version, head: note.digest(), bundle, manifest, latest, readers }
}

enum Segment {
    Kept { object: ObjectRef, file: Vec<u8>, raw: Digest },
    New { raw: Raw, from: u64, level: i32 },
}

/// Returns the parent's segments and a delta, or new bases where that is smaller in the long run.
fn segments(contents: &Contents, seal: &Seal<'_>, version: Version) -> Result<Vec<Segment>, Error> {
    let Some(parent) = seal.parent.filter(|_| !seal.afresh) else { return bases(contents) };
    if seal.keyring.0.current().map(|e| e.number) != Some(parent.manifest.epoch) {
        return bases(contents);
    }
    let changes = parent.contents.changes_to(contents);
    let mut segments = kept(parent)?;
    if changes.is_empty() {
        return Ok(segments);
    }
    let delta = lines(Role::Delta, &changes)?;
    let of = |role| parent.manifest.objects.iter().filter(move |o| o.role == role);
    let size = |role| of(role).map(|o| o.raw_size).sum::<u64>();
    let deltas = size(Role::Delta) + delta.bytes.len() as u64;
    let many = of(Role::Delta).count() >= limits::DELTAS;
    if many || deltas * 100 > size(Role::Base) * MAX_DELTA_PERCENT {
        return bases(contents);
    }
    let reached = |object: &ObjectRef| (object.role != Role::Index).then_some(object.to);
    let from = parent.manifest.objects.iter().filter_map(reached).next_back();
    let from = from.unwrap_or(version.get());
    segments.push(Segment::New { raw: delta, from, level: DELTA_LEVEL });
    Ok(segments)
}

/// Returns the bases and deltas of the parent as they are.
fn kept(parent: &Parent) -> Result<Vec<Segment>, Error> {
    let pairs = parent.manifest.objects.iter().zip(&parent.objects);
    let segments = pairs.filter(|(object, _)| object.role != Role::Index);
    segments
        .map(|(object, file)| {
            let raw = *parent.raw_digests.get(&object.file.digest).ok_or_else(|| {
                Error::Object { rule: "the index of the version before lacks an object".to_owned() }
            })?;
            Ok(Segment::Kept { object: *object, file: file.clone(), raw })
        })
        .collect()
}

/// Returns everything as one base, or as several where it is large.
fn bases(contents: &Contents) -> Result<Vec<Segment>, Error> {
    let mut raws = vec![Raw { role: Role::Base, records: 0, bytes: Vec::new() }];
    for change in contents.all() {
        let line = checked_line(&change)?;
        match raws.last_mut() {
            Some(raw) if raw.bytes.len() + line.len() < limits::PART_RAW => push(raw, &line),
            _ => {
                let mut raw = Raw { role: Role::Base, records: 0, bytes: Vec::new() };
                push(&mut raw, &line);
                raws.push(raw);
            }
        }
    }
    let level = |raw: &Raw| if raw.bytes.len() > LARGE { LARGE_LEVEL } else { BASE_LEVEL };
    Ok(raws.into_iter().map(|raw| Segment::New { level: level(&raw), raw, from: 0 }).collect())
}

fn lines(role: Role, changes: &[Change]) -> Result<Raw, Error> {
    let mut raw = Raw { role, records: 0, bytes: Vec::new() };
    for change in changes {
        push(&mut raw, &checked_line(change)?);
    }
    Ok(raw)
}

/// Returns the line of a change; what cannot be read back must not be sealed.
fn checked_line(change: &Change) -> Result<String, Error> {
    let line = record::line(change);
    record::parse(&line)?;
    Ok(line)
}

fn push(raw: &mut Raw, line: &str) {
    raw.bytes.extend_from_slice(line.as_bytes());
    raw.bytes.push(b'\n');
    raw.records = raw.records.saturating_add(1);
}
