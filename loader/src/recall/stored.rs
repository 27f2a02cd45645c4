//! Answers read from the store at each query: nothing is kept, so that a process which asks once
//! reads as little as possible.

use std::sync::Arc;

use garner_kernel::{EmbedderId, Fragment};
use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::beside::Beside;
use crate::recall::bm25::{Posting, Postings};
use crate::recall::diversity::Look;
use crate::recall::facts::{Facts, Merits, Shown};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::{Near, Nearest};
use crate::recall::query::{Filters, QueryVector};
use crate::recall::question::Term;
use crate::recall::{beside, postings};
use crate::store::{chunk, code_row, fragment_row, vector_row};
use crate::vectors::best::{self, Scored};
use crate::vectors::half;
use crate::vectors::signs::{self, Distances};

/// One read transaction of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'db> {
    pub(super) db: &'db Connection,
}

/// Where fewer than one vector of so many is wanted, each is looked up by its row.
const LOOKUP_SHARE: u64 = 8;

impl Index for Stored<'_> {
    fn at_least(&self, term: &Term) -> Result<usize, Trouble> {
        postings::at_least(self.db, term)
    }

    fn frequency(&self, term: &Term, ground: &Ground) -> Result<usize, Trouble> {
        postings::frequency(self.db, term, ground)
    }

    fn postings(&self, term: &Term, ground: &Ground) -> Result<Postings<'_>, Trouble> {
        let mut found = postings::read(self.db, term)?;
        found.retain(|Posting { row, .. }| ground.shows(*row));
        Ok(Postings::read(found))
    }

    fn nearest(&self, near: &Near<'_>) -> Result<Nearest, Trouble> {
        let Some(embedder) = vector_row::embedder_row(self.db, near.vector.embedder)? else {
            return Ok(Nearest::default());
        };
        let codes = code_row::codes(self.db, embedder)?;
        let (list, compared) = match (near.looks(), &codes.mean) {
            (Some(looks), Some(mean)) => {
                let (rows, compared) = self.chosen(embedder, near, mean, looks)?;
                (self.compare_rows(near, rows.into_iter())?, compared)
            }
            _ => {
                let candidates = near.candidates() as u64;
                let list = if candidates < codes.vectors / LOOKUP_SHARE {
                    let rows = (0..).zip(near.allowed).filter(|(_, length)| **length > 0);
                    self.compare_rows(near, rows.map(|(row, _)| row))?
                } else {
                    self.compare_all(embedder, near)?
                };
                let compared = list.len();
                (list, compared)
            }
        };
        Ok(Nearest { rows: best::best(list, near.want), compared })
    }

    fn cosine(&self, vector: &QueryVector, row: u32) -> Result<Option<f32>, Trouble> {
        let Some(embedder) = vector_row::embedder_row(self.db, vector.embedder)? else {
            return Ok(None);
        };
        let query = vector.vector.as_slice();
        Ok(vector_row::with(self.db, embedder, row, |stored| half::dot(stored, query))?.flatten())
    }

    fn largest(&self) -> Result<Option<EmbedderId>, Trouble> {
        vector_row::largest(self.db)
    }

    fn look(&self, embedder: Option<EmbedderId>, row: u32) -> Result<Look, Trouble> {
        if let Some(embedder) = embedder
            && let Some(embedder) = vector_row::embedder_row(self.db, embedder)?
            && let Some(components) = vector_row::with(self.db, embedder, row, half::decode)?
        {
            return Ok(Look::Vector(components));
        }
        let sql = "SELECT statement FROM fragment WHERE row = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let statement: String = statement.query_row([row], |row| row.get(0))?;
        Ok(Look::words(&statement))
    }

    fn fragment(&self, row: u32) -> Result<Arc<Fragment>, Trouble> {
        fragment_row::get(self.db, i64::from(row)).map(Arc::new)
    }

    fn merits(&self, row: u32) -> Result<Merits, Trouble> {
        let Facts { id, kind, trust, confidence, created, .. } = self.facts(row)?;
        Ok(Merits { id, kind, trust, confidence, created })
    }

    fn allowed(&self, filters: &Filters, ground: &Ground) -> Result<Arc<Vec<u32>>, Trouble> {
        if filters.pass_everything() {
            return Ok(Arc::clone(&ground.lengths));
        }
        let mut allowed = vec![0; ground.lengths.len()];
        let kinds = quoted(filters.kinds_asked().iter().map(ToString::to_string));
        let mut sql = format!("SELECT {} FROM fragment WHERE kind IN ({kinds})", filters.columns());
        if !filters.scopes.is_empty() {
            let scopes = quoted(filters.scopes.iter().map(ToString::to_string));
            sql.push_str(&format!(" AND scope IN ({scopes})"));
        }
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(found) = rows.next()? {
            let row = chunk::number(found.get(0)?)?;
            let Some(length) = ground.length(row) else { continue };
            let facts = Facts::read(found)?;
            let place = if filters.ask_place() { Some(ground.place(self.db, row)?) } else { None };
            if filters.pass(Shown { facts: &facts, place })
                && let Some(slot) = allowed.get_mut(row as usize)
            {
                *slot = length + 1;
            }
        }
        Ok(Arc::new(allowed))
    }

    fn beside(&self, row: u32, ground: &Ground) -> Result<Beside, Trouble> {
        beside::read(self.db, row, ground)
    }
}

/// Returns words as literals of SQL.
fn quoted(words: impl Iterator<Item = String>) -> String {
    let literal = |word: String| format!("'{}'", word.replace('\'', "''"));
    words.map(literal).collect::<Vec<_>>().join(", ")
}

impl Stored<'_> {
    /// Returns what is known of a row without its text.
    pub(super) fn facts(self, row: u32) -> Result<Facts, Trouble> {
        let sql = format!("SELECT {} FROM fragment WHERE row = ?1", Facts::COLUMNS);
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([row])?;
        let row = rows.next()?.ok_or_else(|| Trouble::row("fragment", "a row is missing"))?;
        Facts::read(row)
    }

    /// Returns the rows whose codes are nearest, and how many codes were looked at.
    fn chosen(
        self,
        embedder: i64,
        near: &Near<'_>,
        mean: &[f32],
        looks: usize,
    ) -> Result<(Vec<u32>, usize), Trouble> {
        let query = signs::encode(near.vector.vector.as_slice(), mean);
        let mut distances = Distances::default();
        code_row::each_chunk(self.db, embedder, 0, |first, codes| {
            distances.add(first, codes, &query, near.allowed);
        })?;
        Ok(distances.nearest(looks))
    }

    /// Compares rows, each looked up by itself.
    fn compare_rows(
        self,
        near: &Near<'_>,
        rows: impl Iterator<Item = u32>,
    ) -> Result<Vec<Scored>, Trouble> {
        let mut list = Vec::new();
        for row in rows {
            if let Some(score) = self.cosine(near.vector, row)? {
                list.push(Scored { row, score });
            }
        }
        Ok(list)
    }

    /// Compares every vector of an embedder that is allowed.
    fn compare_all(self, embedder: i64, near: &Near<'_>) -> Result<Vec<Scored>, Trouble> {
        let sql = vector_row::OF_EMBEDDER;
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([embedder])?;
        let query = near.vector.vector.as_slice();
        let mut list = Vec::new();
        while let Some(found) = rows.next()? {
            let row = chunk::number(found.get(0)?)?;
            if near.allows(row)
                && let Some(score) =
                    half::dot(found.get_ref(1)?.as_blob().unwrap_or_default(), query)
            {
                list.push(Scored { row, score });
            }
        }
        Ok(list)
    }
}
