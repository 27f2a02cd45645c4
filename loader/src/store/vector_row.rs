//! Vectors as rows: half precision, little-endian, one per fragment row and embedder.

use garner_kernel::{Digest, Embedder, EmbedderId, Vector};
use rusqlite::{Connection, OptionalExtension, params};

use crate::ahead::ahead;
use crate::error::Trouble;
use crate::store::fragment_row::{digest_from, short};
use crate::store::standing::Counter;
use crate::store::{chunk, code_row};
use crate::vectors::half;

/// What the store keeps about an embedder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedderInfo {
    /// The digest of model, tokenizer and pooling.
    pub id: EmbedderId,
    /// A name for people.
    pub name: String,
    /// How many components each vector has.
    pub dimensions: usize,
}

impl EmbedderInfo {
    /// Returns what `embedder` says about itself.
    pub fn of(embedder: &dyn Embedder) -> Self {
        Self {
            id: embedder.id(),
            name: embedder.name().to_owned(),
            dimensions: embedder.dimensions(),
        }
    }
}

/// The rows and the vectors of an embedder, by row.
pub(crate) const OF_EMBEDDER: &str = "SELECT fragment, components FROM vector \
                                      WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32";

/// Returns how many vectors of an embedder there are.
pub(crate) fn count(db: &Connection, embedder: i64) -> Result<u64, Trouble> {
    let sql = "SELECT count(*) FROM vector WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32";
    Ok(db.prepare_cached(sql)?.query_row([embedder], |row| row.get(0))?)
}

/// Returns the row of an embedder, if the store has vectors of it.
pub(crate) fn embedder_row(db: &Connection, id: EmbedderId) -> Result<Option<i64>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row FROM embedder WHERE id = ?1")?;
    Ok(statement.query_row([id.digest().as_bytes()], |row| row.get(0)).optional()?)
}

/// Returns the row of an embedder; makes it where it is missing.
pub(crate) fn ensure_embedder(db: &Connection, info: &EmbedderInfo) -> Result<i64, Trouble> {
    db.prepare_cached(
        "INSERT INTO embedder (id, name, dimensions) VALUES (?,?,?) ON CONFLICT DO NOTHING",
    )?
    .execute(params![info.id.digest().as_bytes(), info.name, info.dimensions])?;
    embedder_row(db, info.id)?.ok_or_else(|| Trouble::row("embedder", "a row is missing"))
}

/// Returns the embedders that the store has vectors of, with their rows.
pub(crate) fn embedders(db: &Connection) -> Result<Vec<(i64, EmbedderInfo)>, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT row, id, name, dimensions FROM embedder ORDER BY row")?;
    let mut rows = statement.query([])?;
    let mut embedders = Vec::new();
    while let Some(row) = rows.next()? {
        let id = digest_from("embedder", &row.get::<_, Vec<u8>>(1)?)?;
        let (name, dimensions) = (row.get(2)?, row.get(3)?);
        embedders.push((row.get(0)?, EmbedderInfo { id: EmbedderId::new(id), name, dimensions }));
    }
    Ok(embedders)
}

/// Returns the embedder with the most vectors.
pub(crate) fn largest(db: &Connection) -> Result<Option<EmbedderId>, Trouble> {
    let sql = "SELECT id FROM embedder WHERE vectors > 0 ORDER BY vectors DESC, row LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    let blob = statement.query_row([], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    blob.map(|blob| Ok(EmbedderId::new(digest_from("embedder", &blob)?))).transpose()
}

/// Writes the vectors of fragment rows that have none yet.
pub(crate) fn insert(
    db: &Connection,
    embedder: i64,
    vectors: &[(i64, &Vector)],
) -> Result<(), Trouble> {
    let mut insert = db.prepare_cached(
        "INSERT INTO vector (place, components, sum) VALUES ((?1 << 32) + ?2, ?3, ?4) \
         ON CONFLICT DO NOTHING",
    )?;
    let encoded = |(_, vector): &(i64, &Vector)| {
        let components = half::encode(vector.as_slice());
        let sum = sum(&components);
        (components, sum)
    };
    let mut rows = Vec::new();
    ahead(vectors, encoded, |(row, _), (components, sum)| {
        if insert.execute(params![embedder, row, components, sum])? > 0 {
            rows.push(*row);
        }
        Ok::<_, Trouble>(())
    })?;
    added(db, embedder, &rows)
}

/// Gives every row without a vector the one of a row with the same id and the same statement.
pub(crate) fn reuse(db: &Connection, embedder: i64) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached(
        "INSERT OR IGNORE INTO vector (place, components, sum) \
         SELECT (?1 << 32) + f.row, v.components, v.sum FROM fragment f \
         JOIN fragment g ON g.id = f.id AND g.row <> f.row AND g.statement = f.statement \
         JOIN vector v ON v.place = (?1 << 32) + g.row \
         WHERE NOT EXISTS \
         (SELECT 1 FROM vector w WHERE w.place = (?1 << 32) + f.row) \
         RETURNING place & 4294967295",
    )?;
    let rows = statement.query_map([embedder], |row| row.get(0))?;
    let rows: Vec<i64> = rows.collect::<Result<_, _>>()?;
    added(db, embedder, &rows)
}

/// Returns what tells whether stored components are those that were written.
fn sum(components: &[u8]) -> i64 {
    short(&Digest::of(components))
}

/// Writes the sums of all vectors.
pub(crate) fn sum_all(db: &Connection) -> Result<(), Trouble> {
    let mut update = db.prepare("UPDATE vector SET sum = ?2 WHERE place = ?1")?;
    let mut statement = db.prepare("SELECT place FROM vector")?;
    let places: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut read = db.prepare("SELECT components FROM vector WHERE place = ?1")?;
    for place in places {
        let of = |row: &rusqlite::Row<'_>| Ok(sum(row.get_ref(0)?.as_blob().unwrap_or_default()));
        let sum = read.query_row([place], of)?;
        update.execute([place, sum])?;
    }
    Ok(())
}

/// Counts the vectors of an embedder that are not those that were written.
pub(crate) fn changed(db: &Connection, embedder: i64) -> Result<usize, Trouble> {
    let mut statement = db.prepare(
        "SELECT components, sum FROM vector WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32",
    )?;
    let mut rows = statement.query([embedder])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let same = sum(row.get_ref(0)?.as_blob().unwrap_or_default()) == row.get::<_, i64>(1)?;
        count += usize::from(!same);
    }
    Ok(count)
}

fn added(db: &Connection, embedder: i64, rows: &[i64]) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE embedder SET vectors = vectors + ?2 WHERE row = ?1")?
        .execute(params![embedder, rows.len()])?;
    code_row::follow(db, embedder, rows)
}

/// Deletes an embedder with all of its vectors, and returns how many there were.
pub(crate) fn drop_embedder(db: &Connection, embedder: i64) -> Result<u64, Trouble> {
    code_row::delete(db, embedder)?;
    let vectors = db
        .prepare_cached("DELETE FROM vector WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32")?
        .execute([embedder])?;
    db.prepare_cached("DELETE FROM embedder WHERE row = ?1")?.execute([embedder])?;
    // The number of the row may be given to another embedder.
    Counter::Erasures.count(db)?;
    Ok(vectors as u64)
}

/// Deletes the vectors of a fragment row.
pub(crate) fn delete(db: &Connection, row: i64) -> Result<(), Trouble> {
    let mut delete = db.prepare_cached("DELETE FROM vector WHERE place = (?1 << 32) + ?2")?;
    for (embedder, _) in embedders(db)? {
        if delete.execute([embedder, row])? > 0 {
            db.prepare_cached("UPDATE embedder SET vectors = vectors - 1 WHERE row = ?1")?
                .execute([embedder])?;
            code_row::follow(db, embedder, &[row])?;
        }
    }
    Ok(())
}

/// Returns what `read` makes of the stored vector of one row; `None` if it has none of this embedder.
pub(crate) fn with<T>(
    db: &Connection,
    embedder: i64,
    row: u32,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT components FROM vector WHERE place = (?1 << 32) + ?2")?;
    let mut rows = statement.query(params![embedder, row])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    Ok(Some(read(found.get_ref(0)?.as_blob().unwrap_or_default())))
}

/// Returns the vector of one row; `None` if it has none of this embedder.
pub(crate) fn vector(db: &Connection, embedder: i64, row: i64) -> Result<Option<Vector>, Trouble> {
    let row = chunk::number(row)?;
    let components = with(db, embedder, row, half::decode)?;
    Ok(components.and_then(Vector::normalized))
}

/// Returns the rows and statements that have no vector of this embedder, by row, at most `limit`.
pub(crate) fn missing(
    db: &Connection,
    embedder: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, String)>, Trouble> {
    let mut statement = db.prepare_cached(
        "SELECT f.row, f.statement FROM fragment f WHERE NOT EXISTS \
         (SELECT 1 FROM vector v WHERE v.place = (?1 << 32) + f.row) \
         ORDER BY f.row LIMIT ?2",
    )?;
    let rows = statement.query_map(params![embedder, limit], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
