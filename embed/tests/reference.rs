//! Both engines of the default embedder against vectors that were computed independently, and
//! against each other.
//!
//! The vectors lie in `data/reference.json`, which says how they were made; they are never
//! regenerated. The model comes from a cache shared by all checkouts, and the test says that it
//! skips where it can be had from nowhere.
#![allow(clippy::disallowed_methods, reason = "a test finds the shared model cache by itself")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod shared;

use std::fmt::Debug;

use garner_embed::{DirectMiniLm, MiniLm, WordPiece};
use garner_kernel::{Embedder, Vector};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use shared::FILES;

#[test]
fn vectors_are_those_of_the_reference() {
    for engine in engines(2) {
        for reference in references() {
            let cosine = embed(&*engine, &[&reference.text]).remove(0).cosine(&reference.vector());
            assert!(cosine > 0.9999, "{engine:?}, {}: cosine {cosine}", reference.name);
        }
    }
}

#[test]
fn a_batch_gives_the_vectors_of_its_texts_in_order() {
    let references = references();
    let texts: Vec<&str> = references.iter().cycle().take(40).map(|r| r.text.as_str()).collect();
    for engine in engines(2) {
        let vectors = embed(&*engine, &texts);
        assert_eq!(vectors.len(), texts.len());
        for (vector, reference) in vectors.iter().zip(references.iter().cycle()) {
            let cosine = vector.cosine(&reference.vector());
            assert!(cosine > 0.9999, "{engine:?}, {}: cosine {cosine}", reference.name);
        }
    }
}

#[test]
fn an_empty_text_has_a_vector_and_no_texts_have_none() {
    for engine in engines(1) {
        assert_eq!(embed(&*engine, &[]).len(), 0);
        let vectors = embed(&*engine, &["", " \n", "\u{0}"]);
        assert!(vectors.iter().all(|vector| vector.as_slice().len() == engine.dimensions()));
    }
}

#[test]
fn two_threads_get_the_same_vectors() {
    let texts = ["The cache is warm.", "Zwei Fäden, ein Modell."];
    for engine in engines(1) {
        let work = || (0..5).map(|_| embed(&*engine, &texts)).collect::<Vec<_>>();
        let (one, other) = std::thread::scope(|scope| {
            let threads = (scope.spawn(work), scope.spawn(work));
            (threads.0.join().unwrap(), threads.1.join().unwrap())
        });
        for vectors in one.iter().chain(&other) {
            let cosine = vectors[0].cosine(&one[0][0]);
            assert!(cosine > 0.999_99, "{engine:?}: cosine {cosine}");
        }
    }
}

#[test]
fn both_engines_give_the_same_vectors_for_any_text() {
    let [Some(direct), Some(onnx)] = [direct(2), onnx(2)] else { return };
    assert_eq!(direct.id(), onnx.id());
    let known = [
        "fn main() -> Result<(), Box<dyn Error>> { let x: Vec<_> = vec![1; 3]; Ok(()) }",
        "東京都庁は新宿区にあります。",
        "🦀🚀👩\u{200d}💻 \u{202e}abc\u{0301}\u{0} \u{fffd}",
        "[CLS] what [MASK] is [SEP] this [PAD]",
        "https://example.org/a?b=c&d=%20 snake_case camelCase E0308 C:\\x",
        "a",
        "Σίσυφος ΑΣ ﬁne Straße İstanbul Ǆ",
    ];
    let mut texts: Vec<String> = known.map(str::to_owned).into();
    // Around the limit of the model and far beyond it.
    texts.extend([253, 254, 255, 256, 300, 3000].map(|words| "the cache ".repeat(words / 2)));
    texts.push("x".repeat(5000));
    let mut runner = TestRunner::deterministic();
    for strategy in [".{0,60}", "[a-zA-Z ,.]{0,400}", "([a-z]{1,9} ){0,200}"] {
        let strategy = string_regex(strategy).unwrap();
        texts.extend((0..20).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (ours, theirs) = (embed(&*direct, &texts), embed(&*onnx, &texts));
    for ((text, ours), theirs) in texts.iter().zip(&ours).zip(&theirs) {
        let cosine = ours.cosine(theirs);
        assert!(cosine > 0.9999, "cosine {cosine} for {text:?}");
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

fn embed(model: &dyn Engine, texts: &[&str]) -> Vec<Vector> {
    model.embed(texts).unwrap()
}

trait Engine: Embedder + Debug {}

impl<T: Embedder + Debug> Engine for T {}

fn engines(threads: usize) -> impl Iterator<Item = Box<dyn Engine>> {
    [direct(threads), onnx(threads)].into_iter().flatten()
}

fn direct(threads: usize) -> Option<Box<dyn Engine>> {
    Some(Box::new(DirectMiniLm::open(FILES.as_ref()?, threads).unwrap()))
}

fn onnx(threads: usize) -> Option<Box<dyn Engine>> {
    let files = FILES.as_ref()?;
    if files.library().is_none() {
        println!("skipped: there is no inference library");
        return None;
    }
    Some(Box::new(MiniLm::open(files, threads).unwrap()))
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
