//! BM25 over the shown fragments only; a pure function of lengths and postings.
//!
//! The table holds every version of every channel. Statistics over all of it would move the scores
//! of one version whenever another one is loaded, so the number of fragments, their mean length and
//! each term's document frequency are those of what is shown.

use std::cell::Cell;

/// How fast repetition of a term stops to count.
const K1: f64 = 1.2;
/// How much long texts are held back.
const B: f64 = 0.75;
/// Terms in at most one of this many fragments always count.
const COMMON_SHARE: usize = 20;
/// So do terms in at most this many fragments: leaving common terms out saves time in large sets
/// only, and in small ones it costs answers (LoCoMo turns by words alone: 0.61 instead of 0.63).
const COMMON_FLOOR: usize = 2_000;
/// How many terms are kept however common they are.
pub(crate) const KEPT: usize = 2;

/// One shown row that holds a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub(crate) row: u32,
    /// How often it holds the term, in halves: a word of the statement counts two, one of the
    /// context one. At most 255.
    pub(crate) halves: u8,
}

/// A posting in four bytes: a row in the upper 24 bits and its halves in the lower 8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed(u32);

/// The highest row that can be packed.
pub(crate) const LAST_ROW: u32 = (1 << 24) - 1;

impl Packed {
    pub(crate) const fn new(row: u32, halves: u8) -> Self {
        Self(row << 8 | halves as u32)
    }

    /// Counts more halves, at most 255 of them.
    pub(crate) fn add(&mut self, halves: u8) {
        let Posting { row, halves: before } = self.posting();
        *self = Self::new(row, before.saturating_add(halves));
    }

    pub(crate) fn posting(self) -> Posting {
        Posting { row: self.0 >> 8, halves: self.0.to_le_bytes()[0] }
    }
}

/// The rows that hold a term, ascending.
#[derive(Debug)]
pub(crate) struct Postings<'i> {
    list: List<'i>,
    shown: usize,
}

#[derive(Debug)]
enum List<'i> {
    /// Shown rows.
    Read(Vec<Posting>),
    /// Rows shown or not, where they are kept: to copy them takes longer than to pass over some.
    Kept(&'i [Packed]),
}

impl<'i> Postings<'i> {
    /// Takes a list of shown rows.
    pub(crate) const fn read(list: Vec<Posting>) -> Self {
        Self { shown: list.len(), list: List::Read(list) }
    }

    /// Takes a list that is kept, so many rows of which are shown.
    pub(crate) const fn kept(list: &'i [Packed], shown: usize) -> Self {
        Self { shown, list: List::Kept(list) }
    }

    /// Returns how many shown rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.shown
    }

    /// Returns whether a shown row is among them.
    pub(crate) fn hold(&self, row: u32) -> bool {
        match &self.list {
            List::Read(list) => list.binary_search_by_key(&row, |posting| posting.row).is_ok(),
            List::Kept(list) => list.binary_search_by_key(&row, |p| p.posting().row).is_ok(),
        }
    }
}

/// Returns in how many of `documents` fragments a term may be to be searched for in any case.
pub(crate) fn common(documents: usize) -> usize {
    (documents / COMMON_SHARE).max(COMMON_FLOOR)
}

/// The scores of rows, and which rows have one.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// By row; empty where nothing was searched for, and else at least as long as there are rows.
    by_row: Vec<f64>,
    /// The rows with a score, in the order in which they were found.
    pub(crate) found: Vec<u32>,
}

thread_local! {
    /// Scores of earlier queries, all zero again: to make them anew costs more than to find.
    static SPARE: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

impl Scores {
    fn none(rows: usize) -> Self {
        let mut by_row = SPARE.take();
        if by_row.len() < rows {
            by_row.resize(rows, 0.0);
        }
        Self { by_row, found: Vec::new() }
    }

    /// Returns the score of a row.
    pub(crate) fn of(&self, row: u32) -> f64 {
        self.by_row.get(row as usize).copied().unwrap_or_default()
    }
}

impl Drop for Scores {
    fn drop(&mut self) {
        for row in &self.found {
            if let Some(score) = self.by_row.get_mut(*row as usize) {
                *score = 0.0;
            }
        }
        if !self.by_row.is_empty() {
            SPARE.set(std::mem::take(&mut self.by_row));
        }
    }
}

/// What scores are taken against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corpus<'l> {
    /// The terms of each row plus one, by row; 0 where it is not shown.
    pub(crate) lengths: &'l [u32],
    pub(crate) documents: usize,
    /// How many terms all shown rows have together.
    pub(crate) terms: u64,
}

impl Corpus<'_> {
    /// Returns the score of each row by the terms that were searched for.
    pub(crate) fn score<'p, 'i: 'p>(
        &self,
        terms: impl Iterator<Item = (&'p Postings<'i>, f64)>,
    ) -> Scores {
        let mut scores = Scores::default();
        for (postings, weight) in terms {
            if scores.by_row.is_empty() {
                scores = Scores::none(self.lengths.len());
            }
            scores.found.reserve(postings.len());
            match &postings.list {
                List::Read(list) => self.add(&mut scores, list.iter().copied(), weight),
                List::Kept(list) => self.add(&mut scores, list.iter().map(|p| p.posting()), weight),
            }
        }
        scores
    }

    fn add(&self, scores: &mut Scores, postings: impl Iterator<Item = Posting>, weight: f64) {
        let mean = (f64_from(self.terms) / count(self.documents).max(1.0)).max(1.0);
        let (base, slope) = (K1 * (1.0 - B), K1 * B / mean);
        let most = weight * (K1 + 1.0);
        for posting in postings {
            let place = posting.row as usize;
            let (Some(slot), Some(length)) =
                (scores.by_row.get_mut(place), self.lengths.get(place))
            else {
                continue;
            };
            if *length == 0 {
                continue;
            }
            let norm = base + slope * f64::from(length - 1);
            let frequency = f64::from(posting.halves) / 2.0;
            if *slot == 0.0 {
                scores.found.push(posting.row);
            }
            *slot += most * frequency / (frequency + norm);
        }
    }

    /// Returns how much a term tells apart that `frequency` fragments hold; always above 0.
    pub(crate) fn weight(&self, frequency: usize) -> f64 {
        let frequency = count(frequency);
        ((count(self.documents) - frequency + 0.5) / (frequency + 0.5)).ln_1p()
    }
}

fn count(number: usize) -> f64 {
    f64_from(number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of fragments and terms are below 2^52")]
const fn f64_from(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(lengths: &[u32], lists: &[&[u32]]) -> Vec<f64> {
        let shows = |row: &u32| lengths.get(*row as usize).is_some_and(|length| *length > 0);
        let total = lengths.iter().filter_map(|length| length.checked_sub(1)).map(u64::from).sum();
        let documents = lengths.iter().filter(|length| **length > 0).count();
        let corpus = Corpus { lengths, documents, terms: total };
        let read = |rows: &&[u32]| {
            let visible = rows.iter().copied().filter(shows);
            Postings::read(visible.map(|row| Posting { row, halves: 2 }).collect())
        };
        let packed: Vec<Vec<Packed>> = lists
            .iter()
            .map(|rows| rows.iter().map(|row| Packed::new(*row, 2)).collect())
            .collect();
        let as_read: Vec<Postings<'_>> = lists.iter().map(read).collect();
        let as_kept: Vec<Postings<'_>> = lists
            .iter()
            .zip(&packed)
            .map(|(rows, packed)| Postings::kept(packed, rows.iter().filter(|r| shows(r)).count()))
            .collect();
        // Once more at the end, since a query finds what the one before left.
        let [first, second, third] = [&as_read, &as_kept, &as_read].map(|lists| {
            let scores = corpus.score(lists.iter().map(|p| (p, corpus.weight(p.len()))));
            let mut found = scores.found.clone();
            found.sort_unstable();
            let rows = 0..u32::try_from(scores.by_row.len()).unwrap();
            let above = rows.clone().filter(|row| scores.of(*row) > 0.0);
            assert_eq!(found, above.collect::<Vec<u32>>());
            assert!(found.iter().all(shows));
            assert!(found.iter().all(|row| lists.iter().any(|list| list.hold(*row))));
            rows.take(lengths.len()).map(|row| scores.of(row)).collect::<Vec<f64>>()
        });
        assert_eq!((&first, &first), (&second, &third));
        first
    }

    #[test]
    fn rare_terms_and_short_texts_score_higher() {
        let scores = score(&[0, 11, 11, 101, 11], &[&[0, 1, 2, 3], &[2]]);
        assert!(scores[2] > scores[1]);
        assert!(scores[1] > scores[3]);
        assert_eq!((scores[0], scores[4]), (0.0, 0.0));
    }

    #[test]
    fn a_known_value_is_met() {
        // N = 2, df = 1, tf = 1, length = mean: idf = ln(1 + 1.5 / 1.5) = ln 2, times 2.2 / 2.2.
        let scores = score(&[6, 6], &[&[0]]);
        assert!((scores[0] - std::f64::consts::LN_2).abs() < 1e-12);
    }

    #[test]
    fn a_term_is_common_in_a_twentieth_of_many_fragments() {
        assert_eq!(common(100), 2_000);
        assert_eq!(common(100_000), 5_000);
    }
}
