//! A view: what recall sees, as the version that each channel is read at.
//!
//! The view is the whole of the store's mutable state; everything else only grows. Every operation
//! carries the view before and after it, which is what makes undo and time travel exact.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{ChannelName, Digest, FieldHasher, FragmentId, Version};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::Trouble;
use crate::store::fragment_row::digest_from;

/// How one channel is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The version that is read; `None` when nothing of the channel is visible.
    pub version: Option<Version>,
    /// Whether loading a newer version leaves `version` where it is.
    pub held: bool,
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

    /// Returns the channels that are read, with their versions, by name.
    pub fn active(&self) -> impl Iterator<Item = (&ChannelName, Version)> {
        self.channels.iter().filter_map(|(name, reading)| Some((name, reading.version?)))
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
}

/// Returns the view as JSON (schemas/json/operation.v1.json, `view`).
pub(crate) fn to_json(view: &View) -> Result<String, Trouble> {
    let reading = |r: &Reading| WireReading { version: r.version.map(Version::get), held: r.held };
    let ids = |ids: &BTreeSet<FragmentId>| ids.iter().map(ToString::to_string).collect();
    let wire = WireView {
        channels: view.channels.iter().map(|(n, r)| (n.to_string(), reading(r))).collect(),
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
        let version = reading.version.map(version_from).transpose()?;
        view.channels.insert(name.parse()?, Reading { version, held: reading.held });
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
    let mut statement = db.prepare_cached("SELECT name, active, held FROM channel")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: ChannelName = row.get::<_, String>(0)?.parse()?;
        let version = row.get::<_, Option<u64>>(1)?.map(version_from).transpose()?;
        view = view.with(&name, Reading { version, held: row.get(2)? });
    }
    view.pinned = ids(db, "SELECT id FROM pin")?;
    view.removed = ids(db, "SELECT id FROM removal")?;
    Ok(view)
}

/// Makes `view` the one that the store has now.
pub(crate) fn store(db: &Connection, view: &View) -> Result<(), Trouble> {
    db.execute("UPDATE channel SET active = NULL, held = 0", [])?;
    let mut update =
        db.prepare_cached("UPDATE channel SET active = ?2, held = ?3 WHERE name = ?1")?;
    for (name, reading) in &view.channels {
        let version = reading.version.map(Version::get);
        if update.execute(params![name.as_str(), version, reading.held])? != 1 {
            return Err(Trouble::row("channel", format!("`{name}` is in a view but not here")));
        }
    }
    for (table, ids) in [("pin", &view.pinned), ("removal", &view.removed)] {
        db.execute(&format!("DELETE FROM {table}"), [])?;
        let mut insert = db.prepare(&format!("INSERT INTO {table} (id) VALUES (?1)"))?;
        for id in ids {
            insert.execute([id.digest().as_bytes()])?;
        }
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
        view = view.with(&team, Reading { version: Version::new(3), held: true });
        view.pinned.insert(FragmentId::new(Digest::of(b"a")));
        view.removed.insert(FragmentId::new(Digest::of(b"b")));
        assert_eq!(from_json(&to_json(&view).unwrap()).unwrap(), view);
        assert!(from_json("{}").is_err());
        assert_eq!(view.with(&team, Reading::default()).active().count(), 0);
    }
}
