//! The names of a remote's files (docs/format.md, "Remote layout").
//!
//! Names are made of digests, numbers and channel names only: nothing that a stranger wrote
//! becomes part of a path.

use std::fmt;

use garner_kernel::{ChannelName, Digest, Version};

/// The name of a file, with slashes; displays as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Returns the name of root number `number`.
    pub fn root(number: u64) -> Self {
        Self(format!("root/{number:08}.note"))
    }

    /// Returns the name of revocations number `number`.
    pub fn revocations(number: u64) -> Self {
        Self(format!("rev/{number:08}.note"))
    }

    /// Returns the name of a keyring.
    pub fn keyring(digest: &Digest) -> Self {
        Self(format!("keyring/{digest}.age"))
    }

    /// Returns the name of an object.
    pub fn object(digest: &Digest) -> Self {
        let hex = digest.to_string();
        let (folder, _) = hex.split_at(2);
        Self(format!("obj/{folder}/{hex}.age"))
    }

    /// Returns the name of a manifest.
    pub fn manifest(digest: &Digest) -> Self {
        Self(format!("man/{digest}.note"))
    }

    /// Returns the name of a head; creating it is the commit of a version.
    pub fn head(channel: &ChannelName, version: Version) -> Self {
        Self(format!("ch/{channel}/{:020}.note", version.get()))
    }

    /// Returns the name of the note that says which head is the newest.
    pub fn latest(channel: &ChannelName) -> Self {
        Self(format!("ch/{channel}/latest.note"))
    }

    /// Returns the name of the text that tells people how to restore without Garner.
    pub fn readme() -> Self {
        Self("README.txt".to_owned())
    }

    /// Returns whether the name is a digest of what the file holds.
    pub(crate) fn is_digest(&self) -> bool {
        ["obj/", "keyring/", "man/"].iter().any(|folder| self.0.starts_with(folder))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
