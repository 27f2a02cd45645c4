//! Unit vectors that lie as those of sentence embedders do: a common offset, subjects within
//! subjects, and a spectrum that decays in no direction of the axes.

use super::numbers::Numbers;

/// How many components each vector has, as those of all-MiniLM-L6-v2.
pub(crate) const DIMENSIONS: usize = 384;
/// How many subjects there are, and how many narrower ones within all of them.
const SUBJECTS: [usize; 2] = [64, 2_000];
/// The shares of offset, subject and narrower subject in the squared length; the rest is a text's
/// own.
const SHARES: [f32; 3] = [0.08, 0.22, 0.28];
/// Blocks that the rotation is made of.
const BLOCK: usize = 128;

/// Makes vectors from a seed.
pub(crate) struct Space {
    spread: Vec<f32>,
    offset: Vec<f32>,
    subjects: Vec<Vec<f32>>,
    narrower: Vec<Vec<f32>>,
    signs: [Vec<f32>; 2],
}

impl Space {
    pub(crate) fn new(seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let mut spread: Vec<f32> = (0..DIMENSIONS).map(|at| 1.0 / (at as f32 + 8.0)).collect();
        let total: f32 = spread.iter().sum();
        for share in &mut spread {
            *share = (*share / total).sqrt();
        }
        let [coarse, fine] = SUBJECTS;
        let [of_offset, of_subject, of_narrower] = SHARES.map(f32::sqrt);
        let offset = drawn(&mut numbers, &spread, of_offset);
        let subjects = (0..coarse).map(|_| drawn(&mut numbers, &spread, of_subject)).collect();
        let narrower = (0..fine).map(|_| drawn(&mut numbers, &spread, of_narrower)).collect();
        let mut signs =
            || (0..DIMENSIONS).map(|_| if numbers.below(2) == 0 { 1.0 } else { -1.0 }).collect();
        let signs = [signs(), signs()];
        Self { spread, offset, subjects, narrower, signs }
    }

    /// Returns a vector of a narrower subject, with so much of its own as `numbers` say.
    pub(crate) fn vector(&self, subject: usize, numbers: &mut Numbers) -> Vec<f32> {
        let own = (1.0 - SHARES.iter().sum::<f32>()).sqrt();
        // Some texts say what others say, some are about much else as well.
        let own = own * (0.45 + 0.8 * numbers.below(1_000) as f32 / 1_000.0);
        let mut vector = drawn(numbers, &self.spread, own);
        for part in [
            Some(&self.offset),
            self.subjects.get(subject % self.subjects.len()),
            self.narrower.get(subject % self.narrower.len()),
        ] {
            let part = part.into_iter().flatten();
            vector.iter_mut().zip(part).for_each(|(component, more)| *component += more);
        }
        self.rotate(&mut vector);
        scale(&mut vector);
        vector
    }

    /// Returns a vector near `of`: what a question about a text has in common with the text.
    pub(crate) fn near(&self, of: &[f32], numbers: &mut Numbers) -> Vec<f32> {
        let mut vector = drawn(numbers, &self.spread, 0.9);
        self.rotate(&mut vector);
        vector.iter_mut().zip(of).for_each(|(component, more)| *component += more);
        scale(&mut vector);
        vector
    }

    /// Turns the axes of the spectrum away from those of the components; lengths and angles stay.
    fn rotate(&self, vector: &mut Vec<f32>) {
        for signs in &self.signs {
            vector.iter_mut().zip(signs).for_each(|(component, sign)| *component *= sign);
            for block in vector.as_mut_slice().chunks_mut(BLOCK) {
                hadamard(block);
            }
            // Another block for each component: 5 and 384 have no divisor in common.
            *vector =
                (0..DIMENSIONS).filter_map(|at| vector.get(at * 5 % DIMENSIONS)).copied().collect();
        }
    }
}

/// Returns how many narrower subjects there are.
pub(crate) const fn subjects() -> u64 {
    SUBJECTS[1] as u64
}

/// Returns the dot product.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

/// Draws a vector with the given spectrum and about the given length.
fn drawn(numbers: &mut Numbers, spread: &[f32], length: f32) -> Vec<f32> {
    spread.iter().map(|spread| spread * length * normal(numbers)).collect()
}

/// Draws from nearly a normal distribution: the sum of four parts of one number.
fn normal(numbers: &mut Numbers) -> f32 {
    let drawn = numbers.draw();
    let sum = (drawn & 0xFFFF) + (drawn >> 16 & 0xFFFF) + (drawn >> 32 & 0xFFFF) + (drawn >> 48);
    (sum as f32 - 131_070.0) / 37_837.0
}

/// The Walsh-Hadamard transform, scaled so that lengths stay.
fn hadamard(block: &mut [f32]) {
    let mut half = 1;
    while half < block.len() {
        for pair in block.chunks_mut(half * 2) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (block.len() as f32).sqrt();
    for component in block {
        *component *= scale;
    }
}

fn scale(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    for component in vector {
        *component /= length;
    }
}
