//! Codes of vectors: one bit for each dimension, in chunks of rows.
//!
//! Codes are a first look at many vectors. While there are few, every vector is looked at and there
//! are no codes. The mean that bits are taken against is that of all vectors, and is taken again
//! whenever there are twice as many.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Trouble;
use crate::store::chunk;
use crate::store::standing::Counter;
use crate::store::vector_row;
use crate::vectors::half;
use crate::vectors::signs::{self, Word};

/// How many rows a chunk has: with 384 dimensions as many as a page holds, so that one more vector
/// writes one page.
const ROWS: usize = 128;

/// From how many vectors on there are codes.
pub(crate) const FROM: u64 = 4_096;
/// How many times more vectors there have to be for a new mean.
const GROWTH: u64 = 2;

/// How the codes of an embedder stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Codes {
    /// How many rows have a vector.
    pub(crate) vectors: u64,
    /// What the bits are taken against; `None` while there are no codes.
    pub(crate) mean: Option<Vec<f32>>,
    /// How many vectors the mean is of.
    mean_of: u64,
    dimensions: usize,
}

/// Reads how the codes of an embedder stand.
pub(crate) fn codes(db: &Connection, embedder: i64) -> Result<Codes, Trouble> {
    let sql = "SELECT vectors, mean, mean_of, dimensions FROM embedder WHERE row = ?1";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row([embedder], |row| {
        let mean = row.get::<_, Option<Vec<u8>>>(1)?;
        let floats = |bytes: Vec<u8>| {
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        Ok(Codes {
            vectors: row.get(0)?,
            mean: mean.map(floats),
            mean_of: row.get(2)?,
            dimensions: row.get(3)?,
        })
    })?)
}

/// Takes the vectors into account that `rows` were given, or that were taken from them.
pub(crate) fn follow(db: &Connection, embedder: i64, rows: &[i64]) -> Result<(), Trouble> {
    if rows.is_empty() {
        return Ok(());
    }
    let before = codes(db, embedder)?;
    match &before.mean {
        Some(mean) if before.vectors < before.mean_of.saturating_mul(GROWTH) => {
            write(db, embedder, mean, rows)?;
        }
        None if before.vectors < FROM => {}
        _ => build(db, embedder, before.dimensions)?,
    }
    Counter::Vectors.count(db)
}

/// Counts the vectors of an embedder and makes their codes anew.
pub(crate) fn rebuild(db: &Connection, embedder: i64) -> Result<(), Trouble> {
    let counted = vector_row::count(db, embedder)?;
    db.prepare_cached("UPDATE embedder SET vectors = ?2, mean = NULL, mean_of = 0 WHERE row = ?1")?
        .execute(params![embedder, counted])?;
    delete(db, embedder)?;
    if counted >= FROM {
        build(db, embedder, codes(db, embedder)?.dimensions)?;
    }
    Counter::Vectors.count(db)
}

/// Takes the mean of all vectors and makes their codes.
pub(crate) fn build(db: &Connection, embedder: i64, dimensions: usize) -> Result<(), Trouble> {
    let mut rows = Vec::new();
    let mut sums = vec![0.0f64; dimensions];
    let mut statement = db.prepare_cached(vector_row::OF_EMBEDDER)?;
    let mut found = statement.query([embedder])?;
    while let Some(row) = found.next()? {
        rows.push(row.get(0)?);
        let vector = half::decode(row.get_ref(1)?.as_blob().unwrap_or_default());
        for (sum, component) in sums.iter_mut().zip(vector) {
            *sum += f64::from(component);
        }
    }
    drop(found);
    let count = rows.len();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a mean")]
    let mean: Vec<f32> = sums.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect();
    let bytes: Vec<u8> = mean.iter().flat_map(|c| c.to_le_bytes()).collect();
    db.prepare_cached("UPDATE embedder SET vectors = ?2, mean = ?3, mean_of = ?2 WHERE row = ?1")?
        .execute(params![embedder, count, bytes])?;
    delete(db, embedder)?;
    write(db, embedder, &mean, &rows)
}

/// Writes the codes of rows, which are ascending in `rows` where there are many of them.
fn write(db: &Connection, embedder: i64, mean: &[f32], rows: &[i64]) -> Result<(), Trouble> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let words = signs::words(mean.len());
    let mut vector =
        db.prepare_cached("SELECT components FROM vector WHERE place = (?1 << 32) + ?2")?;
    let mut put = db.prepare_cached(
        "INSERT INTO code (place, bits) VALUES ((?1 << 32) + ?2, ?3) \
         ON CONFLICT (place) DO UPDATE SET bits = excluded.bits",
    )?;
    for in_chunk in rows.chunk_by(|a, b| chunk_of(*a) == chunk_of(*b)) {
        let Some((chunk, _)) = in_chunk.first().map(|row| chunk::place(*row, ROWS)).transpose()?
        else {
            continue;
        };
        let mut bits = read_chunk(db, embedder, chunk, words)?;
        for row in in_chunk {
            let blob = vector
                .query_row(params![embedder, row], |found| found.get::<_, Vec<u8>>(0))
                .optional()?;
            let code = blob.map_or_else(
                || vec![[0; 8]; words],
                |blob| signs::encode(&half::decode(&blob), mean),
            );
            let (_, place) = chunk::place(*row, ROWS)?;
            if let Some(slots) = bits.get_mut(place * words..(place + 1) * words) {
                slots.copy_from_slice(code.get(..words).unwrap_or(&vec![[0; 8]; words]));
            }
        }
        put.execute(params![embedder, chunk, bits.concat()])?;
    }
    Ok(())
}

/// Deletes all codes of an embedder.
pub(crate) fn delete(db: &Connection, embedder: i64) -> Result<(), Trouble> {
    let sql = "DELETE FROM code WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32";
    db.prepare_cached(sql)?.execute([embedder])?;
    Ok(())
}

fn chunk_of(row: i64) -> i64 {
    row / i64::try_from(ROWS).unwrap_or(i64::MAX)
}

fn read_chunk(
    db: &Connection,
    embedder: i64,
    chunk: i64,
    words: usize,
) -> Result<Vec<Word>, Trouble> {
    let mut statement = db.prepare_cached("SELECT bits FROM code WHERE place = (?1 << 32) + ?2")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(row.get_ref(0)?.as_blob().unwrap_or_default().as_chunks::<8>().0.to_vec())
    };
    let mut bits = statement.query_row(params![embedder, chunk], read).optional()?;
    let bits = bits.get_or_insert_default();
    bits.resize(ROWS * words, [0; 8]);
    Ok(std::mem::take(bits))
}

/// Calls `each` with the first row and the codes of every chunk from that of the row `from` on.
pub(crate) fn each_chunk(
    db: &Connection,
    embedder: i64,
    from: i64,
    mut each: impl FnMut(u32, &[Word]),
) -> Result<(), Trouble> {
    let sql = "SELECT chunk, bits FROM code \
               WHERE place >= (?1 << 32) + ?2 AND place < (?1 + 1) << 32 ORDER BY place";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([embedder, chunk_of(from)])?;
    while let Some(row) = rows.next()? {
        let first = chunk::first_row(row.get(0)?, ROWS)?;
        each(first, row.get_ref(1)?.as_blob().unwrap_or_default().as_chunks::<8>().0);
    }
    Ok(())
}

/// Says what is wrong with the codes of an embedder.
pub(crate) fn problems(db: &Connection, embedder: i64) -> Result<Vec<String>, Trouble> {
    let codes = codes(db, embedder)?;
    let counted = vector_row::count(db, embedder)?;
    let mut problems = Vec::new();
    if counted != codes.vectors {
        problems.push(format!("{counted} vectors are there and {} are counted", codes.vectors));
    }
    let Some(mean) = &codes.mean else {
        if counted >= FROM {
            problems.push(format!("{counted} vectors have no codes"));
        }
        return Ok(problems);
    };
    let words = signs::words(mean.len());
    let mut vectors = db.prepare_cached(
        "SELECT fragment, components FROM vector \
         WHERE place >= (?1 << 32) + ?2 AND place < (?1 << 32) + ?3 ORDER BY place",
    )?;
    let mut wrong = 0;
    let mut seen = 0;
    let mut chunks = Vec::new();
    each_chunk(db, embedder, 0, |first, bits| chunks.push((first, bits.to_vec())))?;
    for (first, bits) in chunks {
        let mut expected = vec![[0; 8]; ROWS * words];
        let end = i64::from(first) + i64::try_from(ROWS).unwrap_or(i64::MAX);
        let mut rows = vectors.query(params![embedder, first, end])?;
        while let Some(row) = rows.next()? {
            seen += 1;
            let (_, place) = chunk::place(row.get(0)?, ROWS)?;
            let vector = half::decode(row.get_ref(1)?.as_blob().unwrap_or_default());
            let code = signs::encode(&vector, mean);
            if let Some(slots) = expected.get_mut(place * words..(place + 1) * words)
                && slots.len() == code.len()
            {
                slots.copy_from_slice(&code);
            }
        }
        wrong += usize::from(bits != expected);
    }
    if wrong > 0 || seen != counted {
        problems.push(format!("the codes of {wrong} chunks do not match their vectors"));
    }
    Ok(problems)
}
