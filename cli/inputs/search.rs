//! Which files are inputs: those that were named, and what a search through folders takes along.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use garner_compiler::detect;

use super::archive;
use super::{Found, Search, absolute};
use crate::error::Error;

/// Folders whose documents are other people's, or test data: only transcripts are taken there.
const STRANGE: &[&str] =
    &["node_modules", "target", "vendor", "plugins", "skills", "fixtures", "testdata", "__tests__"];

/// What is taken from a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Everything,
    Transcripts,
}

/// The largest file that a search looks into to tell its format, in bytes.
const LOOKED_INTO: u64 = 1 << 20;

/// Returns the inputs among `paths`: files as they are, archives by their members, folders
/// searched.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Search, Error> {
    let mut search = Search::default();
    for path in paths {
        if path.is_dir() {
            let before = search.found.len();
            folder(path, Take::Everything, &mut search)?;
            if search.found.len() == before {
                return Err(Error::NoTranscripts { path: path.clone() });
            }
        } else if archive::is_archive(path)? {
            members(path, true, &mut search)?;
        } else {
            file(path, &mut search)?;
        }
    }
    // What was named twice, or named and found, is read once.
    let mut seen = BTreeSet::new();
    search.found.sort_by_key(|found| !found.named);
    search.found.retain(|found| seen.insert(absolute(&found.whole())));
    Ok(search)
}

/// A named file, and with a transcript those of its subagents.
fn file(path: &Path, search: &mut Search) -> Result<(), Error> {
    search.found.push(Found { path: path.to_owned(), member: None, named: true });
    let agents = path.with_extension("").join("subagents");
    if path.extension().is_some_and(|ending| ending == "jsonl") && agents.is_dir() {
        folder(&agents, Take::Transcripts, search)?;
    }
    Ok(())
}

fn folder(folder: &Path, what: Take, search: &mut Search) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("list", folder, e))?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::io("list", folder, e))?;
    paths.sort();
    for path in paths {
        // Links are not followed: they may lead out of the folder, or round in a circle.
        if path.is_symlink() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            match name.as_str() {
                ".git" => {}
                name if STRANGE.contains(&name) => {
                    self::folder(&path, Take::Transcripts, search)?;
                }
                _ => self::folder(&path, what, search)?,
            }
        } else if what == Take::Everything || path.extension().is_some_and(|e| e == "jsonl") {
            take(&path, &name, search)?;
        }
    }
    Ok(())
}

/// Takes a file that a search found, if it is of a format that is searched for.
fn take(path: &Path, name: &str, search: &mut Search) -> Result<(), Error> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let mut push =
        || search.found.push(Found { path: path.to_owned(), member: None, named: false });
    match ending.as_str() {
        "jsonl" | "ndjson" => push(),
        "zip" if archive::is_archive(path)? => members(path, false, search)?,
        "md" | "json" => {
            let text = path.to_string_lossy();
            match detect(&text, &head(path)?) {
                Ok(format) if format.is_searched_for() => push(),
                Err(garner_compiler::Error::NeverRead { .. }) => search.never_read += 1,
                _ => search.left_out += 1,
            }
        }
        _ if is_below_memories(path) => push(),
        _ => {}
    }
    Ok(())
}

/// Returns the bytes that tell a format; an export that is larger is told by its name alone.
fn head(path: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name == "users.json" {
        return Ok(Vec::new());
    }
    let export = ["conversations.json", "projects.json", "memories.json"].contains(&&*name);
    if size > LOOKED_INTO && !export {
        return Ok(Vec::new());
    }
    crate::files::read(path)
}

/// Adds the members of an archive that are inputs.
fn members(path: &Path, named: bool, search: &mut Search) -> Result<(), Error> {
    let before = search.found.len();
    for member in archive::members(path)? {
        let text = path.join(&member).to_string_lossy().into_owned();
        match detect(&text, &[]) {
            Err(garner_compiler::Error::NeverRead { .. }) => search.never_read += 1,
            _ if archive::is_input(&member) => {
                search.found.push(Found { path: path.to_owned(), member: Some(member), named });
            }
            _ => search.left_out += 1,
        }
    }
    if named && search.found.len() == before {
        return Err(Error::NoTranscripts { path: path.to_owned() });
    }
    Ok(())
}

/// Returns whether a file is in the folder of the memory tool.
fn is_below_memories(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    folder.iter().any(|part| part == "memories")
}
