//! Which repository and channel is meant, and what of it is trusted.

use garner_kernel::ChannelName;
use garner_kernel::bundle::{Anchor, Floor, RepositoryId};

/// One channel of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The pinned id.
    pub id: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
}

/// What this machine trusts of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The channel.
    pub repository: Repository,
    /// The newest head that was verified; it only ever rises.
    pub floor: Option<Floor>,
}

impl Trust {
    /// Returns the anchor for checking any version, old ones included.
    pub(crate) fn anchor(&self) -> Anchor {
        let channel = Some(self.repository.channel.clone());
        Anchor { repository: self.repository.id.clone(), channel, floor: None }
    }
}
