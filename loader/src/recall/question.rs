//! From the text of a query to the terms that are searched for.
//!
//! Terms are bound as values to a prepared statement, so no text can be a syntax error.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::analysis;

/// The most characters of a query that are read, half of them from each end.
const MAX_TEXT: usize = 16_384;
/// The most terms of a query, half of them from each end: a long prompt asks at one of its ends.
const MAX_TERMS: usize = 128;

/// One thing to look for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Term {
    /// A word of the statement or its context.
    Word(String),
    /// A whole identifier of the statement.
    Name(String),
    /// Words that follow each other, at least two.
    Phrase(Vec<String>),
}

impl Term {
    /// Returns the term as people read it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Word(term) | Self::Name(term) => term.clone(),
            Self::Phrase(words) => words.join(" "),
        }
    }
}

/// Returns the distinct terms of `text` in the order of their first appearance.
///
/// Stop words count only where nothing else is left, and inside phrases.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let cut = if text.len() > MAX_TEXT {
        Cow::Owned(both_ends(text.chars().collect(), MAX_TEXT).into_iter().collect())
    } else {
        Cow::Borrowed(text)
    };
    let mut found = Vec::new();
    let mut stop_words = Vec::new();
    for part in parts(&cut) {
        let analysed = analysis::terms(part.text);
        if part.quoted && analysed.words.len() > 1 {
            found.push(Term::Phrase(analysed.words.iter().map(str::to_owned).collect()));
            continue;
        }
        for word in analysed.words.iter() {
            let list = if !part.quoted && analysis::is_stop_word(word) {
                &mut stop_words
            } else {
                &mut found
            };
            list.push(Term::Word(word.to_owned()));
        }
        found.extend(analysed.names.iter().map(|name| Term::Name(name.to_owned())));
    }
    let chosen = if found.is_empty() { stop_words } else { found };
    let mut seen = BTreeSet::new();
    both_ends(chosen.into_iter().filter(|term| seen.insert(term.clone())).collect(), MAX_TERMS)
}

/// Leaves out the middle of a list that is longer than `most`.
fn both_ends<T>(mut list: Vec<T>, most: usize) -> Vec<T> {
    let half = most / 2;
    if list.len() > most {
        list.drain(half..list.len() - half);
    }
    list
}

struct Part<'t> {
    text: &'t str,
    quoted: bool,
}

/// Divides a text at double quotes; a quote without its pair is an ordinary character.
fn parts(text: &str) -> Vec<Part<'_>> {
    let pieces: Vec<&str> = text.split(['"', '“', '”']).collect();
    let last = pieces.len() - 1;
    let part = |(i, text)| Part { text, quoted: i % 2 == 1 && i < last };
    pieces.into_iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let label = |term: &Term| match term {
            Term::Word(w) => w.clone(),
            Term::Name(n) => format!("<{n}>"),
            Term::Phrase(p) => format!("\"{}\"", p.join(" ")),
        };
        let found: Vec<String> = terms(text).iter().map(label).collect();
        assert_eq!(found.join(" "), expected, "terms of {text:?}");
    }

    #[test]
    fn a_question_becomes_terms() {
        check("What does the store do when it is locked?", "store lock");
        check("what is it", "what is it");
        check("open_store store", "open store <open_store>");
        check("say \"to be or\" \"the\" be", "say \"to be or\" the");
        check("half \"a phrase", "half phrase");
        check("AND OR NOT NEAR(a*, b) ^c -x", "near b c x");
        check("\"\" \"", "");
    }

    #[test]
    fn a_long_prompt_is_read_at_both_ends() {
        let long: Vec<String> = (0..5000).map(|i| format!("w{i}")).collect();
        let found = terms(&long.join(" "));
        assert_eq!(found.len(), MAX_TERMS);
        assert_eq!(found[0].label(), "w0");
        assert_eq!(found[MAX_TERMS - 1].label(), "w4999");
    }
}
