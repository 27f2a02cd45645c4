//! The index: what the encrypted objects of one version must be, said inside the encryption.
//!
//! It binds the objects to repository, channel and publisher, so that signed files cannot be sealed
//! again under another name, and states their plaintext digests, which must not be public.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statement::{RepositoryId, exact_json, to_json};
use crate::digest::Digest;
use crate::error::Error;
#[cfg(test)]
use crate::schema;
use crate::words::{ChannelName, KeyName};

/// The result of the search for secrets before sealing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretScan {
    /// The program that searched.
    pub tool: String,
    /// The version of its rules.
    pub version: String,
    /// What it found; anything but 0 is refused.
    pub findings: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) repository: RepositoryId,
    pub(crate) channel: ChannelName,
    pub(crate) publisher: KeyName,
    /// Plaintext digests by file digest.
    pub(crate) objects: BTreeMap<Digest, Digest>,
    pub(crate) tree: Digest,
    pub(crate) fragments: u64,
    pub(crate) scan: SecretScan,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Wire {
    #[cfg_attr(test, schemars(with = "schema::Repository"))]
    repo: String,
    #[cfg_attr(test, schemars(with = "schema::Channel"))]
    channel: String,
    #[cfg_attr(test, schemars(with = "schema::KeyName"))]
    publisher: String,
    #[cfg_attr(test, schemars(with = "BTreeMap<schema::Digest, schema::Digest>"))]
    objects: BTreeMap<String, String>,
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    tree_sha256: String,
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    fragments: u64,
    secret_scan: WireScan,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "secret_scan"))]
struct WireScan {
    tool: String,
    version: String,
    #[cfg_attr(test, schemars(extend("const" = 0)))]
    findings: u64,
}

impl Index {
    pub(crate) fn to_json(&self) -> String {
        to_json(&Wire {
            repo: self.repository.to_string(),
            channel: self.channel.to_string(),
            publisher: self.publisher.to_string(),
            objects: self.objects.iter().map(|(f, r)| (f.to_string(), r.to_string())).collect(),
            tree_sha256: self.tree.to_string(),
            fragments: self.fragments,
            secret_scan: WireScan {
                tool: self.scan.tool.clone(),
                version: self.scan.version.clone(),
                findings: self.scan.findings,
            },
        })
    }

    pub(crate) fn parse(json: &[u8]) -> Result<Self, Error> {
        let broken = || Error::Object { rule: "the index is malformed".to_owned() };
        Self::of(exact_json(json).map_err(|_| broken())?).map_err(Error::in_object)
    }

    fn of(wire: Wire) -> Result<Self, Error> {
        let pair = |(file, raw): (&String, &String)| Ok::<_, Error>((file.parse()?, raw.parse()?));
        Ok(Self {
            repository: wire.repo.parse()?,
            channel: wire.channel.parse()?,
            publisher: wire.publisher.parse()?,
            objects: wire.objects.iter().map(pair).collect::<Result<_, _>>()?,
            tree: wire.tree_sha256.parse()?,
            fragments: wire.fragments,
            scan: SecretScan {
                tool: wire.secret_scan.tool,
                version: wire.secret_scan.version,
                findings: wire.secret_scan.findings,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "The plaintext of an index";
        schema::check::<Wire>("index.v1.json", title, garner_schemas::INDEX_SCHEMA);
    }
}
