//! Whether the store is whole, whose it is, and whether there is room for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use garner_loader::{Check, OpenOptions, Store};

use super::Finding;
use crate::context::Context;
use crate::error::Error;

/// How long another process may take to change the store before it counts as holding it.
const TURN: Duration = Duration::from_millis(500);
/// What has to be free beside two copies of the store, in bytes.
const ROOM: u64 = 64 << 20;
/// What is made of the texts, and made again by indexing; the rest of the checks is about what only
/// a backup or the bundles bring back.
const DERIVED: [&str; 3] = ["shown rows", "text index", "vectors"];

/// Returns the store that is there; `None` where there is none.
pub(super) fn existing(context: &Context) -> Result<Option<Store>, Error> {
    match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// The store is there, only its owner reads it, and it agrees with itself.
pub(super) fn integrity(context: &Context) -> Result<Vec<Finding>, Error> {
    let path = context.places.data.join(Store::FILE);
    let Some(store) = existing(context)? else {
        let says = format!("there is no store at `{}`", path.display());
        return Ok(vec![Finding::warning(says, "garner setup")]);
    };
    let mut findings: Vec<Finding> = open_to_others(&path).into_iter().collect();
    for check in store.verify()?.checks {
        findings.extend(problem(&check, &path));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(format!("`{}` agrees with itself", path.display())));
    }
    Ok(findings)
}

/// Returns what one check of the store found.
fn problem(check: &Check, path: &Path) -> Option<Finding> {
    let first = check.problems.first()?;
    let more = match check.problems.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let says = format!("{} of `{}`: {first}{more}", check.name, path.display());
    Some(match check.name {
        "vectors" => Finding::warning(says, "garner store reindex --drop-others"),
        name if DERIVED.contains(&name) => Finding::broken(says, "garner store reindex"),
        _ => Finding::broken(says, "garner store restore latest"),
    })
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<Finding> {
    let metadata = std::fs::metadata(path).ok()?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    (mode & 0o077 != 0).then(|| {
        let says = format!("others can open `{}` (mode {mode:03o})", path.display());
        Finding::broken(says, format!("chmod 600 {}", path.display()))
    })
}

#[cfg(not(unix))]
const fn open_to_others(_: &Path) -> Option<Finding> {
    None
}

/// No other process holds the store.
pub(super) fn lock(context: &Context) -> Result<Vec<Finding>, Error> {
    let dir = &context.places.data;
    if !dir.join(Store::FILE).exists() {
        return Ok(Vec::new());
    }
    let options = OpenOptions { patience: TURN, ..OpenOptions::write() };
    match Store::open(dir, &options).and_then(|mut store| store.wait_for_turn()) {
        Ok(()) => Ok(vec![Finding::ok("no other process is changing the store")]),
        Err(garner_loader::Error::Locked { path, .. }) => {
            let holders = holders(&path);
            let says = format!("another process holds `{}`{holders}", path.display());
            Ok(vec![Finding::warning(says, "wait until it is done, or end it")])
        }
        Err(other) => Err(other.into()),
    }
}

/// Names the processes that have the store open, as far as the system tells.
fn holders(path: &Path) -> String {
    let Ok(path) = path.canonicalize() else { return String::new() };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = std::process::id().to_string();
    let mut names = Vec::new();
    for process in processes.map(|entry| entry.path()) {
        let number = process.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if number == own || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        if open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|file| file == path) {
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            names.push(format!("`{}` ({number})", name.trim()));
        }
    }
    if names.is_empty() { String::new() } else { format!("; open in {}", names.join(", ")) }
}

/// There is room for what the store needs: a backup and a new index are copies of it.
pub(super) fn disk(context: &Context) -> Result<Vec<Finding>, Error> {
    let folder = there(&context.places.data);
    let Some(free) = free(&folder)? else { return Ok(Vec::new()) };
    let store = std::fs::metadata(context.places.data.join(Store::FILE));
    let needed = store.map_or(0, |metadata| metadata.len()).saturating_mul(2) + ROOM;
    let (free_mb, needed_mb, shown) = (free >> 20, needed.div_ceil(1 << 20), folder.display());
    Ok(vec![if free < needed {
        let says = format!("{free_mb} MB are free in `{shown}`; a backup may take {needed_mb} MB");
        Finding::warning(says, "make room on that disk")
    } else {
        Finding::ok(format!("{free_mb} MB are free in `{shown}`"))
    }])
}

/// Returns the folder, or the nearest one above it that is there.
fn there(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(unix)]
fn free(folder: &Path) -> Result<Option<u64>, Error> {
    let found = rustix::fs::statvfs(folder)
        .map_err(|error| Error::io("ask for the room in", folder, error.into()))?;
    Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
const fn free(_: &Path) -> Result<Option<u64>, Error> {
    Ok(None)
}

/// Every draft can be read.
pub(super) fn drafts(context: &Context) -> Result<Vec<Finding>, Error> {
    let (mut findings, mut read) = (Vec::new(), 0);
    for channel in context.drafted_channels()? {
        match context.draft(&channel) {
            Ok(_) => read += 1,
            Err(error) => {
                findings.push(super::of_error(&error).or_fix(
                    "move it away and compile again: sessions keep what drafts are made of",
                ));
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(match read {
            0 => "no draft waits to be published".to_owned(),
            read => format!("{} can be read", crate::table::count(read, "draft")),
        }));
    }
    Ok(findings)
}
