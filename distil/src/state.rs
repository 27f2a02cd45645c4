//! What is kept of a batch that was sent, so that a run that was interrupted collects it.
//!
//! A file with the ids of batches and of their windows, and with the batch that is about to be sent:
//! one of which no id was noted may have been taken all the same. It holds no word of any session,
//! and no key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

const FORMAT: &str = "garner.batch.v2";
/// The format before, which had no intent.
const BEFORE: &str = "garner.batch.v1";

/// Batches that were sent and not collected yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: String,
    pub(crate) model: String,
    pub(crate) server: String,
    /// The windows of each batch.
    pub(crate) batches: BTreeMap<String, BTreeSet<String>>,
    /// What is sent, until the id of its batch is known.
    #[serde(default)]
    pub(crate) intent: Option<Intent>,
}

/// A batch that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// What the name of each of its requests ends in: a digest of all of them.
    pub(crate) mark: String,
    /// Its windows.
    pub(crate) windows: BTreeSet<String>,
    /// The newest batch that the server had before, where it had one.
    pub(crate) after: Option<String>,
}

impl State {
    pub(crate) fn new(model: &str, server: &str) -> Self {
        let (model, server) = (model.to_owned(), server.to_owned());
        Self { format: FORMAT.to_owned(), model, server, batches: BTreeMap::new(), intent: None }
    }

    /// Reads the file; `None` where there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", path, source)),
        };
        let state: Option<Self> = serde_json::from_str(&text).ok();
        let broken = || Error::BrokenState { path: path.to_owned() };
        let mut state = state
            .filter(|state| [FORMAT, BEFORE].contains(&state.format.as_str()))
            .ok_or_else(broken)?;
        FORMAT.clone_into(&mut state.format);
        Ok(Some(state))
    }

    /// Writes the file, all or nothing; it is on the disk when this returns.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            // A name is on the disk when its folder is; only Unix opens folders.
            #[cfg(unix)]
            fs::File::open(folder)?.sync_all()?;
            Ok(())
        };
        write().map_err(|source| failed("write", path, source))
    }
}

/// Removes the file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("remove", path, e)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::State { action, path: PathBuf::from(path), source }
}
