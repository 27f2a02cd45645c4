//! What operations do, and how the log spells it.

use garner_kernel::{ChannelName, Digest, FragmentId, Version};
use serde::{Deserialize, Serialize};

use crate::error::Trouble;
use crate::store::view::{self, Policy};

/// What an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A kernel was added, and read unless the channel is held.
    Load {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
        /// The digest of its head note.
        head: Digest,
    },
    /// A channel is read at an older version and held there.
    Rollback {
        /// The channel.
        channel: ChannelName,
        /// The version.
        version: Version,
    },
    /// A held channel follows its newest version again.
    Release {
        /// The channel.
        channel: ChannelName,
    },
    /// A channel may say more or less beside others.
    Policy {
        /// The channel.
        channel: ChannelName,
        /// What it may say from now on.
        policy: Policy,
    },
    /// The view before an operation was brought back.
    Undo {
        /// The number of that operation.
        operation: u64,
    },
    /// The view after an operation was brought back.
    Restore {
        /// The number of that operation.
        operation: u64,
    },
    /// A fragment was put into the core.
    Pin {
        /// The fragment.
        fragment: FragmentId,
    },
    /// A fragment was taken out of the core.
    Unpin {
        /// The fragment.
        fragment: FragmentId,
    },
    /// A fragment was removed on this machine.
    Remove {
        /// The fragment.
        fragment: FragmentId,
    },
    /// A statement was remembered on this machine, as a version of its own channel.
    Remember {
        /// The version.
        version: Version,
        /// The fragment.
        fragment: FragmentId,
        /// The digest of its record.
        record: Digest,
    },
    /// Fragments were revoked, and erased from every loaded version of a channel.
    Revoke {
        /// The channel.
        channel: ChannelName,
        /// The fragments, ascending.
        fragments: Vec<FragmentId>,
    },
    /// Fragments were put into the archive, as a version of its own channel.
    Compact {
        /// The version.
        version: Version,
        /// Why.
        step: Step,
        /// The fragments.
        archived: Vec<Archived>,
    },
    /// The store was put in the place of another one, from a backup.
    Recover {
        /// The digest of the backup's note.
        backup: Digest,
    },
}

impl Action {
    /// Returns the word that stands for the action in the log and on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Load { .. } => "load",
            Self::Rollback { .. } => "rollback",
            Self::Release { .. } => "release",
            Self::Policy { .. } => "policy",
            Self::Undo { .. } => "undo",
            Self::Restore { .. } => "restore",
            Self::Pin { .. } => "pin",
            Self::Unpin { .. } => "unpin",
            Self::Remove { .. } => "remove",
            Self::Remember { .. } => "remember",
            Self::Revoke { .. } => "revoke",
            Self::Compact { .. } => "compact",
            Self::Recover { .. } => "recover",
        }
    }
}

/// Why fragments are put into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Others say the same.
    Duplicates,
    /// They are older than their class is kept.
    Expired,
    /// Newer states of the same scope tell how it went on.
    States,
}

impl Step {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Expired, Self::States, Self::Duplicates];

    /// Returns the word that stands for it in the log and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicates => "duplicates",
            Self::Expired => "expired",
            Self::States => "states",
        }
    }
}

/// A fragment that was put into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// The fragment.
    pub fragment: FragmentId,
    /// The digest of its record, which tells the revision.
    pub record: Digest,
    /// What stands in its place, if anything does.
    pub by: Option<FragmentId>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WirePayload {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fragment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fragments: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    archived: Vec<WireArchived>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backup: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precedence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_trust: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireArchived {
    fragment: String,
    record: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl WireArchived {
    fn of(archived: &Archived) -> Self {
        Self {
            fragment: archived.fragment.to_string(),
            record: archived.record.to_string(),
            by: archived.by.map(|by| by.to_string()),
        }
    }

    fn read(&self) -> Result<Archived, Trouble> {
        let by = self.by.as_deref().map(str::parse).transpose()?;
        Ok(Archived { fragment: self.fragment.parse()?, record: self.record.parse()?, by })
    }
}

/// Returns what an action says beside its kind (schemas/json/operation.v1.json).
pub(super) fn payload_json(action: &Action) -> Result<String, Trouble> {
    let mut wire = WirePayload::default();
    match action {
        Action::Load { channel, version, head } => {
            wire.channel = Some(channel.to_string());
            wire.version = Some(version.get());
            wire.head = Some(head.to_string());
        }
        Action::Rollback { channel, version } => {
            wire.channel = Some(channel.to_string());
            wire.version = Some(version.get());
        }
        Action::Release { channel } => wire.channel = Some(channel.to_string()),
        Action::Policy { channel, policy } => {
            wire.channel = Some(channel.to_string());
            wire.precedence = Some(policy.precedence);
            wire.min_trust = policy.min_trust.map(|trust| trust.to_string());
        }
        Action::Undo { operation } | Action::Restore { operation } => {
            wire.operation = Some(*operation);
        }
        Action::Pin { fragment } | Action::Unpin { fragment } | Action::Remove { fragment } => {
            wire.fragment = Some(fragment.to_string());
        }
        Action::Remember { version, fragment, record } => {
            wire.version = Some(version.get());
            wire.fragment = Some(fragment.to_string());
            wire.record = Some(record.to_string());
        }
        Action::Revoke { channel, fragments } => {
            wire.channel = Some(channel.to_string());
            wire.fragments = fragments.iter().map(ToString::to_string).collect();
        }
        Action::Compact { version, step, archived } => {
            wire.version = Some(version.get());
            wire.step = Some(step.as_str().to_owned());
            wire.archived = archived.iter().map(WireArchived::of).collect();
        }
        Action::Recover { backup } => wire.backup = Some(backup.to_string()),
    }
    serde_json::to_string(&wire).map_err(|e| Trouble::row("operation", e))
}

/// Reads what [`payload_json`] wrote.
pub(super) fn action_from(kind: &str, payload: &str) -> Result<Action, Trouble> {
    let wire: WirePayload =
        serde_json::from_str(payload).map_err(|e| Trouble::row("operation", e))?;
    let absent = |field: &str| Trouble::row("operation", format!("a {kind} without {field}"));
    let channel = || -> Result<ChannelName, Trouble> {
        Ok(wire.channel.as_deref().ok_or_else(|| absent("channel"))?.parse()?)
    };
    let version = || view::version_from(wire.version.ok_or_else(|| absent("version"))?);
    let operation = || wire.operation.ok_or_else(|| absent("operation"));
    let fragment = || -> Result<FragmentId, Trouble> {
        Ok(wire.fragment.as_deref().ok_or_else(|| absent("fragment"))?.parse()?)
    };
    Ok(match kind {
        "load" => Action::Load {
            channel: channel()?,
            version: version()?,
            head: wire.head.as_deref().ok_or_else(|| absent("head"))?.parse()?,
        },
        "rollback" => Action::Rollback { channel: channel()?, version: version()? },
        "release" => Action::Release { channel: channel()? },
        "policy" => {
            let min_trust = wire.min_trust.as_deref().map(str::parse).transpose()?;
            let precedence = wire.precedence.ok_or_else(|| absent("precedence"))?;
            Action::Policy { channel: channel()?, policy: Policy { precedence, min_trust } }
        }
        "undo" => Action::Undo { operation: operation()? },
        "restore" => Action::Restore { operation: operation()? },
        "pin" => Action::Pin { fragment: fragment()? },
        "unpin" => Action::Unpin { fragment: fragment()? },
        "remove" => Action::Remove { fragment: fragment()? },
        "remember" => Action::Remember {
            version: version()?,
            fragment: fragment()?,
            record: wire.record.as_deref().ok_or_else(|| absent("record"))?.parse()?,
        },
        "revoke" => {
            let fragments = wire.fragments.iter().map(|id| id.parse());
            Action::Revoke { channel: channel()?, fragments: fragments.collect::<Result<_, _>>()? }
        }
        "compact" => {
            let word = wire.step.as_deref().ok_or_else(|| absent("step"))?;
            let step = Step::ALL.into_iter().find(|step| step.as_str() == word);
            let step = step.ok_or_else(|| absent("a known step"))?;
            let archived = wire.archived.iter().map(WireArchived::read);
            Action::Compact {
                version: version()?,
                step,
                archived: archived.collect::<Result<_, _>>()?,
            }
        }
        "recover" => Action::Recover {
            backup: wire.backup.as_deref().ok_or_else(|| absent("backup"))?.parse()?,
        },
        other => return Err(Trouble::row("operation", format!("unknown kind `{other}`"))),
    })
}
