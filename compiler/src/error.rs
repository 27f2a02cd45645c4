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
        size: u64,
        /// The limit in bytes.
        limit: u64,
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
    /// The file is of no format that can be compiled.
    #[error("`{file}` holds {holds}, which cannot be compiled")]
    Unrecognized {
        /// The file.
        file: FileName,
        /// What it seems to hold.
        holds: &'static str,
    },
    /// The file holds only personal details.
    #[error("`{file}` holds personal details and is never read")]
    NeverRead {
        /// The file.
        file: FileName,
    },
    /// The file is not what its format says.
    #[error("`{file}` is not what it should be: {rule}")]
    Malformed {
        /// The file.
        file: FileName,
        /// What does not hold.
        rule: String,
    },
    /// A memory file belongs to a project that nothing names.
    #[error("nothing says which project `{file}` belongs to")]
    NoProject {
        /// The file.
        file: FileName,
    },
    /// A path whose last part is no name of a file.
    #[error("`{path}` has no usable file name")]
    Name {
        /// The path.
        path: String,
    },
    /// The file is no longer what it was when it was read before.
    #[error("`{file}` was rewritten: line {line} is another one")]
    Rewritten {
        /// The file.
        file: FileName,
        /// The first line that is known to differ.
        line: u32,
    },
    /// What is kept about a file that was read before is not usable.
    #[error("what is known of an input that was read before is not usable: {rule}")]
    Checkpoint {
        /// What does not hold.
        rule: String,
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
            Self::Unrecognized { .. } => Some(
                "docs/inputs.md lists what can be compiled, and how each format is recognized"
                    .to_owned(),
            ),
            Self::NoProject { .. } => Some("name it: `garner compile --project NAME`".to_owned()),
            Self::Rewritten { .. } | Self::Checkpoint { .. } => {
                Some("read the file anew: `garner compile --again`".to_owned())
            }
            Self::NeverRead { .. }
            | Self::Malformed { .. }
            | Self::Name { .. }
            | Self::Pattern { .. } => None,
        }
    }
}
