//! Finding a backup: in a file, or at a remote by its digest or as the newest.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use garner_kernel::Digest;
use garner_kernel::backup::{Manifest, Part, limits};
use garner_kernel::bundle::PublicKey;
use garner_sync::RemoteUrl;

use super::make::MAGIC;
use super::{BackupError, Policy, Vault};
use crate::context::Context;
use crate::error::Error;
use crate::keys;

/// Which backup is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// `latest`, the beginning of a digest, or a file.
    pub(crate) name: &'a str,
    /// Where to look, if not where this machine's backups go.
    pub(crate) from: Option<&'a RemoteUrl>,
    /// Who must have signed it, if not this machine.
    pub(crate) signed_by: Option<&'a PublicKey>,
}

/// A backup whose note was checked.
pub(crate) struct Source {
    pub(crate) manifest: Manifest,
    pub(crate) digest: Digest,
    pub(crate) signer: PublicKey,
    parts: Parts,
}

enum Parts {
    Vault(Box<Vault>),
    File(PathBuf, File),
}

impl Source {
    /// Reads the next part, in the order of the manifest.
    pub(super) fn part(&self, part: &Part) -> Result<Vec<u8>, Error> {
        match &self.parts {
            Parts::Vault(vault) => vault.read_part(&part.digest),
            Parts::File(path, file) => {
                let mut bytes = Vec::new();
                let read = file.take(part.size.min(limits::PART)).read_to_end(&mut bytes);
                read.map_err(|e| Error::io("read", path, e))?;
                Ok(bytes)
            }
        }
    }

    /// Returns where it is, for people.
    pub(crate) fn place(&self) -> String {
        match &self.parts {
            Parts::Vault(vault) => vault.url().to_string(),
            Parts::File(path, _) => path.display().to_string(),
        }
    }
}

/// Finds a backup and checks who signed it.
pub(crate) fn found(wanted: Wanted<'_>, context: &Context) -> Result<Source, Error> {
    let signer = match wanted.signed_by {
        Some(key) => key.clone(),
        None => match keys::publisher_public(&context.places) {
            Err(Error::NoKey { .. }) => return Err(BackupError::WhoseBackup.into()),
            found => found?,
        },
    };
    let path = Path::new(wanted.name);
    if path.is_file() {
        return in_file(path, signer);
    }
    let remote = match wanted.from {
        Some(url) => url.clone(),
        None => Policy::read(context)?.remote(context)?,
    };
    in_vault(wanted.name, Vault::open(remote, signer, context)?)
}

fn in_vault(name: &str, vault: Vault) -> Result<Source, Error> {
    let absent =
        || BackupError::None { key: vault.key().to_string(), remote: vault.url().to_string() };
    let backups = vault.listing()?.map(|listing| listing.backups).unwrap_or_default();
    let newest = backups.last().ok_or_else(absent)?;
    let digest = if name == "latest" {
        newest.digest
    } else {
        let is_meant = |digest: &Digest| name.len() >= 4 && digest.to_string().starts_with(name);
        let meant: Vec<_> = backups.iter().filter(|backup| is_meant(&backup.digest)).collect();
        match meant.as_slice() {
            [only] => only.digest,
            _ => {
                let (text, matches) = (name.to_owned(), meant.len());
                return Err(BackupError::Unknown { text, matches }.into());
            }
        }
    };
    let note = vault.read(&vault.name(&digest))?.ok_or_else(absent)?;
    let checked = Manifest::check(&note, &[vault.key()]).map_err(BackupError::Refused)?;
    let (manifest, got) = checked;
    if got != digest {
        let what = format!("note {} of the backup", digest.short());
        let wrong = garner_kernel::Error::WrongDigest { what, got, want: digest };
        return Err(BackupError::Refused(wrong).into());
    }
    let signer = vault.key().clone();
    Ok(Source { manifest, digest, signer, parts: Parts::Vault(Box::new(vault)) })
}

fn in_file(path: &Path, signer: PublicKey) -> Result<Source, Error> {
    let not_a_backup = || BackupError::NotABackup { path: path.to_owned() };
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => not_a_backup().into(),
        _ => Error::io("read", path, e),
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut head = [0; MAGIC.len() + 4];
    file.read_exact(&mut head).map_err(failed)?;
    let length = head.strip_prefix(&MAGIC[..]).and_then(|rest| rest.try_into().ok());
    let length = u32::from_le_bytes(length.ok_or_else(not_a_backup)?);
    if length as usize > limits::NOTE {
        return Err(not_a_backup().into());
    }
    let mut note = vec![0; length as usize];
    file.read_exact(&mut note).map_err(failed)?;
    let (manifest, digest) = Manifest::check(&note, &[&signer]).map_err(BackupError::Refused)?;
    Ok(Source { manifest, digest, signer, parts: Parts::File(path.to_owned(), file) })
}
