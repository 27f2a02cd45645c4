//! The names of a remote's files (docs/format.md, "Remote layout").
//!
//! Names are made of digests, numbers, and names of channels and tags, and key ids only: nothing that a stranger wrote
//! becomes part of a path.

use std::fmt;

use garner_kernel::bundle::KeyId;
use garner_kernel::{ChannelName, Digest, TagName, Version};

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

    /// Returns the name of the file that keeps a version from being collected.
    pub fn keep(channel: &ChannelName, version: Version) -> Self {
        Self(format!("ch/{channel}/{:020}.keep", version.get()))
    }

    /// Returns the name of the note that gives a version a name.
    pub fn tag(name: &TagName) -> Self {
        Self(format!("tag/{name}.note"))
    }

    /// Returns the name of the receipt that a reader with this key writes.
    pub fn receipt(channel: &ChannelName, key: KeyId) -> Self {
        Self(format!("fleet/{channel}/{key}.note"))
    }

    /// Returns the name of the list of the backups that a key signed.
    pub fn backups(key: KeyId) -> Self {
        Self(format!("backup/{key}/list.note"))
    }

    /// Returns the name of the note of a backup.
    pub fn backup(key: KeyId, digest: &Digest) -> Self {
        Self(format!("backup/{key}/{digest}.note"))
    }

    /// Returns the name of a part of a backup.
    pub fn backup_part(key: KeyId, digest: &Digest) -> Self {
        Self(format!("backup/{key}/part/{digest}.age"))
    }

    /// Returns the name of a file by which a remote is probed.
    pub fn probe(token: u64, round: u64) -> Self {
        Self(format!("probe-{token:016x}-{round}"))
    }

    /// Returns the name of the text that tells people how to restore without Garner.
    pub fn readme() -> Self {
        Self("README.txt".to_owned())
    }

    /// Returns the digest that the file must have, where its name states one.
    pub fn digest(&self) -> Option<Digest> {
        let (folder, file) = self.0.split_once('/')?;
        let file = match folder {
            "obj" => file.split_once('/')?.1,
            "keyring" | "man" => file,
            "backup" => file.split_once("/part/")?.1,
            _ => return None,
        };
        file.split_once('.')?.0.parse().ok()
    }

    /// Returns whether a file of this name, once made, never changes.
    pub fn is_permanent(&self) -> bool {
        let replaced = ["/latest.note", "/list.note"].iter().any(|end| self.0.ends_with(end));
        let replaced = replaced || self.0.starts_with("fleet/");
        !replaced && *self != Self::readme()
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
