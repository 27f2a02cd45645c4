//! The model folder while one process installs into it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::files::{FileState, state};
use super::{Missing, Progress};
use crate::error::InstallError;
use crate::pinned::Package;

/// A model folder that no other process installs into, until this value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, waits until no other process installs into it, and removes what an
    /// interrupted install left.
    pub(super) fn lock(
        path: &Path,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Self, InstallError> {
        fs::create_dir_all(path).map_err(io_error("make", path))?;
        let lock = path.join(".lock");
        let file = File::create(&lock).map_err(io_error("write", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                report(Progress::Waiting);
                file.lock().map_err(io_error("lock", &lock))?;
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &lock)(source)),
        }
        let folder = Self { path: path.to_path_buf(), _lock: file };
        folder.sweep()?;
        Ok(folder)
    }

    /// Returns the files of `package` that are not here, or not as they must be.
    pub(super) fn missing(&self, package: &'static Package) -> Result<Missing, InstallError> {
        let mut missing = Vec::new();
        for file in package.files {
            if state(&self.path.join(file.name), file)? != FileState::Present {
                missing.push(file);
            }
        }
        Ok(missing)
    }

    /// Opens a file that is removed unless it is kept.
    pub(super) fn temporary_file(&self) -> Result<NamedTempFile, InstallError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(INCOMING);
        // What is kept is no secret, and other users may share the folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        builder.tempfile_in(&self.path).map_err(io_error("write to", &self.path))
    }

    /// Makes a folder that is removed when the value is dropped.
    pub(super) fn temporary_folder(&self) -> Result<TempDir, InstallError> {
        let builder = tempfile::Builder::new().prefix(INCOMING).tempdir_in(&self.path);
        builder.map_err(io_error("write to", &self.path))
    }

    /// Gives a complete temporary file its name, so that it survives a power cut or is not there.
    pub(super) fn keep(&self, file: NamedTempFile, name: &str) -> Result<(), InstallError> {
        let path = self.path.join(name);
        file.as_file().sync_all().map_err(io_error("write", &path))?;
        file.persist(&path).map_err(|error| io_error("write", &path)(error.error))?;
        sync_folder(&self.path).map_err(io_error("write to", &self.path))
    }

    /// The lock is held: whatever is still incoming belongs to a process that is gone.
    fn sweep(&self) -> Result<(), InstallError> {
        let entries = fs::read_dir(&self.path).map_err(io_error("read", &self.path))?;
        for entry in entries {
            let path = entry.map_err(io_error("read", &self.path))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with(INCOMING) {
                continue;
            }
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(io_error("remove", &path))?;
        }
        Ok(())
    }
}

/// Wraps what the system said about `path`.
pub(super) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(std::io::Error) -> InstallError + use<'a> {
    move |source| InstallError::Io { action, path: path.to_path_buf(), source }
}

/// A rename lasts once its folder is on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// What is being written is named so that it can be swept.
const INCOMING: &str = ".incoming-";
