//! From candidates to an order: fusion of words and vectors, then bounded priors.
//!
//! A pure function of query, candidates and the present. Every prior is bounded, so that it can
//! reorder what is about equally relevant and never buries what is clearly more relevant: a decay
//! that multiplies without bound loses more answers than it saves. Ties go by id.

use garner_kernel::{Class, Confidence, FragmentId, Kind, Moment, Trust};

use crate::recall::beside::Beside;
use crate::recall::query::{Query, Ranking, Weights};
use crate::recall::signals::{Score, Signals};

/// The constant of reciprocal rank fusion.
const RRF_K: f64 = 60.0;
/// What is left of the prior of a fragment whose freshness is spent.
const STALE: f64 = 0.85;
/// What is left of the prior of a fragment with no confidence.
const UNSURE: f64 = 0.95;

/// What a candidate is, and what its words and vector say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// The row of the fragment.
    pub(crate) row: u32,
    pub(crate) id: FragmentId,
    pub(crate) kind: Kind,
    pub(crate) trust: Trust,
    pub(crate) confidence: Confidence,
    pub(crate) created: Moment,
    pub(crate) bm25: f64,
    pub(crate) cosine: Option<f64>,
    /// The rows that stand beside it in its session, where it is too short to stand alone.
    pub(crate) beside: Beside,
}

/// A candidate with the signals that rank it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) row: u32,
    pub(crate) id: FragmentId,
    pub(crate) signals: Signals,
}

/// Returns the `most` best of the candidates that say something about the query, the best first.
pub(crate) fn rank(candidates: &[Candidate], query: &Query, most: usize) -> Vec<Ranked> {
    let relevances = relevances(candidates, query);
    let best = best_bm25(candidates);
    let support = support(candidates, &relevances, query.weights);
    let weigh = |candidate, relevance| Weighed::of(candidate, relevance, query.now);
    let mut list: Vec<(f64, &Candidate, (f64, f64))> = Vec::with_capacity(candidates.len());
    for (candidate, relevance) in candidates.iter().zip(relevances.into_iter().zip(support)) {
        if relevance.0 + relevance.1 > 0.0 {
            list.push((weigh(candidate, relevance).total, candidate, relevance));
        }
    }
    // All else that was weighed is worked out again for the few that are kept.
    let order = |a: &(f64, &Candidate, _), b: &(f64, &Candidate, _)| {
        b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id))
    };
    if let Some(last) = most.checked_sub(1).filter(|last| *last < list.len()) {
        list.select_nth_unstable_by(last, order);
    }
    list.truncate(most);
    list.sort_unstable_by(order);
    let ranked = |(_, candidate, relevance)| weigh(candidate, relevance).ranked(candidate, best);
    list.into_iter().map(ranked).collect()
}

/// Returns the relevance of each candidate alone.
pub(crate) fn relevances(candidates: &[Candidate], query: &Query) -> Vec<f64> {
    match query.ranking {
        Ranking::Fusion => fusion(candidates, query.weights),
        Ranking::Rrf => reciprocal_ranks(candidates),
    }
}

/// Returns what the fragments near each candidate add to it: a part of the way to the best relevance
/// beside it, or to the best beyond that. So what is near a hit comes up and never passes it.
fn support(candidates: &[Candidate], relevances: &[f64], weights: Weights) -> Vec<f64> {
    if candidates.iter().all(|candidate| candidate.beside == [None; 2]) {
        return vec![0.0; candidates.len()];
    }
    let mut places: Vec<(u32, usize)> = candidates.iter().map(|c| c.row).zip(0..).collect();
    places.sort_unstable();
    let place = |row: u32| {
        let found = places.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        places.get(found).map(|(_, place)| *place)
    };
    let near = |candidate: &Candidate| candidate.beside.map(|row| place(row?));
    let beside: Vec<[Option<usize>; 2]> = candidates.iter().map(near).collect();
    let beside_of =
        |place: usize| beside.get(place).copied().unwrap_or_default().into_iter().flatten();
    let support = |(place, relevance): (usize, &f64)| {
        let towards = |share: f64, other: usize| {
            share * (relevances.get(other).copied().unwrap_or_default() - relevance)
        };
        let mut support = 0.0;
        for neighbour in beside_of(place) {
            support = f64::max(support, towards(weights.beside, neighbour));
            for beyond in beside_of(neighbour).filter(|beyond| *beyond != place) {
                support = f64::max(support, towards(weights.beyond, beyond));
            }
        }
        support
    };
    relevances.iter().enumerate().map(support).collect()
}

/// Returns the order of two hits: by the total, then by id.
pub(crate) fn order(
    a: &Signals,
    a_id: FragmentId,
    b: &Signals,
    b_id: FragmentId,
) -> std::cmp::Ordering {
    b.total.get().total_cmp(&a.total.get()).then_with(|| a_id.cmp(&b_id))
}

fn best_bm25(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|c| c.bm25).fold(0.0, f64::max)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Weighs the cosine against the BM25 score as a share of the best one.
fn fusion(candidates: &[Candidate], Weights { vector, .. }: Weights) -> Vec<f64> {
    let best = best_bm25(candidates);
    let has_vectors = candidates.iter().any(|c| c.cosine.is_some());
    let relevance = |c: &Candidate| {
        let keywords = share(c.bm25, best);
        let cosine = c.cosine.unwrap_or(0.0).max(0.0);
        if has_vectors { vector * cosine + (1.0 - vector) * keywords } else { keywords }
    };
    candidates.iter().map(relevance).collect()
}

/// Adds the reciprocal ranks of a candidate in the list by words and in the list by vectors.
fn reciprocal_ranks(candidates: &[Candidate]) -> Vec<f64> {
    let mut sums = vec![0.0; candidates.len()];
    let words = |c: &Candidate| Some(c.bm25).filter(|score| *score > 0.0);
    let vectors = |c: &Candidate| c.cosine.filter(|cosine| *cosine > 0.0);
    add_ranks(&mut sums, candidates, words);
    add_ranks(&mut sums, candidates, vectors);
    sums
}

fn add_ranks(
    sums: &mut [f64],
    candidates: &[Candidate],
    score: impl Fn(&Candidate) -> Option<f64>,
) {
    let mut list: Vec<(f64, FragmentId, usize)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(i, c)| score(c).map(|score| (score, c.id, i)))
        .collect();
    list.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut rank = RRF_K;
    for (_, _, i) in list {
        rank += 1.0;
        if let Some(sum) = sums.get_mut(i) {
            *sum += 1.0 / rank;
        }
    }
}

/// A candidate's total and what it is made of.
struct Weighed {
    relevance: f64,
    support: f64,
    age_days: u32,
    freshness: f64,
    freshness_prior: f64,
    trust_prior: f64,
    confidence_prior: f64,
    total: f64,
}

impl Weighed {
    /// Weighs a candidate by its own relevance and what stands beside it.
    fn of(candidate: &Candidate, (relevance, support): (f64, f64), now: Moment) -> Self {
        let age_days = candidate.created.days_until(now);
        let freshness = freshness(candidate.kind.class(), age_days);
        let freshness_prior = STALE + (1.0 - STALE) * freshness;
        let trust_prior = trust_prior(candidate.trust);
        let sure = f64::from(candidate.confidence.as_percent()) / 100.0;
        let confidence_prior = UNSURE + (1.0 - UNSURE) * sure;
        let total = (relevance + support) * freshness_prior * trust_prior * confidence_prior;
        Self {
            relevance,
            support,
            age_days,
            freshness,
            freshness_prior,
            trust_prior,
            confidence_prior,
            total,
        }
    }

    fn ranked(self, candidate: &Candidate, best: f64) -> Ranked {
        let signals = Signals {
            bm25: Score::new(candidate.bm25),
            keywords: Score::new(share(candidate.bm25, best)),
            cosine: candidate.cosine.map(Score::new),
            coverage: Score::new(0.0),
            relevance: Score::new(self.relevance),
            support: Score::new(self.support),
            age_days: self.age_days,
            freshness: Score::new(self.freshness),
            freshness_prior: Score::new(self.freshness_prior),
            trust: candidate.trust,
            trust_prior: Score::new(self.trust_prior),
            confidence: candidate.confidence,
            confidence_prior: Score::new(self.confidence_prior),
            diversity: Score::new(1.0),
            total: Score::new(self.total),
            matched: Vec::new(),
        };
        Ranked { row: candidate.row, id: candidate.id, signals }
    }
}

/// Returns what is left after `age_days` of a class's half-life.
fn freshness(class: Class, age_days: u32) -> f64 {
    let fade = |half_life| (-f64::from(age_days) / f64::from(half_life)).exp2();
    class.half_life_days().map_or(1.0, fade)
}

/// Returns the factor of a trust: who types weighs as much as who operates.
const fn trust_prior(trust: Trust) -> f64 {
    match trust {
        Trust::Operator | Trust::Human => 1.0,
        Trust::Assistant => 0.97,
        Trust::Digest => 0.94,
        Trust::Tool => 0.9,
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::Digest;

    use super::*;

    fn candidate(name: &str, bm25: f64, cosine: Option<f64>) -> Candidate {
        Candidate {
            row: 0,
            id: FragmentId::new(Digest::of(name.as_bytes())),
            kind: Kind::Fact,
            trust: Trust::Human,
            confidence: Confidence::percent(100),
            created: Moment::from_unix(0),
            bm25,
            cosine,
            beside: Beside::default(),
        }
    }

    fn query(days: u32) -> Query {
        let weights = Weights { vector: 0.65, beside: 0.2, beyond: 0.1, ..Weights::default() };
        Query { weights, ..Query::new("", Moment::from_unix(0).plus_days(days)) }
    }

    fn ranks(candidates: &[Candidate], ranking: Ranking, days: u32) -> Vec<(String, f64)> {
        rank(candidates, &Query { ranking, ..query(days) }, 99)
            .into_iter()
            .map(|r| (r.id.short(), r.signals.total.get()))
            .collect()
    }

    fn name(text: &str) -> String {
        FragmentId::new(Digest::of(text.as_bytes())).short()
    }

    #[test]
    fn words_and_vectors_are_fused() {
        let list = vec![
            candidate("words", 8.0, Some(0.1)),
            candidate("vector", 0.0, Some(0.9)),
            candidate("both", 4.0, Some(0.8)),
            candidate("neither", 0.0, Some(-0.5)),
        ];
        let ranked = ranks(&list, Ranking::Fusion, 0);
        let names: Vec<_> = ranked.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, [name("both"), name("vector"), name("words")]);
        assert!((ranked[0].1 - (0.65 * 0.8 + 0.35 * 0.5)).abs() < 1e-9);
    }

    #[test]
    fn without_vectors_words_decide_alone() {
        let list = vec![candidate("a", 8.0, None), candidate("b", 4.0, None)];
        assert_eq!(ranks(&list, Ranking::Fusion, 0), [(name("a"), 1.0), (name("b"), 0.5)]);
    }

    #[test]
    fn a_short_fragment_gains_by_what_stands_beside_it() {
        let question = Candidate { row: 1, ..candidate("question", 8.0, Some(0.8)) };
        let answer =
            Candidate { row: 2, beside: [Some(1), Some(7)], ..candidate("answer", 0.0, None) };
        let ranked = rank(&[question, answer], &query(0), 99);
        let own = 0.65 * 0.8 + 0.35;
        let [first, second] = &ranked[..] else { panic!() };
        assert!((first.signals.total.get() - own).abs() < 1e-9);
        assert_eq!((second.row, second.signals.relevance.get()), (2, 0.0));
        assert!((second.signals.support.get() - 0.2 * own).abs() < 1e-9);
    }

    #[test]
    fn what_stands_beyond_a_neighbour_counts_less_and_never_itself() {
        let question =
            Candidate { row: 1, beside: [Some(2), None], ..candidate("question", 8.0, None) };
        let between =
            Candidate { row: 2, beside: [Some(1), Some(3)], ..candidate("between", 0.0, None) };
        let answer =
            Candidate { row: 3, beside: [Some(2), None], ..candidate("answer", 0.0, None) };
        let ranked = rank(&[question, between, answer], &query(0), 99);
        let found: Vec<_> = ranked.iter().map(|r| (r.row, r.signals.total.get())).collect();
        assert_eq!(found, [(1, 1.0), (2, 0.2), (3, 0.1)]);
    }

    #[test]
    fn rank_fusion_counts_places() {
        let list = vec![candidate("a", 8.0, Some(0.1)), candidate("b", 1.0, Some(0.9))];
        let ranked = ranks(&list, Ranking::Rrf, 0);
        assert!((ranked[0].1 - (1.0 / 61.0 + 1.0 / 62.0)).abs() < 1e-12);
        assert!((ranked[0].1 - ranked[1].1).abs() < 1e-12);
        assert!(ranked[0].0 < ranked[1].0, "ties go by id");
    }

    #[test]
    fn age_is_a_bounded_prior() {
        let at = |days| ranks(&[candidate("a", 1.0, None)], Ranking::Fusion, days)[0].1;
        assert!((at(0) - 1.0).abs() < 1e-12);
        assert!((at(69) - 0.925).abs() < 1e-12);
        assert!((at(100_000) - 0.85).abs() < 1e-9);
        let rule = Candidate { kind: Kind::Rule, ..candidate("r", 1.0, None) };
        assert!((ranks(&[rule], Ranking::Fusion, 1000)[0].1 - 1.0).abs() < 1e-12);
    }
}
