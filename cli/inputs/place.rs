//! What is known of an input from where it lies: project, time, and whether somebody named it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use garner_compiler::{Format, Place, project_of};
use garner_kernel::{Moment, ProjectName};
use serde_json::Value;

use super::{Found, absolute};

/// How much of a transcript is read to find the folder it ran in, in bytes.
const HEAD: u64 = 256 << 10;

/// Returns what is known of an input; a project that the person named goes before all others.
pub(super) fn of(found: &Found, format: Format, named: Option<&ProjectName>) -> Place {
    let path = absolute(&found.path);
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    let seconds = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let project = match format {
        // Records name the folder they ran in, and exports are of no project.
        Format::Transcript
        | Format::Hook
        | Format::Fragments
        | Format::Mem0
        | Format::Memori
        | Format::Conversations
        | Format::Projects
        | Format::Memories => None,
        Format::Memory => project_of_memory(&path),
        Format::Instructions | Format::Ledger | Format::Lesson | Format::Sections => {
            project_of(&root_of(&path).to_string_lossy())
        }
    };
    Place {
        project: named.cloned().filter(|_| format != Format::Transcript).or(project),
        modified: seconds
            .map(|since| Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))),
        vouched: found.named,
    }
}

/// Returns the folder of the repository that a file is in; its own folder where there is none, and
/// for files of a `.claude` folder the one above.
fn root_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if let Some(root) = folder.ancestors().find(|folder| folder.join(".git").exists()) {
        return root.to_owned();
    }
    let claude = folder.ancestors().find(|folder| folder.ends_with(".claude"));
    claude.and_then(Path::parent).unwrap_or(folder).to_owned()
}

/// Returns the project of a memory folder from a transcript beside it: the name of the folder
/// itself cannot be turned back into a path.
fn project_of_memory(path: &Path) -> Option<ProjectName> {
    let folder = path.ancestors().find(|folder| folder.ends_with("memory"))?.parent()?;
    let mut transcripts: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    transcripts.sort();
    transcripts.iter().find_map(|path| project_of(&folder_in(path)?))
}

/// Returns the folder that the first record of a transcript names.
fn folder_in(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    fs::File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let record: Value = serde_json::from_slice(line).ok()?;
        Some(record.get("cwd")?.as_str()?.to_owned())
    })
}
