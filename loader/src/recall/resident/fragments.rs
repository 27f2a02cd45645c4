//! Whole fragments, in memory, so that a hit is not read from the store piece by piece.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use garner_kernel::{Fragment, FragmentId};
use rusqlite::Connection;

use crate::error::Trouble;
use crate::store::chunk;
use crate::store::fragment_row;

/// About how many bytes a fragment takes beside its texts: the fixed part, one source, one tag.
const BESIDE_TEXTS: usize = size_of::<Fragment>() + 300;

/// The fragments of all rows, shown or not.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    rows: Vec<Option<Arc<Fragment>>>,
    /// The row of each fragment's highest revision, of several the first.
    newest: HashMap<FragmentId, (Reverse<u32>, u32)>,
    bytes: usize,
}

impl Fragments {
    /// Returns about how many bytes of memory the fragments of a store take.
    pub(super) fn estimate(db: &Connection) -> Result<usize, Trouble> {
        let sql = "SELECT count(*), \
                   ifnull(sum(octet_length(statement) + ifnull(octet_length(context), 0)), 0) \
                   FROM fragment";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, usize>(0)?, row.get::<_, usize>(1)?));
        let (rows, texts) = db.prepare_cached(sql)?.query_row([], read)?;
        Ok(texts.saturating_add(rows.saturating_mul(BESIDE_TEXTS)))
    }

    /// Reads the fragments of the rows above `after`.
    pub(super) fn follow(&mut self, db: &Connection, after: u32) -> Result<(), Trouble> {
        fragment_row::each_after(db, i64::from(after), |row, fragment| {
            self.add(chunk::number(row)?, fragment);
            Ok(())
        })
    }

    fn add(&mut self, row: u32, fragment: Fragment) {
        let context = fragment.context.as_ref().map_or(0, |context| context.as_str().len());
        self.bytes += fragment.statement.as_str().len() + context + BESIDE_TEXTS;
        let key = (Reverse(fragment.revision), row);
        let newest = self.newest.entry(fragment.id).or_insert(key);
        *newest = key.min(*newest);
        let place = row as usize;
        if self.rows.len() <= place {
            self.rows.resize(place + 1, None);
        }
        if let Some(slot) = self.rows.get_mut(place) {
            *slot = Some(Arc::new(fragment));
        }
    }

    /// Returns the fragment of a row.
    pub(super) fn of(&self, row: u32) -> Option<&Arc<Fragment>> {
        self.rows.get(row as usize)?.as_ref()
    }

    /// Returns a fragment at its highest revision.
    pub(super) fn newest(&self, id: FragmentId) -> Option<&Arc<Fragment>> {
        let (_, row) = self.newest.get(&id)?;
        self.of(*row)
    }

    /// Returns about how many bytes of memory the fragments take.
    pub(super) const fn memory(&self) -> usize {
        self.bytes
    }
}
