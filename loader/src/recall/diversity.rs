//! Maximal marginal relevance, for near-duplicates only.
//!
//! Each next hit is the one with the best score after a factor for its likeness to the hits above
//! it. Likeness below the threshold costs nothing, so that hits on one topic stay together and only
//! repetitions of one statement make room for others.

use std::collections::BTreeSet;

use crate::recall::ranking::{self, Ranked};
use crate::recall::signals::Score;

/// Up to this likeness two hits do not repeat each other.
const THRESHOLD: f64 = 0.8;
/// What a full repetition costs.
const COST: f64 = 0.5;

/// What two hits are compared by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Look {
    /// The stored vector, of about length 1.
    Vector(Vec<f32>),
    /// The words of the statement.
    Words(BTreeSet<String>),
}

impl Look {
    /// Returns how alike two hits are, from 0 to 1; what cannot be compared is not alike.
    fn likeness(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Vector(a), Self::Vector(b)) => {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            }
            (Self::Words(a), Self::Words(b)) => jaccard(a, b),
            _ => 0.0,
        }
    }
}

fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let common = u32::try_from(a.intersection(b).count()).unwrap_or(u32::MAX);
    let all = u32::try_from(a.union(b).count()).unwrap_or(u32::MAX);
    if all == 0 { 0.0 } else { f64::from(common) / f64::from(all) }
}

/// Returns at most `limit` of the ranked hits, with those that repeat a better one further down.
pub(crate) fn diversify(pool: Vec<(Ranked, Look)>, limit: usize) -> Vec<Ranked> {
    // Each hit with its score so far; the factor can only fall as more hits are chosen.
    let mut rest: Vec<(Ranked, Look, Score)> = pool
        .into_iter()
        .map(|(ranked, look)| {
            let base = ranked.signals.total;
            (ranked, look, base)
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < limit && !rest.is_empty() {
        rest.sort_by(|a, b| ranking::order(&a.0.signals, a.0.id, &b.0.signals, b.0.id));
        let (best, look, _) = rest.remove(0);
        for (ranked, other, base) in &mut rest {
            let factor = factor(look.likeness(other)).min(ranked.signals.diversity.get());
            ranked.signals.diversity = Score::new(factor);
            ranked.signals.total = Score::new(base.get() * factor);
        }
        chosen.push(best);
    }
    chosen
}

fn factor(likeness: f64) -> f64 {
    let over = ((likeness - THRESHOLD) / (1.0 - THRESHOLD)).clamp(0.0, 1.0);
    1.0 - COST * over
}
