//! Vectors with one bit for each component: whether it is above the mean of all vectors.
//!
//! The number of bits in which two codes differ grows with the angle between the vectors, so the
//! codes nearest to the query's hold the nearest vectors, if enough of them are looked at again.

use pulp::NullaryFnOnce;

/// A code in pieces of eight bytes.
pub(crate) type Word = [u8; 8];

/// How many words the code of a vector has.
pub(crate) const fn words(dimensions: usize) -> usize {
    dimensions.div_ceil(64)
}

/// Returns the code of a vector; it is never all zero, which stands for none.
pub(crate) fn encode(vector: &[f32], mean: &[f32]) -> Vec<Word> {
    let pairs: Vec<bool> = vector.iter().zip(mean).map(|(v, m)| v > m).collect();
    let word = |bits: &[bool]| {
        let set = |word: u64, (i, bit): (usize, &bool)| word | (u64::from(*bit) << i);
        bits.iter().enumerate().fold(0, set).to_le_bytes()
    };
    let mut code: Vec<Word> = pairs.chunks(64).map(word).collect();
    if let Some(first) = code.first_mut()
        && pairs.iter().all(|bit| !bit)
    {
        *first = 1u64.to_le_bytes();
    }
    code
}

/// How far rows are from a query, in bits.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    /// The first row and the distances of those that follow it.
    stretches: Vec<(u32, Vec<u16>)>,
    bits: u16,
}

/// The distance of a row that does not count.
const NONE: u16 = u16::MAX;

impl Distances {
    /// Adds the rows from `first` on whose codes follow each other in `codes`; those count whose place
    /// in `allowed` holds more than 0.
    pub(crate) fn add(&mut self, first: u32, codes: &[Word], query: &[Word], allowed: &[u32]) {
        self.bits = u16::try_from(query.len() * 64).unwrap_or(NONE - 1);
        let mut distances = match query.len() {
            4 => scan::<4>(codes, query),
            6 => scan::<6>(codes, query),
            8 => scan::<8>(codes, query),
            12 => scan::<12>(codes, query),
            16 => scan::<16>(codes, query),
            words => codes.chunks_exact(words.max(1)).map(|code| distance(code, query)).collect(),
        };
        let allowed = allowed.get(first as usize..).unwrap_or_default();
        pulp::Arch::new().dispatch(Hide { distances: &mut distances, allowed });
        self.stretches.push((first, distances));
    }

    /// Returns at most `most` rows, the nearest ones, ascending; of equal ones the lower rows. And how
    /// many were looked at.
    pub(crate) fn nearest(&self, most: usize) -> (Vec<u32>, usize) {
        let looked_at = self.within(NONE - 1);
        if most == 0 {
            return (Vec::new(), looked_at);
        }
        let limit = self.limit(most);
        // Of those at the limit as many are taken as there is room for.
        let mut at_limit = most - limit.checked_sub(1).map_or(0, |below| self.within(below));
        let mut rows = Vec::with_capacity(most.min(looked_at));
        for (first, distances) in &self.stretches {
            for (from, group) in (*first..).step_by(GROUP).zip(distances.chunks(GROUP)) {
                if group.iter().fold(NONE, |least, distance| least.min(*distance)) > limit {
                    continue;
                }
                for (row, distance) in (from..).zip(group) {
                    if *distance < limit || (*distance == limit && at_limit > 0) {
                        at_limit -= usize::from(*distance == limit);
                        rows.push(row);
                    }
                }
            }
        }
        (rows, looked_at)
    }

    /// Returns the distance of the last of the `most` nearest.
    fn limit(&self, most: usize) -> u16 {
        // Counting is so much faster than sorting or tabulating that a dozen counts are, too.
        let (mut below, mut limit) = (0, self.bits);
        while below < limit {
            let middle = below.midpoint(limit);
            if self.within(middle) >= most {
                limit = middle;
            } else {
                below = middle + 1;
            }
        }
        limit
    }

    /// Returns how many rows are at most so far away.
    fn within(&self, limit: u16) -> usize {
        let count = |(_, distances): &(u32, Vec<u16>)| {
            pulp::Arch::new().dispatch(Within { distances, limit })
        };
        self.stretches.iter().map(count).sum()
    }
}

/// How many rows are passed over at once where none of them is near.
const GROUP: usize = 16;

/// Codes of a size that is known when this is compiled, which is faster.
fn scan<const WORDS: usize>(codes: &[Word], query: &[Word]) -> Vec<u16> {
    let Ok(query) = <&[Word; WORDS]>::try_from(query) else { return Vec::new() };
    let codes = codes.as_chunks::<WORDS>().0;
    let mut distances = vec![NONE; codes.len()];
    pulp::Arch::new().dispatch(Scan { codes, query, into: &mut distances });
    distances
}

struct Scan<'v, const WORDS: usize> {
    codes: &'v [[Word; WORDS]],
    query: &'v [Word; WORDS],
    into: &'v mut [u16],
}

impl<const WORDS: usize> NullaryFnOnce for Scan<'_, WORDS> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (code, slot) in self.codes.iter().zip(self.into) {
            *slot = distance(code, self.query);
        }
    }
}

/// Takes rows out that are not allowed; a pass of its own is faster than to ask before each distance.
struct Hide<'v> {
    distances: &'v mut [u16],
    allowed: &'v [u32],
}

impl NullaryFnOnce for Hide<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let known = self.allowed.len().min(self.distances.len());
        let (known, unknown) = self.distances.split_at_mut(known);
        for (distance, allowed) in known.iter_mut().zip(self.allowed) {
            *distance |= if *allowed == 0 { NONE } else { 0 };
        }
        unknown.fill(NONE);
    }
}

struct Within<'v> {
    distances: &'v [u16],
    limit: u16,
}

impl NullaryFnOnce for Within<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        // Sums of two bytes have room for a block, and are added up many at once.
        let in_block = |block: &[u16]| {
            let near: u16 = block.iter().map(|distance| u16::from(*distance <= self.limit)).sum();
            usize::from(near)
        };
        self.distances.chunks(1 << 12).map(in_block).sum()
    }
}

#[inline(always)]
fn distance(code: &[Word], query: &[Word]) -> u16 {
    let mut any = 0;
    let mut bits = 0;
    for (a, b) in code.iter().zip(query) {
        let (a, b) = (u64::from_le_bytes(*a), u64::from_le_bytes(*b));
        any |= a;
        bits += (a ^ b).count_ones();
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just made to fit")]
    let bits = bits.min(u32::from(NONE - 1)) as u16;
    if any == 0 { NONE } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_never_empty() {
        assert_eq!(encode(&[0.0; 70], &[1.0; 70]), [1u64.to_le_bytes(), [0; 8]]);
        assert_eq!(encode(&[0.0, 2.0, 0.5], &[1.0, 1.0, 0.0]), [6u64.to_le_bytes()]);
        assert_eq!(words(384), 6);
        assert_eq!(words(1), 1);
    }

    proptest! {
        #[test]
        fn the_nearest_codes_are_found(
            words in prop_oneof![Just(1usize), Just(4), Just(6), Just(7)],
            seeds in proptest::collection::vec(any::<u64>(), 2..40),
            most in 0usize..50,
            unwanted in 0u32..40,
            last in 5u32..60,
        ) {
            // Few bits differ, so that distances repeat.
            let code = |seed: &u64| {
                let seed = *seed;
                (0..words).map(move |w| ((seed >> w) & 3 | 1 << 40).to_le_bytes())
            };
            let query: Vec<Word> = code(&seeds[0]).collect();
            let codes: Vec<Word> = seeds[1..].iter().flat_map(code).collect();
            let mut distances = Distances::default();
            let middle = (seeds.len() - 1) / 2;
            let wanted = |row: u32| row != unwanted + 5 && row < last;
            let allowed: Vec<u32> = (0..last).map(|row| u32::from(wanted(row))).collect();
            let (before, after) = codes.split_at(middle * words);
            distances.add(5, before, &query, &allowed);
            distances.add(5 + u32::try_from(middle).unwrap(), after, &query, &allowed);
            let mut all: Vec<(u16, u32)> = (5..)
                .zip(codes.chunks(words))
                .map(|(row, code)| (distance(code, &query), row))
                .filter(|(_, row)| wanted(*row))
                .collect();
            let all_of_them = all.len();
            all.sort_unstable();
            all.truncate(most);
            let mut expected: Vec<u32> = all.into_iter().map(|(_, row)| row).collect();
            expected.sort_unstable();
            let (found, looked_at) = distances.nearest(most);
            prop_assert_eq!(found, expected);
            prop_assert_eq!(looked_at, all_of_them);
        }
    }
}
