//! Where the installed files are, and whether they are what they must be.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use garner_kernel::Digest;
use sha2::{Digest as _, Sha256};

use super::receipt::Receipt;
use crate::error::InstallError;
use crate::pinned::{self, MODEL_PACKAGE, Package, Pinned, TOKENIZER, WEIGHTS};

/// The files that the default embedder runs on: without a library, the direct engine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    folder: PathBuf,
    library: Option<PathBuf>,
    weights: PathBuf,
    tokenizer: PathBuf,
}

impl ModelFiles {
    /// Returns the installed files of `folder` without fetching anything.
    ///
    /// Looks at sizes and times if the last install left a receipt, and at every byte if it does
    /// not hold. A damaged file is an error, and so is a missing one, but for the library: without
    /// it [`crate::DirectMiniLm`] serves.
    pub fn find(folder: &Path, system_library: Option<&Path>) -> Result<Self, InstallError> {
        let files = Self::new(folder, system_library)?;
        if Receipt::read(folder).covers(&files) {
            return Ok(files);
        }
        for file in status(folder, system_library)? {
            match file.state {
                FileState::Present | FileState::Unpinned => {}
                // A library of the system was looked for above.
                FileState::Missing if !files.needs(&file.path) => {}
                FileState::Missing => return Err(InstallError::NotInstalled { path: file.path }),
                FileState::Damaged { expected, actual } => {
                    return Err(InstallError::Damaged { path: file.path, expected, actual });
                }
            }
        }
        Ok(files)
    }

    /// Names the files without looking whether they are there, but for the library, which is named
    /// where there is one.
    pub(crate) fn new(folder: &Path, system: Option<&Path>) -> Result<Self, InstallError> {
        let pinned = library_package(system)?.and_then(|package| package.files.first());
        let installed = pinned.map(|file| folder.join(file.name)).filter(|path| path.exists());
        let library = system.map(Path::to_path_buf).or(installed);
        Ok(Self {
            folder: folder.to_path_buf(),
            library,
            weights: folder.join(WEIGHTS.name),
            tokenizer: folder.join(TOKENIZER.name),
        })
    }

    /// Returns the folder of the model.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the inference library; `None` where there is none.
    pub fn library(&self) -> Option<&Path> {
        self.library.as_deref()
    }

    /// Returns the weights of the model.
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// Returns the tokenizer, which [`crate::WordPiece::open`] takes.
    pub fn tokenizer(&self) -> &Path {
        &self.tokenizer
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        self.library().into_iter().chain([self.weights(), self.tokenizer()])
    }

    fn needs(&self, path: &Path) -> bool {
        self.all().any(|needed| needed == path)
    }
}

/// One installed file and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// The file.
    pub path: PathBuf,
    /// How it is.
    pub state: FileState,
}

/// How an installed file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// It is there and its digest holds.
    Present,
    /// It is there; it is the user's own library, for which no digest is known.
    Unpinned,
    /// It is not there.
    Missing,
    /// It is there with other bytes.
    Damaged {
        /// The pinned digest.
        expected: Digest,
        /// The digest of what is there.
        actual: Digest,
    },
}

/// Reads every byte of the installed files and says how each one is; changes nothing.
pub fn status(
    folder: &Path,
    system_library: Option<&Path>,
) -> Result<Vec<FileStatus>, InstallError> {
    let library = library_package(system_library)?;
    let system = system_library.map(|path| FileStatus {
        path: path.to_path_buf(),
        state: if path.is_file() { FileState::Unpinned } else { FileState::Missing },
    });
    let mut statuses: Vec<FileStatus> = system.into_iter().collect();
    for file in library.into_iter().chain([&MODEL_PACKAGE]).flat_map(|package| package.files) {
        let path = folder.join(file.name);
        statuses.push(FileStatus { state: state(&path, file)?, path });
    }
    Ok(statuses)
}

/// Says how the file at `path` is that should be `pinned`.
pub(super) fn state(path: &Path, pinned: &Pinned) -> Result<FileState, InstallError> {
    let expected = pinned.digest();
    match digest_of(path) {
        Ok(actual) if actual == expected => Ok(FileState::Present),
        Ok(actual) => Ok(FileState::Damaged { expected, actual }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileState::Missing),
        Err(source) => Err(InstallError::Io { action: "read", path: path.to_path_buf(), source }),
    }
}

/// Returns the package of the library that can be installed: none with a library of the system,
/// which must be there, and none on a machine for which none is pinned.
pub(super) fn library_package(
    system: Option<&Path>,
) -> Result<Option<&'static Package>, InstallError> {
    match system {
        Some(path) if path.is_file() => Ok(None),
        Some(path) => Err(InstallError::NoSystemLibrary { path: path.to_path_buf() }),
        None => Ok(pinned::library_package()),
    }
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(Digest::from_bytes(hasher.finalize().into()));
        };
        hasher.update(bytes);
    }
}
