//! The default embedder against vectors that were computed independently.
//!
//! The vectors lie in `data/reference.json`, which says how they were made; they are never
//! regenerated. The model comes from a cache shared by all checkouts, and the test says that it
//! skips where it can be had from nowhere.
#![allow(clippy::disallowed_methods, reason = "a test finds the shared model cache by itself")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod shared;

use garner_embed::{MiniLm, WordPiece};
use garner_kernel::{Embedder, Vector};
use serde::Deserialize;
use shared::FILES;

#[test]
fn vectors_are_those_of_the_reference() {
    let Some(model) = open(2) else { return };
    for reference in references() {
        let cosine = embed(&model, &[&reference.text]).remove(0).cosine(&reference.vector());
        assert!(cosine > 0.9999, "{}: cosine {cosine}", reference.name);
    }
}

#[test]
fn a_batch_gives_the_vectors_of_its_texts_in_order() {
    let Some(model) = open(2) else { return };
    let references = references();
    let texts: Vec<&str> = references.iter().cycle().take(40).map(|r| r.text.as_str()).collect();
    let vectors = embed(&model, &texts);
    assert_eq!(vectors.len(), texts.len());
    for (vector, reference) in vectors.iter().zip(references.iter().cycle()) {
        let cosine = vector.cosine(&reference.vector());
        assert!(cosine > 0.9999, "{}: cosine {cosine}", reference.name);
    }
}

#[test]
fn an_empty_text_has_a_vector_and_no_texts_have_none() {
    let Some(model) = open(1) else { return };
    assert_eq!(embed(&model, &[]).len(), 0);
    let vectors = embed(&model, &["", " \n", "\u{0}"]);
    assert!(vectors.iter().all(|vector| vector.as_slice().len() == model.dimensions()));
}

#[test]
fn two_threads_get_the_same_vectors() {
    let Some(model) = open(1) else { return };
    let texts = ["The cache is warm.", "Zwei Fäden, ein Modell."];
    let work = || (0..5).map(|_| embed(&model, &texts)).collect::<Vec<_>>();
    let (one, other) = std::thread::scope(|scope| {
        let threads = (scope.spawn(work), scope.spawn(work));
        (threads.0.join().unwrap(), threads.1.join().unwrap())
    });
    for vectors in one.iter().chain(&other) {
        let cosine = vectors[0].cosine(&one[0][0]);
        assert!(cosine > 0.999_99, "cosine {cosine}");
    }
}

#[test]
fn tokens_are_counted_without_a_limit() {
    let Some(files) = FILES.as_ref() else { return };
    let tokenizer = WordPiece::open(files.tokenizer()).unwrap();
    for reference in references() {
        assert_eq!(tokenizer.count(&reference.text), reference.tokens, "{}", reference.name);
    }
    assert_eq!(tokenizer.count(""), 0);
}

#[test]
fn the_id_of_the_model_never_changes() {
    // Stored vectors carry this id: if it changes, every store embeds all of its fragments again.
    let expected = "cae9f23b5cfcb67f41a695d001ecbad80461a73fd071885111bba7f6707789db";
    assert_eq!(MiniLm::id_of_model().to_string(), expected);
}

fn embed(model: &MiniLm, texts: &[&str]) -> Vec<Vector> {
    model.embed(texts).unwrap()
}

fn open(threads: usize) -> Option<MiniLm> {
    Some(MiniLm::open(FILES.as_ref()?, threads).unwrap())
}

fn references() -> Vec<Reference> {
    let stored: Stored = serde_json::from_str(include_str!("data/reference.json")).unwrap();
    stored.texts
}

#[derive(Deserialize)]
struct Stored {
    texts: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

impl Reference {
    fn vector(&self) -> Vector {
        Vector::normalized(self.vector.clone()).unwrap()
    }
}
