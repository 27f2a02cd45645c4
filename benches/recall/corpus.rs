//! Texts with vectors from a seed, the same ones for every system, and what is asked of them.
//!
//! Text `at` does not depend on how many there are, and is made when it is asked for: half a million
//! need no file and no memory.

use std::collections::BTreeSet;

use super::numbers::Numbers;
use super::vectors::{self, Space};
use super::words::Vocabulary;

/// The kinds of texts, all as frequent: a filter for one keeps an eighth. Garner's ninth, the rule,
/// is not ranked and therefore not here.
pub(crate) const KINDS: [&str; 8] =
    ["preference", "decision", "correction", "procedure", "fix", "fact", "state", "handoff"];
/// The queries of the peer's own benchmark.
pub(crate) const PEER_QUERIES: [&str; 5] = [
    "database query optimization",
    "memory allocation garbage collector",
    "kubernetes deployment monitoring",
    "rust ownership borrow checker",
    "sqlite fts5 full text search",
];
/// When the first text was written, in seconds since 1970; the others follow by the minute.
const FIRST: u64 = 1_735_689_600;
const SEED: u64 = 5;
/// What stands behind a word.
const STOPS: [&str; 11] = ["", "", "", "", "", "", "", "", "", ",", "."];

/// Makes texts, vectors and questions.
pub(crate) struct Corpus {
    vocabulary: Vocabulary,
    space: Space,
}

/// One text and what is known about it.
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) kind: &'static str,
    /// A word for what it is about.
    pub(crate) topic: String,
    pub(crate) vector: Vec<f32>,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

/// What is asked: about one text, which is named.
pub(crate) struct Question {
    pub(crate) about: u64,
    /// 3 to 8 words of the text, in any order; names as programs have them among them.
    pub(crate) text: String,
    /// Two words of the text that many others hold as well.
    pub(crate) pair: String,
    /// A vector near that of the text.
    pub(crate) vector: Vec<f32>,
    pub(crate) kind: &'static str,
}

impl Corpus {
    pub(crate) fn new() -> Self {
        Self { vocabulary: Vocabulary::new(), space: Space::new(SEED) }
    }

    pub(crate) fn document(&self, at: u64) -> Document {
        Document {
            text: self.text(at),
            kind: kind(at),
            topic: self.vocabulary.word(self.topic_rank(subject(at), 0)).to_owned(),
            vector: self.vector(at),
            created: created(at),
        }
    }

    pub(crate) fn vector(&self, at: u64) -> Vec<f32> {
        self.space.vector(subject(at) as usize, &mut numbers(at, 1))
    }

    /// Returns questions about `count` texts of the first `size`, evenly spread.
    pub(crate) fn questions(&self, count: u64, size: u64) -> Vec<Question> {
        let about = (0..count).map(|number| (2 * number + 1) * size / (2 * count));
        about.map(|at| self.question(at)).collect()
    }

    fn question(&self, about: u64) -> Question {
        let mut numbers = numbers(about, 2);
        let words = self.subject_words_of(about);
        let count = 3 + numbers.below(6) as usize;
        let text = some(&mut numbers, words.iter().map(String::as_str).collect(), count);
        let plain = Vocabulary::function_words();
        let frequent: BTreeSet<&str> = (plain..plain + Vocabulary::subject_words())
            .map(|rank| self.vocabulary.word(rank))
            .collect();
        let frequent = words.iter().map(String::as_str).filter(|word| frequent.contains(word));
        let pair = some(&mut numbers, frequent.collect(), 2);
        let vector = self.space.near(&self.vector(about), &mut numbers);
        Question { about, text, pair, vector, kind: kind(about) }
    }

    /// Returns the different words of a text that are about something.
    fn subject_words_of(&self, at: u64) -> Vec<String> {
        let plain: BTreeSet<&str> =
            (0..Vocabulary::function_words()).map(|rank| self.vocabulary.word(rank)).collect();
        let mut words: Vec<String> = Vec::new();
        for word in self.text(at).split([' ', ',', '.']) {
            let known = plain.contains(word) || words.iter().any(|known| known == word);
            let letters = word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if !word.is_empty() && !known && letters {
                words.push(word.to_owned());
            }
        }
        words
    }

    /// Returns 50 to 150 words in sentences.
    pub(crate) fn text(&self, at: u64) -> String {
        let (mut numbers, subject) = (numbers(at, 0), subject(at));
        let count = 50 + numbers.below(101);
        let mut text = String::new();
        for place in 0..count {
            if place > 0 {
                text.push_str(numbers.one_of(&STOPS));
                text.push(' ');
            }
            if numbers.below(33) == 0 {
                text.push_str(&self.identifier(&mut numbers, subject));
            } else {
                text.push_str(self.word(&mut numbers, subject));
            }
        }
        text.push('.');
        text
    }

    /// Draws a word: one in three belongs to the subject.
    fn word(&self, numbers: &mut Numbers, subject: u64) -> &str {
        let rank = self.vocabulary.rank(numbers.below(1 << 32) as f64 / (1_u64 << 32) as f64);
        match numbers.below(3) {
            0 => self.vocabulary.word(self.topic_rank(subject, rank)),
            _ => self.vocabulary.word(rank),
        }
    }

    /// Returns where a favourite word of a subject stands; the lower ranks are the more frequent.
    fn topic_rank(&self, subject: u64, rank: usize) -> usize {
        let plain = Vocabulary::function_words();
        let first = numbers(subject, 3).below((self.vocabulary.len() - plain) as u64) as usize;
        plain + (first + rank % 60) % (self.vocabulary.len() - plain)
    }

    /// Returns a name as programs have them.
    fn identifier(&self, numbers: &mut Numbers, subject: u64) -> String {
        let (a, b) = (self.word(numbers, subject), self.word(numbers, subject));
        match numbers.below(4) {
            0 => format!("{a}_{b}"),
            1 => {
                let upper: String = b.chars().take(1).flat_map(char::to_uppercase).collect();
                format!("{a}{upper}{}", b.chars().skip(1).collect::<String>())
            }
            2 => format!("src/{a}/{b}.rs"),
            _ => format!("E{:04}", numbers.below(800)),
        }
    }
}

/// Returns when a text was written, in seconds since 1970.
pub(crate) const fn created(at: u64) -> u64 {
    FIRST + at * 60
}

/// Returns which text was written then.
pub(crate) const fn written_at(created: u64) -> u64 {
    (created - FIRST) / 60
}

/// Returns a number that two processes with the same texts and vectors have in common.
pub(crate) fn fingerprint(corpus: &Corpus, size: u64) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    };
    for question in corpus.questions(50, size) {
        let document = corpus.document(question.about);
        add(document.text.as_bytes());
        add(question.text.as_bytes());
        for component in document.vector.iter().chain(&question.vector) {
            add(&component.to_le_bytes());
        }
    }
    hash
}

/// Returns how near texts lie to each other: the mean cosine of any two, and the middle one of the
/// cosines of `of` texts to their nearest neighbours among `size`.
pub(crate) fn nearness(corpus: &Corpus, of: u64, size: u64) -> (f64, f64) {
    let probes: Vec<(u64, Vec<f32>)> =
        (0..of).map(|number| number * size / of).map(|at| (at, corpus.vector(at))).collect();
    let mut best = vec![f32::MIN; probes.len()];
    let (mut sum, mut pairs) = (0.0, 0_u64);
    for at in 0..size {
        let vector = corpus.vector(at);
        for ((_, near), best) in probes.iter().zip(&mut best).filter(|((p, _), _)| *p != at) {
            let cosine = vectors::dot(near, &vector);
            sum += f64::from(cosine);
            pairs += 1;
            *best = best.max(cosine);
        }
    }
    best.sort_by(f32::total_cmp);
    (sum / pairs as f64, f64::from(best.get(best.len() / 2).copied().unwrap_or_default()))
}

/// Returns so many of the words, each at most once.
fn some(numbers: &mut Numbers, mut words: Vec<&str>, count: usize) -> String {
    while words.len() > count {
        words.swap_remove(numbers.below(words.len() as u64) as usize);
    }
    words.join(" ")
}

fn kind(at: u64) -> &'static str {
    numbers(at, 4).one_of(&KINDS)
}

fn subject(at: u64) -> u64 {
    // The smaller of two draws: some subjects have many texts.
    let mut numbers = numbers(at, 5);
    numbers.below(vectors::subjects()).min(numbers.below(vectors::subjects()))
}

/// Returns the numbers of one text for one purpose.
fn numbers(at: u64, purpose: u64) -> Numbers {
    let mut seed = Numbers::new(SEED.wrapping_add(purpose << 56).wrapping_add(at));
    Numbers::new(seed.draw())
}
