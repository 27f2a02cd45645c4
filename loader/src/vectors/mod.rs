//! Arithmetic of vectors: half precision, one byte and one bit for each dimension.
//!
//! Pure functions over plain slices, with no SQL and no ranking. Loops are written so that the
//! compiler turns them into vector instructions, and are entered through [`pulp`], which chooses
//! them when the program runs. What enters is a type of its own and never a closure: the compiler
//! wraps closures in a function that it may leave behind with the instructions of every machine.
//! Sums of floats go over fixed lanes, so that every machine gives the same bits.

#![expect(
    clippy::inline_always,
    reason = "a loop uses the instructions that it was entered for only where all of it is inlined"
)]

use pulp::NullaryFnOnce;

pub(crate) mod best;
pub(crate) mod bytes;
pub(crate) mod half;
pub(crate) mod signs;

/// How many partial sums a sum of floats has.
pub(crate) const LANES: usize = 16;

/// Returns the sum of the products of two vectors; what one has more than the other does not count.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(Dot { a, b })
}

struct Dot<'v> {
    a: &'v [f32],
    b: &'v [f32],
}

impl NullaryFnOnce for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += a * b;
            }
        }
        for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
            *lane += a * b;
        }
        add_up(lanes)
    }
}

/// Adds the lanes of a sum in a fixed order.
#[inline]
pub(crate) fn add_up(lanes: [f32; LANES]) -> f32 {
    let [low, high] = halves::<16, 8>(lanes);
    let [low, high] = halves::<8, 4>(sum_of(low, high));
    let [first, second, third, fourth] = sum_of(low, high);
    (first + third) + (second + fourth)
}

#[inline]
fn halves<const N: usize, const H: usize>(all: [f32; N]) -> [[f32; H]; 2] {
    let mut parts = [[0.0; H]; 2];
    for (part, from) in parts.iter_mut().zip(all.chunks_exact(H)) {
        part.copy_from_slice(from);
    }
    parts
}

#[inline]
fn sum_of<const N: usize>(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
    a
}
