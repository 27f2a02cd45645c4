//! What is derived from the other tables beside the text index: shown rows and codes of vectors.

use rusqlite::Connection;

use crate::error::Trouble;
use crate::store::{code_row, standing, vector_row, view};

/// Makes all of it anew.
pub(crate) fn rebuild(db: &Connection) -> Result<(), Trouble> {
    standing::refresh(db, &view::current(db)?)?;
    for (row, _) in vector_row::embedders(db)? {
        code_row::rebuild(db, row)?;
    }
    Ok(())
}
