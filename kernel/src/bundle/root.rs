//! The root: which keys exist, what each may do, and how many must agree.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::keys::{PublicKey, PublisherKey};
use super::note::Note;
use super::statement::{self, RepositoryId, exact};
use crate::error::Error;
use crate::moment::Moment;
#[cfg(test)]
use crate::schema;
use crate::words::{ChannelName, KeyName};

pub(super) const KIND: &str = "garner.root.v";
pub(super) const WHAT: &str = "root";

/// A right that keys are given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To sign the next root.
    Root,
    /// To sign heads and manifests.
    Publish,
    /// To sign the note that says which head is the newest.
    Freshness,
    /// To sign revocations.
    Revoke,
    /// A right of a newer program, by its word; it means nothing here.
    Other(String),
}

impl Right {
    const KNOWN: [Self; 4] = [Self::Root, Self::Publish, Self::Freshness, Self::Revoke];

    /// Returns the word that stands for the right in roots.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Publish => "publish",
            Self::Freshness => "freshness",
            Self::Revoke => "revoke",
            Self::Other(word) => word,
        }
    }

    /// Returns the right that `word` stands for; `None` unless it has 1 to 32 letters.
    fn from_word(word: &str) -> Option<Self> {
        let formed = matches!(word.len(), 1..=32) && word.bytes().all(|b| b.is_ascii_lowercase());
        let known = Self::KNOWN.into_iter().find(|right| right.as_str() == word);
        formed.then(|| known.unwrap_or_else(|| Self::Other(word.to_owned())))
    }
}

/// The keys that have a right, and how many of them must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    /// The names of the keys, ascending.
    pub keys: Vec<KeyName>,
    /// How many must sign, from 1.
    pub threshold: usize,
}

/// One key and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key.
    pub key: PublicKey,
    /// After this, nothing that it signs counts.
    pub not_after: Moment,
    /// Since when it is retired or in wrong hands, if it is.
    pub revoked_at: Option<Moment>,
    /// The channels it may publish to, ascending; empty means all.
    pub channels: Vec<ChannelName>,
    /// The most live fragments of a version that it signs.
    pub max_fragments: Option<u64>,
}

impl KeyGrant {
    /// Returns a grant for all channels that ends at `not_after`.
    pub const fn until(key: PublicKey, not_after: Moment) -> Self {
        Self { key, not_after, revoked_at: None, channels: Vec::new(), max_fragments: None }
    }

    /// Checks that the key may sign what was made at `created` for `channel`.
    ///
    /// # Errors
    /// [`Error::KeyScope`] naming the bound.
    pub fn check(&self, created: Moment, channel: &ChannelName) -> Result<(), Error> {
        let refused = |reason| Err(Error::KeyScope { key: self.key.name().to_string(), reason });
        if created > self.not_after {
            return refused(format!("it expired on {}", self.not_after.date()));
        }
        if !self.channels.is_empty() && !self.channels.contains(channel) {
            return refused(format!("it may not publish to channel `{channel}`"));
        }
        self.check_revoked(created)
    }

    /// Checks that what was made at `created` is from before the key was revoked.
    ///
    /// # Errors
    /// [`Error::KeyScope`] otherwise.
    pub fn check_revoked(&self, created: Moment) -> Result<(), Error> {
        match self.revoked_at {
            Some(at) if created > at => Err(Error::KeyScope {
                key: self.key.name().to_string(),
                reason: format!("it was revoked from {at} on"),
            }),
            _ => Ok(()),
        }
    }
}

/// The keys of a repository and their rights, at one version of the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The repository; `None` in the first root, whose digest makes the id.
    pub repository: Option<RepositoryId>,
    /// Counts the roots, from 1.
    pub version: u64,
    /// After this, the root must be renewed.
    pub expires: Moment,
    /// Every key; signed in the order of their names.
    pub keys: Vec<KeyGrant>,
    /// Which keys have a right.
    pub roles: BTreeMap<Right, Holders>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Wire {
    #[cfg_attr(test, schemars(with = "schema::RepositoryOrNone"))]
    repo: String,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    version: u64,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    expires: String,
    #[cfg_attr(test, schemars(with = "BTreeMap<schema::KeyName, WireKey>"))]
    keys: BTreeMap<String, WireKey>,
    #[cfg_attr(test, schemars(with = "BTreeMap<schema::RoleName, WireRole>"))]
    roles: BTreeMap<String, WireRole>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "key"))]
struct WireKey {
    #[cfg_attr(test, schemars(extend("const" = "ed25519")))]
    alg: String,
    #[serde(rename = "pub")]
    #[cfg_attr(test, schemars(with = "schema::PublicKey"))]
    public: String,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    not_after: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    revoked_at: Option<String>,
    #[cfg_attr(test, schemars(with = "schema::Set<schema::Channel>"))]
    channels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "schema::Count"))]
    max_fragments: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "holders"))]
struct WireRole {
    #[cfg_attr(test, schemars(with = "schema::Set<schema::KeyName>"))]
    keys: Vec<String>,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    threshold: usize,
}

impl Root {
    /// Signs the root with each key.
    pub fn sign(&self, keys: &[&PublisherKey]) -> Note {
        Note::sign(statement::json_text(KIND, &self.wire()), keys)
    }

    /// Returns the keys that have `right`, and how many must agree.
    pub fn holders(&self, right: &Right) -> (Vec<&PublicKey>, usize) {
        let Some(holders) = self.roles.get(right) else { return (Vec::new(), 1) };
        let keys = self.keys.iter().map(|grant| &grant.key);
        (keys.filter(|key| holders.keys.contains(key.name())).collect(), holders.threshold)
    }

    /// Returns the bounds of the key with this name.
    pub fn grant(&self, name: &KeyName) -> Option<&KeyGrant> {
        self.keys.iter().find(|grant| grant.key.name() == name)
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled in the one way and its roles can be filled.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::of(&statement::parse_json(WHAT, KIND, text)?).map_err(|e| e.in_note(WHAT))
    }

    fn of(wire: &Wire) -> Result<Self, Error> {
        let keys = wire.keys.iter().map(|(name, key)| grant_of(name, key));
        let mut roles = BTreeMap::new();
        for (word, role) in &wire.roles {
            let right = Right::from_word(word).ok_or_else(|| broken("a role is misnamed"))?;
            roles.insert(right, holders_of(role, &wire.keys)?);
        }
        let repository = match wire.repo.as_str() {
            "" => None,
            id => Some(id.parse()?),
        };
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Self { repository, version: wire.version, expires: exact(&wire.expires)?, keys, roles })
    }

    fn wire(&self) -> Wire {
        let key = |grant: &KeyGrant| WireKey {
            alg: "ed25519".to_owned(),
            public: BASE64.encode(grant.key.as_bytes()),
            not_after: grant.not_after.to_string(),
            revoked_at: grant.revoked_at.map(|at| at.to_string()),
            channels: grant.channels.iter().map(ToString::to_string).collect(),
            max_fragments: grant.max_fragments,
        };
        let role = |holders: &Holders| WireRole {
            keys: holders.keys.iter().map(ToString::to_string).collect(),
            threshold: holders.threshold,
        };
        Wire {
            repo: self.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            version: self.version,
            expires: self.expires.to_string(),
            keys: self.keys.iter().map(|g| (g.key.name().to_string(), key(g))).collect(),
            roles: self.roles.iter().map(|(r, v)| (r.as_str().to_owned(), role(v))).collect(),
        }
    }
}

fn broken(rule: &str) -> Error {
    Error::Note { what: WHAT, rule: rule.to_owned() }
}

fn grant_of(name: &str, wire: &WireKey) -> Result<KeyGrant, Error> {
    let bytes: Option<[u8; 32]> =
        BASE64.decode(&wire.public).ok().and_then(|bytes| bytes.try_into().ok());
    let key = bytes
        .filter(|_| wire.alg == "ed25519")
        .and_then(|bytes| PublicKey::from_bytes(name.parse().ok()?, &bytes))
        .ok_or_else(|| broken("a key is malformed"))?;
    let channels: Vec<ChannelName> =
        wire.channels.iter().map(|channel| channel.parse()).collect::<Result<_, _>>()?;
    if !channels.is_sorted_by(|a, b| a < b) {
        return Err(broken("the channels of a key do not ascend"));
    }
    Ok(KeyGrant {
        key,
        not_after: exact(&wire.not_after)?,
        revoked_at: wire.revoked_at.as_deref().map(exact).transpose()?,
        channels,
        max_fragments: wire.max_fragments,
    })
}

fn holders_of(role: &WireRole, known: &BTreeMap<String, WireKey>) -> Result<Holders, Error> {
    let keys: Vec<KeyName> = role.keys.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let known = keys.iter().all(|name| known.contains_key(name.as_str()));
    if !known || !keys.is_sorted_by(|a, b| a < b) {
        return Err(broken("the keys of a role are unknown or do not ascend"));
    }
    if role.threshold == 0 || role.threshold > keys.len() {
        return Err(broken("a role has an impossible threshold"));
    }
    Ok(Holders { keys, threshold: role.threshold })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "The JSON of a root note";
        schema::check::<Wire>("root.v1.json", title, garner_schemas::ROOT_SCHEMA);
    }
}
