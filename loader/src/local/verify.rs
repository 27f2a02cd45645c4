//! Checking the channel `local`: its chain, and that each version is its parent and one statement.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{Digest, Version};
use rusqlite::Connection;

use super::link;
use crate::error::Trouble;
use crate::store::channel::{self, LoadedKernel};
use crate::store::fragment_row;
use crate::store::operation::{self, Action};

/// Says what is wrong with the versions of the channel in row `channel`, a line each.
pub(crate) fn problems(db: &Connection, channel: i64) -> Result<Vec<String>, Trouble> {
    let mut problems = changed_rows(db, channel)?;
    let members = Members::read(db, channel)?;
    let mut versions: BTreeMap<Digest, u64> = BTreeMap::new();
    let mut before = None;
    for kernel in channel::kernels(db, channel)? {
        let version = kernel.version.get();
        let mut wrong = |what: &str| problems.push(format!("local@{version}: {what}"));
        match remembered(db, &kernel)? {
            None => wrong("its operation remembers nothing"),
            Some((row, record)) => {
                if link(kernel.parent, kernel.version, &record) != kernel.head
                    || kernel.head != kernel.tree
                {
                    wrong("the chain is broken");
                }
                let parent = kernel.parent.and_then(|head| versions.get(&head).copied());
                let change = match parent {
                    parent if parent == before => members.changed_at(version),
                    parent => members.difference(parent, version),
                };
                if parent.is_some() != kernel.parent.is_some() || !change.is_of(db, row) {
                    wrong("it is not its parent and one fragment");
                }
            }
        }
        versions.insert(kernel.head, version);
        before = Some(version);
    }
    Ok(problems)
}

/// Which rows are in which versions.
struct Members {
    /// A row, its first version, and the first one after it that does not hold it.
    intervals: Vec<(i64, u64, Option<u64>)>,
    began: BTreeMap<u64, BTreeSet<i64>>,
    ended: BTreeMap<u64, BTreeSet<i64>>,
}

/// The rows by which a version differs from another.
struct Change {
    began: BTreeSet<i64>,
    ended: BTreeSet<i64>,
}

impl Members {
    fn read(db: &Connection, channel: i64) -> Result<Self, Trouble> {
        let sql = "SELECT fragment, from_version, to_version FROM member WHERE channel = ?1";
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([channel], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, row.get::<_, Option<u64>>(2)?))
        })?;
        let intervals: Vec<_> = rows.collect::<Result<_, _>>()?;
        let (mut began, mut ended) = (BTreeMap::new(), BTreeMap::new());
        for (row, from, to) in &intervals {
            began.entry(*from).or_insert_with(BTreeSet::new).insert(*row);
            if let Some(to) = to {
                ended.entry(*to).or_insert_with(BTreeSet::new).insert(*row);
            }
        }
        Ok(Self { intervals, began, ended })
    }

    /// Returns how a version differs from the one before it.
    fn changed_at(&self, version: u64) -> Change {
        let of = |rows: &BTreeMap<u64, BTreeSet<i64>>| rows.get(&version).cloned();
        Change {
            began: of(&self.began).unwrap_or_default(),
            ended: of(&self.ended).unwrap_or_default(),
        }
    }

    /// Returns how a version differs from any other one, or from nothing.
    fn difference(&self, from: Option<u64>, to: u64) -> Change {
        let rows = |version: u64| -> BTreeSet<i64> {
            let holds = |(_, from, to): &&(i64, u64, Option<u64>)| {
                *from <= version && to.is_none_or(|to| to > version)
            };
            self.intervals.iter().filter(holds).map(|(row, ..)| *row).collect()
        };
        let (before, now) = (from.map(rows).unwrap_or_default(), rows(to));
        Change {
            began: now.difference(&before).copied().collect(),
            ended: before.difference(&now).copied().collect(),
        }
    }
}

impl Change {
    /// Returns whether only `row` is new, in the place of other revisions of the same fragment.
    fn is_of(&self, db: &Connection, row: Option<i64>) -> bool {
        let same = |other: &i64| {
            let sql = "SELECT 1 FROM fragment a JOIN fragment b ON a.id = b.id \
                       WHERE a.row = ?1 AND b.row = ?2";
            db.prepare_cached(sql).and_then(|mut same| same.exists([Some(*other), row]))
        };
        self.began.len() == 1
            && self.began.first().copied() == row
            && self.ended.iter().all(|other| same(other).unwrap_or(false))
    }
}

/// Returns the row that a version remembers and the digest of its record.
fn remembered(
    db: &Connection,
    kernel: &LoadedKernel,
) -> Result<Option<(Option<i64>, Digest)>, Trouble> {
    let known: Version = kernel.version;
    match operation::get(db, kernel.operation)?.action {
        Action::Remember { version, fragment, record } if version == known => {
            Ok(Some((fragment_row::row_of(db, fragment, &record)?, record)))
        }
        _ => Ok(None),
    }
}

/// Says which fragments are not what was written.
fn changed_rows(db: &Connection, channel: i64) -> Result<Vec<String>, Trouble> {
    let sql = "SELECT DISTINCT m.fragment, f.record FROM member m \
               JOIN fragment f ON f.row = m.fragment WHERE m.channel = ?1 ORDER BY m.fragment";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([channel])?;
    let mut problems = Vec::new();
    while let Some(found) = rows.next()? {
        let fragment = fragment_row::get(db, found.get(0)?)?;
        let record = fragment_row::digest_from("fragment", &found.get::<_, Vec<u8>>(1)?)?;
        if garner_kernel::record::digest(&fragment) != record {
            let id = fragment.id.short();
            problems.push(format!("local: fragment {id} is not what was remembered"));
        }
    }
    Ok(problems)
}
