//! Latest: the signed note that says which head is the newest, and until when to believe it.

use super::limits;
use super::note::Note;
use super::root::Right;
use super::root_chain::RootChain;
use super::statement::{RepositoryId, after_type, integer};
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::words::ChannelName;

/// The note that says which head is the newest, and until when to believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The repository.
    pub repository: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
    /// The newest version.
    pub version: Version,
    /// The digest of its head.
    pub head: Digest,
    /// When this was said.
    pub issued: Moment,
    /// Until when it holds.
    pub expires: Moment,
}

const KIND: &str = "garner.latest.v";
const WHAT: &str = "latest";

impl Latest {
    /// Checks a note against the last root (docs/format.md, "Verification", step 2) and returns it.
    ///
    /// # Errors
    /// The first rule that it breaks; its expiry is for the caller to judge, who has a clock.
    pub fn check(bytes: &[u8], roots: &RootChain, channel: &ChannelName) -> Result<Self, Error> {
        let note = Note::parse(WHAT, bytes, limits::HEAD)?;
        let (keys, threshold) = roots.last().holders(&Right::Freshness);
        let signers = note.check(WHAT, &keys, threshold)?;
        let latest = Self::parse(note.text())?;
        for grant in signers.iter().filter_map(|name| roots.last().grant(name)) {
            grant.check(latest.issued, &latest.channel)?;
        }
        if latest.repository != *roots.repository() {
            let (got, want) = (latest.repository.to_string(), roots.repository().to_string());
            return Err(Error::Mismatch { what: "repository of the latest note", got, want });
        }
        if latest.channel != *channel {
            let (got, want) = (latest.channel.to_string(), channel.to_string());
            return Err(Error::Mismatch { what: "channel of the latest note", got, want });
        }
        Ok(latest)
    }

    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        format!(
            "{KIND}1\nrepo {}\nchannel {}\nseq {}\nhead {}\nissued {}\nexpires {}\n",
            self.repository,
            self.channel,
            self.version.get(),
            self.head,
            self.issued,
            self.expires,
        )
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled exactly as [`Self::to_text`] would.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let broken = || Error::Note { what: WHAT, rule: "it is malformed".to_owned() };
        let latest = Self::fields(after_type(WHAT, KIND, text)?).ok_or_else(broken)?;
        if latest.to_text() == text { Ok(latest) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        Some(Self {
            repository: field("repo")?.parse().ok()?,
            channel: field("channel")?.parse().ok()?,
            version: Version::new(integer(field("seq")?)?)?,
            head: field("head")?.parse().ok()?,
            issued: field("issued")?.parse().ok()?,
            expires: field("expires")?.parse().ok()?,
        })
    }
}

/// How much a statement that expires is still worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It holds.
    Fresh,
    /// It expired lately: say so, and go on.
    Overdue,
    /// It expired too long ago: take nothing new.
    Stale,
}

impl Freshness {
    /// Judges a statement that expires at `expires`, at `now`.
    pub fn at(expires: Moment, now: Moment) -> Self {
        if now <= expires {
            Self::Fresh
        } else if now <= expires.plus_days(limits::GRACE_DAYS) {
            Self::Overdue
        } else {
            Self::Stale
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latest_note_has_one_spelling() {
        let text = "garner.latest.v1\nrepo 0123456789abcdef0123456789abcdef\nchannel notes\nseq 3\n\
            head e072f87b85740aafb53a15a2dac4ab85964dd40b81c56d544f7abfb19edea494\n\
            issued 2026-01-01T00:00:00Z\nexpires 2026-01-15T00:00:00Z\n";
        assert_eq!(Latest::parse(text).unwrap().to_text(), text);
        for (from, to) in [
            ("latest.v1", "latest.v2"),
            ("latest.v1", "head.v1"),
            ("seq 3", "seq 03"),
            ("issued 2026-01-01T00:00:00Z", "issued 2026-01-01T01:00:00+01:00"),
            ("expires", "Expires"),
        ] {
            assert!(Latest::parse(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_statement_is_overdue_for_a_week_and_then_stale() {
        let day = |text: &str| text.parse::<Moment>().unwrap();
        let at = |now: &str| Freshness::at(day("2026-01-15T00:00:00Z"), day(now));
        assert_eq!(at("2026-01-15T00:00:00Z"), Freshness::Fresh);
        assert_eq!(at("2026-01-15T00:00:01Z"), Freshness::Overdue);
        assert_eq!(at("2026-01-22T00:00:00Z"), Freshness::Overdue);
        assert_eq!(at("2026-01-22T00:00:01Z"), Freshness::Stale);
    }
}
