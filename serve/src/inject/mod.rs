//! From a request to what is put into it: recall on a thread of its own, within a deadline.
//!
//! The [`desk`] owns the store's reader and the ledger; it takes one request after the other, and
//! whoever waits too long goes on without it. [`decide`] is pure but for the ledger it is given.

pub(crate) mod decide;
pub(crate) mod desk;
pub(crate) mod models;
mod report;
#[cfg(test)]
mod tests;

use garner_kernel::{ChannelName, Fragment, Moment, Version};
use garner_loader::Hit;

pub(crate) use report::{Reason, Report};

/// What is asked of a store for one request.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the person says; `None` where only the core is needed.
    pub text: Option<&'a str>,
    /// The channels that may answer; empty for all.
    pub channels: &'a [ChannelName],
    /// Whether others wait so long that the quickest answer is the best.
    pub is_urgent: bool,
}

/// What a store knows about a question.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Rules and pinned fragments.
    pub core: Vec<Fragment>,
    /// What was recalled, best first.
    pub hits: Vec<Hit>,
    /// The kernels that were read.
    pub kernels: Vec<(ChannelName, Version)>,
}

/// Whoever answers questions about a store; it lives on one thread.
pub trait Recaller {
    /// Returns what is known about a question.
    ///
    /// # Errors
    /// Those of opening and reading a store; the request goes on without it.
    fn recall(&mut self, question: &Question<'_>) -> Result<Known, garner_loader::Error>;

    /// Returns how many tokens a text takes, rather too many than too few.
    fn count(&self, text: &str) -> usize;

    /// Returns the present.
    fn now(&self) -> Moment;
}
