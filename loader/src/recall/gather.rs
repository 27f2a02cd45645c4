//! One read transaction from query to hits.

use std::collections::{BTreeSet, HashMap};

use garner_kernel::{ChannelName, Text};
use rusqlite::Connection;

use crate::analysis;
use crate::error::{Error, Trouble};
use crate::recall::bm25::{self, Lexical, Postings};
use crate::recall::diversity::{self, Look};
use crate::recall::query::{Filters, Query};
use crate::recall::question::{self, Term};
use crate::recall::ranking::{self, Candidate, Ranked};
use crate::recall::signals::{Hit, Recall, TermSignal, TermUse, TextSignals};
use crate::recall::visible::{self, Entry};
use crate::recall::{nearness, postings};
use crate::store::{Store, fragment_row, view};

/// How many candidates words and vectors contribute each, at least.
const POOL: usize = 100;
/// How many hits are compared with each other for every one that is returned.
const DIVERSITY_POOL: usize = 3;

impl Store {
    /// Returns the visible fragments that matter most to a query.
    ///
    /// No text is an error: words and vectors that match nothing give no hits.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] when `query.at` names a version that is not loaded, and those of
    /// reading, such as [`Error::Corrupt`].
    pub fn recall(&self, query: &Query) -> Result<Recall, Error> {
        self.read(|db| recall(db, query))
    }
}

/// What the words of the query find.
struct Words {
    terms: Vec<Term>,
    postings: Vec<Postings>,
    worth: Vec<bool>,
    scores: Vec<Lexical>,
}

fn recall(db: &Connection, query: &Query) -> Result<Recall, Trouble> {
    let view = query.at.clone().map_or_else(|| view::current(db), Ok)?;
    let entries = visible::visible(db, &view, &query.filters, query.now)?;
    let positions: HashMap<i64, usize> =
        entries.iter().enumerate().map(|(position, entry)| (entry.row, position)).collect();
    let words = words(db, query, &entries, &positions)?;
    let cosines = match &query.vector {
        Some(vector) => nearness::cosines(db, vector, &positions)?,
        None => vec![None; entries.len()],
    };
    let candidates = candidates(&entries, &words, &cosines, query);
    let signals = TextSignals {
        terms: term_signals(&words),
        visible: entries.len(),
        candidates: candidates.len(),
        vectors: cosines.iter().flatten().count(),
    };
    let ranked = ranking::rank(candidates, query.ranking, query.now);
    let pool = ranked.into_iter().take(query.limit.saturating_mul(DIVERSITY_POOL));
    let looks: Vec<(Ranked, Look)> = pool
        .map(|ranked| look(db, query, &entries, &ranked).map(|look| (ranked, look)))
        .collect::<Result<_, Trouble>>()?;
    let chosen = diversity::diversify(looks, query.limit);
    let hits = chosen.into_iter().filter_map(|ranked| hit(db, &entries, ranked).transpose());
    Ok(Recall { hits: hits.collect::<Result<_, _>>()?, signals })
}

fn words(
    db: &Connection,
    query: &Query,
    entries: &[Entry],
    positions: &HashMap<i64, usize>,
) -> Result<Words, Trouble> {
    let terms = question::terms(query.text.as_str());
    let postings: Vec<Postings> =
        terms.iter().map(|term| postings::read(db, term, positions)).collect::<Result<_, _>>()?;
    let lengths: Vec<u32> = entries.iter().map(|entry| entry.terms).collect();
    let worth = bm25::worth_searching(entries.len(), &postings);
    let scores = bm25::score(&lengths, &postings, &worth);
    Ok(Words { terms, postings, worth, scores })
}

fn term_signals(words: &Words) -> Vec<TermSignal> {
    let signal = |((term, postings), worth): ((&Term, &Postings), &bool)| TermSignal {
        term: Text::new(term.label()),
        documents: postings.documents.len(),
        used: match (worth, postings.documents.is_empty()) {
            (true, _) => TermUse::Searched,
            (false, true) => TermUse::Absent,
            (false, false) => TermUse::TooCommon,
        },
    };
    words.terms.iter().zip(&words.postings).zip(&words.worth).map(signal).collect()
}

/// Returns the best by words and the best by vectors, each with both of its signals.
fn candidates(
    entries: &[Entry],
    words: &Words,
    cosines: &[Option<f64>],
    query: &Query,
) -> Vec<Candidate> {
    let size = POOL.max(query.limit.saturating_mul(4));
    let passes =
        |entry: &Entry, filters: &Filters| filters.pass(entry.kind, &entry.scope, entry.trust);
    let all: Vec<(usize, &Entry, &Lexical, Option<f64>)> = entries
        .iter()
        .enumerate()
        .zip(words.scores.iter().zip(cosines))
        .filter(|((_, entry), _)| passes(entry, &query.filters))
        .map(|((position, entry), (lexical, cosine))| (position, entry, lexical, *cosine))
        .collect();
    let mut chosen = best(all.iter().map(|(p, _, lexical, _)| (*p, lexical.score)), size);
    chosen.extend(best(all.iter().map(|(p, _, _, cosine)| (*p, cosine.unwrap_or(0.0))), size));
    all.into_iter()
        .filter(|(position, ..)| chosen.contains(position))
        .map(|(position, entry, lexical, cosine)| Candidate {
            position,
            id: entry.id,
            kind: entry.kind,
            trust: entry.trust,
            confidence: entry.confidence,
            created: entry.created,
            bm25: lexical.score,
            coverage: lexical.coverage,
            matched: labels(words, lexical),
            cosine,
        })
        .collect()
}

/// Returns the positions of the `size` highest scores above 0; ties go to the lower position, which
/// is the lower id.
fn best(scores: impl Iterator<Item = (usize, f64)>, size: usize) -> BTreeSet<usize> {
    let mut list: Vec<(usize, f64)> = scores.filter(|(_, score)| *score > 0.0).collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list.into_iter().take(size).map(|(position, _)| position).collect()
}

fn labels(words: &Words, lexical: &Lexical) -> Vec<Text> {
    lexical
        .matched
        .iter()
        .filter_map(|i| words.terms.get(*i))
        .map(|t| Text::new(t.label()))
        .collect()
}

/// Returns what the hit is compared with others by: its vector, else its words.
fn look(
    db: &Connection,
    query: &Query,
    entries: &[Entry],
    ranked: &Ranked,
) -> Result<Look, Trouble> {
    let Some(entry) = entries.get(ranked.position) else {
        return Ok(Look::Words(BTreeSet::new()));
    };
    if let Some(vector) = &query.vector
        && let Some(components) = nearness::vector(db, vector, entry.row)?
    {
        return Ok(Look::Vector(components));
    }
    let statement: String = db
        .prepare_cached("SELECT statement FROM fragment WHERE row = ?1")?
        .query_row([entry.row], |row| row.get(0))?;
    Ok(Look::Words(analysis::terms(&statement).words.into_iter().collect()))
}

fn hit(db: &Connection, entries: &[Entry], ranked: Ranked) -> Result<Option<Hit>, Trouble> {
    let Some(entry) = entries.get(ranked.position) else {
        return Ok(None);
    };
    Ok(Some(Hit {
        fragment: fragment_row::get(db, entry.row)?,
        channel: ChannelName::clone(&entry.channel),
        version: entry.version,
        signals: ranked.signals,
    }))
}
