//! From text to terms: the one analyser behind the text index and behind every query.
//!
//! *Words* are the pieces of a text in order, without case, accents and endings. *Names* are
//! identifiers and paths, whole: `recall_hits`, `openStore`, `src/main.rs`. The index stores both,
//! so that an identifier is found whole and by its pieces. Stop words are stored too, because a
//! quoted phrase needs them; queries leave them out.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// The most characters of a term; the rest is cut off, in texts and queries alike.
const MAX_TERM: usize = 64;
/// What may join the pieces of a name; the text index knows these characters as well.
const JOINERS: &[char] = &['_', '.', '/', ':', '\\', '-', '@', '#', '+'];

/// The terms of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The pieces in order, with repetitions.
    pub(crate) words: Vec<String>,
    /// The whole identifiers in order, with repetitions.
    pub(crate) names: Vec<String>,
}

/// Returns the terms of `text`.
pub(crate) fn terms(text: &str) -> Terms {
    let folded = fold(text);
    let stemmer = Stemmer::create(Algorithm::English);
    let mut words = Vec::new();
    for word in folded.unicode_words() {
        words.extend(pieces(word).into_iter().map(|piece| stem(&stemmer, &piece)));
    }
    Terms { words, names: names(&folded) }
}

/// Returns whether a word is too common to say what a query is about.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Removes compatibility forms and accents, but keeps case, which shows where names divide.
fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !('\u{300}'..='\u{36F}').contains(c)).nfc().collect()
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

/// Returns the stem of an English word; other words and numbers stay as they are.
fn stem(stemmer: &Stemmer, word: &str) -> String {
    let cut: String = word.chars().take(MAX_TERM).collect();
    let english = cut.len() > 2 && cut.bytes().all(|b| b.is_ascii_lowercase());
    if english && !is_stop_word(&cut) { stemmer.stem(&cut).into_owned() } else { cut }
}

/// Returns the runs of letters, digits and joiners that have more than one piece.
fn names(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || JOINERS.contains(&c)))
        .map(|run| run.trim_start_matches(['-', ':']).trim_end_matches(['-', ':', '.', '/']))
        .filter(|run| run.chars().any(char::is_alphanumeric))
        .filter(|run| run.contains(JOINERS) || pieces(run).len() > 1)
        .map(|run| run.chars().flat_map(char::to_lowercase).take(MAX_TERM).collect())
        .collect()
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
        assert_eq!(terms.words.join(" "), words, "words of {text:?}");
        assert_eq!(terms.names.join(" "), names, "names of {text:?}");
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
        fn every_term_passes_the_tokenizer_of_the_index(text in any::<String>()) {
            let terms = terms(&text);
            for term in terms.words.iter().chain(&terms.names) {
                prop_assert!(!term.is_empty());
                for c in term.chars().filter(char::is_ascii) {
                    prop_assert!(c.is_ascii_alphanumeric() || JOINERS.contains(&c), "{c:?}");
                }
            }
        }
    }
}
