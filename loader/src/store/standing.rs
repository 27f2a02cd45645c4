//! Which rows the present view shows, kept in chunks so that recall need not resolve the view.
//!
//! Every operation that changes what is shown writes it anew in its own transaction, and only the
//! chunks that differ.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::FragmentId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Trouble;
use crate::recall::{Filters, visible};
use crate::store::chunk;
use crate::store::fragment_row::{self, digest_from};
use crate::store::view::View;

/// How many rows a chunk has: it takes half a page, so that one change writes one page.
pub(crate) const ROWS: usize = 256;

/// What is shown, by row; a row that is not shown has length 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The terms of the row in the text index, plus one.
    pub(crate) lengths: Vec<u32>,
    /// The row of the channel that shows it.
    pub(crate) channels: Vec<u32>,
    /// The loaded version from which on the channel holds it.
    pub(crate) since: Vec<u64>,
}

impl Standing {
    /// Resolves a view.
    pub(crate) fn of_view(
        db: &Connection,
        view: &View,
        filters: &Filters,
    ) -> Result<Self, Trouble> {
        let mut standing = Self::default();
        for entry in visible::standing(db, view, filters)? {
            let row = chunk::number(entry.row)? as usize;
            put(&mut standing.lengths, row, entry.terms.saturating_add(1));
            put(&mut standing.channels, row, chunk::number(entry.channel_row)?);
            put(&mut standing.since, row, entry.since);
        }
        Ok(standing)
    }

    /// Reads what the present view shows.
    pub(crate) fn read(db: &Connection) -> Result<Self, Trouble> {
        let mut standing = Self::default();
        let sql = "SELECT chunk, lengths, channels, since FROM standing ORDER BY chunk";
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let first = chunk::first_row(row.get(0)?, ROWS)? as usize;
            standing.lengths.resize(first, 0);
            standing.channels.resize(first, 0);
            standing.since.resize(first, 0);
            standing.lengths.extend(numbers(row.get_ref(1)?.as_blob().unwrap_or_default())?);
            standing.channels.extend(numbers(row.get_ref(2)?.as_blob().unwrap_or_default())?);
            let since = row.get_ref(3)?.as_blob().unwrap_or_default();
            standing.since.extend(since.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)));
        }
        Ok(standing)
    }

    fn chunks(&self) -> BTreeMap<i64, [Vec<u8>; 3]> {
        let columns =
            self.lengths.chunks(ROWS).zip(self.channels.chunks(ROWS)).zip(self.since.chunks(ROWS));
        let bytes = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        (0..)
            .zip(columns)
            .filter(|(_, ((lengths, _), _))| lengths.iter().any(|length| *length > 0))
            .map(|(chunk, ((lengths, channels), since))| {
                let since = since.iter().flat_map(|n| n.to_le_bytes()).collect();
                (chunk, [bytes(lengths), bytes(channels), since])
            })
            .collect()
    }
}

/// Sets the value of a row in a list that has whole chunks.
fn put<T: Copy + Default>(list: &mut Vec<T>, row: usize, value: T) {
    if list.len() <= row {
        list.resize((row / ROWS + 1) * ROWS, T::default());
    }
    if let Some(slot) = list.get_mut(row) {
        *slot = value;
    }
}

/// Reads the lengths of what the present view shows, by row.
pub(crate) fn lengths(db: &Connection) -> Result<Vec<u32>, Trouble> {
    let mut lengths = Vec::new();
    let mut statement = db.prepare_cached("SELECT chunk, lengths FROM standing ORDER BY chunk")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        lengths.resize(chunk::first_row(row.get(0)?, ROWS)? as usize, 0);
        lengths.extend(numbers(row.get_ref(1)?.as_blob().unwrap_or_default())?);
    }
    Ok(lengths)
}

/// Calls `visit` with the first row and the columns of every chunk that changed since `known` changes
/// were counted; `known_chunks` is how many there may have been before. One that shows nothing any more
/// is all zero.
pub(crate) fn each_changed(
    db: &Connection,
    known: i64,
    known_chunks: usize,
    mut visit: impl FnMut(usize, [Vec<u8>; 3]),
) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached("SELECT chunk, changed FROM standing")?;
    let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let changed: BTreeMap<i64, i64> = pairs.collect::<Result<_, _>>()?;
    let before = i64::try_from(known_chunks).unwrap_or(i64::MAX);
    let gone = (0..before).filter(|chunk| !changed.contains_key(chunk));
    let written = changed.iter().filter(|(_, changed)| **changed > known);
    for chunk in gone.chain(written.map(|(chunk, _)| *chunk)) {
        let columns = read_chunk(db, chunk)?;
        if columns.iter().zip([4, 4, 8]).any(|(column, size)| column.len() != size * ROWS) {
            return Err(Trouble::row("standing", "a chunk has another size"));
        }
        visit(chunk::first_row(chunk, ROWS)? as usize, columns);
    }
    Ok(())
}

/// Reads which channel shows a row of the present view, and from which version on.
pub(crate) fn shown_by(db: &Connection, row: u32) -> Result<Option<(u32, u64)>, Trouble> {
    let (chunk, place) = chunk::place(i64::from(row), ROWS)?;
    let sql = "SELECT channels, since FROM standing WHERE chunk = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let read = |found: &rusqlite::Row<'_>| {
        let channels = found.get_ref(0)?.as_blob().unwrap_or_default();
        let since = found.get_ref(1)?.as_blob().unwrap_or_default();
        let channel = channels.as_chunks::<4>().0.get(place).map(|b| u32::from_le_bytes(*b));
        let since = since.as_chunks::<8>().0.get(place).map(|b| u64::from_le_bytes(*b));
        Ok(channel.zip(since))
    };
    Ok(statement.query_row([chunk], read).optional()?.flatten())
}

/// Returns whether the present view shows a row, whatever the time.
pub(crate) fn is_shown(db: &Connection, row: i64) -> Result<bool, Trouble> {
    let (chunk, place) = chunk::place(row, ROWS)?;
    let [lengths, ..] = read_chunk(db, chunk)?;
    Ok(lengths.as_chunks::<4>().0.get(place).is_some_and(|length| *length != [0; 4]))
}

fn numbers(blob: &[u8]) -> Result<impl Iterator<Item = u32> + '_, Trouble> {
    let (numbers, rest) = blob.as_chunks::<4>();
    if numbers.len() != ROWS || !rest.is_empty() {
        return Err(Trouble::row("standing", "a chunk has another size"));
    }
    Ok(numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)))
}

/// Which fragments an operation may show or hide.
#[derive(Debug, Clone)]
pub(crate) enum Touched {
    /// None.
    Nothing,
    /// These, and what they replace.
    Fragments(BTreeSet<FragmentId>),
    /// Any.
    Everything,
}

impl Touched {
    /// Writes what `view` shows of them, where it differs from what is there.
    pub(crate) fn refresh(&self, db: &Connection, view: &View) -> Result<(), Trouble> {
        match self {
            Self::Nothing => Ok(()),
            Self::Fragments(ids) => refresh_some(db, view, ids),
            Self::Everything => refresh(db, view),
        }
    }
}

/// Writes what `view` shows of some fragments and of what they replace.
fn refresh_some(db: &Connection, view: &View, ids: &BTreeSet<FragmentId>) -> Result<(), Trouble> {
    let mut older = db.prepare_cached(
        "SELECT s.older FROM fragment f CROSS JOIN supersedes s ON s.newer = f.row WHERE f.id = ?1",
    )?;
    let mut touched = ids.clone();
    for id in ids {
        let mut rows = older.query([id.digest().as_bytes()])?;
        while let Some(row) = rows.next()? {
            let id = digest_from("supersedes", &row.get::<_, Vec<u8>>(0)?)?;
            touched.insert(FragmentId::new(id));
        }
    }
    // Every row of them, with what is to be said of it.
    let mut rows: BTreeMap<i64, [u64; 3]> = BTreeMap::new();
    for id in &touched {
        rows.extend(fragment_row::revisions(db, id)?.into_iter().map(|(row, _)| (row, [0; 3])));
    }
    for entry in visible::standing_of(db, view, &touched)? {
        let channel = chunk::number(entry.channel_row)?;
        let length = entry.terms.saturating_add(1);
        rows.insert(entry.row, [u64::from(length), u64::from(channel), entry.since]);
    }
    let mut changed = false;
    for (row, [length, channel, since]) in rows {
        let (chunk, place) = chunk::place(row, ROWS)?;
        let mut columns = read_chunk(db, chunk)?;
        let before = columns.clone();
        let [lengths, channels, sinces] = &mut columns;
        set(lengths, place, &length.to_le_bytes()[..4]);
        set(channels, place, &channel.to_le_bytes()[..4]);
        set(sinces, place, &since.to_le_bytes());
        if columns != before {
            write_chunk(db, chunk, &columns)?;
            changed = true;
        }
    }
    if changed { Counter::Standings.count(db) } else { Ok(()) }
}

/// Sets the value at a place of a column.
fn set(column: &mut [u8], place: usize, value: &[u8]) {
    if let Some(slot) = column.chunks_exact_mut(value.len()).nth(place) {
        slot.copy_from_slice(value);
    }
}

/// Reads the columns of a chunk; all zero where nothing of it is shown.
fn read_chunk(db: &Connection, chunk: i64) -> Result<[Vec<u8>; 3], Trouble> {
    let sql = "SELECT lengths, channels, since FROM standing WHERE chunk = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
    let found = db.prepare_cached(sql)?.query_row([chunk], read).optional()?;
    Ok(found.unwrap_or_else(|| [4, 4, 8].map(|size| vec![0; size * ROWS])))
}

/// Writes the columns of a chunk, before the change is counted; one that shows nothing is not there.
fn write_chunk(
    db: &Connection,
    chunk: i64,
    [lengths, channels, since]: &[Vec<u8>; 3],
) -> Result<(), Trouble> {
    if lengths.iter().all(|byte| *byte == 0) {
        db.prepare_cached("DELETE FROM standing WHERE chunk = ?1")?.execute([chunk])?;
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO standing (chunk, changed, lengths, channels, since) \
         SELECT ?1, standings + 1, ?2, ?3, ?4 FROM projection WHERE row = 1 \
         ON CONFLICT (chunk) DO UPDATE SET changed = excluded.changed, \
         lengths = excluded.lengths, channels = excluded.channels, since = excluded.since",
    )?
    .execute(params![chunk, lengths, channels, since])?;
    Ok(())
}

/// Writes what `view` shows, where it differs from what is there.
pub(crate) fn refresh(db: &Connection, view: &View) -> Result<(), Trouble> {
    let new = Standing::of_view(db, view, &Filters::default())?.chunks();
    let old = Standing::read(db)?.chunks();
    if new == old {
        return Ok(());
    }
    for (chunk, columns) in &new {
        if old.get(chunk) != Some(columns) {
            write_chunk(db, *chunk, columns)?;
        }
    }
    let mut delete = db.prepare_cached("DELETE FROM standing WHERE chunk = ?1")?;
    for chunk in old.keys().filter(|chunk| !new.contains_key(chunk)) {
        delete.execute([chunk])?;
    }
    Counter::Standings.count(db)
}

/// Returns whether what is kept is what the view shows.
pub(crate) fn is_sound(db: &Connection, view: &View) -> Result<bool, Trouble> {
    let shown = Standing::of_view(db, view, &Filters::default())?;
    Ok(shown.chunks() == Standing::read(db)?.chunks())
}

/// What is counted, so that a copy in memory can tell whether it is still true.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counter {
    /// What the present view shows.
    Standings,
    /// Vectors, and the mean of their codes.
    Vectors,
    /// Rows that were taken out, whose numbers may be given to others.
    Erasures,
}

impl Counter {
    /// Counts one change more.
    pub(crate) fn count(self, db: &Connection) -> Result<(), Trouble> {
        let column = match self {
            Self::Standings => "standings",
            Self::Vectors => "vectors",
            Self::Erasures => "erasures",
        };
        let sql = format!("UPDATE projection SET {column} = {column} + 1");
        db.prepare_cached(&sql)?.execute([])?;
        Ok(())
    }
}

/// How often each thing changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) standings: i64,
    pub(crate) vectors: i64,
    pub(crate) erasures: i64,
    /// The last operation.
    pub(crate) operation: i64,
    /// The highest row of a fragment.
    pub(crate) last_row: i64,
}

/// What a connection has seen of changes: the same again only where nothing was written between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What SQLite changes when another connection has written.
    others: i64,
    /// How many rows this connection has written.
    own: u64,
}

/// Returns what a connection has seen of changes, in half the time that counting takes.
pub(crate) fn seen(db: &Connection) -> Result<Seen, Trouble> {
    let others = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
    Ok(Seen { others, own: db.total_changes() })
}

/// Returns how often each thing changed.
pub(crate) fn counted(db: &Connection) -> Result<Counted, Trouble> {
    let sql = "SELECT standings, vectors, erasures, (SELECT ifnull(max(n), 0) FROM operation), \
               (SELECT ifnull(max(row), 0) FROM fragment) FROM projection WHERE row = 1";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row([], |row| {
        Ok(Counted {
            standings: row.get(0)?,
            vectors: row.get(1)?,
            erasures: row.get(2)?,
            operation: row.get(3)?,
            last_row: row.get(4)?,
        })
    })?)
}
