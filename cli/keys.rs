//! Key files: made once, mode 0600, refused when wider.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use garner_kernel::bundle::{DeviceKey, PublisherKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::places::Places;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyRole {
    /// Signs the root of a repository: who may publish
    Root,
    /// Signs kernels
    Publisher,
    /// Reads kernels on this machine
    Device,
    /// Reads kernels when all else is lost: print it and keep it elsewhere
    Recovery,
}

impl KeyRole {
    pub(crate) const ALL: [Self; 4] = [Self::Root, Self::Publisher, Self::Device, Self::Recovery];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Publisher => "publisher",
            Self::Device => "device",
            Self::Recovery => "recovery",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Root => "root key",
            Self::Publisher => "publisher key",
            Self::Device => "device key",
            Self::Recovery => "recovery key",
        }
    }

    /// Returns the file of the key.
    pub(crate) fn path(self, places: &Places) -> PathBuf {
        places.keys().join(format!("{}.key", self.as_str()))
    }

    /// Makes the key and its file, and returns the public half.
    ///
    /// The file is on the disk before the key is used; an existing file is never replaced.
    pub(crate) fn generate(self, places: &Places, name: &str) -> Result<String, Error> {
        let (secret, public) = match self {
            Self::Root | Self::Publisher => {
                let key = PublisherKey::generate(format!("{name}-{}", self.as_str()).parse()?)?;
                (key.to_secret_text(), key.public().to_string())
            }
            Self::Device | Self::Recovery => {
                let key = DeviceKey::generate();
                (key.to_secret_text(), key.recipient().to_string())
            }
        };
        write_secret(&self.path(places), &secret)?;
        Ok(public)
    }

    /// Returns the public half of the key in its file.
    pub(crate) fn public(self, places: &Places) -> Result<String, Error> {
        match self {
            Self::Root | Self::Publisher => {
                Ok(read_key::<PublisherKey>(self, places)?.public().to_string())
            }
            Self::Device | Self::Recovery => {
                Ok(read_key::<DeviceKey>(self, places)?.recipient().to_string())
            }
        }
    }
}

/// Returns the key that signs kernels.
pub(crate) fn publisher(places: &Places) -> Result<PublisherKey, Error> {
    read_key(KeyRole::Publisher, places)
}

/// Returns the key that signs roots.
pub(crate) fn root(places: &Places) -> Result<PublisherKey, Error> {
    read_key(KeyRole::Root, places)
}

/// Returns the keys that read kernels here: the device's, and the recovery key where it is kept.
pub(crate) fn devices(places: &Places) -> Result<Vec<DeviceKey>, Error> {
    let mut keys = vec![read_key(KeyRole::Device, places)?];
    if KeyRole::Recovery.path(places).exists() {
        keys.push(read_key(KeyRole::Recovery, places)?);
    }
    Ok(keys)
}

fn read_key<K>(role: KeyRole, places: &Places) -> Result<K, Error>
where
    K: FromStr<Err = garner_kernel::Error>,
{
    let path = role.path(places);
    if !path.exists() {
        return Err(Error::NoKey { what: role.what(), path });
    }
    check_mode(&path)?;
    let text = Zeroizing::new(fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?);
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    line.parse().map_err(|source| Error::BrokenKey { path, source })
}

/// Creates a key file, whole or not at all; temporary files have mode 0600 from the start.
fn write_secret(path: &Path, secret: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private(folder)?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|e| Error::io("write to", folder, e))?;
    file.write_all(secret.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.as_file().sync_all())
        .map_err(|e| Error::io("write", path, e))?;
    file.persist_noclobber(path).map_err(|e| Error::io("create", path, e.error))?;
    let folder_file = fs::File::open(folder).map_err(|e| Error::io("open", folder, e))?;
    folder_file.sync_all().map_err(|e| Error::io("sync", folder, e))
}

/// Makes a folder that nobody else can read.
fn make_private(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| Error::io("create folder", folder, e))
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    let mode = metadata.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(Error::OpenKey { path: path.to_owned(), mode })
}

#[cfg(not(unix))]
fn check_mode(_path: &Path) -> Result<(), Error> {
    Ok(())
}
