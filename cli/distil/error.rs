//! What can go wrong with the choice of a model, and with asking it.

use garner_compiler::distil::DistilError;
use garner_kernel::{Explain, Fault};

/// Why a model was not asked, or not about everything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    #[error(transparent)]
    Client(#[from] garner_distil::Error),
    /// Text would leave this machine.
    #[error("`--llm {llm}` sends text to {place}, and `--offline` forbids that")]
    Offline { llm: &'static str, place: String },
    /// No usable key.
    #[error("`--llm anthropic` needs a key, and `ANTHROPIC_API_KEY` holds none")]
    NoKey,
    /// Nobody said which model.
    #[error("`--llm {llm}` needs the name of a model")]
    NoName { llm: &'static str },
    /// Only one service takes batches.
    #[error("`--llm-batch` goes with `--llm anthropic` only")]
    NoBatch,
    /// The run ended early.
    #[error("the model was asked about {asked} of {windows} windows")]
    Stopped {
        asked: usize,
        windows: usize,
        #[source]
        source: DistilError,
    },
}

impl Explain for ModelError {
    fn fault(&self) -> Fault {
        match self {
            Self::Client(error) => error.fault(),
            Self::Offline { .. } => Fault::Offline,
            Self::Stopped { source: DistilError::Stopped { fault, .. }, .. } => *fault,
            Self::NoKey | Self::NoName { .. } | Self::NoBatch | Self::Stopped { .. } => {
                Fault::Input
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Client(error) => return error.hint(),
            Self::Stopped { source: DistilError::Stopped { hint, .. }, .. } => return hint.clone(),
            Self::Offline { .. } => {
                "run the command without `--offline`, or ask a model of this machine with \
                 `--llm ollama`"
            }
            Self::NoKey => {
                "set `ANTHROPIC_API_KEY`, or ask with `--llm claude-cli` or `--llm ollama`"
            }
            Self::NoName { llm: "ollama" } => {
                "add `--llm-model NAME`, or set `GARNER_LLM_MODEL`; `ollama list` shows what is there"
            }
            Self::NoName { .. } => {
                "add `--llm-model NAME`, or set `GARNER_LLM_MODEL`; \
                 https://platform.claude.com/docs/en/about-claude/models lists the names"
            }
            Self::NoBatch => "leave `--llm-batch` out",
            Self::Stopped { .. } => "run the command again: what was answered is not sent again",
        };
        Some(hint.to_owned())
    }
}
