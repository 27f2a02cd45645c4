//! Which fragments stand beside each other in the session that they came from.
//!
//! A short statement often answers or continues the one before it, and says little without it.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Trouble;
use crate::recall::ground::Ground;
use crate::store::chunk;

/// How many lines of a session two fragments may be apart to stand beside each other.
pub(super) const LINES: i64 = 20;

/// The shown rows before and after a row in its session.
pub(crate) type Beside = [Option<u32>; 2];

/// Returns the shown rows before and after a row in its session.
pub(super) fn read(db: &Connection, row: u32, ground: &Ground) -> Result<Beside, Trouble> {
    let sql = "SELECT origin, line FROM source WHERE fragment = ?1 AND position = 0";
    let mut statement = db.prepare_cached(sql)?;
    let read = |found: &rusqlite::Row<'_>| Ok((found.get::<_, i64>(0)?, found.get::<_, i64>(1)?));
    let Some((origin, line)) = statement.query_row([row], read).optional()? else {
        return Ok(Beside::default());
    };
    let mut beside = Beside::default();
    let both = [
        "SELECT fragment FROM source WHERE position = 0 AND origin = ?1 \
         AND (line, fragment) < (?2, ?3) AND line >= ?2 - ?4 \
         ORDER BY line DESC, fragment DESC",
        "SELECT fragment FROM source WHERE position = 0 AND origin = ?1 \
         AND (line, fragment) > (?2, ?3) AND line <= ?2 + ?4 \
         ORDER BY line, fragment",
    ];
    for (sql, slot) in both.into_iter().zip(&mut beside) {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params![origin, line, row, LINES])?;
        while let Some(found) = rows.next()? {
            let other = chunk::number(found.get(0)?)?;
            if ground.shows(other) {
                *slot = Some(other);
                break;
            }
        }
    }
    Ok(beside)
}
