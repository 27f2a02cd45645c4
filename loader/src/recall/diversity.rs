//! Maximal marginal relevance, for near-duplicates only.
//!
//! Each next hit is the one with the best score after a factor for its likeness to the hits above
//! it. Likeness below the threshold costs nothing, so that hits on one topic stay together and only
//! repetitions of one statement make room for others.

use std::cmp::Ordering;

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

/// A hit, what it is compared by once it was compared, and its score alone.
struct Waiting {
    ranked: Ranked,
    base: Score,
    look: Option<Look>,
    /// With how many of the chosen ones it was compared.
    compared: usize,
}

impl Waiting {
    fn new(ranked: Ranked) -> Self {
        let base = ranked.signals.total;
        Self { ranked, base, look: None, compared: 0 }
    }

    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.ranked, &other.ranked);
        ranking::order(&a.signals, a.id, &b.signals, b.id)
    }

    fn look<E>(&mut self, of: &mut impl FnMut(u32) -> Result<Look, E>) -> Result<&Look, E> {
        let look = match self.look.take() {
            Some(look) => look,
            None => of(self.ranked.row)?,
        };
        Ok(self.look.insert(look))
    }

    /// Lowers the score where it repeats one of those that were chosen since it was compared.
    fn compare<E>(
        &mut self,
        chosen: &mut [Self],
        of: &mut impl FnMut(u32) -> Result<Look, E>,
    ) -> Result<(), E> {
        let since = std::mem::replace(&mut self.compared, chosen.len());
        let mut least = self.ranked.signals.diversity.get();
        let look = self.look(of)?;
        for other in chosen.iter_mut().skip(since) {
            least = least.min(factor(look.likeness(other.look(of)?)));
        }
        self.ranked.signals.diversity = Score::new(least);
        self.ranked.signals.total = Score::new(self.base.get() * least);
        Ok(())
    }
}

/// Returns at most `limit` of the ranked hits, with those that repeat a better one further down.
///
/// Comparing only lowers a score, so a hit is compared when it would be the next one: most never are.
pub(crate) fn diversify<E>(
    pool: Vec<Ranked>,
    limit: usize,
    mut look: impl FnMut(u32) -> Result<Look, E>,
) -> Result<Vec<Ranked>, E> {
    // The last one is the best, so that it is taken without moving the others.
    let mut rest: Vec<Waiting> = pool.into_iter().rev().map(Waiting::new).collect();
    rest.sort_by(|a, b| b.order(a));
    let mut chosen: Vec<Waiting> = Vec::with_capacity(limit.min(rest.len()));
    while chosen.len() < limit
        && let Some(mut next) = rest.pop()
    {
        if next.compared == chosen.len() {
            chosen.push(next);
            continue;
        }
        next.compare(&mut chosen, &mut look)?;
        let place = rest.partition_point(|other| other.order(&next).is_gt());
        rest.insert(place, next);
    }
    Ok(chosen.into_iter().map(|waiting| waiting.ranked).collect())
}

fn factor(likeness: f64) -> f64 {
    let over = ((likeness - THRESHOLD) / (1.0 - THRESHOLD)).clamp(0.0, 1.0);
    1.0 - COST * over
}
