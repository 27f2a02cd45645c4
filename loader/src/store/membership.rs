//! Which rows belong to which versions: half-open intervals over the loaded versions of a channel.
//!
//! A row with the interval `[from, to)` is in every *loaded* version between the two. Inserting a
//! version anywhere in the history, not only at its end, touches only the rows that differ from its
//! neighbours, and reading a version never depends on the order in which versions were loaded.

use std::collections::BTreeSet;

use garner_kernel::FragmentId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Trouble;
use crate::store::fragment_row::digest_from;

/// A table of intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Table {
    /// Fragments.
    Member,
    /// Tombstones.
    Burial,
}

impl Table {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Member => ("member", "fragment"),
            Self::Burial => ("burial", "tombstone"),
        }
    }
}

/// Where a version stands among the loaded versions of its channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The row of the channel.
    pub(crate) channel: i64,
    /// The version.
    pub(crate) version: u64,
    /// The loaded version before it.
    pub(crate) before: Option<u64>,
    /// The loaded version after it.
    pub(crate) after: Option<u64>,
}

/// Returns the rows that are in a loaded version.
pub(crate) fn rows(
    db: &Connection,
    table: Table,
    channel: i64,
    version: u64,
) -> Result<BTreeSet<i64>, Trouble> {
    let (name, item) = table.names();
    let sql = format!(
        "SELECT {item} FROM {name} WHERE channel = ?1 AND from_version <= ?2 \
         AND (to_version IS NULL OR to_version > ?2)"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![channel, version], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the rows of the fragments in a loaded version, with their ids.
pub(crate) fn ids(
    db: &Connection,
    channel: i64,
    version: u64,
) -> Result<Vec<(i64, FragmentId)>, Trouble> {
    let sql = "SELECT f.row, f.id FROM member m JOIN fragment f ON f.row = m.fragment \
               WHERE m.channel = ?1 AND m.from_version <= ?2 \
               AND (m.to_version IS NULL OR m.to_version > ?2)";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![channel, version])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let id = digest_from("fragment", row.get_ref(1)?.as_blob().unwrap_or_default())?;
        ids.push((row.get(0)?, FragmentId::new(id)));
    }
    Ok(ids)
}

/// Makes `place.version` a loaded version that holds exactly the rows `now`.
pub(crate) fn insert(
    db: &Connection,
    table: Table,
    place: Place,
    now: &BTreeSet<i64>,
) -> Result<(), Trouble> {
    let neighbour = |version: Option<u64>| {
        version.map_or_else(|| Ok(BTreeSet::new()), |v| rows(db, table, place.channel, v))
    };
    let (before, after) = (neighbour(place.before)?, neighbour(place.after)?);
    let writer = Writer { db, table, place };
    for row in now.difference(&before) {
        if after.contains(row) { writer.start_earlier(*row)? } else { writer.begin(*row)? }
    }
    for row in before.difference(now) {
        if after.contains(row) { writer.split(*row)? } else { writer.end(*row)? }
    }
    // A row that is in all three, or ends at the next version as before, keeps its interval. One
    // that was in no version after `before` reached to `after`, which still holds.
    Ok(())
}

/// Makes `place.version`, the newest one, hold what the version before it held, with `row` in the
/// place of `older` rows.
pub(crate) fn put(
    db: &Connection,
    place: Place,
    row: i64,
    older: &[(i64, u32)],
) -> Result<(), Trouble> {
    let Place { channel, version, .. } = place;
    let mut end = db.prepare_cached(
        "UPDATE member SET to_version = ?3 \
         WHERE channel = ?1 AND fragment = ?2 AND to_version IS NULL",
    )?;
    for (older, _) in older {
        end.execute(params![channel, older, version])?;
    }
    Writer { db, table: Table::Member, place }.begin(row)
}

/// Loaded versions of a channel: from the first, up to the second where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval(u64, Option<u64>);

impl Interval {
    /// Returns whether a version is in the interval.
    pub(crate) fn covers(self, version: u64) -> bool {
        self.0 <= version && self.1.is_none_or(|to| version < to)
    }
}

/// Returns whether any version of a channel holds a fragment's row.
pub(crate) fn is_held(db: &Connection, channel: i64, fragment: i64) -> Result<bool, Trouble> {
    let sql = "SELECT 1 FROM member WHERE channel = ?1 AND fragment = ?2";
    Ok(db.prepare_cached(sql)?.exists([channel, fragment])?)
}

/// Takes a fragment's row out of every version of a channel, and returns in which it was.
pub(crate) fn take(db: &Connection, channel: i64, fragment: i64) -> Result<Vec<Interval>, Trouble> {
    let mut taken = db.prepare_cached(
        "DELETE FROM member WHERE channel = ?1 AND fragment = ?2 \
         RETURNING from_version, to_version",
    )?;
    let read = |row: &Row<'_>| Ok(Interval(row.get(0)?, row.get(1)?));
    let intervals = taken.query_map([channel, fragment], read)?;
    Ok(intervals.collect::<Result<_, _>>()?)
}

/// Moves every interval of a fragment's row in a channel to a tombstone's row, and returns them.
pub(crate) fn bury(
    db: &Connection,
    channel: i64,
    fragment: i64,
    tombstone: i64,
) -> Result<Vec<Interval>, Trouble> {
    let intervals = take(db, channel, fragment)?;
    for interval in &intervals {
        join(db, channel, tombstone, *interval)?;
    }
    Ok(intervals)
}

/// Adds an interval of a tombstone's row, as one with those that it touches.
fn join(
    db: &Connection,
    channel: i64,
    tombstone: i64,
    Interval(from, to): Interval,
) -> Result<(), Trouble> {
    let key = "channel = ?1 AND tombstone = ?2";
    let earlier: Option<u64> = db
        .prepare_cached(&format!(
            "DELETE FROM burial WHERE {key} AND to_version = ?3 RETURNING from_version"
        ))?
        .query_row(params![channel, tombstone, from], |row| row.get(0))
        .optional()?;
    let later: Option<Option<u64>> = db
        .prepare_cached(&format!(
            "DELETE FROM burial WHERE {key} AND from_version = ?3 RETURNING to_version"
        ))?
        .query_row(params![channel, tombstone, to], |row| row.get(0))
        .optional()?;
    db.prepare_cached(
        "INSERT INTO burial (channel, tombstone, from_version, to_version) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![channel, tombstone, earlier.unwrap_or(from), later.unwrap_or(to)])?;
    Ok(())
}

struct Writer<'a> {
    db: &'a Connection,
    table: Table,
    place: Place,
}

impl Writer<'_> {
    /// The row is in this version only, up to the next loaded one.
    fn begin(&self, row: i64) -> Result<(), Trouble> {
        self.add(row, self.place.version, self.place.after)
    }

    /// The row was first in the next version and is now in this one already.
    fn start_earlier(&self, row: i64) -> Result<(), Trouble> {
        let (name, item) = self.table.names();
        self.run(
            &format!(
                "UPDATE {name} SET from_version = ?3 \
                 WHERE channel = ?1 AND {item} = ?2 AND from_version = ?4"
            ),
            params![self.place.channel, row, self.place.version, self.place.after],
        )
    }

    /// The row was last in the version before this one.
    fn end(&self, row: i64) -> Result<(), Trouble> {
        let (name, item) = self.table.names();
        self.run(
            &format!(
                "UPDATE {name} SET to_version = ?3 \
                 WHERE channel = ?1 AND {item} = ?2 AND from_version < ?3 \
                 AND (to_version IS NULL OR to_version > ?3)"
            ),
            params![self.place.channel, row, self.place.version],
        )
    }

    /// The row is in the versions before and after this one, but not in it.
    fn split(&self, row: i64) -> Result<(), Trouble> {
        let (name, item) = self.table.names();
        let end: Option<Option<u64>> = self
            .db
            .prepare_cached(&format!(
                "SELECT to_version FROM {name} \
                 WHERE channel = ?1 AND {item} = ?2 AND from_version < ?3 \
                 AND (to_version IS NULL OR to_version > ?3)"
            ))?
            .query_row(params![self.place.channel, row, self.place.version], |r| r.get(0))
            .optional()?;
        self.end(row)?;
        match (end, self.place.after) {
            (Some(end), Some(after)) => self.add(row, after, end),
            _ => Err(Trouble::row(name, "a row to be split is in no interval")),
        }
    }

    fn add(&self, row: i64, from: u64, to: Option<u64>) -> Result<(), Trouble> {
        let (name, item) = self.table.names();
        self.run(
            &format!(
                "INSERT INTO {name} (channel, {item}, from_version, to_version) \
                 VALUES (?1, ?2, ?3, ?4)"
            ),
            params![self.place.channel, row, from, to],
        )
    }

    /// Runs a statement that must change exactly one row.
    fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), Trouble> {
        match self.db.prepare_cached(sql)?.execute(parameters)? {
            1 => Ok(()),
            count => {
                Err(Trouble::row(self.table.names().0, format!("{count} rows for one change")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn table() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE member (channel INTEGER, fragment INTEGER, from_version INTEGER NOT NULL,
             to_version INTEGER CHECK (to_version > from_version),
             PRIMARY KEY (channel, fragment, from_version)) STRICT, WITHOUT ROWID",
        )
        .unwrap();
        db
    }

    fn dump(db: &Connection) -> Vec<(i64, u64, Option<u64>)> {
        let mut statement =
            db.prepare("SELECT fragment, from_version, to_version FROM member").unwrap();
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    proptest! {
        #[test]
        fn any_order_of_loading_gives_the_versions_back(
            versions in proptest::collection::vec(
                proptest::collection::btree_set(0i64..8, 0..8), 1..7),
            order in any::<prop::sample::Index>(),
            shuffled in any::<u64>(),
        ) {
            let mut numbers: Vec<u64> = (1..=versions.len() as u64).collect();
            let mut seed = shuffled;
            for i in (1..numbers.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                numbers.swap(i, usize::try_from(seed % (i as u64 + 1)).unwrap());
            }
            let _ = order;
            let db = table();
            let mut loaded: BTreeMap<u64, &BTreeSet<i64>> = BTreeMap::new();
            for version in numbers {
                let now = &versions[usize::try_from(version - 1).unwrap()];
                let place = Place {
                    channel: 1,
                    version,
                    before: loaded.range(..version).next_back().map(|(v, _)| *v),
                    after: loaded.range(version..).next().map(|(v, _)| *v),
                };
                insert(&db, Table::Member, place, now).unwrap();
                loaded.insert(version, now);
                for (v, expected) in &loaded {
                    prop_assert_eq!(&rows(&db, Table::Member, 1, *v).unwrap(), *expected);
                }
            }
            // In order, from the first: the same intervals.
            let ordered = table();
            for (i, now) in versions.iter().enumerate() {
                let version = i as u64 + 1;
                let before = (version > 1).then(|| version - 1);
                let place = Place { channel: 1, version, before, after: None };
                insert(&ordered, Table::Member, place, now).unwrap();
            }
            prop_assert_eq!(dump(&db), dump(&ordered));
        }
    }
}
