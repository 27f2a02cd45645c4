//! The body of `note`: texts and the signature lines below them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use garner_kernel::bundle::{Note, PublicKey, PublisherKey};
use garner_kernel::{Digest, KeyName};

use crate::example::{example, trusted};

/// The largest note of any kind.
const LIMIT: usize = 1 << 20;

/// Reads a note, or signs a text, by the first byte.
///
/// What is read is written as the same bytes, and passes for signed only with a text that really
/// was signed; what is signed is read with the same text.
///
/// # Panics
/// If one of that does not hold.
pub fn note(input: &[u8]) {
    match input.split_first() {
        Some((0, bytes)) => read(bytes),
        Some((_, text)) => {
            if let Ok(text) = std::str::from_utf8(text) {
                sign(text);
            }
        }
        None => {}
    }
}

fn read(bytes: &[u8]) {
    let Ok(note) = Note::parse("note", bytes, LIMIT) else { return };
    assert!(note.to_bytes() == bytes, "a note has two spellings");
    let keys = KEYS.each_ref();
    for threshold in 1..=3 {
        let Ok(names) = note.check("note", &keys, threshold) else { continue };
        assert!(TEXTS.contains(&note.digest()), "a text passes that nobody signed");
        let distinct: BTreeSet<&str> = names.iter().map(KeyName::as_str).collect();
        assert!(distinct.len() == names.len() && names.len() >= threshold);
    }
}

fn sign(text: &str) {
    let Some(text) = text.strip_suffix('\n') else { return };
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return;
    }
    let text = format!("{text}\n");
    let [ada, _, two, _] = trusted();
    let note = Note::sign(text, &[&ada, &two]);
    let again = Note::parse("note", &note.to_bytes(), LIMIT);
    assert_eq!(again.ok().as_ref(), Some(&note), "a signed text is read as another");
    let names = note.check("note", &[&ada.public(), &two.public()], 2);
    assert_eq!(names.map_or(0, |names| names.len()), 2);
}

static KEYS: LazyLock<[PublicKey; 4]> =
    LazyLock::new(|| trusted().each_ref().map(PublisherKey::public));

/// The digests of all texts that were signed.
static TEXTS: LazyLock<BTreeSet<Digest>> = LazyLock::new(|| {
    let notes = example().notes().into_iter();
    notes.filter_map(|note| Note::parse("note", note, LIMIT).ok()).map(|n| n.digest()).collect()
});
