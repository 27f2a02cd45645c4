//! What waits to be compiled, and when hooks last ran.

use std::collections::BTreeSet;
use std::path::Path;

use garner_kernel::Moment;
use serde::{Deserialize, Serialize};

use super::conversations::Waiting;
use super::file;
use crate::context::Context;
use crate::error::Error;

/// Where it is noted what was compiled last.
const LAST: &str = "last.json";

/// What waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) sessions: usize,
    pub(crate) notices: usize,
    /// Conversations with local models that were kept.
    pub(crate) conversations: usize,
    /// Lines that are no notice.
    pub(crate) junk: usize,
    pub(crate) oldest: Option<Moment>,
    pub(crate) newest: Option<Moment>,
}

impl Backlog {
    /// Looks at what waits, and leaves it there.
    pub(crate) fn find(context: &Context) -> Result<Self, Error> {
        let (notices, junk) = file::peek(&super::folder(&context.places))?;
        let sessions: BTreeSet<_> =
            notices.iter().map(|notice| (&notice.session, &notice.transcript)).collect();
        Ok(Self {
            sessions: sessions.len(),
            notices: notices.len(),
            conversations: Waiting::find(&super::folder(&context.places))?.len(),
            junk,
            oldest: notices.iter().map(|notice| notice.at).min(),
            newest: notices.iter().map(|notice| notice.at).max(),
        })
    }
}

/// What was compiled last from the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last {
    /// When a hook noticed something that was compiled then.
    pub(crate) noticed: Option<Moment>,
    /// When it was compiled.
    pub(crate) compiled: Moment,
}

#[derive(Serialize, Deserialize)]
struct Note {
    format: u32,
    #[serde(default)]
    noticed: Option<String>,
    compiled: String,
}

impl Last {
    /// Returns what was compiled last; `None` where nothing was, or the note cannot be read.
    pub(crate) fn find(context: &Context) -> Option<Self> {
        let bytes = std::fs::read(super::folder(&context.places).join(LAST)).ok()?;
        let note: Note = serde_json::from_slice(&bytes).ok()?;
        let noticed = note.noticed.and_then(|noticed| noticed.parse().ok());
        Some(Self { noticed, compiled: note.compiled.parse().ok()? })
    }

    /// Notes what was compiled.
    pub(super) fn save(self, folder: &Path) -> Result<(), Error> {
        let noticed = self.noticed.map(|noticed| noticed.to_string());
        let note = Note { format: 1, noticed, compiled: self.compiled.to_string() };
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        Ok(garner_sync::write_over(&folder.join(LAST), &bytes)?)
    }
}
