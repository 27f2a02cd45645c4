//! Heads: the signed note of one version, and the note that says which is the newest.

use super::manifest::FileRef;
use super::statement::RepositoryId;
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
    /// When it was made.
    pub created: Moment,
    /// Why it was made.
    pub reason: Reason,
}

const HEAD_TYPE: &str = "garner.head.v1";

impl Head {
    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        let or_dash = |d: &Option<Digest>| d.map_or_else(|| "-".to_owned(), |d| d.to_string());
        let reason = match self.reason {
            Reason::Publish => "publish".to_owned(),
            Reason::RollbackTo(version) => format!("rollback-to {}", version.get()),
        };
        format!(
            "{HEAD_TYPE}\nrepo {}\nchannel {}\nseq {}\nprev {}\nskip {}\nmanifest {} {}\n\
             root {}\nrev 0 -\ncreated {}\nreason {reason}\n",
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
        let broken = || Error::Note { what: "head", rule: "it is malformed".to_owned() };
        let head = Self::fields(text).ok_or_else(broken)?;
        if head.to_text() == text { Ok(head) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let digest = |text: &str| match text {
            "-" => Some(None),
            hex => hex.parse().ok().map(Some),
        };
        // The type line has no value: its last word stands for it.
        field("garner.head.v1").is_none().then_some(())?;
        let repository = field("repo")?.parse().ok()?;
        let channel = field("channel")?.parse().ok()?;
        let version = Version::new(field("seq")?.parse().ok()?)?;
        let previous = digest(field("prev")?)?;
        let skip = digest(field("skip")?)?;
        let (manifest, size) = field("manifest")?.split_once(' ')?;
        let manifest = FileRef { digest: manifest.parse().ok()?, size: size.parse().ok()? };
        let root = field("root")?.parse().ok()?;
        field("rev")?;
        let created = field("created")?.parse().ok()?;
        let reason = match field("reason")? {
            "publish" => Reason::Publish,
            other => {
                let version = other.strip_prefix("rollback-to ")?.parse().ok()?;
                Reason::RollbackTo(Version::new(version)?)
            }
        };
        Some(Self { repository, channel, version, previous, skip, manifest, root, created, reason })
    }

    /// Returns the version that `skip` must point to: the lowest set bit cleared.
    pub fn skip_version(version: Version) -> Option<Version> {
        let number = version.get();
        Version::new(number & (number - 1))
    }
}

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

impl Latest {
    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        format!(
            "garner.latest.v1\nrepo {}\nchannel {}\nseq {}\nhead {}\nissued {}\nexpires {}\n",
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
        let broken = || Error::Note { what: "latest", rule: "it is malformed".to_owned() };
        let latest = Self::fields(text).ok_or_else(broken)?;
        if latest.to_text() == text { Ok(latest) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        Some(Self {
            repository: field("repo")?.parse().ok()?,
            channel: field("channel")?.parse().ok()?,
            version: Version::new(field("seq")?.parse().ok()?)?,
            head: field("head")?.parse().ok()?,
            issued: field("issued")?.parse().ok()?,
            expires: field("expires")?.parse().ok()?,
        })
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
