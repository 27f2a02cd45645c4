//! Vectors with one byte for each component: a quarter of the memory traffic of floats, with a
//! bound on what rounding may have changed.
//!
//! By the Cauchy-Schwarz inequality a rounded product differs from the exact one by at most
//! `|q| |v - v'| + |q - q'| |v'|`, where the primes are what was rounded. Whoever looks again at
//! everything within that bound of the last place misses nothing.

use pulp::NullaryFnOnce;

/// What sums of a few hundred products of floats may be off by, several times over.
const FLOAT_SLACK: f32 = 2e-5;

/// Rounded vectors by row; rows without a vector are all zero.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    dimensions: usize,
    components: Vec<i8>,
    scales: Vec<Scale>,
}

/// What a row's bytes are to be multiplied by, and how far they are from the vector.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Scale {
    factor: f32,
    error: f32,
}

/// A query whose components are rounded to two bytes.
#[derive(Debug, Clone)]
pub(crate) struct ByteQuery {
    components: Vec<i16>,
    factor: f32,
    length: f32,
    error: f32,
}

/// The product of a query and a row, and by how much the exact one may differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rough {
    pub(crate) row: u32,
    pub(crate) product: f32,
    pub(crate) bound: f32,
}

impl Bytes {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Sets the vector of a row.
    pub(crate) fn set(&mut self, row: usize, vector: &[f32]) {
        if self.scales.len() <= row {
            self.scales.resize(row + 1, Scale::default());
            self.components.resize((row + 1) * self.dimensions, 0);
        }
        let from = row * self.dimensions;
        let slots = self.components.get_mut(from..from + self.dimensions).unwrap_or_default();
        let factor = largest(vector) / 127.0;
        if factor <= 0.0 || vector.len() != self.dimensions {
            return;
        }
        let mut error = 0.0;
        for (slot, component) in slots.iter_mut().zip(vector) {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
            let byte = (component / factor).round().clamp(-127.0, 127.0) as i8;
            *slot = byte;
            let off = component - f32::from(byte) * factor;
            error += off * off;
        }
        if let Some(scale) = self.scales.get_mut(row) {
            *scale = Scale { factor, error: error.sqrt() };
        }
    }

    /// Returns how many bytes of memory the vectors take.
    pub(crate) fn memory(&self) -> usize {
        self.components.capacity() + self.scales.capacity() * size_of::<Scale>()
    }

    /// Returns whether a row has a vector.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.scales.get(row).is_some_and(|scale| scale.factor > 0.0)
    }

    /// Calls `each` with the rough product of the query and of each of `rows` that has a vector.
    pub(crate) fn products(
        &self,
        query: &ByteQuery,
        rows: impl Iterator<Item = u32>,
        each: impl FnMut(Rough),
    ) {
        if query.components.len() != self.dimensions {
            return;
        }
        pulp::Arch::new().dispatch(Products { bytes: self, query, rows, each });
    }
}

/// How many rows are fetched from memory before the first of them is used.
pub(crate) const AHEAD: usize = 16;

struct Products<'v, R, E> {
    bytes: &'v Bytes,
    query: &'v ByteQuery,
    rows: R,
    each: E,
}

impl<R: Iterator<Item = u32>, E: FnMut(Rough)> NullaryFnOnce for Products<'_, R, E> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { bytes, query, mut rows, mut each } = self;
        loop {
            let mut few = [Stored::default(); AHEAD];
            let mut count = 0;
            let mut touched = 0;
            for (slot, row) in few.iter_mut().zip(rows.by_ref()) {
                count += 1;
                let place = row as usize;
                let Some(scale) = bytes.scales.get(place) else { continue };
                let from = place * bytes.dimensions;
                let components = bytes.components.get(from..from + bytes.dimensions);
                *slot = Stored { row, scale: *scale, components: components.unwrap_or_default() };
                touched ^= slot.touch();
            }
            if count == 0 {
                return;
            }
            std::hint::black_box(touched);
            for Stored { row, scale, components } in few {
                if scale.factor > 0.0 {
                    let product = sum_of_products(components, &query.components);
                    each(query.rough(row, product, scale));
                }
            }
        }
    }
}

/// A row before it is multiplied.
#[derive(Clone, Copy, Default)]
struct Stored<'v> {
    row: u32,
    scale: Scale,
    components: &'v [i8],
}

impl Stored<'_> {
    /// Reads one byte of each line of the cache, so that lines of many rows are on their way at once.
    #[inline(always)]
    fn touch(&self) -> i8 {
        self.components.iter().step_by(64).fold(0, |all, byte| all ^ byte)
    }
}

impl ByteQuery {
    /// Rounds a query.
    pub(crate) fn new(query: &[f32]) -> Self {
        let factor = (largest(query) / 32_767.0).max(f32::MIN_POSITIVE);
        let round = |component: &f32| {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
            let word = (component / factor).round().clamp(-32_767.0, 32_767.0) as i16;
            word
        };
        let components: Vec<i16> = query.iter().map(round).collect();
        let off = |(word, component): (&i16, &f32)| component - f32::from(*word) * factor;
        let error = components.iter().zip(query).map(off).map(|off| off * off).sum::<f32>().sqrt();
        let length = query.iter().map(|c| c * c).sum::<f32>().sqrt();
        Self { components, factor, length, error }
    }

    #[inline(always)]
    fn rough(&self, row: u32, product: i32, scale: Scale) -> Rough {
        #[expect(clippy::cast_precision_loss, reason = "the slack covers it")]
        let product = product as f32 * (self.factor * scale.factor);
        // No stored vector is longer than 1 by more than half precision can make it.
        let bound = self.length * scale.error + self.error * (1.01 + scale.error) + FLOAT_SLACK;
        Rough { row, product, bound }
    }
}

/// The products of pairs stay below 2^22 and a sum of 2^9 of them below 2^31.
#[inline(always)]
fn sum_of_products(stored: &[i8], query: &[i16]) -> i32 {
    let mut sum = 0;
    for (a, b) in stored.iter().zip(query) {
        sum += i32::from(i16::from(*a)) * i32::from(*b);
    }
    sum
}

fn largest(components: &[f32]) -> f32 {
    components.iter().fold(0.0, |largest, c| c.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use garner_kernel::Vector;
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::half;

    fn vectors(size: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
        let component = prop_oneof![4 => -1.0f32..1.0, 1 => Just(0.0), 1 => -0.001f32..0.001];
        let vector = proptest::collection::vec(component, size)
            .prop_filter_map("a vector has a length", Vector::normalized)
            .prop_map(|vector| half::decode(&half::encode(vector.as_slice())));
        proptest::collection::vec(vector, 1..12)
    }

    proptest! {
        #[test]
        fn the_exact_product_is_within_the_bound(vectors in vectors(40)) {
            let mut bytes = Bytes::new(40);
            for (row, vector) in vectors.iter().enumerate().skip(1) {
                bytes.set(row, vector);
            }
            let query = &vectors[0];
            let mut seen = 0;
            bytes.products(&ByteQuery::new(query), 0..20, |rough| {
                seen += 1;
                let vector = &vectors[rough.row as usize];
                let exact = half::dot(&half::encode(vector), query).unwrap();
                assert!((exact - rough.product).abs() <= rough.bound, "{rough:?} {exact}");
                assert!(rough.bound < 0.1);
            });
            prop_assert_eq!(seen, vectors.len() - 1);
            prop_assert!(!bytes.has(0) && !bytes.has(99));
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let stored = vec![-127i8; 512];
        assert_eq!(sum_of_products(&stored, &[32_767; 512]), -127 * 32_767 * 512);
    }
}
