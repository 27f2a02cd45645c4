//! Fragments from a seed: the same ones in every run, on every machine.

use std::error::Error;

use garner_kernel::{
    Change, Confidence, Contents, Digest, Fragment, Kind, Scope, Source, Text, Trust,
};

use super::numbers::Numbers;

/// How many different words statements are made of.
const WORDS: u64 = 4000;
/// How many sessions the fragments of a thousand come from.
const SESSIONS_PER_1000: u64 = 40;
const SYLLABLES: [&str; 24] = [
    "an", "ber", "ca", "con", "de", "er", "fi", "ga", "in", "ka", "lo", "mer", "na", "on", "pa",
    "qui", "re", "se", "ti", "tor", "un", "ver", "wi", "zu",
];
const TAGS: [&str; 6] = ["build", "deploy", "network", "release", "storage", "testing"];
const PROJECTS: [&str; 4] = ["project:api", "project:garner", "project:site", "user"];
const RULES: [&str; 4] = ["d1-memory-edit", "d2-answer", "l1-remember", "l2-correction"];

/// Returns word `number`, of one to three syllables: the frequent ones are short.
fn word(number: u64) -> String {
    let mut rest = number + 1;
    let mut word = String::new();
    while rest > 0 {
        let at = usize::try_from(rest % SYLLABLES.len() as u64).unwrap_or_default();
        word.push_str(SYLLABLES.get(at).copied().unwrap_or_default());
        rest /= SYLLABLES.len() as u64;
    }
    word
}

/// Returns a sentence of 12 to 25 words, the frequent ones more often than the rare ones.
fn sentence(numbers: &mut Numbers, words: &[String]) -> String {
    let count = 12 + numbers.below(14);
    let mut sentence = String::new();
    for place in 0..count {
        // The smallest of three draws: a few words come often, most come seldom.
        let rank = (0..3).map(|_| numbers.below(WORDS)).min().unwrap_or_default();
        let word = words.get(usize::try_from(rank).unwrap_or_default()).map_or("", String::as_str);
        if place == 0 {
            sentence.extend(word.chars().take(1).flat_map(char::to_uppercase));
            sentence.extend(word.chars().skip(1));
            continue;
        }
        sentence.push_str(if numbers.below(12) == 0 { ", " } else { " " });
        sentence.push_str(word);
    }
    sentence.push('.');
    sentence
}

/// Makes fragments one after the other.
pub(crate) struct Corpus {
    numbers: Numbers,
    words: Vec<String>,
    sessions: Vec<String>,
}

impl Corpus {
    /// Returns the corpus of a seed, with as many sessions as `count` fragments come from.
    pub(crate) fn new(seed: u64, count: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let sessions = (0..=count * SESSIONS_PER_1000 / 1000).map(|_| numbers.hex(12)).collect();
        Self { numbers, words: (0..WORDS).map(word).collect(), sessions }
    }

    /// Returns the next fragment.
    pub(crate) fn next_fragment(&mut self) -> Result<Fragment, Box<dyn Error>> {
        let numbers = &mut self.numbers;
        let at = usize::try_from(numbers.below(self.sessions.len() as u64)).unwrap_or_default();
        let session = self.sessions.get(at).ok_or("a corpus has sessions")?;
        let statement = sentence(numbers, &self.words);
        let kind = *Kind::ALL.get(numbers.below(9) as usize).ok_or("nine kinds")?;
        let scope: Scope = numbers.one_of(&PROJECTS).parse()?;
        let created = 1_767_225_600 + i64::try_from(numbers.below(10_000_000))?;
        Ok(Fragment {
            id: Fragment::id_of(kind, &scope, &statement),
            revision: 1,
            kind,
            scope,
            trust: Trust::Human,
            confidence: Confidence::percent(u8::try_from(50 + numbers.below(50))?),
            statement: Text::new(statement),
            context: None,
            created: garner_kernel::Moment::from_unix(created),
            valid_to: None,
            supersedes: Vec::new(),
            tags: vec![numbers.one_of(&TAGS).parse()?],
            sources: vec![Source {
                session: session.parse()?,
                file: format!("{session}.jsonl").parse()?,
                record: numbers.hex(8).parse()?,
                line: u32::try_from(1 + numbers.below(2000))?,
                digest: Digest::of(&numbers.draw().to_le_bytes()),
                speaker: Trust::Human,
                rule: numbers.one_of(&RULES).parse()?,
            }],
        })
    }

    /// Returns contents of `count` fragments.
    pub(crate) fn contents(&mut self, count: u64) -> Result<Contents, Box<dyn Error>> {
        let mut contents = Contents::default();
        while (contents.fragments().len() as u64) < count {
            contents.apply(Change::Put(Box::new(self.next_fragment()?)))?;
        }
        Ok(contents)
    }

    /// Returns what `before` is after one in a hundred changed and two in a hundred were added.
    pub(crate) fn grown(&mut self, before: &Contents) -> Result<Contents, Box<dyn Error>> {
        let mut after = before.clone();
        for fragment in before.fragments().step_by(100) {
            let mut changed = fragment.clone();
            changed.revision += 1;
            changed.confidence = Confidence::percent(99);
            changed.sources.push(self.next_fragment()?.sources.remove(0));
            changed.sources.sort();
            after.apply(Change::Put(Box::new(changed)))?;
        }
        let count = after.fragments().len() as u64 + before.fragments().len() as u64 / 50;
        while (after.fragments().len() as u64) < count {
            after.apply(Change::Put(Box::new(self.next_fragment()?)))?;
        }
        Ok(after)
    }
}
