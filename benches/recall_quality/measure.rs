//! From lists of hits to shares.

use std::collections::BTreeSet;

use garner_kernel::FragmentId;

/// How many hits are looked at for each share.
pub(crate) const DEPTHS: [usize; 4] = [1, 5, 10, 20];
/// How many hits are asked for.
pub(crate) const LIMIT: usize = 20;

/// Sums over questions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) questions: u32,
    recall: [f64; DEPTHS.len()],
    hits: f64,
    reciprocal: f64,
    /// Questions whose list has something stale above everything right, or without it.
    pub(crate) stale: u32,
}

impl Tally {
    /// Counts one question by its hits, the best first.
    pub(crate) fn add(
        &mut self,
        hits: &[FragmentId],
        gold: &BTreeSet<FragmentId>,
        stale: &BTreeSet<FragmentId>,
    ) {
        self.questions += 1;
        let found = |depth: usize| hits.iter().take(depth).filter(|id| gold.contains(id)).count();
        for (sum, depth) in self.recall.iter_mut().zip(DEPTHS) {
            *sum += number(found(depth)) / number(gold.len());
        }
        self.hits += f64::from(u8::from(found(10) > 0));
        let place = hits.iter().position(|id| gold.contains(id));
        self.reciprocal += place.map_or(0.0, |place| 1.0 / number(place + 1));
        let old = hits.iter().position(|id| stale.contains(id));
        self.stale += u32::from(old.is_some_and(|old| place.is_none_or(|place| old < place)));
    }

    /// Returns a number of questions for which nothing was found.
    pub(crate) fn missed(questions: u32) -> Self {
        Self { questions, ..Self::default() }
    }

    /// Returns the sums of both.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.questions += other.questions;
        for (sum, more) in self.recall.iter_mut().zip(other.recall) {
            *sum += more;
        }
        self.hits += other.hits;
        self.reciprocal += other.reciprocal;
        self.stale += other.stale;
        self
    }

    /// Returns the share of the right fragments that are among the first hits, for each depth.
    pub(crate) fn recall(&self) -> [f64; DEPTHS.len()] {
        self.recall.map(|sum| self.share(sum))
    }

    /// Returns the share of questions with something right among the first ten hits.
    pub(crate) fn hit(&self) -> f64 {
        self.share(self.hits)
    }

    /// Returns the mean of one over the place of the first right hit.
    pub(crate) fn mrr(&self) -> f64 {
        self.share(self.reciprocal)
    }

    fn share(&self, sum: f64) -> f64 {
        sum / f64::from(self.questions.max(1))
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
