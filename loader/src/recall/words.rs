//! What the words of a query find.

use garner_kernel::Text;

use crate::error::Trouble;
use crate::recall::bm25::{self, Corpus, Postings};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::question::{self, Term};
use crate::recall::signals::{TermSignal, TermUse};

/// The terms of a query with the rows that hold them.
#[derive(Debug)]
pub(super) struct Words {
    terms: Vec<Searched>,
    /// The information that all terms of the query carry.
    information: f64,
    /// BM25 by row.
    pub(super) scores: Vec<f64>,
}

#[derive(Debug)]
struct Searched {
    term: Term,
    frequency: usize,
    weight: f64,
    /// The rows that hold it; `None` when it was not searched for.
    postings: Option<Postings>,
}

impl Words {
    /// Plans which terms are searched for, searches for them, and scores what holds them.
    pub(super) fn search(index: &dyn Index, ground: &Ground, text: &str) -> Result<Self, Trouble> {
        let corpus =
            Corpus { lengths: &ground.lengths, documents: ground.documents, terms: ground.terms };
        let common = bm25::common(ground.documents);
        let mut terms = Vec::new();
        for term in question::terms(text) {
            // Whether a term is common is seen without reading where it is.
            let postings = match index.at_most(&term)? {
                Some(most) if most > common => None,
                _ => Some(index.postings(&term, ground)?),
            };
            let frequency = match &postings {
                Some(postings) => postings.len(),
                None => index.frequency(&term, ground)?,
            };
            let weight = corpus.weight(frequency);
            terms.push(Searched { term, frequency, weight, postings });
        }
        let frequencies: Vec<usize> = terms.iter().map(|term| term.frequency).collect();
        let worth = bm25::worth_searching(ground.documents, &frequencies);
        for (term, worth) in terms.iter_mut().zip(worth) {
            match &term.postings {
                None if worth => term.postings = Some(index.postings(&term.term, ground)?),
                Some(_) if !worth => term.postings = None,
                _ => {}
            }
        }
        // A term that nothing holds carries as much as one that a single fragment holds.
        let information = terms.iter().map(|term| corpus.weight(term.frequency.max(1))).sum();
        let searched = terms.iter().filter_map(|term| Some((term.postings.as_ref()?, term.weight)));
        let scores = corpus.score(searched);
        Ok(Self { terms, information, scores })
    }

    /// Returns the score of a row.
    pub(super) fn score(&self, row: u32) -> f64 {
        self.scores.get(row as usize).copied().unwrap_or(0.0)
    }

    /// Returns the share of the query's information that the terms of a row carry, and those terms.
    pub(super) fn matched(&self, row: u32) -> (f64, Vec<Text>) {
        let holds = |term: &&Searched| {
            let postings = term.postings.as_deref().unwrap_or_default();
            postings.binary_search_by_key(&row, |posting| posting.row).is_ok()
        };
        let (mut coverage, mut labels) = (0.0, Vec::new());
        for term in self.terms.iter().filter(holds) {
            coverage += term.weight / self.information;
            labels.push(Text::new(term.term.label()));
        }
        (coverage, labels)
    }

    /// Returns what became of each term.
    pub(super) fn signals(&self) -> Vec<TermSignal> {
        let signal = |term: &Searched| TermSignal {
            term: Text::new(term.term.label()),
            documents: term.frequency,
            used: match (&term.postings, term.frequency) {
                (_, 0) => TermUse::Absent,
                (Some(_), _) => TermUse::Searched,
                (None, _) => TermUse::TooCommon,
            },
        };
        self.terms.iter().map(signal).collect()
    }
}
