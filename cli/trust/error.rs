//! What can be wrong when readers, keys and proposals change.

use garner_kernel::{ChannelName, Explain, Fault};

/// Why who is trusted was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TrustError {
    /// Nobody of that name reads the channel.
    #[error("`{who}` is no reader of channel `{channel}`")]
    NoReader { channel: ChannelName, who: String },
    /// Several readers have that name.
    #[error("{count} readers of channel `{channel}` are called `{who}`")]
    WhichReader { channel: ChannelName, who: String, count: usize },
    /// A channel would be left without readers.
    #[error("`{who}` is the last reader of channel `{channel}`")]
    LastReader { channel: ChannelName, who: String },
    /// A machine would lock itself out.
    #[error("`{who}` is the {what} of this machine")]
    OwnReader { channel: ChannelName, who: String, what: &'static str },
}

impl Explain for TrustError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoReader { .. } => Fault::Missing,
            Self::WhichReader { .. } | Self::LastReader { .. } | Self::OwnReader { .. } => {
                Fault::Input
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoReader { channel, .. } => {
                format!("run `garner channel show {channel}` to see who reads it")
            }
            Self::WhichReader { channel, .. } => format!(
                "name it by its recipient (`age1…`), as `garner channel show {channel}` lists it"
            ),
            Self::LastReader { channel, .. } => format!(
                "run `garner channel grant {channel} RECIPIENT --as LABEL` first, or `garner \
                 channel remove {channel}` to forget the channel here"
            ),
            Self::OwnReader { .. } => {
                "nothing was changed; add `--own` if this machine must not read it any more"
                    .to_owned()
            }
        })
    }
}
