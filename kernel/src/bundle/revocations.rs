//! Revocations: the signed list of fragments that no version may show any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::head::NoteRef;
use super::keys::PublisherKey;
use super::limits;
use super::note::Note;
use super::root::Right;
use super::root_chain::RootChain;
use super::statement::{self, RepositoryId, exact};
use crate::contents::{Tombstone, TombstoneReason};
use crate::digest::{Digest, FragmentId};
use crate::error::Error;
use crate::moment::Moment;
#[cfg(test)]
use crate::schema;
use crate::words::RevocationReason;

const KIND: &str = "garner.rev.v";
const WHAT: &str = "revocations";

/// How far a revocation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationClass {
    /// Nobody is shown the fragment.
    Yank,
    /// Every copy of the fragment is erased as well.
    Purge,
}

impl RevocationClass {
    /// Returns the word that stands for the class.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yank => "yank",
            Self::Purge => "purge",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Yank, Self::Purge].into_iter().find(|class| class.as_str() == word)
    }
}

/// Why and since when a fragment is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// How far it goes.
    pub class: RevocationClass,
    /// Why, in one word.
    pub reason: RevocationReason,
    /// Since when.
    pub since: Moment,
}

/// What is revoked in a repository, by fragment.
pub type Revoked = BTreeMap<FragmentId, Revocation>;

impl Revocation {
    /// Returns what is left of a fragment at this revision.
    pub fn tombstone(&self, id: FragmentId, revision: u32) -> Tombstone {
        let (revision, reason) = (revision.saturating_add(1), TombstoneReason::Revoked);
        Tombstone { id, revision, at: self.since, reason }
    }
}

/// The statement itself: each note holds everything that the one before held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// The repository.
    pub repository: RepositoryId,
    /// Counts the notes of the repository, from 1.
    pub number: u64,
    /// The digest of the note before; `None` for the first.
    pub previous: Option<Digest>,
    /// What is revoked.
    pub entries: Revoked,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Wire {
    #[cfg_attr(test, schemars(with = "schema::Repository"))]
    repo: String,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    prev: Option<String>,
    #[cfg_attr(test, schemars(with = "Vec<WireEntry>"))]
    entries: Vec<WireEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "entry"))]
struct WireEntry {
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    fragment: String,
    #[cfg_attr(test, schemars(with = "schema::Class"))]
    class: String,
    #[cfg_attr(test, schemars(with = "schema::OneWord"))]
    reason: String,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    since: String,
}

impl Revocations {
    /// Signs the statement with each key.
    pub fn sign(&self, keys: &[&PublisherKey]) -> Note {
        let entry = |(id, revocation): (&FragmentId, &Revocation)| WireEntry {
            fragment: id.to_string(),
            class: revocation.class.as_str().to_owned(),
            reason: revocation.reason.to_string(),
            since: revocation.since.to_string(),
        };
        let wire = Wire {
            repo: self.repository.to_string(),
            version: self.number,
            prev: self.previous.map(|digest| digest.to_string()),
            entries: self.entries.iter().map(entry).collect(),
        };
        Note::sign(statement::json_text(KIND, &wire), keys)
    }

    /// Checks a note against the last root (docs/format.md, "Verification", step 4) and returns
    /// it with its number and digest.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(bytes: &[u8], roots: &RootChain) -> Result<(Self, NoteRef), Error> {
        let note = Note::parse(WHAT, bytes, limits::REVOCATIONS)?;
        let (keys, threshold) = roots.last().holders(&Right::Revoke);
        note.check(WHAT, &keys, threshold)?;
        Self::of(&note, roots)
    }

    /// Returns the number that a note claims; nothing else of it is checked.
    ///
    /// # Errors
    /// [`Error::Note`] if it is malformed.
    pub fn number_of(bytes: &[u8]) -> Result<u64, Error> {
        let note = Note::parse(WHAT, bytes, limits::REVOCATIONS)?;
        Ok(Self::parse(note.text())?.number)
    }

    /// Reads an older note, which the link of a checked one vouches for.
    ///
    /// # Errors
    /// The first rule that it breaks; signatures are not checked.
    pub fn read(bytes: &[u8], roots: &RootChain) -> Result<(Self, NoteRef), Error> {
        Self::of(&Note::parse(WHAT, bytes, limits::REVOCATIONS)?, roots)
    }

    fn of(note: &Note, roots: &RootChain) -> Result<(Self, NoteRef), Error> {
        let revocations = Self::parse(note.text()).map_err(|e| e.in_note(WHAT))?;
        if revocations.repository != *roots.repository() {
            let (got, want) = (revocations.repository.to_string(), roots.repository().to_string());
            return Err(Error::Mismatch { what: "repository of the revocations", got, want });
        }
        let reference = NoteRef { number: revocations.number, digest: note.digest() };
        Ok((revocations, reference))
    }

    /// Checks that this note goes on from the one before.
    ///
    /// # Errors
    /// [`Error::Note`] if the link is broken or an entry was dropped or weakened.
    pub fn check_follows(&self, before: Option<(&Self, &NoteRef)>) -> Result<(), Error> {
        let number = before.map_or(1, |(_, reference)| reference.number + 1);
        let previous = before.map(|(_, reference)| reference.digest);
        if self.number != number || self.previous != previous {
            return Err(broken("it does not follow on from the note before"));
        }
        let kept = before.is_none_or(|(before, _)| {
            before.entries.iter().all(|(id, old)| {
                self.entries.get(id).is_some_and(|new| {
                    new.class >= old.class && new.reason == old.reason && new.since == old.since
                })
            })
        });
        if kept { Ok(()) } else { Err(broken("it takes back what the note before revoked")) }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wire: Wire = statement::parse_json(WHAT, KIND, text)?;
        if wire.version == 0 || wire.prev.is_none() != (wire.version == 1) {
            return Err(broken("its number and its link contradict each other"));
        }
        let mut entries = BTreeMap::new();
        for entry in &wire.entries {
            let id: FragmentId = entry.fragment.parse()?;
            let revocation = Revocation {
                class: RevocationClass::from_word(&entry.class)
                    .ok_or_else(|| broken("an entry has an unknown class"))?,
                reason: entry.reason.parse()?,
                since: exact(&entry.since)?,
            };
            if entries.last_key_value().is_some_and(|(last, _)| *last >= id) {
                return Err(broken("its entries do not ascend"));
            }
            entries.insert(id, revocation);
        }
        Ok(Self {
            repository: wire.repo.parse()?,
            number: wire.version,
            previous: wire.prev.map(|prev| prev.parse()).transpose()?,
            entries,
        })
    }
}

fn broken(rule: &str) -> Error {
    Error::Note { what: WHAT, rule: rule.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "The JSON of a revocations note";
        schema::check::<Wire>("revocations.v1.json", title, garner_schemas::REVOCATIONS_SCHEMA);
    }
}
