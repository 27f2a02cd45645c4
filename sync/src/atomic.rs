//! Writing files so that a reader sees the old bytes or the new ones, never a part.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::remote::Put;

/// How the names of files start that are not whole yet.
const PREFIX: &str = ".tmp-";

/// Replaces the file at `path`, or creates it.
///
/// The bytes are on the disk before the name shows them.
///
/// # Errors
/// [`Error::Io`]; the old file is untouched then.
pub fn write_over(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_over_from(folder_of(path), path, bytes)
}

/// The same, with the temporary file in `scratch`, a folder of the same file system.
pub(crate) fn write_over_from(scratch: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (folder, temporary) = write_temporary(scratch, path, bytes)?;
    temporary.persist(path).map_err(|e| Error::io("replace", path, e.error))?;
    sync_folder(folder)
}

/// Creates the file at `path` unless it exists, from a temporary file in `scratch`.
///
/// # Errors
/// [`Error::Io`]; nothing is there then.
pub(crate) fn write_new_from(scratch: &Path, path: &Path, bytes: &[u8]) -> Result<Put, Error> {
    let (folder, temporary) = write_temporary(scratch, path, bytes)?;
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

/// Makes a file in `folder` that goes unless it is given a name, and removes those of processes that
/// were stopped before they could.
///
/// Whoever makes one holds a lock on it: one that nobody holds belongs to nobody.
///
/// # Errors
/// [`Error::Io`].
pub fn temporary(folder: &Path, mode: u32) -> Result<NamedTempFile, Error> {
    sweep(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    loop {
        let file = builder
            .tempfile_in(folder)
            .map_err(|e| Error::io("create a temporary file in", folder, e))?;
        // Where nothing can be locked nothing is swept. Elsewhere another process may have been
        // faster than the lock.
        if file.as_file().lock().is_err() || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of a folder that nobody holds; what cannot be removed stays.
pub(crate) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a folder, and those above it that are missing; their names are on the disk then.
///
/// A file that is synced is lost all the same with a folder that is not.
///
/// # Errors
/// [`Error::Io`].
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    make_with(&DirBuilder::new(), folder)
}

/// The same, with folders that nobody else can read.
///
/// # Errors
/// [`Error::Io`].
pub fn make_private_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    make_with(&builder, folder)
}

fn make_with(builder: &DirBuilder, folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        make_with(builder, above)?;
    }
    match builder.create(folder) {
        Ok(()) => sync_folder(above),
        // Another process was first.
        Err(_) if folder.is_dir() => Ok(()),
        Err(e) => Err(Error::io("create folder", folder, e)),
    }
}

fn write_temporary<'a>(
    scratch: &Path,
    path: &'a Path,
    bytes: &[u8],
) -> Result<(&'a Path, NamedTempFile), Error> {
    let folder = folder_of(path);
    make_folder(folder)?;
    make_folder(scratch)?;
    // Nothing here is secret, and a shared folder is read by others: the umask decides.
    let mut made = temporary(scratch, 0o666)?;
    made.write_all(bytes)
        .and_then(|()| made.as_file().sync_all())
        .map_err(|e| Error::io("write", path, e))?;
    Ok((folder, made))
}

/// Returns the folder of a file; a bare name is in the present one.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Has the names in a folder on the disk when it returns.
///
/// # Errors
/// [`Error::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Windows cannot open folders; there the rename itself is durable.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io("sync", folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stopped_process_left_goes_and_what_another_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".tmp-left");
        fs::write(&left, "a part").unwrap();
        let other = temporary(folder.path(), 0o600).unwrap();
        assert!(!left.exists());
        write_over(&folder.path().join("note"), b"whole").unwrap();
        assert!(other.path().exists());
        fs::write(&left, "a part").unwrap();
        drop(other);
        write_over(&folder.path().join("note"), b"newer").unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn folders_are_made_one_by_one_however_many_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folder(&deep).unwrap();
        make_folder(&deep).unwrap();
        fs::write(deep.join("file"), "in the way").unwrap();
        let refused = make_folder(&deep.join("file/below"));
        assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
    }
}
