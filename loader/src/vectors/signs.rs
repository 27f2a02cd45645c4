//! Vectors with one bit for each component: whether it is above the mean of all vectors.
//!
//! The number of bits in which two codes differ grows with the angle between the vectors, so the
//! codes nearest to the query's hold the nearest vectors, if enough of them are looked at again.

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
    bits: usize,
}

/// The distance of a row that does not count.
const NONE: u16 = u16::MAX;

impl Distances {
    /// Adds the rows from `first` on whose codes follow each other in `codes`, where `wanted` allows.
    pub(crate) fn add(
        &mut self,
        first: u32,
        codes: &[Word],
        query: &[Word],
        wanted: impl Fn(u32) -> bool,
    ) {
        self.bits = query.len() * 64;
        let distances = match query.len() {
            4 => scan::<4>(first, codes, query, wanted),
            6 => scan::<6>(first, codes, query, wanted),
            8 => scan::<8>(first, codes, query, wanted),
            12 => scan::<12>(first, codes, query, wanted),
            16 => scan::<16>(first, codes, query, wanted),
            words => (first..)
                .zip(codes.chunks_exact(words.max(1)))
                .map(|(row, code)| if wanted(row) { distance(code, query) } else { NONE })
                .collect(),
        };
        self.stretches.push((first, distances));
    }

    /// Returns at most `most` rows, the nearest ones, ascending; of equal ones the lower rows. And how
    /// many were looked at.
    pub(crate) fn nearest(&self, most: usize) -> (Vec<u32>, usize) {
        let counts = self.counts();
        let looked_at = counts.iter().sum();
        let (limit, mut at_limit) = limit(&counts, most);
        let mut rows = Vec::new();
        for (first, distances) in &self.stretches {
            for (row, distance) in (*first..).zip(distances) {
                if *distance < limit {
                    rows.push(row);
                } else if *distance == limit && at_limit > 0 && limit != NONE {
                    at_limit -= 1;
                    rows.push(row);
                }
            }
        }
        (rows, looked_at)
    }

    /// Returns how many rows are at each distance.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0usize; self.bits + 1];
        for distance in self.stretches.iter().flat_map(|(_, distances)| distances) {
            if let Some(count) = counts.get_mut(usize::from(*distance)) {
                *count += 1;
            }
        }
        counts
    }
}

/// Returns the distance of the last of the `most` nearest, and how many are taken at it.
fn limit(counts: &[usize], most: usize) -> (u16, usize) {
    let mut left = most;
    for (distance, count) in (0..).zip(counts) {
        if *count >= left {
            return (distance, left);
        }
        left -= count;
    }
    (NONE, 0)
}

/// Codes of a size that is known when this is compiled, which is faster.
fn scan<const WORDS: usize>(
    first: u32,
    codes: &[Word],
    query: &[Word],
    wanted: impl Fn(u32) -> bool,
) -> Vec<u16> {
    let Ok(query) = <&[Word; WORDS]>::try_from(query) else { return Vec::new() };
    let codes = codes.as_chunks::<WORDS>().0;
    let mut distances = vec![NONE; codes.len()];
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((row, code), slot) in (first..).zip(codes).zip(&mut distances) {
                if wanted(row) {
                    *slot = distance(code, query);
                }
            }
        },
    );
    distances
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
    if any == 0 { NONE } else { u16::try_from(bits).unwrap_or(NONE - 1) }
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
            let wanted = |row: u32| row != unwanted + 5;
            distances.add(5, &codes[..middle * words], &query, wanted);
            distances.add(5 + u32::try_from(middle).unwrap(), &codes[middle * words..], &query, wanted);
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
