//! What a machine wants of its backups: where they go, which are kept, and what may be lost.

use std::path::PathBuf;

use garner_kernel::Class;
use garner_sync::RemoteUrl;
use serde::{Deserialize, Serialize};

use super::{BackupError, Keep};
use crate::context::Context;
use crate::error::Error;
use crate::files;

/// Recovery targets of a class, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// How much work may be lost: the age of the oldest fragment that no backup and no bundle has.
    pub(crate) lost_seconds: u64,
    /// How long it may take until a checked store is there.
    pub(crate) recovery_seconds: u64,
}

/// Recovery targets by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Targets {
    episodic: Target,
    semantic: Target,
    procedural: Target,
}

const HOUR: u64 = 3600;

impl Default for Targets {
    fn default() -> Self {
        let target = |lost_seconds, recovery_seconds| Target { lost_seconds, recovery_seconds };
        Self {
            episodic: target(24 * HOUR, HOUR / 4),
            semantic: target(HOUR, HOUR / 4),
            procedural: target(0, HOUR / 12),
        }
    }
}

impl Targets {
    /// Returns the classes that are kept on disk, with their targets.
    const fn all(&self) -> [(Class, Target); 3] {
        [
            (Class::Episodic, self.episodic),
            (Class::Semantic, self.semantic),
            (Class::Procedural, self.procedural),
        ]
    }
}

/// The file `backup.json` in the folder of the configuration; what it leaves out has defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    format: u32,
    remote: Option<String>,
    pub(crate) keep: Keep,
    targets: Targets,
}

impl Default for Policy {
    fn default() -> Self {
        let (keep, targets) = (Keep::default(), Targets::default());
        Self { format: 1, remote: None, keep, targets }
    }
}

impl Policy {
    /// Returns the classes that are kept on disk, with what is asked of their recovery.
    pub(crate) const fn goals(&self) -> [(Class, Target); 3] {
        self.targets.all()
    }

    /// Reads the policy of this machine.
    pub(crate) fn read(context: &Context) -> Result<Self, Error> {
        let path = path(context);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = files::read(&path)?;
        Ok(serde_json::from_slice(&bytes).map_err(|source| BackupError::Policy { path, source })?)
    }

    /// Returns where backups go; the folder beside the store unless somebody chose.
    pub(crate) fn remote(&self, context: &Context) -> Result<RemoteUrl, Error> {
        match &self.remote {
            Some(url) => Ok(url.parse()?),
            None => Ok(RemoteUrl::Folder(beside(context))),
        }
    }

    /// Returns whether backups there are on the disk of the store.
    pub(crate) fn is_beside(url: &RemoteUrl, context: &Context) -> bool {
        *url == RemoteUrl::Folder(beside(context))
    }

    /// Remembers where backups go from now on.
    pub(crate) fn choose(mut self, url: &RemoteUrl, context: &Context) -> Result<(), Error> {
        let chosen = Some(url.to_string());
        if self.remote == chosen {
            return Ok(());
        }
        self.remote = chosen;
        let path = path(context);
        let malformed = |source| BackupError::Policy { path: path.clone(), source };
        let text = serde_json::to_string_pretty(&self).map_err(malformed)?;
        Ok(garner_sync::write_over(&path, format!("{text}\n").as_bytes())?)
    }
}

/// Returns the folder beside the store.
pub(super) fn beside(context: &Context) -> PathBuf {
    context.places.data.join("backups")
}

fn path(context: &Context) -> PathBuf {
    context.places.config.join("backup.json")
}
