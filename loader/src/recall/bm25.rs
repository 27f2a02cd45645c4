//! BM25 over the visible fragments only; a pure function of lengths and postings.
//!
//! The table holds every version of every channel. Statistics over all of it would move the scores
//! of one version whenever another one is loaded, so the number of fragments, their mean length and
//! each term's document frequency are those of the visible set.

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
const KEPT: usize = 2;

/// Where a term occurs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Postings {
    /// The position of the fragment among the visible ones, ascending, and how often it holds the
    /// term; a word of the context counts half.
    pub(crate) documents: Vec<(usize, f64)>,
}

/// The score of one fragment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lexical {
    pub(crate) score: f64,
    /// The share of the query's information that the matched terms carry.
    pub(crate) coverage: f64,
    /// The positions of the matched terms in the query.
    pub(crate) matched: Vec<usize>,
}

/// Returns which terms are searched for: all but the very common ones where rarer ones exist.
pub(crate) fn worth_searching(documents: usize, postings: &[Postings]) -> Vec<bool> {
    let limit = (documents / COMMON_SHARE).max(COMMON_FLOOR);
    let mut order: Vec<usize> = (0..postings.len()).collect();
    let frequency = |i: &usize| postings.get(*i).map_or(0, |p| p.documents.len());
    order.retain(|i| frequency(i) > 0);
    order.sort_by_key(|i| (frequency(i), *i));
    let mut worth = vec![false; postings.len()];
    for (rank, i) in order.iter().enumerate() {
        if let Some(slot) = worth.get_mut(*i) {
            *slot = rank < KEPT || frequency(i) <= limit;
        }
    }
    worth
}

/// Scores the fragments whose lengths are given by the terms that are worth searching.
pub(crate) fn score(lengths: &[u32], postings: &[Postings], worth: &[bool]) -> Vec<Lexical> {
    let mut scored = vec![Lexical::default(); lengths.len()];
    let documents = count(lengths.len());
    let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    let mean = (f64_from(total) / documents.max(1.0)).max(1.0);
    let weights: Vec<f64> = postings.iter().map(|p| idf(documents, p.documents.len())).collect();
    // A term that nothing holds carries as much as one that a single fragment holds.
    let information: f64 = postings.iter().map(|p| idf(documents, p.documents.len().max(1))).sum();
    for (term, ((posting, weight), worth)) in postings.iter().zip(&weights).zip(worth).enumerate() {
        if !worth {
            continue;
        }
        for (document, frequency) in &posting.documents {
            let (Some(slot), Some(length)) = (scored.get_mut(*document), lengths.get(*document))
            else {
                continue;
            };
            let norm = K1 * (1.0 - B + B * f64::from(*length) / mean);
            slot.score += weight * frequency * (K1 + 1.0) / (frequency + norm);
            slot.coverage += weight / information;
            slot.matched.push(term);
        }
    }
    scored
}

/// Returns how much a term tells apart; always above 0.
fn idf(documents: f64, frequency: usize) -> f64 {
    let frequency = count(frequency);
    ((documents - frequency + 0.5) / (frequency + 0.5)).ln_1p()
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

    fn postings(documents: &[usize]) -> Postings {
        Postings { documents: documents.iter().map(|d| (*d, 1.0)).collect() }
    }

    #[test]
    fn rare_terms_and_short_texts_score_higher() {
        let lengths = [10, 10, 100, 10];
        let terms = [postings(&[0, 1, 2]), postings(&[1])];
        let scored = score(&lengths, &terms, &[true, true]);
        assert!(scored[1].score > scored[0].score);
        assert!(scored[0].score > scored[2].score);
        assert_eq!(scored[3], Lexical::default());
        assert!((scored[1].coverage - 1.0).abs() < 1e-9);
        assert_eq!(scored[1].matched, [0, 1]);
    }

    #[test]
    fn a_known_value_is_met() {
        // N = 2, df = 1, tf = 1, length = mean: idf = ln(1 + 1.5 / 1.5) = ln 2, times 2.2 / 2.2.
        let scored = score(&[5, 5], &[postings(&[0])], &[true]);
        assert!((scored[0].score - std::f64::consts::LN_2).abs() < 1e-12);
    }

    #[test]
    fn common_terms_count_only_where_nothing_rarer_is() {
        let all: Vec<usize> = (0..5000).collect();
        let (common, rare, absent) = (postings(&all), postings(&[1]), postings(&[]));
        let check = |terms: &[&Postings], expected: &[bool]| {
            let terms: Vec<Postings> = terms.iter().map(|p| (*p).clone()).collect();
            assert_eq!(worth_searching(5000, &terms), expected);
        };
        check(&[&common], &[true]);
        check(&[&common, &rare, &absent], &[true, true, false]);
        check(&[&rare, &common, &rare], &[true, false, true]);
    }
}
