//! What becomes of changed bytes.

use garner_fuzz::Kind;
use garner_fuzz::example::{CHANNEL, example};
use garner_kernel::bundle::{
    Bundle, Latest, Manifest, Note, Revocations, Right, RootChain, SignedHead, VersionTag, limits,
    open,
};
use garner_kernel::{Digest, Error};

/// Whether changed bytes are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Refused,
    /// What was signed is what it was.
    Same,
    Accepted,
}

/// Returns the signed note of a kind.
pub(crate) fn note_of(kind: Kind) -> &'static [u8] {
    let [.., third] = &example().bundles;
    match kind {
        Kind::Root => third.roots.last().unwrap(),
        Kind::Head => third.heads.last().unwrap(),
        Kind::Latest => example().latest[1],
        Kind::Revocations => third.revocations.as_ref().unwrap(),
        Kind::Manifest => &third.manifest,
        Kind::Tag => &example().tag,
    }
}

/// Judges the bytes of a bundle that should be version 3 of the example.
pub(crate) fn bundle(bytes: &[u8]) -> Verdict {
    let opened = Bundle::parse(bytes)
        .and_then(|bundle| open(&bundle, &example().anchor, &[&example().device]));
    match opened {
        Err(_) => Verdict::Refused,
        Ok(kernel) if *kernel.get() == example().kernel => Verdict::Same,
        Ok(_) => Verdict::Accepted,
    }
}

/// Judges a note that should be that of the example.
pub(crate) fn statement(kind: Kind, bytes: &[u8]) -> Verdict {
    let text = |bytes| Note::parse("note", bytes, limits::MANIFEST).unwrap().digest();
    match accepted(kind, bytes) {
        Err(_) => Verdict::Refused,
        Ok(digest) if digest == text(note_of(kind)) => Verdict::Same,
        Ok(_) => Verdict::Accepted,
    }
}

/// Reads a note as a reader does and returns the digest of its text.
fn accepted(kind: Kind, bytes: &[u8]) -> Result<Digest, Error> {
    let example = example();
    let roots = &example.roots;
    let channel = CHANNEL.parse()?;
    let note = Note::parse("note", bytes, limits::MANIFEST)?;
    match kind {
        Kind::Root => {
            let first = example.bundles[0].roots[0].clone();
            RootChain::check(&example.anchor.repository, &[first, bytes.to_vec()])?;
        }
        Kind::Head => drop(SignedHead::read(bytes, roots, Some(&channel))?),
        Kind::Latest => drop(Latest::check(bytes, roots, &channel)?),
        Kind::Revocations => drop(Revocations::check(bytes, roots)?),
        Kind::Manifest => {
            let (keys, threshold) = roots.last().holders(&Right::Publish);
            note.check("manifest", &keys, threshold)?;
            Manifest::of(&note)?.check_limits()?;
        }
        Kind::Tag => drop(VersionTag::check(bytes, roots, &"third".parse()?)?),
    }
    Ok(note.digest())
}
