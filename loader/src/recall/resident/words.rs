//! Which rows hold which terms, in memory.

use std::collections::HashMap;

use garner_kernel::Text;
use rusqlite::Connection;

use crate::analysis;
use crate::error::Trouble;
use crate::recall::bm25::Posting;
use crate::recall::question::Term;

/// Postings of all rows, shown or not.
#[derive(Debug, Default)]
pub(super) struct Words {
    pieces: HashMap<Box<str>, Vec<Packed>>,
    names: HashMap<Box<str>, Vec<Packed>>,
    /// Kept between rows, for their memory.
    counts: HashMap<String, u8>,
}

/// A row in the upper 24 bits and its halves in the lower 8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed(u32);

/// The highest row that can be packed.
pub(super) const LAST_ROW: u32 = (1 << 24) - 1;

impl Packed {
    pub(super) fn posting(self) -> Posting {
        Posting { row: self.0 >> 8, halves: self.0.to_le_bytes()[0] }
    }
}

impl Words {
    /// Adds a row, which must be higher than those before it and not above [`LAST_ROW`].
    pub(super) fn add(&mut self, row: u32, statement: &Text, context: Option<&Text>) {
        let statement = analysis::terms(statement.as_str());
        let context = context.map(|context| analysis::terms(context.as_str()).words);
        self.count(statement.words, 2);
        self.count(context.unwrap_or_default(), 1);
        push(&mut self.pieces, row, &mut self.counts);
        self.count(statement.names, 2);
        push(&mut self.names, row, &mut self.counts);
    }

    fn count(&mut self, terms: Vec<String>, halves: u8) {
        for term in terms {
            let count = self.counts.entry(term).or_default();
            *count = count.saturating_add(halves);
        }
    }

    /// Returns the postings of a term; `None` for a phrase, which needs to know where words stand.
    pub(super) fn of(&self, term: &Term) -> Option<&[Packed]> {
        let found = match term {
            Term::Word(word) => self.pieces.get(word.as_str()),
            Term::Name(name) => self.names.get(name.as_str()),
            Term::Phrase(_) => return None,
        };
        Some(found.map(Vec::as_slice).unwrap_or_default())
    }

    /// Returns about how many bytes of memory the postings of a store take.
    pub(super) fn estimate(db: &Connection) -> Result<usize, Trouble> {
        let sql = "SELECT ifnull(sum(terms), 0) FROM fragment";
        let terms: usize = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        // Words that come twice in a text have one posting, and lists have room to grow.
        Ok(terms.saturating_mul(size_of::<Packed>()))
    }

    /// Returns about how many bytes of memory the postings take.
    pub(super) fn memory(&self) -> usize {
        let lists = self.pieces.iter().chain(&self.names);
        lists.map(|(term, list)| term.len() + list.capacity() * size_of::<Packed>() + 64).sum()
    }
}

fn push(lists: &mut HashMap<Box<str>, Vec<Packed>>, row: u32, counts: &mut HashMap<String, u8>) {
    for (term, halves) in counts.drain() {
        let packed = Packed(row << 8 | u32::from(halves));
        match lists.get_mut(term.as_str()) {
            Some(list) => list.push(packed),
            None => drop(lists.insert(term.into_boxed_str(), vec![packed])),
        }
    }
}
