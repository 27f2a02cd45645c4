//! Unpacking a backup into a folder, and checking that what comes out is a whole store.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use garner_kernel::backup::{self, Part};
use garner_kernel::bundle::Identity;
use garner_kernel::{Digest, Moment};
use garner_loader::{OpenOptions, Store};

use super::contents::{self, About};
use super::make::stream;
use super::source::Source;
use super::{BackupError, Canary, canary};
use crate::context::Context;
use crate::error::Error;
use crate::files;

/// A checked store, unpacked from a backup.
pub(crate) struct Recovered {
    /// The digest of the backup's note.
    pub(crate) digest: Digest,
    /// When the copy was taken.
    pub(crate) at: Moment,
    /// The number of its last operation.
    pub(crate) operations: u64,
    /// The checks that held.
    pub(crate) checks: Vec<&'static str>,
    /// How many questions it was asked, and how many it answers in another way than then.
    pub(crate) questions: (usize, usize),
    /// The questions.
    pub(crate) canaries: Vec<Canary>,
    /// Whether the same version of the program made the backup.
    pub(crate) same_tool: bool,
    files: Vec<PathBuf>,
}

/// Decrypts a backup into `folder` and verifies the store that comes out.
pub(crate) fn unpack(
    source: &Source,
    key: &dyn Identity,
    folder: &Path,
) -> Result<Recovered, Error> {
    let failed: RefCell<Option<Error>> = RefCell::new(None);
    let mut fetch = |part: &Part| {
        source.part(part).map_err(|error| {
            let told = io::Error::other(error.to_string());
            *failed.borrow_mut() = Some(error);
            told
        })
    };
    let opened = backup::open(&source.manifest, &[key], &mut fetch);
    if let Some(error) = failed.borrow_mut().take() {
        return Err(error);
    }
    let mut opened = opened.map_err(|error| refused(error, key, source))?;
    let unpacked = contents::unpack(&mut opened, folder);
    let broken = opened.failure();
    let files = match (unpacked, failed.borrow_mut().take(), broken) {
        (_, Some(error), _) => return Err(error),
        (_, None, Some(broken)) => return Err(BackupError::Refused(broken).into()),
        (Err(e), ..) if e.kind() == io::ErrorKind::InvalidData => {
            let (digest, rule) = (source.digest, e.to_string());
            return Err(BackupError::Contents { digest, rule }.into());
        }
        (Err(e), ..) => return Err(stream("unpacked")(e).into()),
        (Ok(files), None, None) => files,
    };
    let about = about(folder, source)?;
    let (checks, canaries_differ) = check(folder, &about, source)?;
    let tool = concat!("garner ", env!("CARGO_PKG_VERSION"));
    Ok(Recovered {
        digest: source.digest,
        at: source.manifest.at,
        operations: about.operations,
        checks,
        questions: (about.canaries.len(), canaries_differ),
        canaries: about.canaries,
        same_tool: source.manifest.tool == tool,
        files,
    })
}

fn refused(error: garner_kernel::Error, key: &dyn Identity, source: &Source) -> Error {
    match error {
        garner_kernel::Error::CannotDecrypt { .. } => {
            let recipients = source.manifest.recipients.iter().map(ToString::to_string).collect();
            BackupError::WrongKey { key: key.name(), recipients }.into()
        }
        other => BackupError::Refused(other).into(),
    }
}

fn about(folder: &Path, source: &Source) -> Result<About, Error> {
    let path = folder.join(contents::ABOUT);
    let broken = |rule: String| BackupError::Contents { digest: source.digest, rule };
    if !path.is_file() || !folder.join(contents::STORE).is_file() {
        return Err(broken("no store, or nothing about it".to_owned()).into());
    }
    let about: About = serde_json::from_slice(&files::read(&path)?)
        .map_err(|e| broken(format!("`{}`: {e}", contents::ABOUT)))?;
    if about.format != 1 {
        return Err(broken(format!("format {}", about.format)).into());
    }
    Ok(about)
}

/// Verifies the store, and asks it what it was asked when it was copied.
fn check(
    folder: &Path,
    about: &About,
    source: &Source,
) -> Result<(Vec<&'static str>, usize), Error> {
    // An older store is upgraded here, where nothing depends on it yet.
    let store = Store::open(folder, &OpenOptions::write())?;
    let report = store.verify()?;
    if !report.is_sound() {
        let problem = |check: &garner_loader::Check| {
            let name = check.name;
            check.problems.iter().map(|says| format!("{name}: {says}")).collect::<Vec<_>>()
        };
        let problems = report.checks.iter().flat_map(problem).collect();
        return Err(BackupError::Unsound { digest: source.digest, problems }.into());
    }
    let last = store.operations(1)?.first().map_or(0, |last| last.number);
    if last != about.operations {
        let rule = format!("{last} operations instead of {}", about.operations);
        return Err(BackupError::Contents { digest: source.digest, rule }.into());
    }
    let differing = canary::differing(&store, &about.canaries, source.manifest.at)?;
    Ok((report.checks.iter().map(|check| check.name).collect(), differing))
}

/// Puts what came with the store where this machine has nothing yet, and returns what that was.
///
/// Public halves are those of keys that are kept elsewhere; what this machine trusts by now, and
/// drafts that it has, stay as they are.
pub(crate) fn keep_rest(
    recovered: &Recovered,
    folder: &Path,
    context: &Context,
) -> Result<Vec<String>, Error> {
    let places = &context.places;
    let mut kept = Vec::new();
    for file in &recovered.files {
        let name = file.to_string_lossy().into_owned();
        let target = match name.split_once('/') {
            Some(("keys", file @ ("root.pub" | "recovery.pub"))) => places.keys().join(file),
            Some(("channels", file)) => places.channels().join(file),
            Some(("drafts", file)) => places.drafts().join(file),
            _ => continue,
        };
        if target.exists() {
            continue;
        }
        let bytes = fs::read(folder.join(file)).map_err(|e| Error::io("read", file, e))?;
        garner_sync::write_over(&target, &bytes)?;
        kept.push(name);
    }
    Ok(kept)
}
