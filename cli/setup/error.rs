//! Why Garner was not set up for another program.

use std::path::PathBuf;

use garner_kernel::{Explain, Fault};

/// Why nothing was set up, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SetupError {
    /// A file of somebody else has the name that one of ours needs.
    #[error("`{}` is there already, and not from Garner", path.display())]
    NotOurs { path: PathBuf },
    /// Something that is no file has the name that a file needs.
    #[error("`{}` is {what}, and a file is needed", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    /// Something that is no folder has the name that a folder needs.
    #[error("`{}` is no folder", path.display())]
    NotAFolder { path: PathBuf },
    /// A link leads nowhere.
    #[error("`{}` is a link to something that is not there", path.display())]
    Dangling { path: PathBuf },
    /// A file or folder would have to change, and its mode says that it may not.
    #[error("`{}` is read-only", path.display())]
    ReadOnly { path: PathBuf },
    /// A settings file is no JSON.
    #[error("`{}` is no JSON at line {line}", path.display())]
    Syntax { path: PathBuf, line: usize },
    /// A settings file has no place for hooks.
    #[error("in `{}`, {part} is not {expected}", path.display())]
    Shape { path: PathBuf, part: &'static str, expected: &'static str },
    /// A settings file is not text.
    #[error("`{}` is not UTF-8 text", path.display())]
    NotText { path: PathBuf },
    /// The record of what was set up cannot be read.
    #[error("`{}` is not the record of a setup", path.display())]
    Journal {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// The record of what was set up was written by a newer version.
    #[error("`{}` was written by a newer Garner (format {format})", path.display())]
    NewerJournal { path: PathBuf, format: u32 },
    /// A path cannot be written down.
    #[error("the path `{}` is not UTF-8 text", path.display())]
    Path { path: PathBuf },
}

impl Explain for SetupError {
    fn fault(&self) -> Fault {
        match self {
            Self::Dangling { .. } => Fault::Missing,
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotOurs { .. } | Self::NotAFile { .. } | Self::NotAFolder { .. } => {
                "move it away, then run the command again"
            }
            Self::Dangling { .. } => "mend or remove the link, then run the command again",
            Self::ReadOnly { path } => {
                return Some(format!(
                    "run `chmod u+w {}`, or leave the file to the program that made it so",
                    path.display()
                ));
            }
            Self::NotText { .. } => "mend the file, then run the command again",
            Self::Syntax { .. } | Self::Shape { .. } => {
                "mend the file; without `--settings`, `garner setup claude` does not touch it"
            }
            Self::Journal { path, .. } => {
                return Some(format!(
                    "remove `{}`, and by hand what Garner set up",
                    path.display()
                ));
            }
            Self::NewerJournal { .. } => "use the newer version of Garner to undo it",
            Self::Path { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
