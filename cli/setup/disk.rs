//! Files as setup sees them: what is there, byte by byte, and changes that are whole or not there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::SetupError;
use crate::error::Error;

/// How the names of files end that are not whole yet.
const TEMPORARY: &str = ".garner-new";
/// The largest file that is kept for undoing, in bytes.
const LIMIT: u64 = 16 << 20;
/// The mode of files that are made.
pub(crate) const MODE: u32 = 0o644;

/// What a file holds, and who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
}

/// What has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    File(Content),
    /// Something else, in words.
    Other(&'static str),
}

/// Returns what has this name; a link is not followed.
pub(crate) fn look(path: &Path) -> Result<Found, Error> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Below something that is no folder there is nothing either.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(e) => return Err(Error::io("read", path, e)),
    };
    if metadata.is_symlink() {
        return Ok(Found::Other("a link"));
    }
    if !metadata.is_file() {
        return Ok(Found::Other(if metadata.is_dir() { "a folder" } else { "no regular file" }));
    }
    if metadata.len() > LIMIT {
        return Err(Error::TooLarge { path: path.to_owned(), size: metadata.len(), limit: LIMIT });
    }
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Ok(Found::File(Content { bytes, mode: mode(&metadata) }))
}

/// Writes a file in one step: until all of it is on the disk, the name shows what was there.
pub(crate) fn write(path: &Path, content: &Content) -> Result<(), Error> {
    let temporary = temporary(path);
    if let Some(folder) = path.parent() {
        garner_sync::make_folder(folder)?;
    }
    remove(&temporary)?;
    let written = || {
        let mut file = fs::File::create_new(&temporary)?;
        file.write_all(&content.bytes)?;
        set_mode(&file, content.mode)?;
        file.sync_all()
    };
    written().map_err(|e| Error::io("write", &temporary, e))?;
    fs::rename(&temporary, path).map_err(|e| Error::io("replace", path, e))?;
    sync_folder(path)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Makes a folder, unless it is there.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    Ok(garner_sync::make_folder(path)?)
}

/// Removes a folder, and returns whether it is gone: one that holds something stays.
pub(super) fn remove_folder(path: &Path) -> Result<bool, Error> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        // What somebody put in its place is not ours.
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(e) => Err(Error::io("remove folder", path, e)),
    }
}

/// Returns the folders that `path` needs and that are not there, the outermost first.
///
/// # Errors
/// [`SetupError`] where something else has one of their names, or the folder that they would be
/// made in is read-only.
pub(super) fn missing_folders(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut missing = Vec::new();
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {
                check_writable(folder, &metadata)?;
                break;
            }
            Ok(_) => return Err(SetupError::NotAFolder { path: folder.to_owned() }.into()),
            Err(_) if fs::symlink_metadata(folder).is_ok() => {
                return Err(SetupError::Dangling { path: folder.to_owned() }.into());
            }
            Err(_) => missing.push(folder.to_owned()),
        }
    }
    missing.reverse();
    Ok(missing)
}

/// Returns the file that a name leads to, through a link if it is one.
pub(crate) fn followed(path: &Path) -> Result<PathBuf, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)
            .map_err(|_| SetupError::Dangling { path: path.to_owned() }.into()),
        _ => Ok(path.to_owned()),
    }
}

/// Refuses to go on where a mode says that nothing may be changed.
///
/// The modes are looked at, since whoever administers a machine may write whatever they say.
pub(super) fn check_mode(path: &Path, mode: u32) -> Result<(), Error> {
    if mode & 0o222 == 0 {
        return Err(SetupError::ReadOnly { path: path.to_owned() }.into());
    }
    Ok(())
}

fn check_writable(path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    check_mode(path, mode(metadata))
}

/// Returns the name of a file or folder that is not whole yet.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    Ok(garner_sync::sync_folder(folder)?)
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    if metadata.permissions().readonly() { 0o444 } else { MODE }
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> io::Result<()> {
    Ok(())
}
