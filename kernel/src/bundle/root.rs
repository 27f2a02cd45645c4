//! The root: which keys exist, what each may do, and how many must agree.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::keys::{PublicKey, PublisherKey};
use super::limits;
use super::note::Note;
use super::statement::{self, RepositoryId};
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::words::{ChannelName, KeyName};

const TYPE: &str = "garner.root.v1";
const WHAT: &str = "root";

/// A right that keys are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To sign the next root.
    Root,
    /// To sign heads and manifests.
    Publish,
    /// To sign the note that says which head is the newest.
    Freshness,
}

impl Right {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Publish => "publish",
            Self::Freshness => "freshness",
        }
    }
}

/// One key and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key.
    pub key: PublicKey,
    /// After this, nothing that it signs counts.
    pub not_after: Moment,
    /// The channels it may publish to; empty means all.
    pub channels: Vec<ChannelName>,
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
    /// Every key by its name.
    pub keys: Vec<KeyGrant>,
    /// Which keys have a right, and how many must agree.
    pub roles: BTreeMap<Right, (Vec<KeyName>, usize)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    repo: String,
    version: u64,
    expires: String,
    keys: BTreeMap<String, WireKey>,
    roles: BTreeMap<String, WireRole>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKey {
    alg: String,
    #[serde(rename = "pub")]
    public: String,
    not_after: String,
    channels: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRole {
    keys: Vec<String>,
    threshold: usize,
}

impl Root {
    /// Signs the root with each key.
    pub fn sign(&self, keys: &[&PublisherKey]) -> Vec<u8> {
        Note::sign(statement::json_text(TYPE, &self.wire()), keys).to_bytes()
    }

    /// Returns the keys that have `right`, and how many must agree.
    pub fn holders(&self, right: Right) -> (Vec<&PublicKey>, usize) {
        let Some((names, threshold)) = self.roles.get(&right) else { return (Vec::new(), 1) };
        let keys = self.keys.iter().map(|grant| &grant.key);
        (keys.filter(|key| names.contains(key.name())).collect(), *threshold)
    }

    /// Returns the bounds of the key with this name.
    pub fn grant(&self, name: &KeyName) -> Option<&KeyGrant> {
        self.keys.iter().find(|grant| grant.key.name() == name)
    }

    fn wire(&self) -> Wire {
        let key = |grant: &KeyGrant| WireKey {
            alg: "ed25519".to_owned(),
            public: BASE64.encode(grant.key.as_bytes()),
            not_after: grant.not_after.to_string(),
            channels: grant.channels.iter().map(ToString::to_string).collect(),
        };
        let role = |(names, threshold): &(Vec<KeyName>, usize)| WireRole {
            keys: names.iter().map(ToString::to_string).collect(),
            threshold: *threshold,
        };
        Wire {
            repo: self.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            version: self.version,
            expires: self.expires.to_string(),
            keys: self.keys.iter().map(|g| (g.key.name().to_string(), key(g))).collect(),
            roles: self.roles.iter().map(|(r, v)| (r.as_str().to_owned(), role(v))).collect(),
        }
    }

    fn of(wire: &Wire) -> Result<Self, Error> {
        let broken = |rule: &str| Error::Note { what: WHAT, rule: rule.to_owned() };
        let mut keys = Vec::new();
        for (name, key) in &wire.keys {
            let bytes: Option<[u8; 32]> =
                BASE64.decode(&key.public).ok().and_then(|bytes| bytes.try_into().ok());
            let public = bytes
                .filter(|_| key.alg == "ed25519")
                .and_then(|bytes| PublicKey::from_bytes(name.parse().ok()?, &bytes));
            keys.push(KeyGrant {
                key: public.ok_or_else(|| broken("a key is malformed"))?,
                not_after: key.not_after.parse()?,
                channels: key.channels.iter().map(|c| c.parse()).collect::<Result<_, _>>()?,
            });
        }
        let mut roles = BTreeMap::new();
        for (word, role) in &wire.roles {
            let right = [Right::Root, Right::Publish, Right::Freshness]
                .into_iter()
                .find(|right| right.as_str() == word)
                .ok_or_else(|| broken("an unknown role"))?;
            let names: Vec<KeyName> =
                role.keys.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
            let known = names.iter().all(|name| wire.keys.contains_key(name.as_str()));
            if !known || role.threshold == 0 || role.threshold > names.len() {
                return Err(broken("a role names unknown keys or an impossible threshold"));
            }
            roles.insert(right, (names, role.threshold));
        }
        let repository = match wire.repo.as_str() {
            "" => None,
            id => Some(id.parse()?),
        };
        let (version, expires) = (wire.version, wire.expires.parse()?);
        Ok(Self { repository, version, expires, keys, roles })
    }
}

/// Checks a chain of root notes from the pinned first one on and returns the last.
///
/// # Errors
/// The first rule that the chain breaks; [`Error::WrongRepository`] if it starts elsewhere.
pub fn check_chain(pin: &RepositoryId, notes: &[Vec<u8>]) -> Result<Root, Error> {
    let broken = |rule: &str| Error::Note { what: WHAT, rule: rule.to_owned() };
    if notes.len() > limits::ROOTS {
        let got = notes.len() as u64;
        return Err(Error::Limit { what: "roots", got, max: limits::ROOTS as u64 });
    }
    let mut trusted: Option<Root> = None;
    for bytes in notes {
        let note = Note::parse(WHAT, bytes, limits::ROOT)?;
        let digest = note.digest();
        if trusted.is_none() && RepositoryId::of_root(&digest) != *pin {
            let found = RepositoryId::of_root(&digest);
            return Err(Error::WrongRepository { want: pin.to_string(), found: found.to_string() });
        }
        let root = Root::of(&statement::parse_json(WHAT, TYPE, note.text())?)?;
        if statement::json_text(TYPE, &root.wire()) != note.text() {
            return Err(broken("a value is not spelled in the one way"));
        }
        let expected = trusted.as_ref().map_or(1, |before| before.version + 1);
        let repository = trusted.as_ref().map(|_| pin.clone());
        if root.version != expected || root.repository != repository {
            return Err(broken("the chain of roots has a gap or a foreign link"));
        }
        // A root is signed by those it names and, after the first, by those before it.
        for judge in trusted.iter().chain([&root]) {
            let (keys, threshold) = judge.holders(Right::Root);
            note.check(WHAT, &keys, threshold)?;
        }
        trusted = Some(root);
    }
    trusted.ok_or_else(|| broken("there is none"))
}

/// Returns the id of the repository that starts with this root note.
///
/// # Errors
/// If the note is malformed or not signed by its own root keys.
pub fn repository_of(first: &[u8]) -> Result<RepositoryId, Error> {
    let digest: Digest = Note::parse(WHAT, first, limits::ROOT)?.digest();
    let id = RepositoryId::of_root(&digest);
    check_chain(&id, &[first.to_vec()])?;
    Ok(id)
}
