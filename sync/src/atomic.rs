//! Writing files so that a reader sees the old bytes or the new ones, never a part.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::remote::Put;

/// Replaces the file at `path`, or creates it.
///
/// The bytes are on the disk before the name shows them.
///
/// # Errors
/// [`Error::Io`]; the old file is untouched then.
pub fn write_over(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (folder, temporary) = write_temporary(path, bytes)?;
    temporary.persist(path).map_err(|e| Error::io("replace", path, e.error))?;
    sync_folder(folder)
}

/// Creates the file at `path` unless it exists.
///
/// # Errors
/// [`Error::Io`]; nothing is there then.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<Put, Error> {
    let (folder, temporary) = write_temporary(path, bytes)?;
    // A hard link fails if the name exists: the only atomic create that every file system with
    // links has. `persist_noclobber` uses it and falls back to an exclusive rename.
    let put = match temporary.persist_noclobber(path) {
        Ok(_) => Put::Created,
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Put::Exists,
        Err(e) => return Err(Error::io("create", path, e.error)),
    };
    sync_folder(folder)?;
    Ok(put)
}

fn write_temporary<'a>(path: &'a Path, bytes: &[u8]) -> Result<(&'a Path, NamedTempFile), Error> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(|e| Error::io("create folder", folder, e))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    // Nothing here is secret, and a shared folder is read by others: the umask decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder
        .tempfile_in(folder)
        .map_err(|e| Error::io("create a temporary file in", folder, e))?;
    temporary
        .write_all(bytes)
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(|e| Error::io("write", path, e))?;
    Ok((folder, temporary))
}

/// Returns the folder of a file; a bare name is in the present one.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Windows cannot open folders; there the rename itself is durable.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io("sync", folder, e))
}
