//! Takes files from paths that the user gave: a folder, a package, or the file itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::folder::{Folder, io_error};
use super::incoming::Incoming;
use super::{Missing, Progress, wheel};
use crate::error::InstallError;
use crate::pinned::Pinned;

/// Brings what the given paths have, and returns what they do not.
///
/// A path that does not exist is an error, and so is a file of the right name with other bytes.
pub(super) fn bring(
    folder: &Folder,
    missing: Missing,
    from: &[PathBuf],
    report: &mut dyn FnMut(Progress),
) -> Result<Missing, InstallError> {
    if missing.is_empty() {
        return Ok(missing);
    }
    let candidates = candidates(from)?;
    let mut rest = Vec::new();
    for file in missing {
        if !bring_one(folder, file, &candidates, report)? {
            rest.push(file);
        }
    }
    Ok(rest)
}

/// Returns whether one of the candidates had the file.
fn bring_one(
    folder: &Folder,
    file: &'static Pinned,
    candidates: &[PathBuf],
    report: &mut dyn FnMut(Progress),
) -> Result<bool, InstallError> {
    for path in candidates {
        if path.file_name().is_some_and(|name| name == file.name) {
            report(fetching(file, path));
            let mut reader = File::open(path).map_err(io_error("read", path))?;
            let incoming = Incoming::new(folder, file, path.display().to_string())?;
            incoming.copy(&mut reader, report)?;
            return Ok(true);
        }
        if is_wheel(path) && wheel::bring(folder, file, path, report)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Replaces each folder by the files directly in it, in the order of their names.
fn candidates(from: &[PathBuf]) -> Result<Vec<PathBuf>, InstallError> {
    let mut candidates = Vec::new();
    for path in from {
        if path.is_file() {
            candidates.push(path.clone());
        } else if path.is_dir() {
            let entries = fs::read_dir(path).map_err(io_error("read", path))?;
            let files: Result<Vec<_>, _> = entries.map(|e| e.map(|entry| entry.path())).collect();
            let mut files = files.map_err(io_error("read", path))?;
            files.retain(|file| file.is_file());
            files.sort();
            candidates.extend(files);
        } else {
            return Err(InstallError::NoSuchSource { path: path.clone() });
        }
    }
    Ok(candidates)
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl")
}

pub(super) fn fetching(file: &Pinned, origin: &Path) -> Progress {
    Progress::Fetching { what: file.name.to_owned(), origin: origin.display().to_string() }
}
