//! What recall reads, kept in memory by a process that asks often.
//!
//! The store alone is true. What is kept follows it: rows are never changed, so new ones are added;
//! which of them are shown is read again when it changed; and when rows were taken out everything is
//! read anew. Every query checks in its own transaction that what is kept is what is stored.

mod columns;
mod vectors;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use garner_kernel::{EmbedderId, Moment, Text};
use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::bm25::Postings;
use crate::recall::facts::{Facts, Merits};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::{Near, Nearest};
use crate::recall::postings;
use crate::recall::query::{Filters, QueryVector};
use crate::recall::question::Term;
use crate::store::standing::{self, Counted, Standing};
use crate::store::{chunk, vector_row};
use crate::vectors::half;

use columns::Columns;
use vectors::Vectors;
use words::Words;

/// How many new rows a query reads itself; more are read aside.
const FEW: u32 = 2_000;

/// Everything that is kept in memory.
#[derive(Debug)]
pub(crate) struct Resident {
    counted: Counted,
    /// The highest row that was read.
    last: u32,
    words: Words,
    columns: Columns,
    vectors: HashMap<EmbedderId, Vectors>,
    /// What the present view shows, whatever the time.
    ground: Ground,
    /// The same at the moment that was asked for last.
    at: Option<(Moment, Ground)>,
}

/// Whether what is kept is what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is.
    Current,
    /// So much changed that it has to be read aside.
    Outdated,
}

impl Resident {
    /// Reads everything but vectors; `None` if the store has more rows than can be kept.
    pub(crate) fn read(db: &Connection) -> Result<Option<Self>, Trouble> {
        let counted = standing::counted(db)?;
        if chunk::number(counted.last_row)? > words::LAST_ROW {
            return Ok(None);
        }
        let mut resident = Self {
            counted,
            last: 0,
            words: Words::default(),
            columns: Columns::default(),
            vectors: HashMap::new(),
            ground: Ground::nothing(),
            at: None,
        };
        resident.read_rows(db)?;
        resident.read_ground(db)?;
        for (_, info) in vector_row::embedders(db)? {
            resident.read_vectors(db, info.id)?;
        }
        Ok(Some(resident))
    }

    /// Makes what is kept what is stored, where that is quickly done.
    pub(crate) fn follow(
        &mut self,
        db: &Connection,
        vector: Option<&QueryVector>,
    ) -> Result<Kept, Trouble> {
        let counted = standing::counted(db)?;
        let last = chunk::number(counted.last_row)?;
        let new = last.saturating_sub(self.last);
        if counted.erasures != self.counted.erasures || new > FEW || last > words::LAST_ROW {
            return Ok(Kept::Outdated);
        }
        if counted != self.counted {
            let before = std::mem::replace(&mut self.counted, counted);
            self.read_rows(db)?;
            if (before.standings, before.operation) != (counted.standings, counted.operation) {
                self.read_ground(db)?;
            }
        }
        if let Some(vector) = vector {
            self.read_vectors(db, vector.embedder)?;
        }
        Ok(Kept::Current)
    }

    fn read_rows(&mut self, db: &Connection) -> Result<(), Trouble> {
        let sql = format!(
            "SELECT {}, statement, context FROM fragment WHERE row > ?1 ORDER BY row",
            Facts::COLUMNS
        );
        let before = self.last;
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query([before])?;
        while let Some(found) = rows.next()? {
            let row = chunk::number(found.get(0)?)?;
            self.columns.add(row, Facts::read(found)?);
            let context = found.get::<_, Option<String>>(10)?.map(Text::new);
            self.words.add(row, &Text::new(found.get::<_, String>(9)?), context.as_ref());
            self.last = row;
        }
        self.columns.read_places(db, before)
    }

    fn read_ground(&mut self, db: &Connection) -> Result<(), Trouble> {
        self.ground = Ground::kept(db, Standing::read(db)?)?;
        self.at = None;
        Ok(())
    }

    fn read_vectors(&mut self, db: &Connection, embedder: EmbedderId) -> Result<(), Trouble> {
        let now = self.counted.vectors;
        match self.vectors.get_mut(&embedder) {
            Some(vectors) if vectors.counted() == now => {}
            Some(vectors) => vectors.follow(db, now)?,
            None => {
                if let Some(row) = vector_row::embedder_row(db, embedder)? {
                    self.vectors.insert(embedder, Vectors::read(db, row, now)?);
                }
            }
        }
        Ok(())
    }

    /// Returns what the present view shows at `now`.
    pub(crate) fn ground(&mut self, now: Moment) -> Ground {
        match &self.at {
            Some((at, ground)) if *at == now => ground.clone(),
            _ => {
                let expired: Vec<u32> = self.columns.expired(now).collect();
                let ground = self.ground.clone().without(&expired);
                self.at = Some((now, ground.clone()));
                ground
            }
        }
    }

    /// Returns about how many bytes of memory everything takes.
    pub(crate) fn memory(&self) -> usize {
        let vectors: usize = self.vectors.values().map(Vectors::memory).sum();
        let parts = self.words.memory() + self.columns.memory() + self.ground.memory();
        size_of::<Self>() + parts + vectors
    }
}

/// Answers from memory, and from the store what is not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InMemory<'r> {
    pub(crate) db: &'r Connection,
    pub(crate) resident: &'r Resident,
}

impl Index for InMemory<'_> {
    fn at_least(&self, term: &Term) -> Result<usize, Trouble> {
        Ok(self.resident.words.of(term).map_or(0, <[_]>::len))
    }

    fn frequency(&self, term: &Term, ground: &Ground) -> Result<usize, Trouble> {
        match self.resident.words.of(term) {
            Some(list) => {
                Ok(list.iter().filter(|packed| ground.shows(packed.posting().row)).count())
            }
            None => postings::frequency(self.db, term, ground),
        }
    }

    fn postings(&self, term: &Term, ground: &Ground) -> Result<Postings, Trouble> {
        let mut found: Postings = match self.resident.words.of(term) {
            Some(list) => list.iter().map(|packed| packed.posting()).collect(),
            None => postings::read(self.db, term)?,
        };
        found.retain(|posting| ground.shows(posting.row));
        Ok(found)
    }

    fn nearest(&self, near: &Near<'_>) -> Result<Nearest, Trouble> {
        match self.resident.vectors.get(&near.vector.embedder) {
            Some(vectors) => vectors.nearest(self.db, near),
            None => Ok(Nearest::default()),
        }
    }

    fn cosine(&self, vector: &QueryVector, row: u32) -> Result<Option<f32>, Trouble> {
        match self.resident.vectors.get(&vector.embedder) {
            Some(vectors) => {
                let query = vector.vector.as_slice();
                Ok(vectors.with(self.db, row, |stored| half::dot(stored, query))?.flatten())
            }
            None => Ok(None),
        }
    }

    fn vector(&self, embedder: EmbedderId, row: u32) -> Result<Option<Vec<f32>>, Trouble> {
        match self.resident.vectors.get(&embedder) {
            Some(vectors) => vectors.with(self.db, row, half::decode),
            None => Ok(None),
        }
    }

    fn merits(&self, row: u32) -> Result<Merits, Trouble> {
        let merits = self.resident.columns.merits(row);
        merits.ok_or_else(|| Trouble::row("fragment", "a row is missing"))
    }

    fn allowed(&self, filters: &Filters, ground: &Ground) -> Result<Arc<Vec<u32>>, Trouble> {
        if filters.pass_everything() {
            return Ok(Arc::clone(&ground.lengths));
        }
        Ok(Arc::new(self.resident.columns.allowed(filters, ground, self.db)?))
    }

    fn beside(&self, row: u32, ground: &Ground) -> Result<Vec<u32>, Trouble> {
        Ok(self.resident.columns.beside(row, ground))
    }
}
