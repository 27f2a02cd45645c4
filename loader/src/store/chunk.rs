//! Rows in chunks: where a row is in a table that holds one column of many rows in a blob.

use crate::error::Trouble;

/// Returns the chunk of a row, of chunks of so many rows, and its place in it.
///
/// # Errors
/// [`Trouble::Row`] for a row that no chunk has: numbers start at 1 and have 32 bits.
pub(crate) fn place(row: i64, rows: usize) -> Result<(i64, usize), Trouble> {
    let number = u32::try_from(row).map_err(|_| Trouble::row("fragment", format!("row {row}")))?;
    let number = number as usize;
    Ok((i64::try_from(number / rows).unwrap_or(i64::MAX), number % rows))
}

/// Returns the first row of a chunk, of chunks of so many rows.
pub(crate) fn first_row(chunk: i64, rows: usize) -> Result<u32, Trouble> {
    let first = usize::try_from(chunk).ok().and_then(|chunk| chunk.checked_mul(rows));
    let first = first.and_then(|first| u32::try_from(first).ok());
    first.ok_or_else(|| Trouble::row("standing", format!("chunk {chunk}")))
}

/// Returns the number of a row as recall counts them.
pub(crate) fn number(row: i64) -> Result<u32, Trouble> {
    u32::try_from(row).map_err(|_| Trouble::row("fragment", format!("row {row}")))
}
