//! What is in the store, for people: channels, versions, operations, fragments, sizes.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use garner_kernel::{ChannelName, Digest, Fragment, FragmentId, Moment, Version};
use rusqlite::{Connection, params};

use crate::compact::{self, PutAway};
use crate::error::{Error, Trouble};
use crate::recall::resident::Resident;
use crate::recall::{Filters, visible};
use crate::store::channel::{self, LoadedKernel};
use crate::store::fragment_row::{self, digest_from};
use crate::store::operation::{self, Operation};
use crate::store::vector_row::{self, EmbedderInfo};
use crate::store::view::{self, Policy, Reading, View, version_from};
use crate::store::{Store, membership};

/// How a channel stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// The channel.
    pub name: ChannelName,
    /// How it is read.
    pub reading: Reading,
    /// The newest loaded version.
    pub newest: Option<Version>,
    /// How many versions are loaded.
    pub versions: usize,
    /// How many fragments the version holds that is read.
    pub fragments: usize,
}

/// A fragment and where it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFragment {
    /// The fragment at its highest revision.
    pub fragment: Fragment,
    /// The channels that hold or held it: from which version, and up to which it was in.
    pub members: Vec<Membership>,
    /// The fragments in the store that name it as replaced.
    pub superseded_by: Vec<FragmentId>,
    /// Whether it is in the core because somebody pinned it.
    pub pinned: bool,
    /// Whether somebody removed it on this machine.
    pub removed: bool,
    /// What put it into the archive; `None` when it is not there, or a newer revision is read.
    pub put_away: Option<PutAway>,
}

/// Where recall reads a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFrom {
    /// The channel.
    pub channel: ChannelName,
    /// The version that is read.
    pub version: Version,
    /// The revision.
    pub revision: u32,
    /// What the channel may say beside others.
    pub policy: Policy,
}

/// The versions of a channel that hold a revision of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The channel.
    pub channel: ChannelName,
    /// The revision.
    pub revision: u32,
    /// The first loaded version that holds it.
    pub from: Version,
    /// The first loaded version after it that does not.
    pub to: Option<Version>,
}

/// How much is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Fragments, each counted once.
    pub fragments: usize,
    /// Rows: each revision of a fragment is one.
    pub rows: usize,
    /// Tombstones.
    pub tombstones: usize,
    /// Loaded kernels of all channels.
    pub kernels: usize,
    /// Operations in the log.
    pub operations: usize,
    /// Events in the log.
    pub events: usize,
    /// How many rows have a vector, by embedder.
    pub vectors: Vec<(EmbedderInfo, usize)>,
    /// The size of the database in bytes, without its write-ahead log.
    pub bytes: u64,
}

impl Store {
    /// Returns the channels by name.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn channels(&self) -> Result<Vec<ChannelStatus>, Error> {
        self.read(|db| {
            let view = view::current(db)?;
            let names = channel::names(db)?;
            names.into_iter().map(|(name, row)| channel_status(db, &view, name, row)).collect()
        })
    }

    /// Returns the loaded versions of a channel, the oldest first.
    ///
    /// # Errors
    /// [`Error::UnknownChannel`] when the store does not know it.
    pub fn versions(&self, name: &ChannelName) -> Result<Vec<LoadedKernel>, Error> {
        self.read(|db| channel::kernels(db, channel::known_row(db, name)?))
    }

    /// Returns the operations, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::BrokenRow`].
    pub fn operations(&self, limit: usize) -> Result<Vec<Operation>, Error> {
        self.read(|db| operation::list(db, limit))
    }

    /// Returns the operation with this number.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`] when the log does not have it.
    pub fn operation(&self, number: u64) -> Result<Operation, Error> {
        self.read(|db| operation::get(db, number))
    }

    /// Returns the number of the last operation that was done at `time` or before; 0 if none was.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn last_operation_at(&self, time: Moment) -> Result<u64, Error> {
        let sql = "SELECT ifnull(max(n), 0) FROM operation WHERE at <= ?1";
        self.read(|db| Ok(db.prepare_cached(sql)?.query_row([time.unix()], |row| row.get(0))?))
    }

    /// Returns the fragment whose id starts with `prefix`.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] or [`Error::AmbiguousFragment`].
    pub fn fragment(&self, prefix: &str) -> Result<StoredFragment, Error> {
        self.read(|db| stored_fragment(db, the_id(db, prefix)?))
    }

    /// Returns the one id that starts with `prefix`.
    ///
    /// # Errors
    /// [`Error::UnknownFragment`] or [`Error::AmbiguousFragment`].
    pub fn find(&self, prefix: &str) -> Result<FragmentId, Error> {
        self.read(|db| the_id(db, prefix))
    }

    /// Returns a fragment at its highest revision, whether or not recall can see it; `None` if it is
    /// not here.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn get(&self, id: FragmentId) -> Result<Option<Arc<Fragment>>, Error> {
        let newest = |resident: &Resident| resident.newest(id).map(Arc::clone);
        if let Some(kept) = self.kept_now(newest)? {
            return Ok(Some(kept));
        }
        self.read(|db| {
            if let Some(kept) = self.memory(db, None)?.as_deref().and_then(newest) {
                return Ok(Some(kept));
            }
            let rows = fragment_row::revisions(db, &id)?;
            let newest = rows.into_iter().min_by_key(|(row, revision)| (Reverse(*revision), *row));
            newest.map(|(row, _)| fragment_row::get(db, row).map(Arc::new)).transpose()
        })
    }

    /// Returns the channel that a fragment is read from; `None` when recall cannot see it.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn read_from(&self, id: FragmentId, now: Moment) -> Result<Option<ReadFrom>, Error> {
        self.read(|db| {
            let view = view::current(db)?;
            let entries = visible::visible(db, &view, &Filters::default(), now)?;
            let entry = entries.into_iter().find(|entry| entry.id == id);
            Ok(entry.map(|entry| ReadFrom {
                policy: view.reading(&entry.channel).policy,
                channel: ChannelName::clone(&entry.channel),
                version: entry.version,
                revision: entry.revision,
            }))
        })
    }

    /// Returns how much is in the store.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn counts(&self) -> Result<Counts, Error> {
        self.read(counts)
    }
}

fn channel_status(
    db: &Connection,
    view: &View,
    name: ChannelName,
    row: i64,
) -> Result<ChannelStatus, Trouble> {
    let kernels = channel::kernels(db, row)?;
    let reading = view.reading(&name);
    let members = reading.version.map_or_else(
        || Ok(BTreeSet::new()),
        |version| membership::rows(db, membership::Table::Member, row, version.get()),
    )?;
    Ok(ChannelStatus {
        name,
        reading,
        newest: kernels.last().map(|kernel| kernel.version),
        versions: kernels.len(),
        fragments: members.len(),
    })
}

/// Returns the one id that starts with `prefix`.
fn the_id(db: &Connection, prefix: &str) -> Result<FragmentId, Trouble> {
    let unknown = || Error::UnknownFragment { prefix: prefix.chars().take(80).collect() };
    let written = prefix.to_ascii_lowercase();
    if written.is_empty() || written.len() > 64 {
        return Err(unknown().into());
    }
    let end = |fill: &str| {
        let missing = 64 - written.len();
        Digest::from_str(&format!("{written}{}", fill.repeat(missing))).map_err(|_| unknown())
    };
    let (low, high) = (end("0")?, end("f")?);
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT id FROM fragment WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    )?;
    let blobs =
        statement.query_map([low.as_bytes(), high.as_bytes()], |r| r.get::<_, Vec<u8>>(0))?;
    let ids: Vec<FragmentId> = blobs
        .map(|blob| Ok(FragmentId::new(digest_from("fragment", &blob?)?)))
        .collect::<Result<_, Trouble>>()?;
    match ids.as_slice() {
        [] => Err(unknown().into()),
        [id] => Ok(*id),
        several => {
            let longer = |id: &FragmentId| {
                id.to_string().chars().take((written.len() + 4).max(12)).collect()
            };
            let some = several.iter().take(5).map(longer).collect();
            Err(Error::AmbiguousFragment { prefix: written, count: several.len(), some }.into())
        }
    }
}

fn stored_fragment(db: &Connection, id: FragmentId) -> Result<StoredFragment, Trouble> {
    let blob = id.digest().as_bytes();
    let row = db
        .prepare_cached(
            "SELECT row FROM fragment WHERE id = ?1 ORDER BY revision DESC, row LIMIT 1",
        )?
        .query_row([blob], |row| row.get(0))?;
    let mut newer = db.prepare_cached(
        "SELECT DISTINCT f.id FROM supersedes s JOIN fragment f ON f.row = s.newer \
         WHERE s.older = ?1 ORDER BY f.id",
    )?;
    let newer = newer.query_map([blob], |row| row.get::<_, Vec<u8>>(0))?;
    let view = view::current(db)?;
    Ok(StoredFragment {
        fragment: fragment_row::get(db, row)?,
        members: members(db, id)?,
        superseded_by: newer
            .map(|blob| Ok(FragmentId::new(digest_from("fragment", &blob?)?)))
            .collect::<Result<_, Trouble>>()?,
        pinned: view.pinned.contains(&id),
        removed: view.removed.contains(&id),
        put_away: compact::put_away(db, &view, id)?,
    })
}

fn members(db: &Connection, id: FragmentId) -> Result<Vec<Membership>, Trouble> {
    let mut statement = db.prepare_cached(
        "SELECT c.name, f.revision, m.from_version, m.to_version FROM fragment f \
         CROSS JOIN channel c CROSS JOIN member m ON m.channel = c.row AND m.fragment = f.row \
         WHERE f.id = ?1 ORDER BY c.name, m.from_version",
    )?;
    let mut rows = statement.query(params![id.digest().as_bytes()])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        members.push(Membership {
            channel: row.get::<_, String>(0)?.parse()?,
            revision: row.get(1)?,
            from: version_from(row.get(2)?)?,
            to: row.get::<_, Option<u64>>(3)?.map(version_from).transpose()?,
        });
    }
    Ok(members)
}

fn counts(db: &Connection) -> Result<Counts, Trouble> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, usize>(0));
    let mut vectors = Vec::new();
    for (row, info) in vector_row::embedders(db)? {
        let count = vector_row::count(db, row)?;
        vectors.push((info, usize::try_from(count).unwrap_or(usize::MAX)));
    }
    let pages: u64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page: u64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(Counts {
        fragments: count("SELECT count(DISTINCT id) FROM fragment")?,
        rows: count("SELECT count(*) FROM fragment")?,
        tombstones: count("SELECT count(*) FROM tombstone")?,
        kernels: count("SELECT count(*) FROM kernel")?,
        operations: count("SELECT count(*) FROM operation")?,
        events: count("SELECT count(*) FROM event")?,
        vectors,
        bytes: pages.saturating_mul(page),
    })
}
