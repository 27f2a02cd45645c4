//! Archives: an export comes as one zip file or several.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use zip::ZipArchive;

use crate::error::Error;

/// The largest member that is read, in bytes.
const LIMIT: u64 = 1 << 30;
/// How many members an archive may have.
const MAX_MEMBERS: usize = 100_000;

/// Returns whether a file is a zip archive, by its first bytes.
pub(super) fn is_archive(path: &Path) -> Result<bool, Error> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    if !metadata.is_file() {
        return Ok(false);
    }
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut magic = Vec::new();
    file.take(4).read_to_end(&mut magic).map_err(|e| Error::io("read", path, e))?;
    Ok(magic == b"PK\x03\x04")
}

/// Returns the names of the files in an archive, sorted.
pub(super) fn members(path: &Path) -> Result<Vec<String>, Error> {
    let archive = open(path)?;
    if archive.len() > MAX_MEMBERS {
        let (size, limit) = (archive.len() as u64, MAX_MEMBERS as u64);
        return Err(Error::TooLarge { path: path.to_owned(), size, limit });
    }
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name
            .map_err(|error| Error::Archive { path: path.to_owned(), rule: error.to_string() })?;
        if !name.ends_with('/') {
            names.push(name.into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns whether a member of an export may hold something to compile.
pub(super) fn is_input(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let last = name.rsplit('/').next().unwrap_or(name);
    let hidden = last.starts_with('.') || name.starts_with("__MACOSX/");
    matches!(ending, "json" | "jsonl" | "md") && !hidden
}

/// Reads a member; its checksum is verified.
pub(super) fn read(path: &Path, member: &str) -> Result<Vec<u8>, Error> {
    let mut archive = open(path)?;
    let broken = |error: zip::result::ZipError| Error::Archive {
        path: path.to_owned(),
        rule: error.to_string(),
    };
    let file = archive.by_name(member).map_err(broken)?;
    let whole = path.join(member);
    let mut bytes = Vec::new();
    // The size in the directory is only a claim.
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("read", &whole, e))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::TooLarge { path: whole, size: bytes.len() as u64, limit: LIMIT });
    }
    Ok(bytes)
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, Error> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    ZipArchive::new(BufReader::new(file))
        .map_err(|error| Error::Archive { path: path.to_owned(), rule: error.to_string() })
}
