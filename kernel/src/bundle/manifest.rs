//! Manifests: the signed list of the files that make one version.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::limits;
use super::note::Note;
use super::object::Role;
use super::statement::{RepositoryId, exact, json_text, parse_json};
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
#[cfg(test)]
use crate::schema;
use crate::words::{ChannelName, KeyName};

/// The digest and size of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRef {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

impl FileRef {
    /// Describes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    /// Checks that `bytes` are those described.
    ///
    /// # Errors
    /// [`Error::WrongSize`] or [`Error::WrongDigest`] naming `what`.
    pub fn check(&self, what: &str, bytes: &[u8]) -> Result<(), Error> {
        let what = || what.to_owned();
        if bytes.len() as u64 != self.size {
            let got = bytes.len() as u64;
            return Err(Error::WrongSize { what: what(), got, want: self.size });
        }
        let got = Digest::of(bytes);
        if got != self.digest {
            return Err(Error::WrongDigest { what: what(), got, want: self.digest });
        }
        Ok(())
    }
}

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "object"))]
struct WireObject {
    #[cfg_attr(test, schemars(with = "schema::ObjectRole"))]
    role: String,
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    sha256: String,
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    size: u64,
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    raw_size: u64,
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    from_seq: u64,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    to_seq: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "file"))]
struct WireFile {
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    sha256: String,
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireManifest {
    #[cfg_attr(test, schemars(with = "schema::Repository"))]
    repo: String,
    #[cfg_attr(test, schemars(with = "schema::Channel"))]
    channel: String,
    #[cfg_attr(test, schemars(with = "Vec<schema::Digest>", length(max = 1)))]
    parents: Vec<String>,
    #[cfg_attr(test, schemars(with = "schema::KeyName"))]
    publisher: String,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    created: String,
    tool: String,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    epoch: u64,
    keyring: WireFile,
    #[cfg_attr(test, schemars(length(min = 2, max = limits::OBJECTS)))]
    objects: Vec<WireObject>,
}

/// An object that a manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef {
    /// What it carries.
    pub role: Role,
    /// Its file.
    pub file: FileRef,
    /// The size of its plaintext, in bytes.
    pub raw_size: u64,
    /// The version it starts from; 0 for a base.
    pub from: u64,
    /// The version it leads to.
    pub to: u64,
}

/// The signed statement about the files of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The repository.
    pub repository: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
    /// The digest of the head it builds on, if any.
    pub parents: Vec<Digest>,
    /// The key that signed it.
    pub publisher: KeyName,
    /// When it was made.
    pub created: Moment,
    /// The program that made it.
    pub tool: String,
    /// The epoch that its objects are encrypted to.
    pub epoch: u64,
    /// The keyring file.
    pub keyring: FileRef,
    /// The objects: a base, the deltas on it in order, the index.
    pub objects: Vec<ObjectRef>,
}

const KIND: &str = "garner.manifest.v";
pub(super) const WHAT: &str = "manifest";

impl Manifest {
    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        let object = |o: &ObjectRef| WireObject {
            role: o.role.as_str().to_owned(),
            sha256: o.file.digest.to_string(),
            size: o.file.size,
            raw_size: o.raw_size,
            from_seq: o.from,
            to_seq: o.to,
        };
        let keyring = WireFile { sha256: self.keyring.digest.to_string(), size: self.keyring.size };
        let wire = WireManifest {
            repo: self.repository.to_string(),
            channel: self.channel.to_string(),
            parents: self.parents.iter().map(Digest::to_string).collect(),
            publisher: self.publisher.to_string(),
            created: self.created.to_string(),
            tool: self.tool.clone(),
            epoch: self.epoch,
            keyring,
            objects: self.objects.iter().map(object).collect(),
        };
        json_text(KIND, &wire)
    }

    /// Checks every count and size against the limits of the format.
    ///
    /// # Errors
    /// [`Error::Limit`] for the first that is too large.
    pub fn check_limits(&self) -> Result<(), Error> {
        let total: u64 = self.objects.iter().map(|o| o.raw_size.min(limits::KERNEL_RAW)).sum();
        let deltas = self.objects.iter().filter(|o| o.role == Role::Delta).count();
        let whole = [
            ("objects of a manifest", self.objects.len() as u64, limits::OBJECTS as u64),
            ("deltas of a manifest", deltas as u64, limits::DELTAS as u64),
            ("plaintext of a kernel", total, limits::KERNEL_RAW),
            ("keyring", self.keyring.size, limits::KEYRING as u64),
        ];
        let each = self.objects.iter().flat_map(|o| {
            [
                ("plaintext of an object", o.raw_size, o.role.raw_limit()),
                ("object", o.file.size, o.role.file_limit()),
            ]
        });
        match whole.into_iter().chain(each).find(|(_, got, max)| got > max) {
            Some((what, got, max)) => Err(Error::Limit { what, got, max }),
            None => Ok(()),
        }
    }

    /// Reads the manifest of a note whose file digest is already trusted.
    ///
    /// # Errors
    /// [`Error::Note`] as by [`Self::parse`].
    pub fn of(note: &Note) -> Result<Self, Error> {
        Self::parse(note.text())
    }

    /// Checks that the objects are bases, deltas that follow on from each other, and an index.
    ///
    /// # Errors
    /// [`Error::Note`] if they are not, or do not lead up to `version`.
    pub fn check_order(&self, version: Version) -> Result<(), Error> {
        let broken = |rule: &str| Error::Note { what: WHAT, rule: rule.to_owned() };
        let version = version.get();
        let (index, segments) =
            self.objects.split_last().ok_or_else(|| broken("it lists no objects"))?;
        if index.role != Role::Index || index.from != version || index.to != version {
            return Err(broken("its last object is not the index of this version"));
        }
        let digests: BTreeSet<_> = self.objects.iter().map(|o| o.file.digest.as_bytes()).collect();
        if digests.len() < self.objects.len() {
            return Err(broken("it lists an object twice"));
        }
        let bases = segments.iter().take_while(|object| object.role == Role::Base).count();
        let (bases, deltas) = segments.split_at_checked(bases).unwrap_or_default();
        let first = bases.first().ok_or_else(|| broken("it has no base"))?;
        if bases.iter().any(|base| base.from != 0 || base.to != first.to || base.to == 0) {
            return Err(broken("its bases are not of one version"));
        }
        let mut reached = first.to;
        for delta in deltas {
            if delta.role != Role::Delta || delta.from != reached || delta.to <= reached {
                return Err(broken("its objects do not follow on from each other"));
            }
            reached = delta.to;
        }
        if reached > version { Err(broken("it is ahead of its version")) } else { Ok(()) }
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled exactly as [`Self::to_text`] would.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::of_wire(parse_json(WHAT, KIND, text)?).map_err(|e| e.in_note(WHAT))
    }

    fn of_wire(wire: WireManifest) -> Result<Self, Error> {
        let broken = || Error::Note { what: WHAT, rule: "a value is malformed".to_owned() };
        let object = |o: &WireObject| {
            let file = FileRef { digest: o.sha256.parse().ok()?, size: o.size };
            let role = Role::from_word(&o.role)?;
            Some(ObjectRef { role, file, raw_size: o.raw_size, from: o.from_seq, to: o.to_seq })
        };
        Ok(Self {
            repository: wire.repo.parse()?,
            channel: wire.channel.parse()?,
            parents: wire.parents.iter().map(|p| p.parse()).collect::<Result<_, _>>()?,
            publisher: wire.publisher.parse()?,
            created: exact(&wire.created)?,
            tool: wire.tool,
            epoch: wire.epoch,
            keyring: FileRef { digest: wire.keyring.sha256.parse()?, size: wire.keyring.size },
            objects: wire.objects.iter().map(object).collect::<Option<_>>().ok_or_else(broken)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "The JSON of a manifest note";
        schema::check::<WireManifest>("manifest.v1.json", title, garner_schemas::MANIFEST_SCHEMA);
    }
}
