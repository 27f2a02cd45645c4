//! A hundred thousand changes to signed files, none of which is accepted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what cannot be tested is a failed test"
)]

mod exhaustive;
mod judge;
mod mutants;
mod random;

use std::collections::BTreeMap;

use garner_fuzz::example::{device, example};
use garner_fuzz::{Kind, closed};
use garner_kernel::bundle::{Bundle, open};
use garner_kernel::{probe, record};

use judge::{Verdict, note_of};
use mutants::Class;
use random::Random;

/// How many changes of each class are refused at least.
const OF_EACH: usize = 5000;

/// What came of the changes of one class.
#[derive(Debug, Default)]
struct Count {
    refused: usize,
    /// Accepted with the signed text as it was: signature lines come and go, as the format says.
    same: usize,
}

#[test]
fn a_hundred_thousand_changes_to_signed_files_are_refused() {
    let counts: BTreeMap<Class, Count> = std::thread::scope(|scope| {
        let (even, odd): (Vec<Class>, Vec<Class>) =
            Class::ALL.into_iter().partition(|class| (*class as usize).is_multiple_of(2));
        let workers = [even, odd].map(|classes| {
            scope.spawn(|| classes.into_iter().map(|class| (class, changes(class))).collect())
        });
        let counts = workers.map(|worker| worker.join().unwrap());
        counts.into_iter().flat_map(|counts: Vec<_>| counts).collect()
    });
    for (class, count) in &counts {
        eprintln!("{class:?}: {} refused, {} with the same text", count.refused, count.same);
        assert!(count.refused >= 1000, "{class:?}");
        assert!(count.same == 0 || *class == Class::RepeatSignature, "{class:?}: {count:?}");
    }
    let refused: usize = counts.values().map(|count| count.refused).sum();
    eprintln!("{refused} changes refused, 0 accepted");
    assert!(refused >= 100_000);
}

/// Changes bundles and statements in turn until enough of them are refused.
fn changes(class: Class) -> Count {
    let mut random = Random::new(class as u64 + 1);
    let mut count = Count::default();
    let mut tried = 0;
    while count.refused < OF_EACH {
        tried += 1;
        assert!(tried < OF_EACH * 5, "{class:?} changes nothing");
        let verdict = if class.is_of_bundles() || tried % 2 == 0 {
            changed_bundle(class, &mut random).map(|bytes| judge::bundle(&bytes))
        } else {
            let kind = *random.pick(&Kind::ALL);
            changed_statement(class, kind, &mut random).map(|bytes| judge::statement(kind, &bytes))
        };
        match verdict {
            None => {}
            Some(Verdict::Refused) => count.refused += 1,
            Some(Verdict::Same) => count.same += 1,
            Some(Verdict::Accepted) => panic!("{class:?}, number {tried}, is accepted"),
        }
    }
    count
}

/// Returns a changed statement; `None` where nothing changed.
fn changed_statement(class: Class, kind: Kind, random: &mut Random) -> Option<Vec<u8>> {
    let good = note_of(kind);
    let changed = if class == Class::ReplaceNote {
        // One of the same kind would be as good, by itself.
        let others: Vec<Kind> = Kind::ALL.into_iter().filter(|other| *other != kind).collect();
        let donor = note_of(*random.pick(&others));
        // Its text under the signature lines of this note, the other way round, or as it is.
        let [(text, lines), (theirs, their_lines)] = [good, donor]
            .map(|note| std::str::from_utf8(note).unwrap().rsplit_once("\n\n").unwrap());
        match random.below(3) {
            0 => donor.to_vec(),
            1 => format!("{theirs}\n\n{lines}").into_bytes(),
            _ => format!("{text}\n\n{their_lines}").into_bytes(),
        }
    } else {
        mutants::note(class, random, good)?
    };
    (changed != good).then_some(changed)
}

/// Returns the bytes of a changed bundle; `None` where nothing changed.
fn changed_bundle(class: Class, random: &mut Random) -> Option<Vec<u8>> {
    let full = example().full;
    if class.is_of_bytes() && random.below(4) == 0 {
        let changed = mutants::bytes(class, random, full);
        // With the digest at its end as it was, or as it would have to be.
        let changed = if random.below(2) == 0 { closed(&changed) } else { changed };
        return (changed != full).then_some(changed);
    }
    let mut bundle = Bundle::parse(full).unwrap();
    match class {
        Class::SwapFrames => {
            let mut parts = parts(&mut bundle);
            for _ in 0..=random.below(4) {
                let (one, other) = (random.below(parts.len()), random.below(parts.len()));
                let bytes = parts[one].clone();
                *parts[one] = std::mem::replace(parts[other], bytes);
            }
        }
        Class::SwapObjects => {
            let [first, second, _] = &example().bundles;
            let donors: Vec<&Vec<u8>> = first.objects.iter().chain(&second.objects).collect();
            for _ in 0..=random.below(3) {
                let objects = bundle.objects.len();
                let (one, other) = (random.below(objects), random.below(objects));
                bundle.objects.swap(one, other);
                if random.below(3) == 0 {
                    bundle.objects[one].clone_from(*random.pick(&donors));
                }
                if random.below(8) == 0 {
                    bundle.objects.remove(one);
                }
            }
        }
        Class::ReplaceNote => {
            let mut notes = notes(&mut bundle);
            for _ in 0..=random.below(2) {
                let at = random.below(notes.len());
                // Newer revocations may come with an older head, as another test shows.
                let donors: Vec<&[u8]> = example()
                    .notes()
                    .into_iter()
                    .filter(|note| *note != example().later_revocations)
                    .collect();
                *notes[at] = random.pick(&donors).to_vec();
            }
        }
        _ if class.is_of_bytes() => {
            let mut parts = parts(&mut bundle);
            let at = random.below(parts.len());
            *parts[at] = mutants::bytes(class, random, parts[at]);
        }
        _ => {
            let mut notes = notes(&mut bundle);
            let at = random.below(notes.len());
            *notes[at] = mutants::note(class, random, notes[at])?;
        }
    }
    let changed = bundle.to_bytes();
    (changed != full).then_some(changed)
}

fn notes(bundle: &mut Bundle) -> Vec<&mut Vec<u8>> {
    let Bundle { roots, revocations, heads, manifest, .. } = bundle;
    roots.iter_mut().chain(revocations).chain(heads).chain([manifest]).collect()
}

fn parts(bundle: &mut Bundle) -> Vec<&mut Vec<u8>> {
    let Bundle { roots, revocations, heads, manifest, keyring, objects } = bundle;
    let notes = roots.iter_mut().chain(revocations).chain(heads).chain([manifest, keyring]);
    notes.chain(objects).collect()
}

/// Returns whether a text is accepted.
type Read = fn(&str) -> bool;

#[test]
fn another_spelling_is_refused_whoever_signed_it() {
    let texts = Kind::ALL.map(|kind| {
        let note = std::str::from_utf8(note_of(kind)).unwrap();
        format!("{}\n", note.rsplit_once("\n\n").unwrap().0)
    });
    let record = record::line(&example().kernel.contents.all()[0]);
    let index = format!(
        "{{\"repo\":\"{repo}\",\"channel\":\"notes\",\"publisher\":\"ada\",\"objects\":\
         {{\"{repo}{repo}\":\"{repo}{repo}\"}},\"tree_sha256\":\"{repo}{repo}\",\"fragments\":1,\
         \"secret_scan\":{{\"tool\":\"garner\",\"version\":\"1\",\"findings\":0}}}}",
        repo = "0a".repeat(16),
    );
    let keyring = format!(
        "{{\"repo\":\"{}\",\"readers\":[{{\"name\":\"laptop\",\"recipient\":\"{}\"}}],\
         \"epochs\":[{{\"n\":1,\"identity\":\"{}\",\"from_seq\":1}}]}}",
        "0a".repeat(16),
        device().recipient(),
        *device().to_secret_text(),
    );
    let inner: [(&str, Read); 3] = [
        (&record, |text| record::parse(text).is_ok()),
        (&index, |text| probe::index(text.as_bytes()).is_ok()),
        (&keyring, |text| probe::keyring(text.as_bytes()).is_ok()),
    ];
    assert!(inner.iter().all(|(text, read)| read(text)));
    let mut random = Random::new(99);
    for class in Class::SPELLINGS {
        let mut refused = 0;
        for round in 0..800 {
            for (kind, good) in Kind::ALL.into_iter().zip(&texts) {
                let changed = mutants::statement(class, &mut random, good);
                let Some(changed) = changed.filter(|changed| changed != good) else { continue };
                assert!(kind.written(&changed).is_err(), "{class:?} {round}: {changed}");
                refused += 1;
            }
            for (good, read) in inner {
                let changed = mutants::statement(class, &mut random, good);
                let Some(changed) = changed.filter(|changed| changed != good) else { continue };
                assert!(!read(&changed), "{class:?} {round}: {changed}");
                refused += 1;
            }
        }
        eprintln!("{class:?}: {refused} other spellings refused");
        assert!(refused >= 1000, "{class:?}: {refused}");
    }
}

#[test]
fn newer_revocations_come_with_an_older_head_and_only_take_away() {
    let example = example();
    let mut bundle = Bundle::parse(example.full).unwrap();
    bundle.revocations = Some(example.later_revocations.to_vec());
    let kernel = open(&bundle, &example.anchor, &[&example.device]).unwrap().into_inner();
    let (held, before) = (kernel.contents, &example.kernel.contents);
    assert_eq!(held.fragments().len() + 1, before.fragments().len());
    assert!(held.fragments().all(|fragment| before.fragment(&fragment.id) == Some(fragment)));
}
