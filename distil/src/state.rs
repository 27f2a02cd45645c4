//! What is kept of a batch that was sent, so that a run that was interrupted collects it.
//!
//! A file with the ids of batches and of their windows. It holds no word of any session, and no
//! key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

const FORMAT: &str = "garner.batch.v1";

/// Batches that were sent and not collected yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: String,
    pub(crate) model: String,
    pub(crate) server: String,
    /// The windows of each batch.
    pub(crate) batches: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    pub(crate) fn new(model: &str, server: &str) -> Self {
        let (model, server) = (model.to_owned(), server.to_owned());
        Self { format: FORMAT.to_owned(), model, server, batches: BTreeMap::new() }
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
        state.filter(|state| state.format == FORMAT).map(Some).ok_or_else(broken)
    }

    /// Writes the file, all or nothing.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
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
