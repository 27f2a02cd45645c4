//! Where the backups of one signer are kept: a folder of a remote, with a signed list.

use garner_kernel::Digest;
use garner_kernel::backup::{Listing, limits};
use garner_kernel::bundle::{PublicKey, PublisherKey};
use garner_sync::{AnyRemote, FolderRemote, Name, RemoteUrl};

use super::{BackupError, policy};
use crate::context::Context;
use crate::error::Error;

/// The backups of one signer at one place.
pub(crate) struct Vault {
    url: RemoteUrl,
    remote: AnyRemote,
    key: PublicKey,
}

impl Vault {
    /// Opens the place, which must be there; the folder beside the store is made.
    pub(crate) fn open(url: RemoteUrl, key: PublicKey, context: &Context) -> Result<Self, Error> {
        if url == RemoteUrl::Folder(policy::beside(context)) {
            FolderRemote::create(&policy::beside(context))?;
        }
        let remote = context.open_remote(&url)?;
        Ok(Self { url, remote, key })
    }

    pub(crate) const fn url(&self) -> &RemoteUrl {
        &self.url
    }

    pub(crate) const fn remote(&self) -> &AnyRemote {
        &self.remote
    }

    pub(crate) const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the name of the note of a backup.
    pub(crate) fn name(&self, digest: &Digest) -> Name {
        Name::backup(self.key.id(), digest)
    }

    /// Returns the name of a part of a backup.
    pub(crate) fn part(&self, digest: &Digest) -> Name {
        Name::backup_part(self.key.id(), digest)
    }

    /// Reads a note; `None` if it is not there.
    pub(crate) fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.remote.get(name, limits::NOTE as u64)?)
    }

    /// Reads a part; whether it is the right one is for the kernel to say.
    pub(crate) fn read_part(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let found = self.remote.get(&self.part(digest), limits::PART)?;
        Ok(found.ok_or(BackupError::Missing { part: *digest })?)
    }

    /// Returns the list of backups; `None` if none was ever made.
    pub(crate) fn listing(&self) -> Result<Option<Listing>, Error> {
        let name = Name::backups(self.key.id());
        let Some(bytes) = self.remote.get(&name, limits::LISTING as u64)? else { return Ok(None) };
        Ok(Some(Listing::check(&bytes, &self.key).map_err(BackupError::Refused)?))
    }

    /// Replaces the list.
    pub(crate) fn put_listing(&self, listing: &Listing, key: &PublisherKey) -> Result<(), Error> {
        let note = listing.sign(key).map_err(BackupError::Refused)?;
        Ok(self.remote.put_over(&Name::backups(self.key.id()), &note.to_bytes())?)
    }
}
