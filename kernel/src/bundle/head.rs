//! Heads: the signed note of one version.

use super::manifest::FileRef;
use super::statement::{RepositoryId, after_type, integer};
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::words::ChannelName;

/// Why a version was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// New or changed fragments, or new recipients.
    Publish,
    /// The contents of an older version came back.
    RollbackTo(Version),
    /// A publisher countersigned what the bundle with this head proposed.
    Promote(Digest),
}

/// The number of a note and the digest of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoteRef {
    /// The number, from 1.
    pub number: u64,
    /// The digest.
    pub digest: Digest,
}

/// The signed note of one version of a channel; creating it is the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The repository.
    pub repository: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
    /// The version.
    pub version: Version,
    /// The digest of the head before it; `None` for the first.
    pub previous: Option<Digest>,
    /// The digest of the head at the version with its lowest set bit cleared; `None` for none.
    pub skip: Option<Digest>,
    /// The digest and size of the manifest file.
    pub manifest: FileRef,
    /// The version of the root that was current.
    pub root: u64,
    /// The newest revocations; `None` while there are none.
    pub revocations: Option<NoteRef>,
    /// When it was made.
    pub created: Moment,
    /// Why it was made.
    pub reason: Reason,
}

const KIND: &str = "garner.head.v";
const WHAT: &str = "head";

impl Head {
    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        let or_dash = |d: &Option<Digest>| d.map_or_else(|| "-".to_owned(), |d| d.to_string());
        let revocations = self.revocations.map_or_else(
            || "0 -".to_owned(),
            |reference| format!("{} {}", reference.number, reference.digest),
        );
        let reason = match self.reason {
            Reason::Publish => "publish".to_owned(),
            Reason::RollbackTo(version) => format!("rollback-to {}", version.get()),
            Reason::Promote(head) => format!("promote {head}"),
        };
        format!(
            "{KIND}1\nrepo {}\nchannel {}\nseq {}\nprev {}\nskip {}\nmanifest {} {}\n\
             root {}\nrev {revocations}\ncreated {}\nreason {reason}\n",
            self.repository,
            self.channel,
            self.version.get(),
            or_dash(&self.previous),
            or_dash(&self.skip),
            self.manifest.digest,
            self.manifest.size,
            self.root,
            self.created,
        )
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled exactly as [`Self::to_text`] would.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let broken = || Error::Note { what: WHAT, rule: "it is malformed".to_owned() };
        let head = Self::fields(after_type(WHAT, KIND, text)?).ok_or_else(broken)?;
        if head.to_text() == text { Ok(head) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let repository = field("repo")?.parse().ok()?;
        let channel = field("channel")?.parse().ok()?;
        let version = Version::new(integer(field("seq")?)?)?;
        let previous = or_none(field("prev")?).ok()?;
        let skip = or_none(field("skip")?).ok()?;
        let (manifest, size) = field("manifest")?.split_once(' ')?;
        let manifest = FileRef { digest: manifest.parse().ok()?, size: integer(size)? };
        let root = integer(field("root")?)?;
        let revocations = revocations(field("rev")?).ok()?;
        let created = field("created")?.parse().ok()?;
        let reason = reason(field("reason")?)?;
        let head = Self {
            repository,
            channel,
            version,
            previous,
            skip,
            manifest,
            root,
            revocations,
            created,
            reason,
        };
        head.holds_together().then_some(head)
    }

    /// Returns whether the links and the reason fit the version.
    fn holds_together(&self) -> bool {
        let older = |version: Version| version < self.version;
        let restored = match self.reason {
            Reason::RollbackTo(version) => older(version),
            Reason::Publish | Reason::Promote(_) => true,
        };
        self.root > 0
            && restored
            && self.previous.is_none() == (self.version == Version::FIRST)
            && self.skip.is_none() == Self::skip_version(self.version).is_none()
    }

    /// Returns the version that `skip` must point to: the lowest set bit cleared.
    pub fn skip_version(version: Version) -> Option<Version> {
        let number = version.get();
        Version::new(number & (number - 1))
    }
}

/// Reads a digest, or a dash for none.
fn or_none(text: &str) -> Result<Option<Digest>, Error> {
    match text {
        "-" => Ok(None),
        hex => hex.parse().map(Some),
    }
}

/// Reads a number and a digest, or `0 -` for none.
fn revocations(text: &str) -> Result<Option<NoteRef>, Error> {
    let broken = || Error::Note { what: WHAT, rule: "its `rev` is malformed".to_owned() };
    if text == "0 -" {
        return Ok(None);
    }
    let (number, digest) = text.split_once(' ').ok_or_else(broken)?;
    let number = integer(number).filter(|number| *number > 0).ok_or_else(broken)?;
    Ok(Some(NoteRef { number, digest: digest.parse()? }))
}

fn reason(text: &str) -> Option<Reason> {
    match text.split_once(' ') {
        None => (text == "publish").then_some(Reason::Publish),
        Some(("rollback-to", number)) => Some(Reason::RollbackTo(Version::new(integer(number)?)?)),
        Some(("promote", head)) => head.parse().ok().map(Reason::Promote),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            repository: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            channel: "notes".parse().unwrap(),
            version: Version::new(6).unwrap(),
            previous: Some(Digest::of(b"5")),
            skip: Some(Digest::of(b"4")),
            manifest: FileRef::of(b"manifest"),
            root: 1,
            revocations: None,
            created: "2026-01-01T00:00:00Z".parse().unwrap(),
            reason: Reason::RollbackTo(Version::new(3).unwrap()),
        }
    }

    #[test]
    fn a_head_has_one_spelling() {
        let text = head().to_text();
        assert_eq!(Head::parse(&text).unwrap(), head());
        for (from, to) in [
            ("seq 6", "seq 06"),
            ("seq 6", "seq 0"),
            ("seq 6", "seq  6"),
            ("reason rollback-to 3", "reason rollback-to 03"),
            ("rev 0 -", "rev 1 -"),
            ("rev 0 -", "rev 0 e072f87b85740aafb53a15a2dac4ab85964dd40b81c56d544f7abfb19edea494"),
            ("root 1\n", "root 0\n"),
            ("root 1\n", "root 9007199254740992\n"),
            ("reason rollback-to 3", "reason rollback-to 6"),
            ("reason rollback-to 3", "reason promote 3"),
            ("seq 6", "seq 8"),
            ("channel notes", "channel Notes"),
            ("created 2026", "created 02026"),
            ("root 1\n", "root 1\nroot 1\n"),
        ] {
            assert!(Head::parse(&text.replace(from, to)).is_err(), "{to}");
        }
        assert!(Head::parse(&format!("{text}\n")).is_err());
    }

    #[test]
    fn skip_links_clear_the_lowest_bit() {
        let skip = |n| Head::skip_version(Version::new(n).unwrap()).map(Version::get);
        assert_eq!([skip(1), skip(6), skip(7), skip(8)], [None, Some(4), Some(6), None]);
    }
}
