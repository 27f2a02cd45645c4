//! Checking: everything that can be said of a bundle without a secret key (docs/format.md,
//! "Verification", steps 1 to 7).

use std::io::Read as _;

use super::blob::Blob;
use super::container::Bundle;
use super::head::{Head, NoteRef};
use super::history::{Floor, History, SignedHead, Signers};
use super::limits;
use super::manifest::{FileRef, Manifest, WHAT};
use super::note::Note;
use super::revocations::Revocations;
use super::root::Root;
use super::root_chain::RootChain;
use super::statement::RepositoryId;
use crate::digest::Digest;
use crate::error::Error;
use crate::words::ChannelName;

/// What a reader already trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The pinned repository.
    pub repository: RepositoryId,
    /// The channel that is expected; `None` accepts any of the repository.
    pub channel: Option<ChannelName>,
    /// What was verified before.
    pub known: Known,
}

impl Anchor {
    /// Returns the anchor of a reader who knows nothing but the repository.
    pub fn pin(repository: RepositoryId, channel: Option<ChannelName>) -> Self {
        Self { repository, channel, known: Known::default() }
    }
}

/// What was verified before; none of it ever goes back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// How many roots there are at least.
    pub roots: u64,
    /// The newest revocations.
    pub revocations: Option<NoteRef>,
    /// The newest head; `None` where an older version is wanted.
    pub floor: Option<Floor>,
    /// A head that a newer verified head vouches for, so that it needs no authority of its own.
    pub vouched: Option<Digest>,
}

/// A step of the verification (docs/format.md, "Verification"), in the order they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// 1: the chain of roots.
    Roots,
    /// 3: the heads, their links, and who signed the last one.
    Heads,
    /// 4: the revocations.
    Revocations,
    /// 5: the manifest.
    Manifest,
    /// 7: sizes and digests of keyring and objects.
    Files,
    /// 8: the keyring, which gives the key of the epoch.
    Keyring,
    /// 9: the index.
    Index,
    /// 9 and 10: every record, and the digest of the tree that they make.
    Records,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 8] = [
        Self::Roots,
        Self::Heads,
        Self::Revocations,
        Self::Manifest,
        Self::Files,
        Self::Keyring,
        Self::Index,
        Self::Records,
    ];

    /// Returns the word that stands for the step on screens and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Heads => "heads",
            Self::Revocations => "revocations",
            Self::Manifest => "manifest",
            Self::Files => "files",
            Self::Keyring => "keyring",
            Self::Index => "index",
            Self::Records => "records",
        }
    }
}

/// What can be checked without any secret key.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(super) roots: RootChain,
    pub(super) newest: SignedHead,
    pub(super) signers: Signers,
    pub(super) revocations: Option<Revocations>,
    pub(super) manifest: Manifest,
}

impl Checked {
    /// Returns the head.
    pub const fn head(&self) -> &Head {
        &self.newest.head
    }

    /// Returns the head with its digest and signers.
    pub const fn signed_head(&self) -> &SignedHead {
        &self.newest
    }

    /// Returns the digest of the head note.
    pub const fn digest(&self) -> &Digest {
        &self.newest.digest
    }

    /// Returns the manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the last root of the chain.
    pub const fn root(&self) -> &Root {
        self.roots.last()
    }

    /// Returns the revocations that came along, if any.
    pub const fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }
}

/// Checks signatures, sizes and digests of a bundle; reads nothing that is encrypted.
///
/// # Errors
/// The first rule that the bundle breaks.
pub fn check<B: Blob>(bundle: &Bundle<B>, anchor: &Anchor) -> Result<Checked, Error> {
    check_steps(bundle, anchor, &mut |_| {})
}

/// Checks like [`check`] and tells `passed` of each step that holds.
///
/// # Errors
/// The first rule that the bundle breaks.
pub fn check_steps<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    passed: &mut dyn FnMut(Step),
) -> Result<Checked, Error> {
    let known = &anchor.known;
    // 1. The chain of roots, from the pin.
    let roots = RootChain::check(&anchor.repository, &bundle.roots)?;
    if roots.last().version < known.roots {
        let offered = roots.last().version;
        return Err(Error::RootsMissing { needed: known.roots, offered });
    }
    passed(Step::Roots);
    // 3. The heads: linked to each other, the last one signed by publishers of today, at or above
    // the floor.
    let (newest, signers) = check_heads(&bundle.heads, anchor, &roots)?;
    passed(Step::Heads);
    // 4. Revocations: not behind what the head names or what is known.
    let revocations =
        check_revocations(bundle.revocations.as_deref(), &newest.head, known, &roots)?;
    passed(Step::Revocations);
    // 5. The manifest: the file that the head names, signed by whom it names.
    let manifest = check_manifest(&bundle.manifest, &newest, &signers)?;
    passed(Step::Manifest);
    // 7. Keyring and objects: exactly the files that the manifest names.
    manifest.keyring.check("keyring", &bundle.keyring)?;
    if manifest.objects.len() != bundle.objects.len() {
        return Err(Error::Container { rule: "it lacks objects of its manifest".to_owned() });
    }
    for (object, blob) in manifest.objects.iter().zip(&bundle.objects) {
        check_blob(&object.file, blob)?;
    }
    passed(Step::Files);
    Ok(Checked { roots, newest, signers, revocations, manifest })
}

/// Reads the head of the version that a bundle carries, by the root that it names.
///
/// # Errors
/// The first rule that the roots or the heads break; whether it may be opened is not asked.
pub fn read_head<B>(bundle: &Bundle<B>, anchor: &Anchor) -> Result<SignedHead, Error> {
    let roots = RootChain::check(&anchor.repository, &bundle.roots)?;
    let notes = bundle.heads.iter().map(Vec::as_slice);
    let history = History::read(notes, &roots, anchor.channel.as_ref())?;
    let newest = history.newest().cloned();
    newest.ok_or_else(|| Error::Container { rule: "it has no head".to_owned() })
}

/// Checks the heads and returns the last one with the keys that count.
fn check_heads(
    notes: &[Vec<u8>],
    anchor: &Anchor,
    roots: &RootChain,
) -> Result<(SignedHead, Signers), Error> {
    let notes = notes.iter().map(Vec::as_slice);
    let history = History::read(notes, roots, anchor.channel.as_ref())?;
    let newest =
        history.newest().ok_or_else(|| Error::Container { rule: "it has no head".to_owned() })?;
    let signers = if anchor.known.vouched == Some(newest.digest) {
        newest.judge(roots.at(newest.head.root)?)?
    } else {
        newest.judge(roots.last())?
    };
    newest.check_revoked(roots)?;
    anchor.known.floor.map_or(Ok(()), |floor| history.check_floor(floor))?;
    Ok((newest.clone(), signers))
}

fn check_revocations(
    note: Option<&[u8]>,
    head: &Head,
    known: &Known,
    roots: &RootChain,
) -> Result<Option<Revocations>, Error> {
    let named = [head.revocations, known.revocations];
    let needed = named.iter().flatten().map(|reference| reference.number).max().unwrap_or(0);
    let Some(note) = note else {
        return match needed {
            0 => Ok(None),
            known => Err(Error::RevocationsWentBack { known, offered: 0 }),
        };
    };
    let (revocations, reference) = Revocations::check(note, roots)?;
    if reference.number < needed {
        let offered = reference.number;
        return Err(Error::RevocationsWentBack { known: needed, offered });
    }
    let same = named.iter().flatten().filter(|named| named.number == reference.number);
    match same.into_iter().find(|named| named.digest != reference.digest) {
        Some(known) => Err(Error::RevocationsFork {
            number: reference.number,
            known: known.digest,
            offered: reference.digest,
        }),
        None => Ok(Some(revocations)),
    }
}

fn check_manifest(bytes: &[u8], newest: &SignedHead, signers: &Signers) -> Result<Manifest, Error> {
    let head = &newest.head;
    head.manifest.check(WHAT, bytes)?;
    let note = Note::parse(WHAT, bytes, limits::MANIFEST)?;
    let keys: Vec<_> = signers.keys.iter().collect();
    let signed_by = note.check(WHAT, &keys, signers.threshold)?;
    let manifest = Manifest::parse(note.text())?;
    let mismatch = |what, got: String, want: String| Err(Error::Mismatch { what, got, want });
    if manifest.repository != head.repository {
        let (got, want) = (manifest.repository.to_string(), head.repository.to_string());
        return mismatch("repository of the manifest", got, want);
    }
    if manifest.channel != head.channel {
        let (got, want) = (manifest.channel.to_string(), head.channel.to_string());
        return mismatch("channel of the manifest", got, want);
    }
    if !signed_by.contains(&manifest.publisher) {
        let want = signed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return mismatch("publisher of the manifest", manifest.publisher.to_string(), want);
    }
    if manifest.parents != head.previous.into_iter().collect::<Vec<_>>() {
        return mismatch("parents of the manifest", "others".to_owned(), "the head's".to_owned());
    }
    if manifest.created != head.created {
        let (got, want) = (manifest.created.to_string(), head.created.to_string());
        return mismatch("time of the manifest", got, want);
    }
    manifest.check_limits()?;
    manifest.check_order(head.version)?;
    Ok(manifest)
}

/// Checks size and digest of a blob, reading it piece by piece.
fn check_blob(file: &FileRef, blob: &impl Blob) -> Result<(), Error> {
    let what = || format!("object {}", file.digest.short());
    let size_differs = |got| Error::WrongSize { what: what(), got, want: file.size };
    if blob.size() != file.size {
        return Err(size_differs(blob.size()));
    }
    // One byte more than promised tells a blob that does not end there.
    let mut reader = blob.reader().take(file.size + 1);
    let (got, size) =
        Digest::of_reader(&mut reader).map_err(|source| Error::Read { what: "object", source })?;
    if size != file.size {
        return Err(size_differs(size));
    }
    if got != file.digest {
        return Err(Error::WrongDigest { what: what(), got, want: file.digest });
    }
    Ok(())
}
