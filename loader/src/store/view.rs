//! A view: what recall sees, as the version that each channel is read at.
//!
//! The view is the store's mutable state; everything else only grows, but for what is revoked, which
//! is erased. Every operation carries the view before and after it, which is what makes undo and
//! time travel exact.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use garner_kernel::{ChannelName, Digest, FieldHasher, FragmentId, Trust, Version};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::Trouble;
use crate::store::fragment_row::digest_from;

/// What the person allows a channel to say beside others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Where channels disagree, the one of the highest precedence is believed.
    pub precedence: i32,
    /// The least trust that a fragment of the channel needs to be visible.
    pub min_trust: Option<Trust>,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = self.min_trust.map_or("none", Trust::as_str);
        f.pad(&format!("precedence {}, least trust {trust}", self.precedence))
    }
}

/// How one channel is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The version that is read; `None` when nothing of the channel is visible.
    pub version: Option<Version>,
    /// Whether loading a newer version leaves `version` where it is.
    pub held: bool,
    /// What it may say beside other channels.
    pub policy: Policy,
}

/// What recall sees: the version of each channel, and what the person pinned or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The channels that are read or held, by name.
    pub channels: BTreeMap<ChannelName, Reading>,
    /// Fragments that the person put into the core.
    pub pinned: BTreeSet<FragmentId>,
    /// Fragments that the person removed on this machine.
    pub removed: BTreeSet<FragmentId>,
}

impl View {
    /// Returns how `channel` is read; not at all when the view does not name it.
    pub fn reading(&self, channel: &ChannelName) -> Reading {
        self.channels.get(channel).copied().unwrap_or_default()
    }

    /// Returns the channels that are read, with their versions, by name; not the archive, which hides
    /// what it holds.
    pub fn active(&self) -> impl Iterator<Item = (&ChannelName, Version)> {
        let read = self.channels.iter().filter(|(name, _)| **name != ChannelName::archive());
        read.filter_map(|(name, reading)| Some((name, reading.version?)))
    }

    /// Returns the version of the archive whose fragments are hidden.
    pub fn archive(&self) -> Option<Version> {
        self.reading(&ChannelName::archive()).version
    }

    /// Returns the view with `channel` read as `reading` says.
    #[must_use]
    pub(crate) fn with(mut self, channel: &ChannelName, reading: Reading) -> Self {
        if reading == Reading::default() {
            self.channels.remove(channel);
        } else {
            self.channels.insert(channel.clone(), reading);
        }
        self
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireView {
    channels: BTreeMap<String, WireReading>,
    pinned: Vec<String>,
    removed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReading {
    version: Option<u64>,
    held: bool,
    // Absent where they say nothing: views written before there were policies keep their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precedence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_trust: Option<String>,
}

impl WireReading {
    fn of(reading: &Reading) -> Self {
        let policy = reading.policy;
        Self {
            version: reading.version.map(Version::get),
            held: reading.held,
            precedence: (policy.precedence != 0).then_some(policy.precedence),
            min_trust: policy.min_trust.map(|trust| trust.to_string()),
        }
    }

    fn read(self) -> Result<Reading, Trouble> {
        let min_trust = self.min_trust.map(|word| word.parse()).transpose()?;
        let policy = Policy { precedence: self.precedence.unwrap_or_default(), min_trust };
        let version = self.version.map(version_from).transpose()?;
        Ok(Reading { version, held: self.held, policy })
    }
}

/// Returns the view as JSON (schemas/json/operation.v1.json, `view`).
pub(crate) fn to_json(view: &View) -> Result<String, Trouble> {
    let ids = |ids: &BTreeSet<FragmentId>| ids.iter().map(ToString::to_string).collect();
    let wire = WireView {
        channels: view.channels.iter().map(|(n, r)| (n.to_string(), WireReading::of(r))).collect(),
        pinned: ids(&view.pinned),
        removed: ids(&view.removed),
    };
    serde_json::to_string(&wire).map_err(|e| Trouble::row("operation", e))
}

/// Reads the view that [`to_json`] wrote.
pub(crate) fn from_json(json: &str) -> Result<View, Trouble> {
    let wire: WireView = serde_json::from_str(json).map_err(|e| Trouble::row("operation", e))?;
    let mut view = View::default();
    for (name, reading) in wire.channels {
        view.channels.insert(name.parse()?, reading.read()?);
    }
    for id in wire.pinned {
        view.pinned.insert(id.parse()?);
    }
    for id in wire.removed {
        view.removed.insert(id.parse()?);
    }
    Ok(view)
}

/// Returns the view that the store has now.
pub(crate) fn current(db: &Connection) -> Result<View, Trouble> {
    let mut view = View::default();
    let sql = "SELECT name, active, held, precedence, min_trust FROM channel";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: ChannelName = row.get::<_, String>(0)?.parse()?;
        let version = row.get::<_, Option<u64>>(1)?.map(version_from).transpose()?;
        let min_trust = row.get::<_, Option<String>>(4)?.map(|word| word.parse()).transpose()?;
        let policy = Policy { precedence: row.get(3)?, min_trust };
        view = view.with(&name, Reading { version, held: row.get(2)?, policy });
    }
    view.pinned = ids(db, "SELECT id FROM pin")?;
    view.removed = ids(db, "SELECT id FROM removal")?;
    Ok(view)
}

/// Makes `view` the one that the store has, in the place of `before`; writes what differs.
pub(crate) fn store(db: &Connection, before: &View, view: &View) -> Result<(), Trouble> {
    let mut update = db.prepare_cached(
        "UPDATE channel SET active = ?2, held = ?3, precedence = ?4, min_trust = ?5 \
         WHERE name = ?1",
    )?;
    let gone = before.channels.keys().filter(|name| !view.channels.contains_key(*name));
    let gone = gone.map(|name| (name, Reading::default()));
    let there = view.channels.iter().map(|(name, reading)| (name, *reading));
    let changed = gone.chain(there).filter(|(name, reading)| before.reading(name) != *reading);
    for (name, reading) in changed {
        let version = reading.version.map(Version::get);
        let Policy { precedence, min_trust } = reading.policy;
        let trust = min_trust.map(Trust::as_str);
        if update.execute(params![name.as_str(), version, reading.held, precedence, trust])? != 1 {
            return Err(Trouble::row("channel", format!("`{name}` is in a view but not here")));
        }
    }
    store_ids(db, "pin", &before.pinned, &view.pinned)?;
    store_ids(db, "removal", &before.removed, &view.removed)
}

/// Makes the rows of a table of ids those of `after`.
fn store_ids(
    db: &Connection,
    table: &str,
    before: &BTreeSet<FragmentId>,
    after: &BTreeSet<FragmentId>,
) -> Result<(), Trouble> {
    let mut delete = db.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    for id in before.difference(after) {
        delete.execute([id.digest().as_bytes()])?;
    }
    let mut insert = db.prepare_cached(&format!("INSERT INTO {table} (id) VALUES (?1)"))?;
    for id in after.difference(before) {
        insert.execute([id.digest().as_bytes()])?;
    }
    Ok(())
}

/// Returns the digest of the view and of the trees of the kernels that it reads.
pub(crate) fn digest(db: &Connection, view: &View) -> Result<Digest, Trouble> {
    let mut hasher = FieldHasher::new("garner.view.v1");
    let mut tree = db.prepare_cached(
        "SELECT k.tree FROM kernel k JOIN channel c ON c.row = k.channel \
         WHERE c.name = ?1 AND k.version = ?2",
    )?;
    for (name, reading) in &view.channels {
        hasher.field(name.as_str().as_bytes()).field(&[u8::from(reading.held)]);
        let Policy { precedence, min_trust } = reading.policy;
        if reading.policy != Policy::default() {
            // No channel has such a name, so that no two views give the same fields.
            hasher.field(b"+policy").field(&precedence.to_le_bytes());
            hasher.field(min_trust.map_or("", Trust::as_str).as_bytes());
        }
        let Some(version) = reading.version else {
            hasher.field(&[]);
            continue;
        };
        let digest = tree
            .query_row(params![name.as_str(), version.get()], |row| row.get::<_, Vec<u8>>(0))
            .optional()?
            .ok_or_else(|| {
                Trouble::row("kernel", format!("{name}@{} is not here", version.get()))
            })?;
        hasher
            .field(&version.get().to_le_bytes())
            .field(digest_from("kernel", &digest)?.as_bytes());
    }
    for ids in [&view.pinned, &view.removed] {
        hasher.field(&(ids.len() as u64).to_le_bytes());
        for id in ids {
            hasher.field(id.digest().as_bytes());
        }
    }
    Ok(hasher.finish())
}

/// Returns the version with this number.
pub(crate) fn version_from(number: u64) -> Result<Version, Trouble> {
    Version::new(number).ok_or_else(|| Trouble::row("kernel", format!("version {number}")))
}

fn ids(db: &Connection, sql: &str) -> Result<BTreeSet<FragmentId>, Trouble> {
    let mut statement = db.prepare_cached(sql)?;
    let blobs = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    blobs.map(|blob| Ok(FragmentId::new(digest_from("pin", &blob?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_reads_what_it_writes() {
        let mut view = View::default();
        let team: ChannelName = "team".parse().unwrap();
        let policy = Policy { precedence: -2, min_trust: Some(Trust::Human) };
        view = view.with(&team, Reading { version: Version::new(3), held: true, policy });
        view.pinned.insert(FragmentId::new(Digest::of(b"a")));
        view.removed.insert(FragmentId::new(Digest::of(b"b")));
        assert_eq!(from_json(&to_json(&view).unwrap()).unwrap(), view);
        assert!(from_json("{}").is_err());
        assert_eq!(view.with(&team, Reading::default()).active().count(), 0);
    }

    #[test]
    fn a_view_without_policies_keeps_its_spelling() {
        let team: ChannelName = "team".parse().unwrap();
        let reading = Reading { version: Version::new(3), ..Reading::default() };
        let view = View::default().with(&team, reading);
        let json = r#"{"channels":{"team":{"version":3,"held":false}},"pinned":[],"removed":[]}"#;
        assert_eq!(to_json(&view).unwrap(), json);
        assert_eq!(from_json(json).unwrap(), view);
    }
}
