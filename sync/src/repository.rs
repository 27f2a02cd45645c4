//! Which repository and channel is meant, and what of it is trusted.

use garner_kernel::bundle::{Anchor, Freshness, Known, RepositoryId};
use garner_kernel::{ChannelName, Digest, Moment};

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
    /// What was verified before; it only ever rises.
    pub known: Known,
    /// The newest signed time that was verified.
    pub seen: Option<Moment>,
    /// Until when the newest `latest` note that was verified holds.
    pub fresh_until: Option<Moment>,
    /// The last time that the remote was asked for everything, if it can tell whether something
    /// changed since.
    pub polled: Option<Polled>,
}

/// When a remote was asked for everything that may be new, and how to ask whether anything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The tag of the `latest` note.
    pub tag: String,
    /// When.
    pub at: Moment,
}

/// How far a signed time may be ahead of the clock before it is not believed.
const AHEAD_DAYS: u32 = 1;

impl Trust {
    /// Returns the trust of somebody who knows nothing but the repository.
    pub fn pin(repository: Repository) -> Self {
        Self { repository, known: Known::default(), seen: None, fresh_until: None, polled: None }
    }

    /// Returns the present as far as it can be believed: a clock that was set back does not make
    /// what expired good again.
    pub fn time(&self, clock: Moment) -> Moment {
        self.seen.map_or(clock, |seen| seen.max(clock))
    }

    /// Returns whether the clock is behind times that were verified.
    pub fn clock_is_behind(&self, clock: Moment) -> bool {
        self.seen.is_some_and(|seen| seen > clock)
    }

    /// Remembers a signed time, unless it is so far ahead that it would only lock us out.
    pub(crate) fn see(&mut self, signed: Moment, clock: Moment) {
        if signed <= clock.plus_days(AHEAD_DAYS) {
            self.seen = self.seen.max(Some(signed));
        }
    }

    /// Judges whether the channel is still looked after; `None` while nothing says so.
    pub fn freshness(&self, clock: Moment) -> Option<Freshness> {
        self.fresh_until.map(|expires| Freshness::at(expires, self.time(clock)))
    }

    /// Returns the anchor for a version that is not the newest, which a newer head vouches for.
    pub(crate) fn anchor(&self, vouched: Option<Digest>) -> Anchor {
        let known = Known { floor: None, vouched, ..self.known.clone() };
        let channel = Some(self.repository.channel.clone());
        Anchor { repository: self.repository.id.clone(), channel, known }
    }
}
