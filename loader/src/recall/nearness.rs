//! Comparing the query's vector with the stored ones.
//!
//! An exact scan over the half-precision rows of one embedder. This file is the seam for codes and
//! resident copies: whatever replaces the scan has to give the same cosines.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Trouble;
use crate::recall::query::QueryVector;
use crate::store::vector_row;

/// Returns the cosine of each visible fragment, by position; `None` where it has no vector.
pub(super) fn cosines(
    db: &Connection,
    query: &QueryVector,
    positions: &HashMap<i64, usize>,
) -> Result<Vec<Option<f64>>, Trouble> {
    let mut cosines = vec![None; positions.len()];
    let Some(embedder) = vector_row::embedder_row(db, query.embedder)? else {
        return Ok(cosines);
    };
    let mut statement =
        db.prepare_cached("SELECT fragment, components FROM vector WHERE embedder = ?1")?;
    let mut rows = statement.query([embedder])?;
    while let Some(row) = rows.next()? {
        let slot = positions.get(&row.get(0)?).and_then(|position| cosines.get_mut(*position));
        if let Some(slot) = slot {
            let stored = row.get_ref(1)?.as_blob().unwrap_or_default();
            *slot = vector_row::dot(stored, query.vector.as_slice()).map(f64::from);
        }
    }
    Ok(cosines)
}

/// Returns the stored vector of one fragment row, if it has one of this embedder.
pub(super) fn vector(
    db: &Connection,
    query: &QueryVector,
    row: i64,
) -> Result<Option<Vec<f32>>, Trouble> {
    let Some(embedder) = vector_row::embedder_row(db, query.embedder)? else {
        return Ok(None);
    };
    let mut statement =
        db.prepare_cached("SELECT components FROM vector WHERE embedder = ?1 AND fragment = ?2")?;
    let blob =
        statement.query_row(params![embedder, row], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(blob.map(|blob| vector_row::decode(&blob)))
}
