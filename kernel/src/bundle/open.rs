//! Opening: the only way to a [`Verified`] kernel (docs/format.md, "Verification").

use super::container::Bundle;
use super::head::{Head, Latest, Reason};
use super::identity::Identity;
use super::index::Index;
use super::keyring::Keyring;
use super::limits;
use super::manifest::Manifest;
use super::note::Note;
use super::object::{self, Role};
use super::root::{Right, Root, check_chain};
use super::seal::Parent;
use super::statement::RepositoryId;
use crate::contents::{Change, Contents, Kernel, Lineage, Version};
use crate::digest::Digest;
use crate::error::Error;
use crate::record;
use crate::words::{ChannelName, KeyName};

/// A value whose signatures, digests and limits all hold.
///
/// Nothing outside of this module can make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Returns the value.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// Unwraps the value, which is then an ordinary one.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What a reader already trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The pinned repository.
    pub repository: RepositoryId,
    /// The channel that is expected; `None` accepts any of the repository.
    pub channel: Option<ChannelName>,
    /// The newest head that was verified before, if any.
    pub floor: Option<Floor>,
}

/// A head that was verified before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Its version.
    pub version: Version,
    /// The digest of its note.
    pub head: Digest,
}

/// What can be checked without any secret key.
#[derive(Debug, Clone)]
pub struct Checked {
    root: Root,
    head: Head,
    digest: Digest,
    manifest: Manifest,
}

impl Checked {
    /// Returns the head.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the digest of the head note.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the last root of the chain.
    pub const fn root(&self) -> &Root {
        &self.root
    }
}

/// Checks signatures, sizes and digests of a bundle; reads nothing that is encrypted.
///
/// # Errors
/// The first rule that the bundle breaks.
pub fn check(bundle: &Bundle, anchor: &Anchor) -> Result<Checked, Error> {
    // 1. The chain of roots, from the pin.
    let root = check_chain(&anchor.repository, &bundle.roots)?;
    // 3. The head: signed by publishers, for this repository and channel, at or above the floor.
    let (head, digest, _) = check_head(&bundle.head, &root, anchor)?;
    // 5. The manifest: the file that the head names, signed by whom it names, in scope.
    head.manifest.check("manifest", &bundle.manifest)?;
    let note = Note::parse("manifest", &bundle.manifest, limits::MANIFEST)?;
    let (keys, threshold) = root.holders(Right::Publish);
    let signers = note.check("manifest", &keys, threshold)?;
    for name in &signers {
        check_scope(&root, name, &head)?;
    }
    let manifest = Manifest::parse(note.text())?;
    check_manifest(&manifest, &head, &signers)?;
    // 7. Keyring and objects: exactly the files that the manifest names.
    manifest.keyring.check("keyring", &bundle.keyring)?;
    if manifest.objects.len() != bundle.objects.len() {
        return Err(Error::Container { rule: "it lacks objects of its manifest".to_owned() });
    }
    for (object, bytes) in manifest.objects.iter().zip(&bundle.objects) {
        object.file.check(&format!("object {}", object.file.digest.short()), bytes)?;
    }
    Ok(Checked { root, head, digest, manifest })
}

/// Checks a head note alone and returns it with its digest and its signers.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_head(
    bytes: &[u8],
    root: &Root,
    anchor: &Anchor,
) -> Result<(Head, Digest, Vec<KeyName>), Error> {
    let note = Note::parse("head", bytes, limits::HEAD)?;
    let (keys, threshold) = root.holders(Right::Publish);
    let signers = note.check("head", &keys, threshold)?;
    let head = Head::parse(note.text())?;
    let mismatch = |what, got: String, want: String| Error::Mismatch { what, got, want };
    if head.repository != anchor.repository {
        let (got, want) = (head.repository.to_string(), anchor.repository.to_string());
        return Err(mismatch("repository of the head", got, want));
    }
    if let Some(channel) = anchor.channel.as_ref().filter(|c| **c != head.channel) {
        return Err(mismatch("channel", head.channel.to_string(), channel.to_string()));
    }
    for name in &signers {
        check_scope(root, name, &head)?;
    }
    if let Some(floor) = anchor.floor {
        check_floor(&head, note.digest(), floor)?;
    }
    Ok((head, note.digest(), signers))
}

/// Checks a `latest` note against the root and returns it.
///
/// # Errors
/// The first rule that it breaks; its expiry is for the caller to judge.
pub fn check_latest(bytes: &[u8], root: &Root, anchor: &Anchor) -> Result<Latest, Error> {
    let note = Note::parse("latest", bytes, limits::HEAD)?;
    let (keys, threshold) = root.holders(Right::Freshness);
    note.check("latest", &keys, threshold)?;
    let latest = Latest::parse(note.text())?;
    if latest.repository != anchor.repository {
        let (got, want) = (latest.repository.to_string(), anchor.repository.to_string());
        return Err(Error::Mismatch { what: "repository of the latest note", got, want });
    }
    if let Some(channel) = anchor.channel.as_ref().filter(|c| **c != latest.channel) {
        let (got, want) = (latest.channel.to_string(), channel.to_string());
        return Err(Error::Mismatch { what: "channel of the latest note", got, want });
    }
    Ok(latest)
}

/// Verifies a bundle and decrypts it with any of `keys`.
///
/// # Errors
/// The first rule that the bundle breaks; nothing of it is used then.
pub fn open(
    bundle: &Bundle,
    anchor: &Anchor,
    keys: &[&dyn Identity],
) -> Result<Verified<Kernel>, Error> {
    let checked = check(bundle, anchor)?;
    // 8. The keyring gives the epoch's key.
    let keyring = Keyring::open(&bundle.keyring, keys)?;
    let contents = contents(bundle, &checked, &keyring)?;
    let Checked { head, digest, manifest, .. } = checked;
    let restores = match head.reason {
        Reason::Publish => None,
        Reason::RollbackTo(version) => Some(version),
    };
    Ok(Verified(Kernel {
        channel: head.channel,
        lineage: Lineage { version: head.version, parent: head.previous, restores },
        head: digest,
        publisher: manifest.publisher.to_string(),
        created: head.created,
        contents,
    }))
}

/// Verifies a bundle and returns what the next version is built on, and the keyring.
///
/// # Errors
/// The first rule that the bundle breaks.
pub fn open_parent(
    bundle: &Bundle,
    anchor: &Anchor,
    keys: &[&dyn Identity],
) -> Result<(Parent, Keyring), Error> {
    let checked = check(bundle, anchor)?;
    let keyring = Keyring::open(&bundle.keyring, keys)?;
    let contents = contents(bundle, &checked, &keyring)?;
    let Checked { head, digest, manifest, .. } = checked;
    let objects = bundle.objects.clone();
    // The caller, who has the older heads, fills the skip link in.
    Ok((Parent { head, digest, skip: None, manifest, objects, contents }, keyring))
}

/// Returns whether a key may sign this head: not expired, and for this channel.
fn check_scope(root: &Root, name: &KeyName, head: &Head) -> Result<(), Error> {
    let Some(grant) = root.grant(name) else { return Ok(()) };
    let refused = |reason: String| Error::KeyScope { key: name.to_string(), reason };
    if head.created > grant.not_after {
        return Err(refused(format!("it expired on {}", grant.not_after.date())));
    }
    if !grant.channels.is_empty() && !grant.channels.contains(&head.channel) {
        return Err(refused(format!("it may not publish to channel `{}`", head.channel)));
    }
    Ok(())
}

fn check_floor(head: &Head, digest: Digest, floor: Floor) -> Result<(), Error> {
    if head.version < floor.version {
        return Err(Error::WentBack { known: floor.version, offered: head.version });
    }
    if head.version == floor.version && digest != floor.head {
        return Err(Error::Fork { version: head.version, known: floor.head, offered: digest });
    }
    if head.version == floor.version.next() && head.previous != Some(floor.head) {
        let offered = head.previous.unwrap_or(digest);
        return Err(Error::Fork { version: floor.version, known: floor.head, offered });
    }
    if head.version.get() - floor.version.get() > limits::VERSION_STEP {
        let got = head.version.get() - floor.version.get();
        return Err(Error::Limit { what: "step of versions", got, max: limits::VERSION_STEP });
    }
    Ok(())
}

fn check_manifest(manifest: &Manifest, head: &Head, signers: &[KeyName]) -> Result<(), Error> {
    let mismatch = |what, got: String, want: String| Error::Mismatch { what, got, want };
    if manifest.repository != head.repository || manifest.channel != head.channel {
        let (got, want) = (manifest.channel.to_string(), head.channel.to_string());
        return Err(mismatch("repository or channel of the manifest", got, want));
    }
    if !signers.contains(&manifest.publisher) {
        let want = signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(mismatch("publisher of the manifest", manifest.publisher.to_string(), want));
    }
    if manifest.parents != head.previous.into_iter().collect::<Vec<_>>() {
        return Err(mismatch("parents of the manifest", "others".to_owned(), "the head's".into()));
    }
    manifest.check_limits()?;
    check_order(manifest, head.version)
}

/// Checks that the objects are a base, deltas that follow on from each other, and an index.
fn check_order(manifest: &Manifest, version: Version) -> Result<(), Error> {
    let broken = |rule: &str| Error::Note { what: "manifest", rule: rule.to_owned() };
    let (index, segments) =
        manifest.objects.split_last().ok_or_else(|| broken("it lists no objects"))?;
    if index.role != Role::Index || index.to != version.get() {
        return Err(broken("its last object is not the index of this version"));
    }
    let mut reached = 0;
    for (position, segment) in segments.iter().enumerate() {
        let role = if position == 0 { Role::Base } else { Role::Delta };
        let follows =
            segment.from == reached && segment.to > reached && segment.to <= version.get();
        if segment.role != role || !follows {
            return Err(broken("its objects do not follow on from each other"));
        }
        reached = segment.to;
    }
    if segments.is_empty() { Err(broken("it has no base")) } else { Ok(()) }
}

/// Decrypts and applies every object.
fn contents(bundle: &Bundle, checked: &Checked, keyring: &Keyring) -> Result<Contents, Error> {
    let manifest = &checked.manifest;
    let broken = |rule: &str| Error::Object { rule: rule.to_owned() };
    if keyring.repository != manifest.repository {
        return Err(broken("the keyring is that of another repository"));
    }
    let epoch = keyring
        .epoch(manifest.epoch)
        .ok_or_else(|| broken("the keyring lacks the epoch of the objects"))?;
    // 9. Each object: age, frames, digest, records.
    let mut raws = Vec::new();
    for (object, sealed) in manifest.objects.iter().zip(&bundle.objects) {
        let raw = object::open(sealed, &epoch.key, object.raw_size)?;
        if raw.role != object.role {
            return Err(broken("its role differs from the manifest's"));
        }
        raws.push((object.file.digest, raw));
    }
    let (_, index) = raws.pop().ok_or_else(|| broken("there is no index"))?;
    let index = Index::parse(&index.bytes)?;
    let bound = index.repository == manifest.repository
        && index.channel == manifest.channel
        && index.publisher == manifest.publisher
        && index.scan.findings == 0
        && index.objects.len() == raws.len();
    if !bound {
        return Err(broken("the index speaks of another publication or of found secrets"));
    }
    let mut contents = Contents::default();
    for (file, raw) in &raws {
        if index.objects.get(file) != Some(&Digest::of(&raw.bytes)) {
            return Err(broken("its plaintext is not the one that the index names"));
        }
        apply(&mut contents, raw)?;
    }
    // 10. The tree digest of what came out.
    let tree = contents.tree_digest();
    if tree != index.tree || contents.fragments().len() as u64 != index.fragments {
        let what = "tree of fragments".to_owned();
        return Err(Error::WrongDigest { what, got: tree, want: index.tree });
    }
    Ok(contents)
}

/// Applies the records of one segment, which must ascend by id.
fn apply(contents: &mut Contents, raw: &object::Raw) -> Result<(), Error> {
    let broken = |rule: String| Error::Object { rule };
    if raw.records > limits::RECORDS {
        let (got, max) = (u64::from(raw.records), u64::from(limits::RECORDS));
        return Err(Error::Limit { what: "records of a segment", got, max });
    }
    let text = std::str::from_utf8(&raw.bytes)
        .map_err(|_| broken("its records are not UTF-8".to_owned()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(broken("its last record is cut".to_owned()));
    }
    let mut last = None;
    let mut count = 0;
    for (number, line) in text.split_terminator('\n').enumerate() {
        let change =
            record::parse(line).map_err(|e| broken(format!("record {}: {e}", number + 1)))?;
        let id = Change::id(&change);
        if last.is_some_and(|last| last >= id) {
            return Err(broken(format!("record {} is out of order", number + 1)));
        }
        last = Some(id);
        contents.apply(change)?;
        count += 1;
    }
    if count == raw.records {
        Ok(())
    } else {
        Err(broken("it has another count of records".into()))
    }
}
