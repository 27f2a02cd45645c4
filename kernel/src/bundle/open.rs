//! Opening: the only way to a [`Verified`] kernel (docs/format.md, "Verification").

use std::io::Read as _;

use super::blob::Blob;
use super::check::{Anchor, Checked, Step, check_steps};
use super::container::Bundle;
use super::head::Reason;
use super::identity::Identity;
use super::index::Index;
use super::keyring::{Epoch, Keyring};
use super::manifest::{Manifest, ObjectRef};
use super::merge::{Layer, Parts, Tree, merge};
use super::object::Role;
use super::seal::Parent;
use super::unseal::{Promise, Unsealed};
use crate::contents::{Ascending, Change, Kernel, Lineage};
use crate::digest::Digest;
use crate::error::Error;

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

/// Verifies a bundle and decrypts it with any of `keys`.
///
/// # Errors
/// The first rule that the bundle breaks; nothing of it is used then.
pub fn open<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    keys: &[&dyn Identity],
) -> Result<Verified<Kernel>, Error> {
    let mut changes = Ascending::default();
    let mut sink = |change| changes.push(change);
    let checked = read(bundle, anchor, keys, &mut sink, &mut |_| {})?.checked;
    let Checked { newest, manifest, revocations, .. } = checked;
    let revoked = revocations.map(|revocations| revocations.entries).unwrap_or_default();
    let mut contents = changes.finish();
    contents.withhold(&revoked)?;
    let restores = match newest.head.reason {
        Reason::Publish | Reason::Promote(_) => None,
        Reason::RollbackTo(version) => Some(version),
    };
    Ok(Verified(Kernel {
        channel: newest.head.channel,
        lineage: Lineage { version: newest.head.version, parent: newest.head.previous, restores },
        head: newest.digest,
        publisher: manifest.publisher.to_string(),
        created: newest.head.created,
        contents,
        revoked,
    }))
}

/// Verifies a bundle to the last record without keeping any, tells `passed` of each step that
/// holds, and returns what it holds.
///
/// It takes little memory, however large the bundle is.
///
/// # Errors
/// The first rule that the bundle breaks.
pub fn verify<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    keys: &[&dyn Identity],
    passed: &mut dyn FnMut(Step),
) -> Result<Summary, Error> {
    let opened = read(bundle, anchor, keys, &mut |_| {}, passed)?;
    let Opened { checked, index, .. } = opened;
    Ok(Summary { checked, tree: index.tree, fragments: index.fragments })
}

/// What a bundle holds, without its fragments.
#[derive(Debug, Clone)]
pub struct Summary {
    /// What is said without encryption.
    pub checked: Checked,
    /// The tree digest, before revoked fragments are taken out.
    pub tree: Digest,
    /// How many fragments live in the tree.
    pub fragments: u64,
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
    let mut changes = Ascending::default();
    let mut sink = |change| changes.push(change);
    let opened = read(bundle, anchor, keys, &mut sink, &mut |_| {})?;
    let Checked { newest, manifest, .. } = opened.checked;
    let parent = Parent {
        head: newest.head,
        digest: newest.digest,
        // The caller, who has the older heads, fills the skip link in.
        skip: None,
        manifest,
        objects: bundle.objects.clone(),
        raw_digests: opened.index.objects,
        contents: changes.finish(),
    };
    Ok((parent, opened.keyring))
}

struct Opened {
    checked: Checked,
    keyring: Keyring,
    index: Index,
}

/// Verifies a bundle and hands its fragments and tombstones to `sink`, in the order of their ids.
fn read<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    keys: &[&dyn Identity],
    sink: &mut dyn FnMut(Change),
    passed: &mut dyn FnMut(Step),
) -> Result<Opened, Error> {
    let checked = check_steps(bundle, anchor, passed)?;
    let manifest = &checked.manifest;
    // 8. The keyring gives the epoch's key.
    let keyring = Keyring::open(&bundle.keyring, keys)?;
    let epoch = epoch_of(&keyring, &checked)?;
    passed(Step::Keyring);
    // 9. The index first, then the records of bases and deltas.
    let index = read_index(manifest, &bundle.objects, epoch)?;
    passed(Step::Index);
    let tree = merge(layers(manifest, &bundle.objects, epoch, &index), sink)?;
    // 10. What came out is what the index promised.
    if tree != (Tree { digest: index.tree, fragments: index.fragments }) {
        let (got, want) = (tree.digest, index.tree);
        return Err(Error::WrongDigest { what: "tree of fragments".to_owned(), got, want });
    }
    let (got, max) = (tree.fragments, checked.signers.max_fragments);
    if let Some(max) = max.filter(|max| got > *max) {
        return Err(Error::KeyScope {
            key: manifest.publisher.to_string(),
            reason: format!("it may publish {max} fragments, and these are {got}"),
        });
    }
    passed(Step::Records);
    Ok(Opened { checked, keyring, index })
}

fn broken(rule: &str) -> Error {
    Error::Object { rule: rule.to_owned() }
}

fn epoch_of<'a>(keyring: &'a Keyring, checked: &Checked) -> Result<&'a Epoch, Error> {
    let manifest = &checked.manifest;
    if keyring.repository != manifest.repository {
        let (got, want) = (keyring.repository.to_string(), manifest.repository.to_string());
        return Err(Error::Mismatch { what: "repository of the keyring", got, want });
    }
    let missing =
        || Error::Note { what: "keyring", rule: "it lacks the epoch of the objects".to_owned() };
    keyring
        .epoch(manifest.epoch)
        .filter(|epoch| epoch.from <= checked.newest.head.version)
        .ok_or_else(missing)
}

/// Reads the index and checks that it speaks of this publication.
fn read_index<B: Blob>(manifest: &Manifest, blobs: &[B], epoch: &Epoch) -> Result<Index, Error> {
    let missing = || broken("there is no index");
    let (object, blob) =
        (manifest.objects.last().ok_or_else(missing)?, blobs.last().ok_or_else(missing)?);
    // The index vouches for all other plaintexts. The very bytes that are read here are checked: a
    // file that changes after it was checked gains nothing.
    let mut sealed = Vec::new();
    blob.reader()
        .take(object.file.size + 1)
        .read_to_end(&mut sealed)
        .map_err(|source| Error::Read { what: "index", source })?;
    object.file.check("index", &sealed)?;
    let promise = Promise { role: Role::Index, raw_size: object.raw_size, digest: None };
    let raw = Unsealed::open(sealed.as_slice(), &epoch.key, promise)?.into_raw()?;
    let index = Index::parse(&raw.bytes)?;
    let segments = manifest.objects.iter().filter(|object| object.role != Role::Index);
    // Whoever signs what others sealed gives himself away here.
    let names = [
        ("repository of the index", index.repository.to_string(), manifest.repository.to_string()),
        ("channel of the index", index.channel.to_string(), manifest.channel.to_string()),
        ("publisher of the index", index.publisher.to_string(), manifest.publisher.to_string()),
    ];
    if let Some((what, got, want)) = names.into_iter().find(|(_, got, want)| got != want) {
        return Err(Error::Mismatch { what, got, want });
    }
    let bound = raw.records == 1
        && index.scan.findings == 0
        && index.objects.len() == manifest.objects.len() - 1
        && segments.into_iter().all(|object| index.objects.contains_key(&object.file.digest));
    if bound {
        return Ok(index);
    }
    Err(broken("the index names other objects, or secrets that were found"))
}

/// Returns the records of all bases as one layer, and those of each delta as one more.
fn layers<'a, B: Blob>(
    manifest: &'a Manifest,
    blobs: &'a [B],
    epoch: &'a Epoch,
    index: &'a Index,
) -> Vec<Layer<'a>> {
    let open = move |(object, blob): (&'a ObjectRef, &'a B)| {
        let digest = index.objects.get(&object.file.digest).copied();
        let promise = Promise { role: object.role, raw_size: object.raw_size, digest };
        Unsealed::open(blob.reader(), &epoch.key, promise)
    };
    let of = |role| manifest.objects.iter().zip(blobs).filter(move |(o, _)| o.role == role);
    let bases: Parts<'a> = Box::new(of(Role::Base).map(open));
    let deltas = of(Role::Delta).map(|delta| {
        let parts: Parts<'a> = Box::new(std::iter::once(delta).map(open));
        Layer::new(parts)
    });
    std::iter::once(Layer::new(bases)).chain(deltas).collect()
}
