//! What was put into a request, or why nothing was.

use garner_kernel::{ChannelName, FragmentId, Version};

use crate::edit::Unread;

/// What was put into a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// The kernels that were read.
    pub(crate) kernels: Vec<(ChannelName, Version)>,
    /// The fragments that are in the prompt by us, without repetition.
    pub(crate) fragments: Vec<FragmentId>,
    /// The tokens of all our blocks in the prompt.
    pub(crate) tokens: usize,
    /// Why this turn was given nothing.
    pub(crate) reason: Option<Reason>,
}

impl Report {
    /// Returns the report of a request that goes on as it came.
    pub(crate) fn nothing(reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

/// Why nothing was put into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client said so.
    Off,
    /// The request is of a form that is passed on.
    Unread(Unread),
    /// The body is larger than what is edited.
    TooLarge,
    /// The body is compressed.
    Encoded,
    /// The model runs at a third party.
    Cloud,
    /// The server does not say what the model is set to.
    Model,
    /// The store took too long.
    Deadline,
    /// Too many requests wait for the store.
    Busy,
    /// There is no store.
    NoStore,
    /// Another process holds the store.
    Locked,
    /// The store cannot be read.
    Store,
    /// The channel is not loaded.
    Channel,
    /// It does not fit beside the request.
    NoRoom,
    /// Nothing in the store is relevant.
    Nothing,
    /// The last message is not a person's.
    Role,
    /// There is nowhere to put it.
    Place,
}

impl Reason {
    /// Returns the word that stands for the reason in headers and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unread(unread) => unread.as_str(),
            Self::TooLarge => "too-large",
            Self::Encoded => "encoded",
            Self::Cloud => "cloud",
            Self::Model => "model",
            Self::Deadline => "deadline",
            Self::Busy => "busy",
            Self::NoStore => "no-store",
            Self::Locked => "store-locked",
            Self::Store => "store-broken",
            Self::Channel => "unknown-channel",
            Self::NoRoom => "no-room",
            Self::Nothing => "nothing-relevant",
            Self::Role => "role",
            Self::Place => "no-place",
        }
    }

    /// Returns whether something that should work did not.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Model | Self::Deadline | Self::Busy | Self::NoStore | Self::Locked | Self::Store
        )
    }
}

impl From<&garner_loader::Error> for Reason {
    fn from(error: &garner_loader::Error) -> Self {
        match error {
            garner_loader::Error::NoStore { .. } => Self::NoStore,
            garner_loader::Error::Locked { .. } => Self::Locked,
            _ => Self::Store,
        }
    }
}
