//! Files that hold secrets: mode 0600 from the start, whole or not there, refused when wider.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::Error;

/// The most that is read of a key file, in bytes.
const LIMIT: u64 = 64 << 10;
/// How the names of files start that are not whole yet.
pub(super) const TEMPORARY: &str = ".tmp-";
/// How encrypted files start: binary, and armored.
const SEALED: [&[u8]; 2] = [b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// What a key file holds.
pub(super) enum Stored {
    /// The key itself, with its comments.
    Plain(Zeroizing<String>),
    /// The key, encrypted.
    Sealed(Vec<u8>),
}

/// Reads a key file; nobody else may be able to.
pub(super) fn read(path: &Path) -> Result<Stored, Error> {
    check_mode(path)?;
    read_any(path)
}

/// Reads a file that may hold a key, whoever else can read it.
pub(super) fn read_any(path: &Path) -> Result<Stored, Error> {
    let file = fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
    read_from(file, path)
}

/// Reads what may be a key; `path` is the name for errors.
pub(super) fn read_from(input: impl std::io::Read, path: &Path) -> Result<Stored, Error> {
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LIMIT + 1).unwrap_or(0)));
    let mut input = input.take(LIMIT + 1);
    input.read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    let size = bytes.len() as u64;
    if size > LIMIT {
        return Err(Error::TooLarge { path: path.to_owned(), size, limit: LIMIT });
    }
    if is_sealed(&bytes) {
        return Ok(Stored::Sealed(bytes.to_vec()));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| super::KeyError::NotAKey { path: path.to_owned() })?;
    Ok(Stored::Plain(Zeroizing::new(text.to_owned())))
}

fn is_sealed(bytes: &[u8]) -> bool {
    SEALED.iter().any(|start| bytes.starts_with(start))
}

/// Creates a file that others cannot read; one that is there stays as it is.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = write_temporary(path, bytes)?;
    temporary.persist_noclobber(path).map_err(|e| Error::io("create", path, e.error))?;
    Ok(garner_sync::sync_folder(folder_of(path))?)
}

/// Replaces a file in one step: until the new bytes are on the disk, the name shows the old ones.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = write_temporary(path, bytes)?;
    temporary.persist(path).map_err(|e| Error::io("replace", path, e.error))?;
    Ok(garner_sync::sync_folder(folder_of(path))?)
}

/// Gives a file another name, in place of what has it.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|e| Error::io("rename", from, e))?;
    Ok(garner_sync::sync_folder(folder_of(to))?)
}

/// Temporary files have mode 0600 from the start.
fn write_temporary(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    let folder = folder_of(path);
    garner_sync::make_private_folder(folder)?;
    let mut file = garner_sync::temporary(folder, 0o600)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|e| Error::io("write", path, e))?;
    Ok(file)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that nobody else can read a key file.
pub(super) fn check_mode(path: &Path) -> Result<(), Error> {
    match open_to_others(path)? {
        None => Ok(()),
        Some(mode) => Err(Error::OpenKey { path: path.to_owned(), mode }),
    }
}

/// Returns the mode of a file if others can do anything with it.
#[cfg(unix)]
pub(super) fn open_to_others(path: &Path) -> Result<Option<u32>, Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    let mode = metadata.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
pub(super) fn open_to_others(_path: &Path) -> Result<Option<u32>, Error> {
    Ok(None)
}
