//! Reading from the text index where terms occur, among the visible fragments.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::bm25::Postings;
use crate::recall::question::Term;

/// How much a word of the context counts beside one of the statement.
const CONTEXT_WEIGHT: f64 = 0.5;

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

    const fn weight(self) -> f64 {
        match self {
            Self::Words | Self::Names => 1.0,
            Self::Context => CONTEXT_WEIGHT,
        }
    }
}

/// One place where a term stands.
type Place = (usize, Column, i64);

/// Returns where `term` occurs; `positions` gives the visible fragments by their rows.
pub(super) fn read(
    db: &Connection,
    term: &Term,
    positions: &HashMap<i64, usize>,
) -> Result<Postings, Trouble> {
    let places = match term {
        Term::Word(word) => {
            let mut places = places(db, word, positions)?;
            places.retain(|(_, column, _)| *column != Column::Names);
            places
        }
        Term::Name(name) => {
            let mut places = places(db, name, positions)?;
            places.retain(|(_, column, _)| *column == Column::Names);
            places
        }
        Term::Phrase(words) => phrase(db, words, positions)?,
    };
    let mut documents: BTreeMap<usize, f64> = BTreeMap::new();
    for (document, column, _) in places {
        *documents.entry(document).or_default() += column.weight();
    }
    Ok(Postings { documents: documents.into_iter().collect() })
}

fn places(
    db: &Connection,
    term: &str,
    positions: &HashMap<i64, usize>,
) -> Result<Vec<Place>, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT doc, col, offset FROM text_term WHERE term = ?1")?;
    let mut rows = statement.query([term])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(document) = positions.get(&row.get(0)?) else { continue };
        let column = Column::from_name(row.get_ref(1)?.as_str().unwrap_or_default())?;
        places.push((*document, column, row.get(2)?));
    }
    Ok(places)
}

/// Returns where the words follow each other in one column.
fn phrase(
    db: &Connection,
    words: &[String],
    positions: &HashMap<i64, usize>,
) -> Result<Vec<Place>, Trouble> {
    let mut starts: Option<Vec<Place>> = None;
    for (distance, word) in words.iter().enumerate() {
        let back = i64::try_from(distance).unwrap_or(i64::MAX);
        let mut here: Vec<Place> = places(db, word, positions)?
            .into_iter()
            .filter(|(_, column, _)| *column != Column::Names)
            .map(|(document, column, offset)| (document, column, offset - back))
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
