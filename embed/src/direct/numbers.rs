//! What happens to numbers between the products: exponentials, GELU, sums.
//!
//! The loops have no branches and no calls, so that the compiler turns them into vector code; the
//! functions of the standard library are called once per number.

/// x · (1 + erf(x / √2)) / 2 for each number, to within 1e-6.
pub(super) fn gelu(values: &mut [f32]) {
    for value in values {
        let x = *value;
        *value = 0.5 * x * (1.0 + error_function(x * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// Turns numbers into positive shares that add up to 1, the largest number into the largest share.
pub(super) fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in &mut *values {
        *value = exponential(*value - largest);
    }
    let scale = 1.0 / sum(values);
    for value in values {
        *value *= scale;
    }
}

/// Returns the sum of the numbers.
pub(super) fn sum(values: &[f32]) -> f32 {
    // Eight sums beside each other: one after the other would each wait for the last.
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().chain(rest).sum()
}

/// Formula 7.1.26 of Abramowitz and Stegun, whose own error is below 1.5e-7.
#[inline]
fn error_function(x: f32) -> f32 {
    const TERMS: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let polynomial = TERMS.iter().fold(0.0, |sum, term| (sum + term) * t);
    (1.0 - polynomial * exponential(-size * size)).copysign(x)
}

/// e to the power of a number that is not above 0, to within 1e-5 of itself.
#[inline]
fn exponential(x: f32) -> f32 {
    // Adding this number leaves the nearest whole number in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    // The powers of ln 2, each divided by the factorial of its exponent, highest first.
    const TERMS: [f32; 7] = [
        0.000_154_035_3,
        0.001_333_355_8,
        0.009_618_129,
        0.055_504_11,
        0.240_226_5,
        std::f32::consts::LN_2,
        1.0,
    ];
    // Below this the result is 0 for all that follows, and its exponent would not fit.
    let power = x.max(-87.0) * std::f32::consts::LOG2_E;
    let shifted = power + WHOLE;
    let rest = power - (shifted - WHOLE);
    let polynomial = TERMS.iter().fold(0.0, |sum, term| sum * rest + term);
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    polynomial * scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gelu_has_the_values_of_its_definition() {
        // Computed with 50 digits.
        let rows = [
            (0.0, 0.0),
            (1.0, 0.841_344_746_068_543),
            (-1.0, -0.158_655_253_931_457),
            (0.1, 0.053_982_783_727_702_9),
            (-2.5, -0.015_524_163_314_940_5),
            (4.0, 3.999_873_315_035_03),
            (-40.0, 0.0),
            (40.0, 40.0),
        ];
        for (x, expected) in rows {
            let mut values = [x];
            gelu(&mut values);
            assert!((f64::from(values[0]) - expected).abs() < 1e-6, "{x}: {values:?}");
        }
    }

    proptest! {
        #[test]
        fn the_exponential_is_that_of_the_standard_library(x in -87.0_f32..=0.0) {
            let (ours, theirs) = (f64::from(exponential(x)), f64::from(x).exp());
            prop_assert!((ours / theirs - 1.0).abs() < 1e-5, "{x}: {ours} {theirs}");
        }

        #[test]
        fn shares_add_up_to_one(mut values in prop::collection::vec(-1e4_f32..1e4, 1..300)) {
            softmax(&mut values);
            prop_assert!((sum(&values) - 1.0).abs() < 1e-4);
            prop_assert!(values.iter().all(|share| (0.0..=1.001).contains(share)));
        }
    }
}
