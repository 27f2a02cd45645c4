//! Gets the inference library and the model, checks every byte, and tries them out.
//!
//! [`install`] is idempotent, may run in two processes at once, and leaves either a whole checked
//! file or none. Sources, in order: paths given by the user, the model hub, Python's package
//! installer. It never runs code from what it fetched before the digest of that file held.

mod files;
mod folder;
mod hub;
mod incoming;
mod local;
mod pip;
mod receipt;
mod self_check;
mod wheel;

use std::path::PathBuf;

use garner_kernel::Embedder as _;

pub use files::{FileState, FileStatus, ModelFiles, status};

use crate::error::InstallError;
use crate::minilm::MiniLm;
use crate::pinned::{MODEL_PACKAGE, Package, Pinned};
use files::library_package;
use folder::Folder;
use receipt::Receipt;

/// The model hub that is asked unless another one is named.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// What to install, where to, and from where.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// The folder that holds the installed files; made if it is not there.
    pub folder: PathBuf,
    /// Folders, packages or files to take from before anything is fetched.
    pub from: Vec<PathBuf>,
    /// An inference library of the system, used as it is instead of a pinned one.
    pub system_library: Option<PathBuf>,
    /// The address of the model hub.
    pub hub: String,
    /// Whether anything may be fetched.
    pub network: Network,
}

impl InstallOptions {
    /// Installs into `folder`, from the network.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            from: Vec::new(),
            system_library: None,
            hub: DEFAULT_HUB.to_owned(),
            network: Network::Allowed,
        }
    }
}

/// Whether an install may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The model hub and Python's package installer may be asked.
    Allowed,
    /// Only what is here already or in the given paths is used.
    Forbidden,
}

/// What an install is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process installs into the same folder.
    Waiting,
    /// A file begins to arrive.
    Fetching {
        /// The file or package.
        what: String,
        /// Where it comes from.
        origin: String,
    },
    /// Some of a file has arrived.
    Received {
        /// The file.
        file: &'static str,
        /// How many bytes are here.
        bytes: u64,
        /// How many it has.
        total: u64,
    },
    /// A source cannot be used; the next one is tried.
    Skipped {
        /// The source.
        origin: String,
        /// Why.
        reason: String,
    },
    /// The installed model is being tried out.
    Checking,
}

/// Makes library and model ready in the folder, and returns where they are.
///
/// Does nothing but look at sizes and times if an earlier install holds. A damaged file is
/// replaced. An error leaves no partial file behind; the next call continues with what is missing.
/// Blocks; may be called from inside an async runtime.
pub fn install(
    options: &InstallOptions,
    report: &mut dyn FnMut(Progress),
) -> Result<ModelFiles, InstallError> {
    let library = library_package(options.system_library.as_deref())?;
    let files = ModelFiles::new(&options.folder, options.system_library.as_deref())?;
    if Receipt::read(&options.folder).covers(&files) {
        return Ok(files);
    }
    let folder = Folder::lock(&options.folder, report)?;
    // Another process may have done all of it while this one waited.
    if Receipt::read(folder.path()).covers(&files) {
        return Ok(files);
    }
    for package in library.into_iter().chain([&MODEL_PACKAGE]) {
        bring(&folder, package, options, report)?;
    }
    report(Progress::Checking);
    let model = MiniLm::open(&files, 1).map_err(InstallError::Engine)?;
    self_check::check(|text| model.embed(&[text]))?;
    Receipt::of(&files)?.write(&folder)?;
    Ok(files)
}

/// Brings those files of a package that are not in the folder, or not as they must be.
fn bring(
    folder: &Folder,
    package: &'static Package,
    options: &InstallOptions,
    report: &mut dyn FnMut(Progress),
) -> Result<(), InstallError> {
    let mut missing = folder.missing(package)?;
    missing = local::bring(folder, missing, &options.from, report)?;
    let Some(file) = missing.first() else { return Ok(()) };
    if options.network == Network::Forbidden {
        return Err(InstallError::Offline { file: file.name, fetch: package.download_command() });
    }
    if let Some(repository) = package.hub_repository {
        let repository = format!("{}/{repository}", options.hub.trim_end_matches('/'));
        missing = hub::bring(folder, missing, &repository, report)?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    pip::bring(folder, &missing, package, report)
}

/// The files of a package that are still to be brought.
type Missing = Vec<&'static Pinned>;

#[cfg(test)]
mod tests;
