//! Receipts: signed notes by which a reader says what it reads, if it wants to.
//!
//! A receipt decides nothing. Who may publish, what is newest and what is believed never depend on
//! one, and its key has no place in a root.

use super::keys::{PublicKey, PublisherKey};
use super::limits;
use super::note::Note;
use super::statement::{RepositoryId, after_type, integer};
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::words::ChannelName;

/// The note by which a reader says which version of a channel it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The repository.
    pub repository: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
    /// The version that is read.
    pub version: Version,
    /// The digest of its head.
    pub head: Digest,
    /// When the channel was loaded last.
    pub loaded: Moment,
    /// Whether the reader stays at the version when newer ones are loaded.
    pub held: bool,
    /// The program that loaded it, with its version.
    pub tool: String,
}

const KIND: &str = "garner.receipt.v";
const WHAT: &str = "receipt";
/// The longest name of a program, in bytes.
const TOOL: usize = 64;

impl Receipt {
    /// Signs the note.
    pub fn sign(&self, key: &PublisherKey) -> Note {
        Note::sign(self.to_text(), &[key])
    }

    /// Checks the note of whoever holds `key` (docs/format.md, "Receipt") and returns it.
    ///
    /// Whether its head is that of the version is for the caller to judge, who has the history.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(
        bytes: &[u8],
        key: &PublicKey,
        repository: &RepositoryId,
        channel: &ChannelName,
    ) -> Result<Self, Error> {
        let note = Note::parse(WHAT, bytes, limits::HEAD)?;
        note.check(WHAT, &[key], 1)?;
        let receipt = Self::parse(note.text())?;
        let mismatch = |what, got: String, want: String| Err(Error::Mismatch { what, got, want });
        if receipt.repository != *repository {
            let (got, want) = (receipt.repository.to_string(), repository.to_string());
            return mismatch("repository of the receipt", got, want);
        }
        if receipt.channel != *channel {
            let (got, want) = (receipt.channel.to_string(), channel.to_string());
            return mismatch("channel of the receipt", got, want);
        }
        Ok(receipt)
    }

    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        format!(
            "{KIND}1\nrepo {}\nchannel {}\nseq {}\nhead {}\nloaded {}\nheld {}\ntool {}\n",
            self.repository,
            self.channel,
            self.version.get(),
            self.head,
            self.loaded,
            if self.held { "yes" } else { "no" },
            self.tool,
        )
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled exactly as [`Self::to_text`] would.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let broken = || Error::Note { what: WHAT, rule: "it is malformed".to_owned() };
        let receipt = Self::fields(after_type(WHAT, KIND, text)?).ok_or_else(broken)?;
        let named = !receipt.tool.is_empty() && receipt.tool.len() <= TOOL;
        if named && receipt.to_text() == text { Ok(receipt) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        Some(Self {
            repository: field("repo")?.parse().ok()?,
            channel: field("channel")?.parse().ok()?,
            version: Version::new(integer(field("seq")?)?)?,
            head: field("head")?.parse().ok()?,
            loaded: field("loaded")?.parse().ok()?,
            held: match field("held")? {
                "yes" => true,
                "no" => false,
                _ => return None,
            },
            tool: field("tool")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/format.md.
    const EXAMPLE: &str = "garner.receipt.v1\nrepo a76794b93b5ef5adaae70fdfae567a14\n\
        channel notes\nseq 1\n\
        head e3d3acdfb041069f58d2d92c7f285be10b442c45a104f1466132402ed585462d\n\
        loaded 2026-01-04T00:00:00Z\nheld no\ntool garner 0.1.0\n";

    fn key(name: &str, seed: u8) -> PublisherKey {
        PublisherKey::from_seed(name.parse().unwrap(), &[seed; 32])
    }

    #[test]
    fn a_receipt_has_one_spelling() {
        assert_eq!(Receipt::parse(EXAMPLE).unwrap().to_text(), EXAMPLE);
        let long = format!("tool {}", "g".repeat(65));
        for (from, to) in [
            ("receipt.v1", "receipt.v2"),
            ("receipt.v1", "latest.v1"),
            ("seq 1", "seq 01"),
            ("seq 1", "seq 0"),
            ("held no", "held maybe"),
            ("held no", "held  no"),
            ("T00:00:00Z", "T01:00:00+01:00"),
            ("tool garner 0.1.0", "tool "),
            ("tool garner 0.1.0", &long),
            ("tool garner 0.1.0", "tool garner 0.1.0\nhost ada"),
        ] {
            assert!(Receipt::parse(&EXAMPLE.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn the_format_page_shows_a_receipt_that_holds() {
        let receipt = Receipt::parse(EXAMPLE).unwrap();
        let note = String::from_utf8(receipt.sign(&key("laptop-receipt", 3)).to_bytes()).unwrap();
        let page = include_str!("../../../docs/format.md");
        assert!(page.contains(&note), "{note}");
    }

    #[test]
    fn a_receipt_of_somebody_or_something_else_is_refused() {
        let receipt = Receipt::parse(EXAMPLE).unwrap();
        let laptop = key("laptop-receipt", 3);
        let check = |receipt: &Receipt, key: &PublisherKey, channel: &str, repository: &str| {
            let (repository, channel) = (repository.parse().unwrap(), channel.parse().unwrap());
            let note = receipt.sign(&laptop).to_bytes();
            Receipt::check(&note, &key.public(), &repository, &channel)
        };
        let (ours, other) = ("a76794b93b5ef5adaae70fdfae567a14", &"0".repeat(32));
        assert_eq!(check(&receipt, &laptop, "notes", ours).unwrap(), receipt);
        for stranger in [key("laptop-receipt", 4), key("desk-receipt", 3)] {
            let refused = check(&receipt, &stranger, "notes", ours).unwrap_err();
            assert!(matches!(refused, Error::Threshold { .. }), "{refused}");
        }
        for (channel, repository) in [("other", ours), ("notes", other.as_str())] {
            let refused = check(&receipt, &laptop, channel, repository).unwrap_err();
            assert!(matches!(refused, Error::Mismatch { .. }), "{refused}");
        }
        let forged = String::from_utf8(receipt.sign(&laptop).to_bytes()).unwrap();
        let forged = forged.replace("held no", "held yes");
        let (repository, channel) = (&receipt.repository, &receipt.channel);
        let refused = Receipt::check(forged.as_bytes(), &laptop.public(), repository, channel);
        assert!(matches!(refused, Err(Error::Signature { .. })), "{refused:?}");
    }
}
