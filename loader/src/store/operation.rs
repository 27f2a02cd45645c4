//! Operations: the append-only, hash-chained log of every change to the store.

use std::fmt;
use std::str::FromStr;

use garner_kernel::{ChannelName, Digest, FragmentId, Moment, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::chain::{self, Follower};
use crate::store::fragment_row::digest_from;
use crate::store::standing::Touched;
use crate::store::view::{self, Policy, View};

/// Who acts on the store: a local user or the name of a key; 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);

impl Actor {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Actor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return Err(Error::MalformedActor { text: text.chars().take(80).collect() });
        }
        Ok(Self(text.to_owned()))
    }
}

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
            Self::Recover { .. } => "recover",
        }
    }
}

/// One change to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its place in the log, from 1.
    pub number: u64,
    /// When it was done.
    pub at: Moment,
    /// Who did it.
    pub who: Actor,
    /// What it did.
    pub action: Action,
    /// The view before it.
    pub before: View,
    /// The view after it.
    pub after: View,
    /// The digest of the view before it.
    pub digest_before: Digest,
    /// The digest of the view after it.
    pub digest_after: Digest,
    /// Its own hash, which covers the hash of the operation before it.
    pub hash: Digest,
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
    backup: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precedence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_trust: Option<String>,
}

/// The columns of a row as they are stored and hashed.
struct Stored {
    number: u64,
    at: i64,
    who: String,
    kind: String,
    payload: String,
    view_before: String,
    view_after: String,
    digest_before: Vec<u8>,
    digest_after: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

const COLUMNS: &str = "n, at, who, kind, payload, view_before, view_after, digest_before, \
                       digest_after, previous, hash";

/// Who does what, and when, and which fragments that may show or hide.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) stamp: Stamp,
    pub(crate) action: Action,
    pub(crate) touched: Touched,
}

/// Returns the number that the next operation will have.
pub(crate) fn next_number(db: &Connection) -> Result<u64, Trouble> {
    Ok(db.query_row("SELECT coalesce(max(n), 0) + 1 FROM operation", [], |row| row.get(0))?)
}

/// The view before an operation, and what it held then.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) view: View,
    digest: Digest,
}

/// Returns the store's view, before anything is changed.
pub(crate) fn before(db: &Connection) -> Result<Before, Trouble> {
    let view = view::current(db)?;
    let digest = view::digest(db, &view)?;
    Ok(Before { view, digest })
}

/// Makes `after` the store's view and appends the operation.
pub(crate) fn commit(
    db: &Connection,
    act: Act,
    before: Before,
    after: View,
) -> Result<Operation, Trouble> {
    let Before { view: before, digest: digest_before } = before;
    let digest_after = view::digest(db, &after)?;
    view::store(db, &before, &after)?;
    act.touched.refresh(db, &after)?;
    let previous = last_hash(db)?;
    let mut stored = Stored {
        number: next_number(db)?,
        at: act.stamp.at.unix(),
        who: act.stamp.who.to_string(),
        kind: act.action.as_str().to_owned(),
        payload: payload_json(&act.action)?,
        view_before: view::to_json(&before)?,
        view_after: view::to_json(&after)?,
        digest_before: digest_before.as_bytes().to_vec(),
        digest_after: digest_after.as_bytes().to_vec(),
        previous: previous.as_bytes().to_vec(),
        hash: Vec::new(),
    };
    let hash = computed(&stored, &previous);
    stored.hash = hash.as_bytes().to_vec();
    insert(db, &stored)?;
    tracing::info!(operation = stored.number, kind = stored.kind, "changed the store");
    Ok(Operation {
        number: stored.number,
        at: act.stamp.at,
        who: act.stamp.who,
        action: act.action,
        before,
        after,
        digest_before,
        digest_after,
        hash,
    })
}

/// Returns the operations, the newest first, at most `limit`.
pub(crate) fn list(db: &Connection, limit: usize) -> Result<Vec<Operation>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n DESC LIMIT ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], stored_from)?;
    rows.map(|row| operation_from(&row?)).collect()
}

/// Returns the newest operation that is `wanted`, having read none that is older.
pub(crate) fn find_last(
    db: &Connection,
    mut wanted: impl FnMut(&Operation) -> bool,
) -> Result<Option<Operation>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n DESC");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let operation = operation_from(&stored_from(row)?)?;
        if wanted(&operation) {
            return Ok(Some(operation));
        }
    }
    Ok(None)
}

/// Returns the operation with this number.
pub(crate) fn get(db: &Connection, number: u64) -> Result<Operation, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation WHERE n = ?1");
    let row = db.prepare_cached(&sql)?.query_row([number], stored_from).optional()?;
    operation_from(&row.ok_or(Error::UnknownOperation { number })?)
}

/// Returns what is wrong with the chain, one line per broken link.
pub(crate) fn broken_links(db: &Connection) -> Result<Vec<String>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n");
    let mut statement = db.prepare_cached(&sql)?;
    let mut broken = Vec::new();
    let mut follower = Follower::new();
    for row in statement.query_map([], stored_from)? {
        let row = row?;
        let previous = digest_from("operation", &row.previous)?;
        let hash = digest_from("operation", &row.hash)?;
        let computed = computed(&row, &previous);
        if let Some(wrong) = follower.step(row.number, previous, hash, computed) {
            broken.push(format!("operation {}: {wrong}", row.number));
        }
    }
    Ok(broken)
}

/// Returns the hash of the newest operation, or the start of the chain.
fn last_hash(db: &Connection) -> Result<Digest, Trouble> {
    let sql = "SELECT hash FROM operation ORDER BY n DESC LIMIT 1";
    let last = db.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    last.map_or(Ok(chain::START), |hash| digest_from("operation", &hash))
}

fn insert(db: &Connection, row: &Stored) -> Result<(), Trouble> {
    let sql = format!("INSERT INTO operation ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)");
    db.prepare_cached(&sql)?.execute(params![
        row.number,
        row.at,
        row.who,
        row.kind,
        row.payload,
        row.view_before,
        row.view_after,
        row.digest_before,
        row.digest_after,
        row.previous,
        row.hash,
    ])?;
    Ok(())
}

fn computed(row: &Stored, previous: &Digest) -> Digest {
    let fields: [&[u8]; 8] = [
        &row.at.to_le_bytes(),
        row.who.as_bytes(),
        row.kind.as_bytes(),
        row.payload.as_bytes(),
        row.view_before.as_bytes(),
        row.view_after.as_bytes(),
        &row.digest_before,
        &row.digest_after,
    ];
    chain::link("garner.operation.v1", row.number, &fields, previous)
}

fn stored_from(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        number: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        kind: row.get(3)?,
        payload: row.get(4)?,
        view_before: row.get(5)?,
        view_after: row.get(6)?,
        digest_before: row.get(7)?,
        digest_after: row.get(8)?,
        previous: row.get(9)?,
        hash: row.get(10)?,
    })
}

fn operation_from(row: &Stored) -> Result<Operation, Trouble> {
    Ok(Operation {
        number: row.number,
        at: Moment::from_unix(row.at),
        who: row.who.parse()?,
        action: action_from(&row.kind, &row.payload)?,
        before: view::from_json(&row.view_before)?,
        after: view::from_json(&row.view_after)?,
        digest_before: digest_from("operation", &row.digest_before)?,
        digest_after: digest_from("operation", &row.digest_after)?,
        hash: digest_from("operation", &row.hash)?,
    })
}

fn payload_json(action: &Action) -> Result<String, Trouble> {
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
        Action::Recover { backup } => wire.backup = Some(backup.to_string()),
    }
    serde_json::to_string(&wire).map_err(|e| Trouble::row("operation", e))
}

fn action_from(kind: &str, payload: &str) -> Result<Action, Trouble> {
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
        "recover" => Action::Recover {
            backup: wire.backup.as_deref().ok_or_else(|| absent("backup"))?.parse()?,
        },
        other => return Err(Trouble::row("operation", format!("unknown kind `{other}`"))),
    })
}
