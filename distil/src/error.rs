//! What can go wrong with a model or its server.

use std::io;
use std::path::PathBuf;

use garner_compiler::distil::DistilError;
use garner_kernel::{Explain, Fault};

/// Why a model cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one.
    #[error("`{url}` is not the address of a server")]
    Address {
        /// The text.
        url: String,
    },
    /// A key would go over a network in the clear.
    #[error("`{url}` would be sent the key without encryption")]
    Clear {
        /// The address.
        url: String,
    },
    /// Nothing answers at the address.
    #[error("{who} cannot be reached at {url}")]
    Unreachable {
        /// Whom.
        who: &'static str,
        /// The address.
        url: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server goes on saying that it is busy.
    #[error("{who} is busy: {said}, after {tries} tries")]
    Busy {
        /// Who.
        who: &'static str,
        /// What it said last.
        said: String,
        /// How often it was asked.
        tries: u32,
    },
    /// Nobody knows whether the server took a request.
    #[error("it is not known whether {who} took the batch: {reason}")]
    Open {
        /// Who.
        who: &'static str,
        /// What was heard instead of an answer.
        reason: String,
    },
    /// The server refuses.
    #[error("{who} said: {said}")]
    Said {
        /// Who.
        who: &'static str,
        /// The status of HTTP.
        status: u16,
        /// The kind of error in its words, where it names one.
        kind: String,
        /// Its words.
        said: String,
    },
    /// The answer is not what its API promises.
    #[error("the answer of {who} cannot be read: {reason}")]
    Protocol {
        /// Whose.
        who: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The program cannot be started.
    #[error("cannot run `{}`", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program failed.
    #[error("`{}` failed: {said}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// What it said.
        said: String,
    },
    /// The state of a batch cannot be kept.
    #[error("cannot {action} `{}`", path.display())]
    State {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state of a batch is not usable.
    #[error("`{}` is no state of a batch", path.display())]
    BrokenState {
        /// The file.
        path: PathBuf,
    },
    /// A batch for another model, or at another server, is not collected yet.
    #[error("a batch for `{model}` at {server} is not collected yet")]
    OtherBatch {
        /// The model.
        model: String,
        /// The server.
        server: String,
    },
}

impl Error {
    /// Returns whether the server may have taken what was sent.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Protocol { .. })
    }

    /// Returns the error as what it is for the compiler: no prompt can be answered.
    pub(crate) fn stopped(self) -> DistilError {
        DistilError::Stopped { fault: self.fault(), hint: self.hint(), source: Box::new(self) }
    }
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Address { .. }
            | Self::Clear { .. }
            | Self::OtherBatch { .. }
            | Self::Said { status: 400, .. }
            | Self::BrokenState { .. } => Fault::Input,
            Self::Said { status: 404, .. } | Self::Program { .. } => Fault::Missing,
            Self::Said { status: 401 | 403, .. } => Fault::Trust,
            Self::State { .. } => Fault::Internal,
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Open { .. }
            | Self::Said { .. }
            | Self::Protocol { .. }
            | Self::Failed { .. } => Fault::Offline,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => "write it as `https://host` or `http://127.0.0.1:PORT`",
            Self::Clear { .. } => "use `https://`; only this machine is spoken to without it",
            Self::Said { status: 401 | 403, .. } => {
                "check the key in `ANTHROPIC_API_KEY`, and what it may do"
            }
            Self::Said { status: 404, .. } => "check the name that `--llm-model` gives",
            Self::Said { status: 402 | 429, .. } => {
                "the account has reached a limit; run the command again when it has passed: what \
                 was answered is not sent again"
            }
            Self::Program { .. } => "install Claude Code, or name the program with `GARNER_CLAUDE`",
            Self::BrokenState { path } => {
                return Some(format!(
                    "remove `{}` to give up the batch, then run the command again",
                    path.display()
                ));
            }
            Self::OtherBatch { model, .. } => {
                return Some(format!(
                    "run the command with `--llm-model {model} --llm-batch` once to collect it"
                ));
            }
            Self::Open { .. } => "run the command again: if the batch was taken, it is found",
            _ => "run the command again: what was answered is not sent again",
        };
        Some(hint.to_owned())
    }
}
