//! What can go wrong between a session and a draft.

use garner_kernel::{Explain, Fault, FileName};

/// Why a transcript could not be read or the compiler not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no bytes.
    #[error("`{file}` is empty")]
    Empty {
        /// The file.
        file: FileName,
    },
    /// The file is larger than the limit.
    #[error("`{file}` has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The file.
        file: FileName,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file holds bytes that no text has.
    #[error("`{file}` is not text: byte {offset} is zero")]
    Binary {
        /// The file.
        file: FileName,
        /// Where the first zero byte is.
        offset: usize,
    },
    /// No line of the file is a JSON object.
    #[error("`{file}` is not a transcript: none of its {lines} lines is a JSON object")]
    NotATranscript {
        /// The file.
        file: FileName,
        /// How many lines it has.
        lines: u32,
    },
    /// The file holds JSON objects, but no record of a session.
    #[error("`{file}` holds no session: none of its {objects} records is from a conversation")]
    NoSession {
        /// The file.
        file: FileName,
        /// How many JSON objects it has.
        objects: u32,
    },
    /// A pattern of the redaction or of the poison lint does not compile.
    #[error("the pattern `{rule}` does not compile")]
    Pattern {
        /// The name of the pattern.
        rule: &'static str,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Pattern { .. } => Fault::Internal,
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Empty { .. } => Some("the session may not have started writing yet".to_owned()),
            Self::TooLarge { .. } => Some("split the file, or leave it out".to_owned()),
            Self::Binary { .. } | Self::NotATranscript { .. } | Self::NoSession { .. } => {
                Some("name a Claude Code transcript (`~/.claude/projects/*/*.jsonl`)".to_owned())
            }
            Self::Pattern { .. } => None,
        }
    }
}
