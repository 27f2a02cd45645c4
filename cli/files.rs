//! Reading files that people name.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use garner_kernel::FileName;

use crate::error::Error;

/// The largest file that is read, in bytes.
const LIMIT: u64 = 1 << 30;
/// The most that is read of what is not a regular file, in bytes.
const STREAM_LIMIT: u64 = 256 << 20;

/// Reads a file of at most 1 GiB, or 256 MiB of anything else.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let metadata = fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    if metadata.is_dir() {
        let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Error::io("read", path, source));
    }
    // What has no length of its own, such as a pipe or a device, may have no end.
    let limit = if metadata.is_file() { LIMIT } else { STREAM_LIMIT };
    let too_large = |size| Error::TooLarge { path: path.to_owned(), size, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let file = fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Checks that a file could be written at `path`, without leaving anything there.
pub(crate) fn check_writable(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Error::io("write", path, source));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    garner_sync::make_folder(folder)?;
    tempfile::tempfile_in(folder).map_err(|e| Error::io("write to folder", folder, e))?;
    Ok(())
}

/// Waits until no other process holds the lock beside `path`, and holds it until it is dropped.
///
/// Who reads a file to write it again takes this first, so that no change of another process is
/// lost in between.
pub(crate) fn lock(path: &Path) -> Result<fs::File, Error> {
    let path = path.with_extension("lock");
    if let Some(folder) = path.parent() {
        garner_sync::make_folder(folder)?;
    }
    let file = fs::File::create(&path).map_err(|e| Error::io("create", &path, e))?;
    file.lock().map_err(|e| Error::io("lock", path, e))?;
    Ok(file)
}

/// Returns the name of a file without its folder.
pub(crate) fn name(path: &Path) -> Result<FileName, Error> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Ok(name.parse()?)
}
