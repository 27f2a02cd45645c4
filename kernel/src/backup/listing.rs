//! The list of a machine's backups: the one file that is replaced.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::bundle::statement::{exact, json_text, parse_json};
use crate::bundle::{Note, PublicKey, PublisherKey};
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;

/// A backup that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The digest of the text of its note.
    pub digest: Digest,
    /// When it was made.
    pub at: Moment,
    /// How many bytes its parts have together.
    pub size: u64,
}

/// The backups that are kept, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// When it was written.
    pub at: Moment,
    /// The backups.
    pub backups: Vec<Listed>,
}

const KIND: &str = "garner.backups.v";
const WHAT: &str = "list of backups";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    at: String,
    backups: Vec<WireListed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireListed {
    sha256: String,
    at: String,
    size: u64,
}

impl Listing {
    /// Signs the list.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::Note`] for what no reader would take.
    pub fn sign(&self, key: &PublisherKey) -> Result<Note, Error> {
        self.check_rules()?;
        Ok(Note::sign(self.to_text(), &[key]))
    }

    /// Checks the list of whoever holds `key` and returns it.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(bytes: &[u8], key: &PublicKey) -> Result<Self, Error> {
        let note = Note::parse(WHAT, bytes, limits::LISTING)?;
        note.check(WHAT, &[key], 1)?;
        Self::parse(note.text())
    }

    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        let listed = |listed: &Listed| WireListed {
            sha256: listed.digest.to_string(),
            at: listed.at.to_string(),
            size: listed.size,
        };
        let backups = self.backups.iter().map(listed).collect();
        json_text(KIND, &Wire { at: self.at.to_string(), backups })
    }

    /// Reads the signed text, which must be spelled as [`Self::to_text`] would.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another version; [`Error::Limit`] or [`Error::Note`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wire: Wire = parse_json(WHAT, KIND, text)?;
        let listed = |wire: &WireListed| -> Result<Listed, Error> {
            Ok(Listed { digest: exact(&wire.sha256)?, at: exact(&wire.at)?, size: wire.size })
        };
        let backups = wire.backups.iter().map(listed).collect::<Result<_, _>>()?;
        let listing = Self { at: exact(&wire.at)?, backups };
        listing.check_rules()?;
        Ok(listing)
    }

    fn check_rules(&self) -> Result<(), Error> {
        let (got, max) = (self.backups.len() as u64, limits::BACKUPS as u64);
        if got > max {
            return Err(Error::Limit { what: "backups of a list", got, max });
        }
        let digests: BTreeSet<Digest> = self.backups.iter().map(|backup| backup.digest).collect();
        let rule = if digests.len() < self.backups.len() {
            "it names a backup twice"
        } else if !self.backups.is_sorted_by_key(|backup| backup.at) {
            "its backups are not in the order of their times"
        } else {
            return Ok(());
        };
        Err(Error::Note { what: WHAT, rule: rule.to_owned() })
    }
}
