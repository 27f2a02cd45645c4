//! What recall reads, kept in memory by a process that asks often.
//!
//! The store alone is true. What is kept follows it: rows are never changed, so new ones are added;
//! which of them are shown is read again when it changed; and when rows were taken out everything is
//! read anew. Every query checks in its own transaction that what is kept is what is stored.

mod columns;
mod fragments;
mod vectors;
mod words;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use garner_kernel::{EmbedderId, Fragment, FragmentId, Moment, Text};
use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::beside::Beside;
use crate::recall::bm25::{self, Packed, Postings};
use crate::recall::diversity::Look;
use crate::recall::facts::{Facts, Merits};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::{Near, Nearest};
use crate::recall::postings;
use crate::recall::query::{Filters, QueryVector};
use crate::recall::question::Term;
use crate::recall::stored::Stored;
use crate::store::standing::{self, Counted, Seen, Standing};
use crate::store::{chunk, vector_row};
use crate::vectors::half;

use columns::Columns;
use fragments::Fragments;
use vectors::Vectors;
use words::Words;

/// How many new rows a query reads itself; more are read aside.
const FEW: u32 = 2_000;

/// Everything that is kept in memory.
#[derive(Debug)]
pub(crate) struct Resident {
    counted: Counted,
    /// What the connection of the store had seen when this was last what is stored.
    seen: Cell<Option<Seen>>,
    /// How many bytes may be kept.
    budget: usize,
    /// The highest row that was read.
    last: u32,
    /// `None` where they do not fit.
    words: Option<Words>,
    /// `None` where they do not fit.
    fragments: Option<Fragments>,
    columns: Columns,
    vectors: HashMap<EmbedderId, Vectors>,
    /// The embedder with the most vectors.
    largest: Option<EmbedderId>,
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
    /// Reads what fits into `budget` bytes; `None` if the store has more rows than can be kept.
    pub(crate) fn read(db: &Connection, budget: usize) -> Result<Option<Self>, Trouble> {
        let counted = standing::counted(db)?;
        if chunk::number(counted.last_row)? > bm25::LAST_ROW {
            return Ok(None);
        }
        let mut resident = Self {
            counted,
            seen: Cell::new(None),
            budget,
            last: 0,
            words: None,
            fragments: None,
            columns: Columns::default(),
            vectors: HashMap::new(),
            largest: vector_row::largest(db)?,
            ground: Ground::nothing(),
            at: None,
        };
        resident.ground = Ground::kept(db, Standing::read(db)?)?;
        for (_, info) in vector_row::embedders(db)? {
            resident.read_vectors(db, info.id)?;
        }
        // What is known of rows is read with their words, and is small beside them.
        let words = Words::estimate(db)?;
        if resident.fits(words) {
            resident.words = Some(Words::default());
            if resident.fits(words.saturating_add(Fragments::estimate(db)?)) {
                resident.fragments = Some(Fragments::default());
            }
        }
        resident.read_rows(db)?;
        Ok(Some(resident))
    }

    /// Makes what is kept what is stored, where that is quickly done.
    pub(crate) fn follow(
        &mut self,
        db: &Connection,
        vector: Option<&QueryVector>,
    ) -> Result<Kept, Trouble> {
        let seen = standing::seen(db)?;
        if self.seen.get() != Some(seen) {
            if self.follow_counts(db)? == Kept::Outdated {
                return Ok(Kept::Outdated);
            }
            self.seen.set(Some(seen));
        }
        if let Some(vector) = vector {
            self.read_vectors(db, vector.embedder)?;
        }
        Ok(Kept::Current)
    }

    fn follow_counts(&mut self, db: &Connection) -> Result<Kept, Trouble> {
        let counted = standing::counted(db)?;
        let last = chunk::number(counted.last_row)?;
        let new = last.saturating_sub(self.last);
        if counted.erasures != self.counted.erasures || new > FEW || last > bm25::LAST_ROW {
            return Ok(Kept::Outdated);
        }
        if counted != self.counted {
            let before = std::mem::replace(&mut self.counted, counted);
            self.read_rows(db)?;
            if before.vectors != counted.vectors {
                self.largest = vector_row::largest(db)?;
            }
            if (before.standings, before.operation) != (counted.standings, counted.operation) {
                // What was asked for last shares its lists.
                self.at = None;
                self.ground.follow(db, before.standings)?;
            }
        }
        Ok(Kept::Current)
    }

    /// Returns whether nothing changed in the store since this was read.
    pub(crate) fn is_current(&self, db: &Connection) -> Result<bool, Trouble> {
        let seen = standing::seen(db)?;
        if self.seen.get() == Some(seen) {
            return Ok(true);
        }
        let current = standing::counted(db)? == self.counted;
        if current {
            self.seen.set(Some(seen));
        }
        Ok(current)
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
            if let Some(words) = &mut self.words {
                let context = found.get::<_, Option<String>>(10)?.map(Text::new);
                words.add(row, &Text::new(found.get::<_, String>(9)?), context.as_ref());
            }
            self.last = row;
        }
        if let Some(fragments) = &mut self.fragments {
            fragments.follow(db, before)?;
        }
        self.columns.read_places(db, before)
    }

    fn read_vectors(&mut self, db: &Connection, embedder: EmbedderId) -> Result<(), Trouble> {
        let now = self.counted.vectors;
        match self.vectors.get_mut(&embedder) {
            Some(vectors) if vectors.counted() == now => {}
            Some(vectors) => vectors.follow(db, now)?,
            None => {
                if let Some(row) = vector_row::embedder_row(db, embedder)?
                    && self.fits(Vectors::estimate(db, row)?)
                {
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

    /// Returns a fragment at its highest revision, if fragments are kept and it is here.
    pub(crate) fn newest(&self, id: FragmentId) -> Option<&Arc<Fragment>> {
        self.fragments.as_ref()?.newest(id)
    }

    fn fits(&self, bytes: usize) -> bool {
        self.memory().saturating_add(bytes) <= self.budget
    }

    /// Returns about how many bytes of memory everything takes.
    pub(crate) fn memory(&self) -> usize {
        let vectors: usize = self.vectors.values().map(Vectors::memory).sum();
        let words = self.words.as_ref().map_or(0, Words::memory);
        let fragments = self.fragments.as_ref().map_or(0, Fragments::memory);
        let parts = words + fragments + self.columns.memory() + self.ground.memory();
        size_of::<Self>() + parts + vectors
    }
}

/// Answers from memory, and from the store what is not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InMemory<'r> {
    pub(crate) db: &'r Connection,
    pub(crate) resident: &'r Resident,
}

impl InMemory<'_> {
    /// Returns the rows that hold a term; `None` where only the store knows them.
    fn rows(&self, term: &Term) -> Option<&[Packed]> {
        self.resident.words.as_ref()?.of(term)
    }

    /// Returns how many rows of a list are shown.
    fn shown(&self, list: &[Packed], ground: &Ground) -> usize {
        if ground.documents == self.resident.columns.count() {
            return list.len();
        }
        list.iter().filter(|packed| ground.shows(packed.posting().row)).count()
    }

    /// Returns the fragment of a row; `None` where only the store knows it.
    fn kept(&self, row: u32) -> Option<&Arc<Fragment>> {
        self.resident.fragments.as_ref()?.of(row)
    }
}

impl Index for InMemory<'_> {
    fn at_least(&self, term: &Term) -> Result<usize, Trouble> {
        self.rows(term).map_or_else(|| postings::at_least(self.db, term), |list| Ok(list.len()))
    }

    fn frequency(&self, term: &Term, ground: &Ground) -> Result<usize, Trouble> {
        match self.rows(term) {
            Some(list) => Ok(self.shown(list, ground)),
            None => postings::frequency(self.db, term, ground),
        }
    }

    fn postings(&self, term: &Term, ground: &Ground) -> Result<Postings<'_>, Trouble> {
        match self.rows(term) {
            Some(list) => Ok(Postings::kept(list, self.shown(list, ground))),
            None => {
                let mut found = postings::read(self.db, term)?;
                found.retain(|posting| ground.shows(posting.row));
                Ok(Postings::read(found))
            }
        }
    }

    fn nearest(&self, near: &Near<'_>) -> Result<Nearest, Trouble> {
        match self.resident.vectors.get(&near.vector.embedder) {
            Some(vectors) => vectors.nearest(self.db, near),
            None => Stored { db: self.db }.nearest(near),
        }
    }

    fn cosine(&self, vector: &QueryVector, row: u32) -> Result<Option<f32>, Trouble> {
        match self.resident.vectors.get(&vector.embedder) {
            Some(vectors) => {
                let query = vector.vector.as_slice();
                Ok(vectors.with(self.db, row, |stored| half::dot(stored, query))?.flatten())
            }
            None => Stored { db: self.db }.cosine(vector, row),
        }
    }

    fn largest(&self) -> Result<Option<EmbedderId>, Trouble> {
        Ok(self.resident.largest)
    }

    fn look(&self, embedder: Option<EmbedderId>, row: u32) -> Result<Look, Trouble> {
        let vectors = embedder.and_then(|embedder| self.resident.vectors.get(&embedder));
        if let Some(vectors) = vectors
            && let Some(components) = vectors.with(self.db, row, half::decode)?
        {
            return Ok(Look::Vector(components));
        }
        match self.kept(row) {
            // Whoever has a vector that is kept was looked at by it.
            Some(fragment) if vectors.is_some() || embedder.is_none() => {
                Ok(Look::words(fragment.statement.as_str()))
            }
            _ => Stored { db: self.db }.look(embedder, row),
        }
    }

    fn fragment(&self, row: u32) -> Result<Arc<Fragment>, Trouble> {
        let kept = self.kept(row).map(Arc::clone);
        kept.map_or_else(|| Stored { db: self.db }.fragment(row), Ok)
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

    fn beside(&self, row: u32, ground: &Ground) -> Result<Beside, Trouble> {
        Ok(self.resident.columns.beside(row, ground))
    }
}
