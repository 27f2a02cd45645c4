//! One file on its way into the model folder.

use std::io::{Read, Write};

use garner_kernel::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::Progress;
use super::folder::{Folder, io_error};
use crate::error::InstallError;
use crate::pinned::Pinned;

/// Bytes that arrive for a pinned file. They get its name only if their digest holds; dropping the
/// value removes them.
pub(super) struct Incoming<'a> {
    folder: &'a Folder,
    file: &'static Pinned,
    origin: String,
    temporary: NamedTempFile,
    hasher: Sha256,
    bytes: u64,
}

impl<'a> Incoming<'a> {
    /// Opens a temporary file for `file`, which comes from `origin`.
    pub(super) fn new(
        folder: &'a Folder,
        file: &'static Pinned,
        origin: String,
    ) -> Result<Self, InstallError> {
        let temporary = folder.temporary_file()?;
        Ok(Self { folder, file, origin, temporary, hasher: Sha256::new(), bytes: 0 })
    }

    /// Takes the next bytes; more than the file has are refused.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        report: &mut dyn FnMut(Progress),
    ) -> Result<(), InstallError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let (file, total) = (self.file.name, self.file.size);
        if self.bytes > total {
            return Err(InstallError::TooLarge { file, origin: self.origin.clone(), limit: total });
        }
        self.hasher.update(bytes);
        let written = self.temporary.as_file_mut().write_all(bytes);
        written.map_err(io_error("write", self.temporary.path()))?;
        report(Progress::Received { file, bytes: self.bytes, total });
        Ok(())
    }

    /// Takes everything from `reader`, and keeps it if the digest holds.
    pub(super) fn copy(
        mut self,
        reader: &mut dyn Read,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(), InstallError> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = reader.read(&mut buffer);
            let read = read.map_err(io_error("read", self.origin.as_ref()))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return self.keep();
            };
            self.push(bytes, report)?;
        }
    }

    /// Puts the file in its place; an error if its digest is not the pinned one.
    pub(super) fn keep(self) -> Result<(), InstallError> {
        let expected = self.file.digest();
        let actual = Digest::from_bytes(self.hasher.finalize().into());
        if actual != expected {
            let (file, origin) = (self.file.name, self.origin);
            return Err(InstallError::DigestMismatch { file, origin, expected, actual });
        }
        self.folder.keep(self.temporary, self.file.name)
    }
}
