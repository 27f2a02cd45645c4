//! What is done with a system, one operation after the other, the same for every system.

use std::error::Error;
use std::io::Write;

use super::corpus::{Corpus, Document, PEER_QUERIES, Question};
use super::sample::{Patience, Sample, timed};
use super::vectors::dot;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

pub(crate) const KEPT: &str = "bytes kept in memory";
pub(crate) const GET: &str = "get by id, read only";
pub(crate) const TRACKED: &str = "get by id, access counted";
pub(crate) const NEWEST: &str = "list the newest 20";
pub(crate) const PREFIX: &str = "look up a prefix of an id";
pub(crate) const WORDS: &str = "text, words of a document";
pub(crate) const WORDS_MATCHED: &str = "matches of a text query";
pub(crate) const PAIR: &str = "text, two frequent words";
pub(crate) const PAIR_MATCHED: &str = "matches of two frequent words";
pub(crate) const PEER_WORDS: &str = "text, the peer's five queries";
pub(crate) const PEER_MATCHED: &str = "matches of the peer's five queries";
pub(crate) const VECTOR: &str = "vector";
pub(crate) const FILTERED: &str = "vector, one kind of eight";
pub(crate) const HYBRID: &str = "hybrid, words of a document";
pub(crate) const PEER_HYBRID: &str = "hybrid, the peer's five queries";
pub(crate) const QUALITY: &str = "vector, share of the exact ten";
pub(crate) const INSERT: &str = "insert one";
pub(crate) const DEDUPLICATED: &str = "insert one unless it is there";
pub(crate) const BULK: &str = "write all, rows/s";
pub(crate) const BULK_SINGLY: &str = "write all, a transaction each, rows/s";
pub(crate) const SEALED: &str = "seal, open and write all, rows/s";
pub(crate) const BYTES: &str = "bytes per fragment on disk";
pub(crate) const COMPACT_BYTES: &str = "bytes per fragment, vacuumed";
pub(crate) const ONE_SHOT: &str = "one process: open, one hybrid query";
pub(crate) const MEMORY: &str = "most memory, bytes";

/// From which cosine on two texts are taken for one, as the peer's command does by default.
pub(crate) const SAME: f32 = 0.92;
/// How many hits are asked for.
pub(crate) const LIMIT: usize = 10;

/// What is asked of a system at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) vector: Option<&'a [f32]>,
    pub(crate) kind: Option<&'static str>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn words(text: &'a str) -> Self {
        Self { text: Some(text), vector: None, kind: None }
    }

    pub(crate) const fn vector(vector: &'a [f32]) -> Self {
        Self { text: None, vector: Some(vector), kind: None }
    }

    pub(crate) const fn both(text: &'a str, vector: &'a [f32]) -> Self {
        Self { text: Some(text), vector: Some(vector), kind: None }
    }
}

/// Whether a text that is like another one is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Ignored,
    /// One from [`SAME`] on replaces the other.
    Merged,
}

/// A system that holds the first texts of a corpus; `None` stands for what it does not offer.
pub(crate) trait System {
    /// Returns the id of a text.
    fn id(&self, corpus: &Corpus, at: u64) -> Outcome<String>;
    /// Reads a text by its whole id.
    fn get(&mut self, id: &str) -> Outcome<Option<usize>>;
    /// Reads a text and counts that it was read.
    fn get_tracked(&mut self, id: &str) -> Outcome<Option<usize>>;
    /// Reads the newest texts.
    fn newest(&mut self, count: usize) -> Outcome<Option<usize>>;
    /// Reads a text by the start of its id.
    fn by_prefix(&mut self, prefix: &str) -> Outcome<Option<usize>>;
    /// Searches, and returns which texts were found where it can tell.
    fn search(&mut self, asked: Asked<'_>) -> Outcome<Option<Vec<String>>>;
    /// Returns how many texts a query matches at all.
    fn matches(&mut self, text: &str) -> Outcome<Option<usize>>;
    /// Inserts a text and returns how many there are more.
    fn insert(&mut self, document: &Document, likeness: Likeness) -> Outcome<Option<usize>>;
}

/// One run over a system.
pub(crate) struct Run<'a, W> {
    pub(crate) corpus: &'a Corpus,
    /// How many texts the system holds.
    pub(crate) size: u64,
    /// Where samples are written.
    pub(crate) out: W,
}

const QUICK: Patience = Patience { warm: 1_000, seconds: 1.0, least: 20, most: 2_000 };
/// Every question once, before it counts.
const SEARCH: Patience = Patience { warm: 50, seconds: 3.0, least: 5, most: 300 };
/// Inserts change what is measured after them: not many. Before they count, the journal of either
/// system has been as long as it gets, so that none is measured while its file grows.
const CHANGE: Patience = Patience { warm: 80, seconds: 2.0, least: 5, most: 100 };

impl<W: Write> Run<'_, W> {
    /// Measures everything but loading.
    pub(crate) fn measure(&mut self, system: &mut dyn System) -> Outcome<()> {
        self.lookups(system)?;
        let questions = self.corpus.questions(50, self.size);
        let question =
            |round: usize| questions.get(round % questions.len()).ok_or("there are questions");
        let five = |round: usize| PEER_QUERIES.get(round % 5).copied().unwrap_or_default();
        self.search(WORDS, system, |round| Ok(Asked::words(&question(round)?.text)))?;
        self.search(PAIR, system, |round| Ok(Asked::words(&question(round)?.pair)))?;
        self.search(PEER_WORDS, system, |round| Ok(Asked::words(five(round))))?;
        self.search(VECTOR, system, |round| Ok(Asked::vector(&question(round)?.vector)))?;
        self.search(FILTERED, system, |round| {
            let Question { kind, vector, .. } = question(round)?;
            Ok(Asked { kind: Some(*kind), ..Asked::vector(vector) })
        })?;
        self.search(HYBRID, system, |round| {
            let question = question(round)?;
            Ok(Asked::both(&question.text, &question.vector))
        })?;
        self.search(PEER_HYBRID, system, |round| {
            Ok(Asked::both(five(round), &question(round)?.vector))
        })?;
        let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        self.matches(WORDS_MATCHED, system, &texts)?;
        let pairs: Vec<&str> = questions.iter().map(|question| question.pair.as_str()).collect();
        self.matches(PAIR_MATCHED, system, &pairs)?;
        self.matches(PEER_MATCHED, system, &PEER_QUERIES)?;
        self.changes(system)
    }

    /// Writes a figure.
    pub(crate) fn print(&mut self, sample: Option<Sample>) -> Outcome<()> {
        if let Some(sample) = sample {
            writeln!(self.out, "{sample}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn lookups(&mut self, system: &mut dyn System) -> Outcome<()> {
        // Far apart, so that no page holds two of them.
        let at = |round: usize| (round as u64).wrapping_mul(7_919) % self.size;
        let ids: Vec<String> =
            (0..1_000).map(|round| system.id(self.corpus, at(round))).collect::<Outcome<_>>()?;
        let id = |round: usize| ids.get(round % ids.len()).ok_or("there are ids");
        // Eight digits of half a million ids are no longer different.
        let digits = if self.size > 100_000 { 12 } else { 8 };
        let prefix = |id: &String| -> String { id.chars().take(digits).collect() };
        let sample = timed(GET, QUICK, |round| system.get(id(round)?))?;
        self.print(sample)?;
        let sample = timed(TRACKED, QUICK, |round| system.get_tracked(id(round)?))?;
        self.print(sample)?;
        let sample = timed(NEWEST, QUICK, |_| system.newest(20))?;
        self.print(sample)?;
        let sample = timed(PREFIX, QUICK, |round| system.by_prefix(&prefix(id(round)?)))?;
        self.print(sample)
    }

    fn search<'q>(
        &mut self,
        operation: &str,
        system: &mut dyn System,
        asked: impl Fn(usize) -> Outcome<Asked<'q>>,
    ) -> Outcome<()> {
        let sample = timed(operation, SEARCH, |round| {
            Ok::<_, Box<dyn Error>>(system.search(asked(round)?)?.map(|hits| hits.len()))
        })?;
        self.print(sample)
    }

    /// Counts, without a clock.
    fn matches(&mut self, operation: &str, system: &mut dyn System, texts: &[&str]) -> Outcome<()> {
        let mut counts = Vec::new();
        for text in texts {
            let Some(count) = system.matches(text)? else { return Ok(()) };
            counts.push(count);
        }
        let with = counts.iter().filter(|count| **count > 0).count();
        let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        // The figure is how many match; what is found is the share of queries with any match.
        self.print(Some(Sample::once(operation, mean, with as f64 / counts.len() as f64)))
    }

    /// Inserts texts that the corpus goes on with.
    fn changes(&mut self, system: &mut dyn System) -> Outcome<()> {
        // Made before, so that making them takes no time.
        let texts: Vec<Document> =
            (0..400).map(|more| self.corpus.document(self.size + more)).collect();
        let mut next = texts.iter();
        for (operation, likeness) in [(INSERT, Likeness::Ignored), (DEDUPLICATED, Likeness::Merged)]
        {
            let sample = timed(operation, CHANGE, |_| {
                system.insert(next.next().ok_or("texts for every round")?, likeness)
            })?;
            self.print(sample)?;
        }
        Ok(())
    }
}

/// Returns the share of the exact ten nearest of each question that a system finds, where what is as
/// near as the tenth counts as well; `None` where the system has no other way than the exact one.
pub(crate) fn quality(
    corpus: &Corpus,
    size: u64,
    mut found: impl FnMut(&Question) -> Outcome<Vec<u64>>,
) -> Outcome<Sample> {
    let questions = corpus.questions(50, size);
    let mut answers = Vec::new();
    for question in &questions {
        answers.push(found(question)?);
    }
    let mut nearest: Vec<Vec<f32>> = questions.iter().map(|_| Vec::new()).collect();
    for at in 0..size {
        let vector = corpus.vector(at);
        for (question, nearest) in questions.iter().zip(&mut nearest) {
            nearest.push(dot(&question.vector, &vector));
            if nearest.len() > 1_000 {
                keep(nearest);
            }
        }
    }
    let (mut hits, mut wanted) = (0, 0);
    for ((question, mut nearest), answer) in questions.iter().zip(nearest).zip(answers) {
        keep(&mut nearest);
        let Some(last) = nearest.last() else { continue };
        let near = |at: &&u64| dot(&question.vector, &corpus.vector(**at)) >= last - ROUNDING;
        hits += answer.iter().filter(near).count().min(nearest.len());
        wanted += nearest.len();
    }
    Ok(Sample::once(QUALITY, hits as f64 / wanted as f64, LIMIT as f64))
}

/// What half precision may change in a cosine.
const ROUNDING: f32 = 1e-4;

/// Keeps the ten highest, the highest first.
fn keep(cosines: &mut Vec<f32>) {
    cosines.sort_by(|a, b| b.total_cmp(a));
    cosines.truncate(LIMIT);
}
