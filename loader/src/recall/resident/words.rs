//! Which rows hold which terms, in memory.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use garner_kernel::Text;
use rusqlite::Connection;

use crate::analysis::{self, TermList};
use crate::error::Trouble;
use crate::recall::bm25::Packed;
use crate::recall::question::Term;

/// Postings of all rows, shown or not.
#[derive(Debug, Default)]
pub(super) struct Words {
    pieces: Lists,
    names: Lists,
}

type Lists = HashMap<Box<str>, Vec<Packed>, RandomState>;

impl Words {
    /// Adds a row, which must be higher than those before it and not above [`LAST_ROW`](crate::recall::bm25::LAST_ROW).
    pub(super) fn add(&mut self, row: u32, statement: &Text, context: Option<&Text>) {
        let statement = analysis::terms(statement.as_str());
        add(&mut self.pieces, row, &statement.words, 2);
        add(&mut self.names, row, &statement.names, 2);
        if let Some(context) = context {
            add(&mut self.pieces, row, &analysis::terms(context.as_str()).words, 1);
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

/// Adds terms of a row, each of which counts so many halves.
fn add(lists: &mut Lists, row: u32, terms: &TermList, halves: u8) {
    for term in terms.iter() {
        let packed = Packed::new(row, halves);
        let Some(list) = lists.get_mut(term) else {
            lists.insert(term.into(), vec![packed]);
            continue;
        };
        match list.last_mut().filter(|known| known.posting().row == row) {
            Some(known) => known.add(halves),
            None => list.push(packed),
        }
    }
}
