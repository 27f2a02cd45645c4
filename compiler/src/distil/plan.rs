//! What a model would be asked about some sessions, before anything is sent.

use std::collections::BTreeSet;

use super::segment::segments;
use super::window::{Window, WindowId, windows};
use crate::attribution::prepared;
use crate::compile::Compiler;
use crate::report::Report;
use crate::session::Session;
use crate::transcript::KnownSession;

/// Windows to ask about, the first ones first.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    windows: Vec<Window>,
    unsendable: u32,
    answered: usize,
}

impl Plan {
    /// Returns the windows in the order in which they are asked about.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Returns how many texts stay here because masking left a credential visible.
    pub const fn unsendable(&self) -> u32 {
        self.unsendable
    }

    /// Returns how many windows were answered before and are left out.
    pub const fn answered(&self) -> usize {
        self.answered
    }

    /// Leaves out windows that were answered before.
    #[must_use]
    pub fn without(mut self, answered: &BTreeSet<WindowId>) -> Self {
        let before = self.windows.len();
        self.windows.retain(|window| !answered.contains(&window.id()));
        self.answered += before - self.windows.len();
        self
    }
}

impl Compiler {
    /// Returns what a model would be asked about `sessions`: masked text in windows of at most
    /// `window` bytes.
    ///
    /// The same sessions give the same windows. Documents are not part of it, nor what a `known`
    /// session or another file holds already.
    pub fn plan(&self, sessions: &[Session], known: &[&KnownSession], window: usize) -> Plan {
        let mut plan = Plan::default();
        for session in &prepared(sessions, known, &mut Report::default()) {
            let (segments, unsendable) = segments(session, self.redactor());
            plan.unsendable += unsendable;
            plan.windows.extend(windows(session, segments, window));
        }
        plan.windows.sort_by_cached_key(Window::priority);
        tracing::debug!(windows = plan.windows.len(), "planned what to ask a model");
        plan
    }
}
