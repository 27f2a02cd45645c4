//! Doors for the fuzz targets into what only [`open`](super::open) calls.
//!
//! Only the feature `probe` builds this, for `fuzz/`. No program may use it: what goes through
//! here is neither signed nor decrypted.

use super::index::Index;
use super::keyring::Keyring;
use super::merge::{self, Layer, Parts};
use super::note::Note;
use super::object::{self, Raw, Role, SKIP, Skip};
use super::revocations::Revocations;
use super::unseal::{Promise, Unsealed};
use crate::contents::Change;
use crate::digest::Digest;
use crate::error::Error;

/// Returns the raw bytes in the plaintext of an object, of which role and size were promised.
///
/// # Errors
/// The first rule that it breaks.
pub fn unseal(plaintext: &[u8], role: Role, raw_size: u64) -> Result<Vec<u8>, Error> {
    let promise = Promise { role, raw_size, digest: None };
    Unsealed::of_plaintext(plaintext, promise)?.into_raw().map(|raw| raw.bytes)
}

/// Returns the role and the raw size that the plaintext of an object states.
pub fn stated(plaintext: &[u8]) -> Option<(Role, u64)> {
    let skip = Skip::parse(plaintext.first_chunk::<SKIP>()?).ok()?;
    Some((skip.role, skip.raw_size))
}

/// Returns the plaintext of an object.
///
/// # Errors
/// As sealing one.
pub fn plaintext(role: Role, records: u32, raw: &[u8]) -> Result<Vec<u8>, Error> {
    object::plaintext(&Raw { role, records, bytes: raw.to_vec() }, 1)
}

/// Merges the records of layers, each the plaintexts of one or more objects, the oldest first.
///
/// Returns what is left, the tree digest, and the number of live fragments. Objects are taken
/// to be promised as they state it.
///
/// # Errors
/// The first rule that an object or a record breaks.
pub fn merge(layers: &[Vec<Vec<u8>>]) -> Result<(Vec<Change>, Digest, u64), Error> {
    let open = |plaintext: &'_ Vec<u8>| {
        let (role, raw_size) = stated(plaintext).unwrap_or((Role::Base, 0));
        Promise { role, raw_size, digest: None }
    };
    let layers = layers.iter().map(|plaintexts| {
        let objects = plaintexts.iter();
        let parts: Parts<'_> = Box::new(
            objects.map(move |plain| Unsealed::of_plaintext(plain.as_slice(), open(plain))),
        );
        Layer::new(parts)
    });
    let mut changes = Vec::new();
    let tree = merge::merge(layers.collect(), &mut |change| changes.push(change))?;
    Ok((changes, tree.digest, tree.fragments))
}

/// Reads the raw bytes of an index and writes them again.
///
/// # Errors
/// The first rule that they break.
pub fn index(json: &[u8]) -> Result<String, Error> {
    Index::parse(json).map(|index| index.to_json())
}

/// Reads the plaintext of a keyring and writes it again.
///
/// # Errors
/// The first rule that it breaks.
pub fn keyring(json: &[u8]) -> Result<String, Error> {
    Keyring::parse(json).map(|keyring| keyring.to_json())
}

/// Reads the text of revocations and writes it again.
///
/// # Errors
/// The first rule that it breaks.
pub fn revocations(text: &str) -> Result<String, Error> {
    Revocations::parse(text).map(|revocations| revocations.sign(&[]).text().to_owned())
}

/// Returns the signed text of a note.
pub fn text(note: &Note) -> &str {
    note.text()
}
