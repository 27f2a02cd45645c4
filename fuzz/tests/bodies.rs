//! Every body over the corpus, over bytes at random, and over the corpus with damage.

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

type Body = fn(&[u8]);

const BODIES: [(&str, Body); 12] = [
    ("answer", garner_fuzz::answer),
    ("container", garner_fuzz::container),
    ("note", garner_fuzz::note),
    ("statement", garner_fuzz::statement),
    ("payload", garner_fuzz::payload),
    ("query", garner_fuzz::query),
    ("record", garner_fuzz::record),
    ("redaction", garner_fuzz::redaction),
    ("signed", garner_fuzz::signed),
    ("transcript", garner_fuzz::transcript),
    ("input", garner_fuzz::input),
    ("settings", garner_fuzz::settings),
];

/// Returns the inputs in the corpus of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_input_of_the_corpus_holds() {
    for (target, body) in BODIES {
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "`{target}` has no corpus");
        for input in &inputs {
            body(input);
        }
    }
}

/// What one damage does to an input.
#[derive(Debug, Clone)]
struct Damage {
    at: Index,
    length: usize,
    new: Vec<u8>,
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let new = prop_oneof![Just(Vec::new()), prop::collection::vec(any::<u8>(), 1..4)];
    let damage = (any::<Index>(), 0..6_usize, new);
    let damage = damage.prop_map(|(at, length, new)| Damage { at, length, new });
    prop::collection::vec(damage, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_at_random_hold(mut input in prop::collection::vec(any::<u8>(), 0..600), mode in 0..14_u8) {
        for (_, body) in BODIES {
            body(&input);
        }
        // Where the first byte picks what is read, each is picked.
        if let Some(first) = input.first_mut() {
            *first = mode;
        }
        for (_, body) in BODIES {
            body(&input);
        }
    }

    #[test]
    fn damaged_inputs_hold(number in any::<Index>(), damages in damages()) {
        for (target, body) in BODIES {
            let mut inputs = corpus(target);
            let mut input = inputs.swap_remove(number.index(inputs.len()));
            for Damage { at, length, new } in &damages {
                let start = at.index(input.len() + 1);
                let end = input.len().min(start + length);
                input.splice(start..end, new.iter().copied());
            }
            body(&input);
        }
    }
}
