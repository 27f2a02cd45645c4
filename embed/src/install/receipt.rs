//! Remembers how the files looked when they were last checked, so that not every start reads them.
//!
//! A file whose size, time and place on the disk are unchanged counts as unchanged. That finds
//! accidents, not someone who sets the time back; [`super::status`] reads every byte.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::files::ModelFiles;
use super::folder::{Folder, io_error};
use crate::error::InstallError;
use crate::minilm::MiniLm;

/// The stamps of checked files; empty if there are none or they cannot be read.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    format: u32,
    /// The model that was checked: another release may pin another one.
    model: String,
    files: Vec<Stamp>,
}

/// How one file looked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: String,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// The number of the file on its disk, 0 where there is none.
    inode: u64,
}

impl Receipt {
    /// Reads the receipt of `folder`.
    pub(super) fn read(folder: &Path) -> Self {
        let bytes = fs::read(folder.join(NAME)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Stamps files that have been checked.
    pub(super) fn of(files: &ModelFiles) -> Result<Self, InstallError> {
        let stamps: Result<Vec<Stamp>, InstallError> =
            files.all().map(|path| stamp(path).map_err(io_error("read", path))).collect();
        Ok(Self { format: FORMAT, model: MiniLm::id_of_model().to_string(), files: stamps? })
    }

    /// Returns whether these very files were checked and look as they did.
    ///
    /// More may have been checked: a library that was taken away since is no reason to look again.
    pub(super) fn covers(&self, files: &ModelFiles) -> bool {
        Self::of(files).is_ok_and(|now| {
            let (format, model) = (self.format == now.format, self.model == now.model);
            format && model && now.files.iter().all(|stamp| self.files.contains(stamp))
        })
    }

    /// Writes the receipt.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), InstallError> {
        let mut file = folder.temporary_file()?;
        let bytes = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        let written = bytes.and_then(|bytes| file.as_file_mut().write_all(&bytes));
        written.map_err(io_error("write", file.path()))?;
        folder.keep(file, NAME)
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp {
        path: path.to_string_lossy().into_owned(),
        size: metadata.len(),
        modified: since.as_nanos().try_into().unwrap_or(u64::MAX),
        inode: inode(&metadata),
    })
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

const NAME: &str = "receipt.json";
const FORMAT: u32 = 1;
