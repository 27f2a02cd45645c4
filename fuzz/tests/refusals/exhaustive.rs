//! Every bit and every length: of a bundle file and of each statement.
//!
//! The kernel's own tests flip every bit of a bundle and of its parts, and cut it everywhere.

use garner_fuzz::Kind;
use garner_fuzz::example::example;
use garner_kernel::bundle::{Bundle, open};

use crate::judge::{self, Verdict, note_of};

#[test]
fn every_bit_cut_and_further_byte_of_a_statement_is_refused() {
    for kind in Kind::ALL {
        let good = note_of(kind);
        assert_eq!(judge::statement(kind, good), Verdict::Same);
        let refused = |bytes: &[u8], what: &str, at: usize| {
            assert_eq!(judge::statement(kind, bytes), Verdict::Refused, "{kind:?}, {what} {at}");
        };
        let mut bytes = good.to_vec();
        for bit in 0..good.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            refused(&bytes, "bit", bit);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..good.len() {
            refused(&good[..length], "cut at", length);
        }
        for byte in 0..=255 {
            refused(&[good, &[byte]].concat(), "further byte", usize::from(byte));
        }
    }
}

#[test]
fn every_bit_cut_and_further_byte_of_a_bundle_is_refused() {
    let good = example().minimal;
    let opens = |bytes: &[u8]| {
        Bundle::parse(bytes)
            .and_then(|bundle| open(&bundle, &example().anchor, &[&example().device]))
            .is_ok()
    };
    assert!(opens(good));
    let mut bytes = good.to_vec();
    for bit in 0..good.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&bytes), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    for length in 0..good.len() {
        assert!(!opens(&good[..length]), "cut at {length}");
    }
    for byte in 0..=255 {
        assert!(!opens(&[good, &[byte]].concat()), "further byte {byte}");
    }
}
