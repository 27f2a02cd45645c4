//! Vectors in half precision, as the store keeps them: little-endian, two bytes for each component.

use half::f16;
use pulp::NullaryFnOnce;

use super::{LANES, add_up};

/// Returns the components as they are stored.
pub(crate) fn encode(components: &[f32]) -> Vec<u8> {
    components.iter().flat_map(|c| f16::from_f32(*c).to_le_bytes()).collect()
}

/// Returns the components that [`encode`] wrote.
pub(crate) fn decode(stored: &[u8]) -> Vec<f32> {
    let mut components = vec![0.0; stored.len() / 2];
    pulp::Arch::new().dispatch(Widen { stored: stored.as_chunks::<2>().0, into: &mut components });
    components
}

struct Widen<'v> {
    stored: &'v [[u8; 2]],
    into: &'v mut [f32],
}

impl NullaryFnOnce for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (slot, pair) in self.into.iter_mut().zip(self.stored) {
            *slot = widen(*pair);
        }
    }
}

/// Returns the dot product of a stored vector and `query`; `None` unless they have the same size.
pub(crate) fn dot(stored: &[u8], query: &[f32]) -> Option<f32> {
    let (pairs, rest) = stored.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != query.len() {
        return None;
    }
    Some(pulp::Arch::new().dispatch(Dot { pairs, query }))
}

struct Dot<'v> {
    pairs: &'v [[u8; 2]],
    query: &'v [f32],
}

impl NullaryFnOnce for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        sum_of_products(self.pairs, self.query)
    }
}

#[inline(always)]
fn sum_of_products(stored: &[[u8; 2]], query: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (blocks, rest) = stored.as_chunks::<LANES>();
    let (queries, query_rest) = query.as_chunks::<LANES>();
    for (block, query) in blocks.iter().zip(queries) {
        let mut wide = [0.0f32; LANES];
        for (slot, pair) in wide.iter_mut().zip(block) {
            *slot = widen(*pair);
        }
        for ((lane, component), q) in lanes.iter_mut().zip(wide).zip(query) {
            *lane += component * q;
        }
    }
    for ((lane, pair), q) in lanes.iter_mut().zip(rest).zip(query_rest) {
        *lane += widen(*pair) * q;
    }
    add_up(lanes)
}

/// Returns a half as a float, exactly; written so that a loop over it needs no branch and no
/// instruction that not every machine has.
///
/// The exponent of a half counts from 15 and that of a float from 127: moved into place and
/// multiplied by 2^112, numbers below the normal ones come out right as well. Components of unit
/// vectors are finite, so infinities need no care.
#[inline(always)]
fn widen(pair: [u8; 2]) -> f32 {
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(u16::from_le_bytes(pair));
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * SCALE;
    f32::from_bits(magnitude.to_bits() | ((bits & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_finite_half_is_widened_exactly() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(widen(bits.to_le_bytes()).to_bits(), half.to_f32().to_bits(), "{bits}");
            }
        }
    }

    #[test]
    fn sizes_have_to_agree() {
        assert_eq!(dot(&encode(&[1.0, 2.0]), &[3.0, 0.5]), Some(4.0));
        assert_eq!(dot(&encode(&[1.0]), &[3.0, 0.5]), None);
        assert_eq!(dot(&[0; 3], &[3.0]), None);
        assert_eq!(decode(&encode(&[1.0, -0.25])), [1.0, -0.25]);
    }

    proptest! {
        #[test]
        fn the_dot_product_is_the_sum_of_products(
            pairs in proptest::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..100),
        ) {
            let (stored, query): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let stored = encode(&stored);
            let plain: f64 =
                decode(&stored).iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((f64::from(dot(&stored, &query).unwrap()) - plain).abs() < 1e-4);
        }
    }
}
