//! Maximal marginal relevance, for near-duplicates only.
//!
//! Each next hit is the one with the best score after a factor for its likeness to the hits above
//! it. Likeness below the threshold costs nothing, so that hits on one topic stay together and only
//! repetitions of one statement make room for others.

use crate::recall::ranking::{self, Ranked};
use crate::recall::signals::Score;
use crate::vectors;

/// Up to this likeness two hits do not repeat each other.
const THRESHOLD: f64 = 0.8;
/// What a full repetition costs.
const COST: f64 = 0.5;

/// The constants of the hash FNV-1a with 64 bits (RFC 9923): fast, and enough to tell words apart.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What two hits are compared by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Look {
    /// The stored vector, of about length 1.
    Vector(Vec<f32>),
    /// Hashes of the words of the statement, ascending and each once.
    Words(Vec<u64>),
}

impl Look {
    /// Looks at the words of a statement.
    pub(crate) fn words(statement: &str) -> Self {
        let hash = |word: &str| {
            let fold = |hash: u64, byte: u8| {
                (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FNV_PRIME)
            };
            word.bytes().fold(FNV_OFFSET, fold)
        };
        let words = statement.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut hashes: Vec<u64> = words.map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self::Words(hashes)
    }

    /// Returns how alike two hits are, from 0 to 1; what cannot be compared is not alike.
    fn likeness(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Vector(a), Self::Vector(b)) => f64::from(vectors::dot(a, b)),
            (Self::Words(a), Self::Words(b)) => jaccard(a, b),
            _ => 0.0,
        }
    }
}

/// Returns which share of the words of both is in both.
fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut common, mut rest) = (0u32, b);
    for word in a {
        while let Some((first, after)) = rest.split_first().filter(|(first, _)| *first <= word) {
            common += u32::from(first == word);
            rest = after;
        }
    }
    let all = u32::try_from(a.len() + b.len()).unwrap_or(u32::MAX) - common;
    if all == 0 { 0.0 } else { f64::from(common) / f64::from(all) }
}

/// A hit that was not chosen yet, what it is compared by, and its score alone.
type Candidate = (Ranked, Look, Score);

/// Returns at most `limit` of the ranked hits, with those that repeat a better one further down.
pub(crate) fn diversify(pool: Vec<(Ranked, Look)>, limit: usize) -> Vec<Ranked> {
    // Each hit with its score so far; the factor can only fall as more hits are chosen.
    let mut rest: Vec<Candidate> = pool
        .into_iter()
        .map(|(ranked, look)| {
            let base = ranked.signals.total;
            (ranked, look, base)
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < limit {
        let order = |(_, a): &(usize, &Candidate), (_, b): &(usize, &Candidate)| {
            ranking::order(&a.0.signals, a.0.id, &b.0.signals, b.0.id)
        };
        let Some((place, _)) = rest.iter().enumerate().min_by(order) else { break };
        let (best, look, _) = rest.swap_remove(place);
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
