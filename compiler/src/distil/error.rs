//! Why a model gave no answer.

use garner_kernel::Fault;

use super::Usage;

/// What became of a prompt that has no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistilError {
    /// The model declined; it would again.
    #[error("the model refused")]
    Refused {
        /// What that took.
        usage: Usage,
    },
    /// The answer reached the limit of its length; it would again.
    #[error("the answer was cut off at its limit")]
    CutOff {
        /// What that took.
        usage: Usage,
    },
    /// The prompt is longer than the model takes; it would be again.
    #[error("the prompt is too long for the model")]
    TooLong,
    /// This prompt was not answered; another time it may be.
    #[error("the prompt was not answered: {reason}")]
    Unanswered {
        /// Why, in the words of whoever was asked.
        reason: String,
    },
    /// No prompt can be answered now.
    #[error("the model cannot be asked")]
    Stopped {
        /// Whose fault that is.
        fault: Fault,
        /// What to do about it.
        hint: Option<String>,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DistilError {
    /// Returns the word under which it is counted.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::CutOff { .. } => "cut off",
            Self::TooLong => "too long",
            Self::Unanswered { .. } => "unanswered",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Returns whether asking the same again would end the same way.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::CutOff { .. } | Self::TooLong)
    }

    /// Returns what it took all the same.
    pub(super) fn usage(&self) -> Usage {
        match self {
            Self::Refused { usage } | Self::CutOff { usage } => *usage,
            _ => Usage::default(),
        }
    }
}
