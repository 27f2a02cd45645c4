//! Reading from the text index which rows hold a term.

use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::bm25::Posting;
use crate::recall::ground::Ground;
use crate::recall::question::Term;
use crate::store::chunk;

/// A column of the text index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Words,
    Names,
    Context,
}

impl Column {
    fn from_name(name: &str) -> Result<Self, Trouble> {
        match name {
            "words" => Ok(Self::Words),
            "names" => Ok(Self::Names),
            "context" => Ok(Self::Context),
            other => Err(Trouble::row("text_index", format!("unknown column `{other}`"))),
        }
    }

    /// Returns what an occurrence counts: one in the context half as much as one in the statement.
    const fn halves(self) -> u8 {
        match self {
            Self::Words | Self::Names => 2,
            Self::Context => 1,
        }
    }
}

/// One place where a term stands.
type Place = (u32, Column, i64);

/// Returns how many rows of the whole index hold the term in the column where most do; 0 for a
/// phrase.
pub(super) fn at_least(db: &Connection, term: &Term) -> Result<usize, Trouble> {
    let (word, columns): (_, &[Column]) = match term {
        Term::Word(word) => (word, &[Column::Words, Column::Context]),
        Term::Name(name) => (name, &[Column::Names]),
        Term::Phrase(_) => return Ok(0),
    };
    let mut statement = db.prepare_cached("SELECT col, doc FROM text_frequency WHERE term = ?1")?;
    let mut rows = statement.query([word])?;
    let mut most = 0;
    while let Some(row) = rows.next()? {
        if columns.contains(&Column::from_name(row.get_ref(0)?.as_str().unwrap_or_default())?) {
            most = most.max(row.get(1)?);
        }
    }
    Ok(most)
}

/// Returns how many shown rows hold a term, without reading where in them.
pub(super) fn frequency(db: &Connection, term: &Term, ground: &Ground) -> Result<usize, Trouble> {
    // What the analyser makes has no quotes, and in quotes nothing is an operator.
    let question = match term {
        Term::Word(word) => format!("{{words context}} : \"{word}\""),
        Term::Name(name) => format!("names : \"{name}\""),
        Term::Phrase(_) => {
            let held = read(db, term)?;
            return Ok(held.iter().filter(|posting| ground.shows(posting.row)).count());
        }
    };
    let sql = "SELECT rowid FROM text_index WHERE text_index MATCH ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([question])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += usize::from(ground.shows(chunk::number(row.get(0)?)?));
    }
    Ok(count)
}

/// Returns the rows that hold a term, shown or not.
pub(super) fn read(db: &Connection, term: &Term) -> Result<Vec<Posting>, Trouble> {
    let mut places = match term {
        Term::Word(word) => {
            let mut places = places(db, word)?;
            places.retain(|(_, column, _)| *column != Column::Names);
            places
        }
        Term::Name(name) => {
            let mut places = places(db, name)?;
            places.retain(|(_, column, _)| *column == Column::Names);
            places
        }
        Term::Phrase(words) => phrase(db, words)?,
    };
    places.sort_unstable();
    let mut postings: Vec<Posting> = Vec::new();
    for (row, column, _) in places {
        match postings.last_mut() {
            Some(last) if last.row == row => {
                last.halves = last.halves.saturating_add(column.halves());
            }
            _ => postings.push(Posting { row, halves: column.halves() }),
        }
    }
    Ok(postings)
}

fn places(db: &Connection, term: &str) -> Result<Vec<Place>, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT doc, col, offset FROM text_term WHERE term = ?1")?;
    let mut rows = statement.query([term])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let column = Column::from_name(row.get_ref(1)?.as_str().unwrap_or_default())?;
        places.push((chunk::number(row.get(0)?)?, column, row.get(2)?));
    }
    Ok(places)
}

/// Returns where the words follow each other in one column.
fn phrase(db: &Connection, words: &[String]) -> Result<Vec<Place>, Trouble> {
    let mut starts: Option<Vec<Place>> = None;
    for (distance, word) in words.iter().enumerate() {
        let back = i64::try_from(distance).unwrap_or(i64::MAX);
        let mut here: Vec<Place> = places(db, word)?
            .into_iter()
            .filter(|(_, column, _)| *column != Column::Names)
            .map(|(row, column, offset)| (row, column, offset - back))
            .collect();
        here.sort_unstable();
        starts = Some(match starts {
            None => here,
            Some(mut starts) => {
                starts.retain(|start| here.binary_search(start).is_ok());
                starts
            }
        });
    }
    Ok(starts.unwrap_or_default())
}
