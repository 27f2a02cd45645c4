//! The note of a backup: when it was made, who can open it, and the parts that it is made of.

use serde::{Deserialize, Serialize};

use super::limits;
use crate::bundle::statement::{exact, json_text, parse_json};
use crate::bundle::{Note, PublicKey, PublisherKey, Recipient};
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;

/// One piece of the encrypted bytes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

impl Part {
    /// Checks that `bytes` are those of the part.
    ///
    /// # Errors
    /// [`Error::WrongSize`] or [`Error::WrongDigest`].
    pub fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        let what = || format!("part {} of the backup", self.digest.short());
        let (got, want) = (bytes.len() as u64, self.size);
        if got != want {
            return Err(Error::WrongSize { what: what(), got, want });
        }
        let (got, want) = (Digest::of(bytes), self.digest);
        if got == want { Ok(()) } else { Err(Error::WrongDigest { what: what(), got, want }) }
    }
}

/// What the signer of a backup says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// When the copy was taken.
    pub at: Moment,
    /// The program that made it, with its version.
    pub tool: String,
    /// How many bytes the plaintext has.
    pub raw: u64,
    /// Who can open it, at least one.
    pub recipients: Vec<Recipient>,
    /// The parts, in order, at least one.
    pub parts: Vec<Part>,
}

const KIND: &str = "garner.backup.v";
const WHAT: &str = "backup note";
/// The longest name of a program, in bytes.
const TOOL: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    at: String,
    tool: String,
    raw: u64,
    recipients: Vec<String>,
    parts: Vec<WirePart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePart {
    sha256: String,
    size: u64,
}

impl Manifest {
    /// Signs the note.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::Note`] for what no reader would take.
    pub fn sign(&self, key: &PublisherKey) -> Result<Note, Error> {
        self.check_rules()?;
        let note = Note::sign(self.to_text(), &[key]);
        let (got, max) = (note.to_bytes().len() as u64, limits::NOTE as u64);
        if got > max { Err(Error::Limit { what: WHAT, got, max }) } else { Ok(note) }
    }

    /// Checks the note of whoever holds one of `keys` and returns what it says, with its digest.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(bytes: &[u8], keys: &[&PublicKey]) -> Result<(Self, Digest), Error> {
        let note = Note::parse(WHAT, bytes, limits::NOTE)?;
        note.check(WHAT, keys, 1)?;
        Ok((Self::parse(note.text())?, note.digest()))
    }

    /// Returns how many bytes the parts have together.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        let part = |part: &Part| WirePart { sha256: part.digest.to_string(), size: part.size };
        let wire = Wire {
            at: self.at.to_string(),
            tool: self.tool.clone(),
            raw: self.raw,
            recipients: self.recipients.iter().map(ToString::to_string).collect(),
            parts: self.parts.iter().map(part).collect(),
        };
        json_text(KIND, &wire)
    }

    /// Reads the signed text, which must be spelled as [`Self::to_text`] would.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another version; [`Error::Limit`] or [`Error::Note`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wire: Wire = parse_json(WHAT, KIND, text)?;
        let recipients = wire.recipients.iter().map(|text| exact(text));
        let part = |part: &WirePart| -> Result<Part, Error> {
            Ok(Part { digest: exact(&part.sha256)?, size: part.size })
        };
        let manifest = Self {
            at: exact(&wire.at)?,
            tool: wire.tool,
            raw: wire.raw,
            recipients: recipients.collect::<Result<_, _>>()?,
            parts: wire.parts.iter().map(part).collect::<Result<_, _>>()?,
        };
        manifest.check_rules()?;
        Ok(manifest)
    }

    /// Checks what the spelling does not say.
    fn check_rules(&self) -> Result<(), Error> {
        let broken = |rule: &str| Err(Error::Note { what: WHAT, rule: rule.to_owned() });
        let counts = [
            ("plaintext of a backup", self.raw, limits::RAW),
            ("recipients of a backup", self.recipients.len() as u64, limits::RECIPIENTS as u64),
            ("parts of a backup", self.parts.len() as u64, limits::PARTS as u64),
        ];
        for (what, got, max) in counts {
            if got > max {
                return Err(Error::Limit { what, got, max });
            }
        }
        let Some((last, others)) = self.parts.split_last() else {
            return broken("it names no part");
        };
        if self.recipients.is_empty() {
            return broken("it names no recipient");
        }
        if self.tool.is_empty() || self.tool.len() > TOOL {
            return broken("the name of its program is empty or too long");
        }
        let whole = others.iter().all(|part| part.size == limits::PART);
        if !whole || last.size == 0 || last.size > limits::PART {
            return broken("a part has another size than it must have");
        }
        Ok(())
    }
}
