//! The mirror: the local copy of a channel's files, in the layout of a remote.

use garner_kernel::Version;
use garner_kernel::bundle::{self, Bundle, Head, Manifest, Note, Root, limits};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::Remote;
use crate::repository::Trust;

/// Collects the files of one version into a bundle; the caller opens it, which checks everything.
///
/// # Errors
/// [`Error::NoVersion`] if there is no such head, [`Error::MissingFile`] if a file is missing.
pub fn bundle_at(remote: &impl Remote, trust: &Trust, version: Version) -> Result<Bundle, Error> {
    let channel = &trust.repository.channel;
    let roots = roots(remote)?;
    let root = bundle::check_chain(&trust.repository.id, &roots)?;
    let head = remote
        .get(&Name::head(channel, version), limits::HEAD as u64)?
        .ok_or_else(|| Error::NoVersion { channel: channel.clone(), version })?;
    let (checked, ..) = check_head(&head, &root, trust, version)?;
    let (manifest, parsed) = manifest(remote, &checked)?;
    let keyring = required(remote, &Name::keyring(&parsed.keyring.digest), parsed.keyring.size)?;
    let objects = parsed
        .objects
        .iter()
        .map(|object| required(remote, &Name::object(&object.file.digest), object.file.size))
        .collect::<Result<_, _>>()?;
    Ok(Bundle { roots, head, manifest, keyring, objects })
}

/// Returns every root note, ascending; the caller checks the chain.
///
/// # Errors
/// [`Error::NoRepository`] if there is none.
pub fn roots(remote: &impl Remote) -> Result<Vec<Vec<u8>>, Error> {
    let mut roots = Vec::new();
    for number in 1..=limits::ROOTS as u64 {
        match remote.get(&Name::root(number), limits::ROOT as u64)? {
            Some(root) => roots.push(root),
            None => break,
        }
    }
    if roots.is_empty() { Err(Error::NoRepository) } else { Ok(roots) }
}

/// Checks a head note and that it is the one of `version`.
pub(crate) fn check_head(
    bytes: &[u8],
    root: &Root,
    trust: &Trust,
    version: Version,
) -> Result<(Head, garner_kernel::Digest, Vec<garner_kernel::KeyName>), Error> {
    let name = Name::head(&trust.repository.channel, version);
    let refused = |source| Error::Refused { name: name.to_string(), source };
    let found = bundle::check_head(bytes, root, &trust.anchor()).map_err(refused)?;
    if found.0.version == version {
        return Ok(found);
    }
    Err(refused(garner_kernel::Error::Mismatch {
        what: "version of the head",
        got: found.0.version.to_string(),
        want: version.to_string(),
    }))
}

/// Returns the manifest that a checked head names, as bytes and as parsed.
pub(crate) fn manifest(remote: &impl Remote, head: &Head) -> Result<(Vec<u8>, Manifest), Error> {
    let name = Name::manifest(&head.manifest.digest);
    let refused = |source| Error::Refused { name: name.to_string(), source };
    let bytes = required(remote, &name, limits::MANIFEST as u64)?;
    head.manifest.check("manifest", &bytes).map_err(refused)?;
    let parsed = Note::parse("manifest", &bytes, limits::MANIFEST)
        .and_then(|note| Manifest::of(&note))
        // Before any size that it states is used to fetch something.
        .and_then(|manifest| manifest.check_limits().map(|()| manifest))
        .map_err(refused)?;
    Ok((bytes, parsed))
}

/// Returns a file that must be there.
pub(crate) fn required(remote: &impl Remote, name: &Name, limit: u64) -> Result<Vec<u8>, Error> {
    remote.get(name, limit)?.ok_or_else(|| Error::MissingFile { name: name.to_string() })
}
