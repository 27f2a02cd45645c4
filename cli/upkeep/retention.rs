//! How long this machine keeps things in front, and injections in its log.

use garner_loader::Retention;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Error;
use crate::files;
use crate::upkeep::UpkeepError;

/// The file `retention.json` in the folder of the configuration; what it leaves out has defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionPolicy {
    format: u32,
    /// Days after which what happened is put away, unless it was injected since; `null` never.
    episodic_days: Option<u32>,
    semantic_days: Option<u32>,
    procedural_days: Option<u32>,
    /// How many states of one scope stay.
    states: usize,
    /// Days for which injections stay in the event log.
    pub(crate) injection_days: u32,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        let Retention { episodic, semantic, procedural, states } = Retention::default();
        Self {
            format: 1,
            episodic_days: episodic,
            semantic_days: semantic,
            procedural_days: procedural,
            states,
            injection_days: 400,
        }
    }
}

impl RetentionPolicy {
    /// Reads the policy of this machine.
    pub(crate) fn read(context: &Context) -> Result<Self, Error> {
        let path = context.places.config.join("retention.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = files::read(&path)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| UpkeepError::Retention { path, source }.into())
    }

    /// Returns what a compaction has to know of it.
    pub(crate) const fn of_fragments(&self) -> Retention {
        Retention {
            episodic: self.episodic_days,
            semantic: self.semantic_days,
            procedural: self.procedural_days,
            states: self.states,
        }
    }
}
