//! What can go wrong in the kernel.

use crate::digest::FragmentId;
use crate::explain::{Explain, Fault};

/// Why bytes or words could not become a value of the kernel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id, name, time or digest is not written as it must be.
    #[error("`{text}` is not a {what}")]
    MalformedId {
        /// What was expected.
        what: &'static str,
        /// What was given, shortened.
        text: String,
    },
    /// A word is not in the vocabulary.
    #[error("unknown {what} `{word}`")]
    UnknownWord {
        /// Which vocabulary.
        what: &'static str,
        /// The word.
        word: String,
        /// The words it knows.
        known: &'static [&'static str],
    },
    /// A record breaks a rule of the format.
    #[error("broken record: {rule}")]
    Record {
        /// The rule.
        rule: String,
    },
    /// A draft file breaks a rule of its format.
    #[error("line {line} of the draft is broken: {rule}")]
    Draft {
        /// The line, from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// A change carries a revision that is not higher than what is here.
    #[error("revision {revision} of fragment {} is not newer than what it changes", id.short())]
    RevisionWentBack {
        /// The fragment.
        id: FragmentId,
        /// The revision of the change.
        revision: u32,
    },
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::MalformedId { .. }
            | Self::UnknownWord { .. }
            | Self::Record { .. }
            | Self::Draft { .. } => Fault::Input,
            Self::RevisionWentBack { .. } => Fault::Trust,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownWord { known, .. } => Some(format!("use one of: {}", known.join(", "))),
            _ => None,
        }
    }
}
