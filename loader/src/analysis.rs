//! From text to terms: the one analyser behind the text index and behind every query.
//!
//! *Words* are the pieces of a text in order, without case, accents and endings. *Names* are
//! identifiers and paths, whole: `recall_hits`, `openStore`, `src/main.rs`. The index stores both,
//! so that an identifier is found whole and by its pieces. Stop words are stored too, because a
//! quoted phrase needs them; queries leave them out.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// The most characters of a term; the rest is cut off, in texts and queries alike.
const MAX_TERM: usize = 64;

/// The terms of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The pieces in order, with repetitions.
    pub(crate) words: TermList,
    /// The whole identifiers in order, with repetitions.
    pub(crate) names: TermList,
}

/// Terms one after the other, as the text index takes them: divided by spaces, which no term holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TermList {
    text: String,
    count: usize,
}

impl TermList {
    fn push(&mut self, term: &str) {
        if self.count > 0 {
            self.text.push(' ');
        }
        self.text.push_str(term);
        self.count += 1;
    }

    /// Returns how many terms there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Returns the terms divided by spaces.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the terms in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.text.split_terminator(' ')
    }
}

/// Returns the terms of `text`.
pub(crate) fn terms(text: &str) -> Terms {
    ANALYSER.with_borrow_mut(|analyser| analyser.terms(text))
}

thread_local! {
    /// Most words come again and again: their stems are kept.
    static ANALYSER: RefCell<Analyser> = RefCell::new(Analyser::new());
}

/// How many stems are kept.
const MAX_STEMS: usize = 1 << 16;

/// Divides texts into terms, and keeps what it learned about their words.
struct Analyser {
    stemmer: Stemmer,
    stems: HashMap<Box<str>, Box<str>, RandomState>,
}

impl Analyser {
    fn new() -> Self {
        Self { stemmer: Stemmer::create(Algorithm::English), stems: HashMap::default() }
    }

    fn terms(&mut self, text: &str) -> Terms {
        let folded = fold(text);
        let mut terms = Terms::default();
        terms.words.text.reserve(folded.len());
        let push = |piece: &str| self.stem(piece, |stem| terms.words.push(stem));
        if folded.is_ascii() {
            ascii_pieces(&folded, push);
        } else {
            any_pieces(&folded, push);
        }
        names(&folded, &mut terms.names);
        terms
    }

    /// Calls `each` with the stem of an English word; other words and numbers stay as they are.
    fn stem(&mut self, word: &str, each: impl FnOnce(&str)) {
        if let Some(stem) = self.stems.get(word) {
            return each(stem);
        }
        let cut: String = word.chars().take(MAX_TERM).collect();
        let english = cut.len() > 2 && cut.bytes().all(|b| b.is_ascii_lowercase());
        let stem =
            if english && !is_stop_word(&cut) { self.stemmer.stem(&cut).into_owned() } else { cut };
        each(&stem);
        if self.stems.len() >= MAX_STEMS {
            self.stems.clear();
        }
        self.stems.insert(word.into(), stem.into());
    }
}

/// Calls `each` with the pieces of the words of any text.
fn any_pieces(text: &str, mut each: impl FnMut(&str)) {
    for piece in text.unicode_words().flat_map(pieces) {
        each(&piece);
    }
}

/// The same for ASCII, where words end at everything but letters, digits, and an apostrophe between
/// two letters or two digits.
fn ascii_pieces(text: &str, mut each: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut piece = String::new();
    let mut before = b' ';
    for (i, byte) in bytes.iter().copied().enumerate() {
        let next = || bytes.get(i + 1).copied().unwrap_or(b' ');
        let joins = |is: fn(&u8) -> bool| is(&before) && is(&next());
        if byte == b'\'' && (joins(u8::is_ascii_alphabetic) || joins(u8::is_ascii_digit)) {
            // What follows is compared with the letter before.
            continue;
        }
        let hump = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || (before.is_ascii_uppercase() && next().is_ascii_lowercase()));
        if (hump || !byte.is_ascii_alphanumeric()) && !piece.is_empty() {
            each(&piece);
            piece.clear();
        }
        if byte.is_ascii_alphanumeric() {
            piece.push(char::from(byte.to_ascii_lowercase()));
        }
        before = byte;
    }
    if !piece.is_empty() {
        each(&piece);
    }
}

/// Returns whether a word is too common to say what a query is about.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Removes compatibility forms and accents, but keeps case, which shows where names divide.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    text.nfkd().filter(|c| !('\u{300}'..='\u{36F}').contains(c)).nfc().collect::<String>().into()
}

/// Divides a word at joiners and at the humps of camel case; the pieces are in lower case.
fn pieces(word: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut characters = word.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(c) = characters.next() {
        if c == '\'' || c == '’' {
            continue;
        }
        let next_is_small = characters.peek().is_some_and(|n| n.is_lowercase());
        let hump = c.is_uppercase()
            && before.is_some_and(|b| b.is_lowercase() || (b.is_uppercase() && next_is_small));
        if (hump || !c.is_alphanumeric()) && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        // Marks that belong to a letter, as in Devanagari, stay with it.
        if c.is_alphanumeric() || !c.is_ascii() && !c.is_whitespace() {
            piece.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Adds the runs of letters, digits and joiners that have more than one piece.
fn names(text: &str, into: &mut TermList) {
    let mut add = |run: &str| {
        if let Some(name) = name(run) {
            into.push(&name);
        }
    };
    if !text.is_ascii() {
        text.split(|c: char| !(c.is_alphanumeric() || is_joiner(c))).for_each(add);
        return;
    }
    let is_outside = |byte: &u8| !(byte.is_ascii_alphanumeric() || is_joiner(char::from(*byte)));
    // Nearly all runs are plain words, which a look at their bytes tells.
    for run in text.as_bytes().split(is_outside).filter(|run| !is_plain(run)) {
        if let Ok(run) = str::from_utf8(run) {
            add(run);
        }
    }
}

/// Returns whether a run is a word with at most its first letter large.
fn is_plain(run: &[u8]) -> bool {
    let is_small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    run.split_first()
        .is_none_or(|(first, rest)| first.is_ascii_alphanumeric() && rest.iter().all(is_small))
}

/// Returns the name that a run is, if it has more than one piece.
fn name(run: &str) -> Option<String> {
    let run = run.trim_start_matches(['-', ':']).trim_end_matches(['-', ':', '.', '/']);
    let is_name =
        run.chars().any(char::is_alphanumeric) && (run.contains(is_joiner) || has_hump(run));
    is_name.then(|| run.chars().flat_map(char::to_lowercase).take(MAX_TERM).collect())
}

/// Returns whether a character may join the pieces of a name; the text index knows them as well.
const fn is_joiner(c: char) -> bool {
    matches!(c, '_' | '.' | '/' | ':' | '\\' | '-' | '@' | '#' | '+')
}

/// Returns whether a run without joiners has more than one piece.
fn has_hump(run: &str) -> bool {
    let small = run.chars().skip(1).all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    !(small && run.is_ascii()) && pieces(run).len() > 1
}

/// Words of questions and of glue, in English, ascending; they are stored but not asked for.
#[rustfmt::skip]
const STOP_WORDS: &[&str] = &[
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are",
    "arent", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both",
    "but", "by", "can", "cannot", "cant", "could", "couldnt", "did", "didnt", "do", "does",
    "doesnt", "doing", "dont", "down", "during", "each", "few", "for", "from", "further", "had",
    "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "id", "if",
    "ill", "im", "in", "into", "is", "isnt", "it", "its", "ive", "just", "let", "lets", "like",
    "may", "me", "might", "more", "most", "must", "my", "no", "nor", "not", "now", "of", "off",
    "on", "once", "only", "or", "other", "our", "ours", "out", "over", "own", "please", "s",
    "same", "shall", "she", "should", "so", "some", "such", "t", "than", "that", "thats", "the",
    "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "to",
    "too", "under", "until", "up", "us", "very", "was", "wasnt", "we", "were", "what", "whats",
    "when", "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "wont",
    "would", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, words: &str, names: &str) {
        let terms = terms(text);
        assert_eq!(terms.words.as_str(), words, "words of {text:?}");
        assert_eq!(terms.names.as_str(), names, "names of {text:?}");
        assert_eq!(terms.words.iter().collect::<Vec<_>>().join(" "), words);
        assert_eq!(terms.words.iter().count(), terms.words.len());
    }

    #[test]
    fn text_becomes_words_and_names() {
        check("Running tests, don't wait!", "run test dont wait", "");
        check("call recall_hits() now", "call recal hit now", "recall_hits");
        check("openStore and HTTPServer", "open store and http server", "openstore httpserver");
        check("in src/main.rs:12.", "in src main rs 12", "src/main.rs:12");
        check("error E0308 is café", "error e0308 is cafe", "");
        check("ﬁle Ⅳ", "file iv", "");
        check("use C++ v1.2.3", "use c v1 2 3", "c++ v1.2.3");
        check("東京", "東 京", "");
        check("  \"' -- . ", "", "");
    }

    #[test]
    fn stop_words_are_in_order() {
        assert!(STOP_WORDS.is_sorted());
        assert!(is_stop_word("the") && !is_stop_word("store"));
    }

    proptest! {
        #[test]
        fn ascii_is_divided_as_any_text_is(text in "[a-cA-C01'_.:,/ -]{0,40}", any in "[ -~\n\t]{0,60}") {
            for text in [&text, &any] {
                let (mut ascii, mut all) = (TermList::default(), TermList::default());
                ascii_pieces(text, |piece| ascii.push(piece));
                any_pieces(text, |piece| all.push(piece));
                prop_assert_eq!(ascii, all);
                // A character beyond ASCII takes the other way to the same names.
                let (mut ascii, mut all) = (TermList::default(), TermList::default());
                names(text, &mut ascii);
                names(&format!("{text} é"), &mut all);
                prop_assert_eq!(ascii, all);
            }
        }

        #[test]
        fn every_term_passes_the_tokenizer_of_the_index(text in any::<String>()) {
            let terms = terms(&text);
            for term in terms.words.iter().chain(terms.names.iter()) {
                prop_assert!(!term.is_empty());
                for c in term.chars().filter(char::is_ascii) {
                    prop_assert!(c.is_ascii_alphanumeric() || is_joiner(c), "{c:?}");
                }
            }
        }
    }
}
