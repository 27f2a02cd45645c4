//! Takes credentials, home paths and mail addresses out of a text before it goes anywhere.
//!
//! Mask, look again, and drop what still shows a credential: it fails closed. No rule goes by
//! randomness alone; randomness only decides about values that a name announces.

mod gate;
mod gitleaks;
mod patterns;
mod places;

use std::borrow::Cow;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::error::Error;
use gate::{entropy, is_code, is_placeholder};
use gitleaks::{Found, Gitleaks};
use patterns::{FORMATS, Gate, Pattern};
use places::PLACES;

/// What redaction made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The text without what was masked.
    pub text: String,
    /// The patterns that masked something, in order of place.
    pub masked: Vec<&'static str>,
}

/// One place that redaction would mask; the value itself is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line, from 1.
    pub line: u32,
    /// The pattern.
    pub rule: &'static str,
    /// How many values of the line it would mask.
    pub count: u32,
}

/// Finds and masks credentials.
///
/// Two tables say what one looks like: our own patterns and the rules of gitleaks. An expression
/// is compiled when the first text holds one of its keywords.
#[derive(Debug)]
pub struct Redactor {
    keywords: AhoCorasick,
    /// Where the table stands that each keyword belongs to: our own patterns first.
    owners: Vec<usize>,
    expressions: Vec<OnceLock<Option<Regex>>>,
    gitleaks: Gitleaks,
    home: Regex,
    mail: Regex,
}

/// A part of a text to mask.
struct Span {
    start: usize,
    end: usize,
    rule: &'static str,
}

impl Redactor {
    /// Reads the tables and compiles the gate of keywords.
    ///
    /// # Errors
    /// [`Error::Pattern`] names what does not compile.
    pub fn new() -> Result<Self, Error> {
        let gitleaks = Gitleaks::new()?;
        let own = patterns().map(|pattern| pattern.keywords.to_vec());
        let more =
            gitleaks.rules.iter().map(|rule| rule.keywords.iter().map(String::as_str).collect());
        let (mut keywords, mut owners): (Vec<&str>, Vec<usize>) = (Vec::new(), Vec::new());
        for (index, words) in own.chain(more).enumerate() {
            owners.extend(std::iter::repeat_n(index, words.len()));
            keywords.extend(words);
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(keywords)
            .map_err(|source| Error::Pattern { rule: "keywords", source: Box::new(source) })?;
        let home = r"(?:/Users/|/home/|/root\b|[A-Za-z]:\\{1,2}Users\\{1,2})(?:[A-Za-z0-9._-]+)?";
        let mail = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}";
        Ok(Self {
            keywords,
            owners,
            expressions: patterns().map(|_| OnceLock::new()).collect(),
            gitleaks,
            home: expression("home", home)?,
            mail: expression("mail", mail)?,
        })
    }

    /// Returns `text` with everything masked; `None` where masking did not help.
    pub fn redact(&self, text: &str) -> Option<Redacted> {
        let spans = self.spans(text.as_bytes());
        let masked: Vec<&'static str> = spans.iter().map(|span| span.rule).collect();
        let text = self.anonymous(&mask(text, &spans)?)?;
        let clean = self.spans(text.as_bytes()).is_empty();
        clean.then_some(Redacted { text, masked })
    }

    /// Returns what would be masked in `bytes`, line by line, without any value.
    pub fn audit(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for line in crate::transcript::Lines::new(bytes) {
            let mut rules: Vec<_> = self.spans(line.bytes).iter().map(|span| span.rule).collect();
            rules.sort_unstable();
            for chunk in rules.chunk_by(|a, b| a == b) {
                let count = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
                findings.extend(chunk.first().map(|rule| Finding {
                    line: line.number,
                    rule,
                    count,
                }));
            }
        }
        findings
    }

    /// Returns the names of our own patterns and of the rules of gitleaks.
    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        let own = patterns().map(|pattern| pattern.name);
        own.chain(self.gitleaks.rules.iter().map(|rule| rule.id))
    }

    /// Returns the parts to mask, ascending and apart from each other.
    fn spans(&self, text: &[u8]) -> Vec<Span> {
        let text = &*without_escapes(text);
        let mut wanted = vec![false; self.expressions.len() + self.gitleaks.rules.len()];
        for hit in self.keywords.find_overlapping_iter(text) {
            let owner = self.owners.get(hit.pattern().as_usize());
            if let Some(slot) = owner.and_then(|owner| wanted.get_mut(*owner)) {
                *slot = true;
            }
        }
        let wanted =
            wanted.into_iter().enumerate().filter_map(|(index, wanted)| wanted.then_some(index));
        let mut spans: Vec<Span> = wanted.flat_map(|index| self.found(index, text)).collect();
        // Of two rules that find the same value our own names it; it comes first.
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        apart(spans)
    }

    /// Returns what the rule at `index` of both tables finds; everything where it does not compile.
    fn found(&self, index: usize, text: &[u8]) -> Vec<Span> {
        let (rule, found) = match (patterns().nth(index), self.expressions.get(index)) {
            (Some(pattern), Some(slot)) => (pattern.name, own(pattern, slot, text)),
            _ => {
                let index = index.saturating_sub(self.expressions.len());
                let rule = self.gitleaks.rules.get(index).map_or("gitleaks", |rule| rule.id);
                (rule, self.gitleaks.find(index, text))
            }
        };
        let places = match found {
            Found::Values(places) => places,
            Found::Unknown => vec![(0, text.len())],
        };
        places.into_iter().map(|(start, end)| Span { start, end, rule }).collect()
    }

    /// Returns `text` without home folders and mail addresses.
    fn anonymous(&self, text: &str) -> Option<String> {
        let text = self.home.replace_all(text.as_bytes(), &b"~"[..]);
        if memchr::memchr(b'@', &text).is_none() {
            return String::from_utf8(text.into_owned()).ok();
        }
        let text = self.mail.replace_all(&text, |captures: &Captures<'_>| {
            let whole = captures.get(0).map(|m| m.as_bytes()).unwrap_or_default();
            // The user of a git remote is no person.
            if whole.starts_with(b"git@") { whole.to_vec() } else { b"<email>".to_vec() }
        });
        String::from_utf8(text.into_owned()).ok()
    }
}

/// Returns as many bytes with `\n`, `\t` and `\r` in source form blanked: the letter of an escape
/// would hide where a word starts.
fn without_escapes(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = text.to_vec();
    for (at, pair) in text.windows(2).enumerate() {
        if matches!(pair, [b'\\', b'n' | b't' | b'r'])
            && let Some(pair) = plain.get_mut(at..at + 2)
        {
            pair.fill(b' ');
        }
    }
    Cow::Owned(plain)
}

/// Returns our own patterns, those that go by the format first.
fn patterns() -> impl Iterator<Item = &'static Pattern> {
    FORMATS.iter().chain(PLACES)
}

/// Returns what one of our own patterns finds.
fn own(pattern: &Pattern, slot: &OnceLock<Option<Regex>>, text: &[u8]) -> Found {
    match slot.get_or_init(|| expression(pattern.name, pattern.expression).ok()) {
        Some(regex) => Found::Values(
            regex.captures_iter(text).filter_map(|captures| secret(pattern, &captures)).collect(),
        ),
        None => Found::Unknown,
    }
}

/// Returns the part of a match to mask, if the gate of its pattern lets it through.
fn secret(pattern: &Pattern, captures: &Captures<'_>) -> Option<(usize, usize)> {
    let mut groups = pattern.group..captures.len().max(pattern.group + 1);
    let found = groups.find_map(|group| captures.get(group))?;
    let value = found.as_bytes();
    if value.starts_with(b"[redacted:") {
        return None;
    }
    let secret = match pattern.gate {
        Gate::Format => true,
        Gate::Random => {
            entropy(value) >= 3.0 && value.iter().any(u8::is_ascii_digit) && !is_code(value)
        }
        Gate::Chosen => entropy(value) >= 2.2 && !is_code(value) && !is_placeholder(value),
    };
    secret.then_some((found.start(), found.end()))
}

/// Keeps the first of spans that overlap, widened to what they cover together.
fn apart(sorted: Vec<Span>) -> Vec<Span> {
    let mut kept: Vec<Span> = Vec::new();
    for span in sorted {
        match kept.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => kept.push(span),
        }
    }
    kept
}

/// Returns `text` with each span as `[redacted:RULE]`; a character that a span cuts goes with it.
fn mask(text: &str, spans: &[Span]) -> Option<String> {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        let start = text.floor_char_boundary(span.start).max(from);
        masked.push_str(text.get(from..start)?);
        masked.push_str("[redacted:");
        masked.push_str(span.rule);
        masked.push(']');
        from = text.ceil_char_boundary(span.end);
    }
    masked.push_str(text.get(from..)?);
    Some(masked)
}

/// Compiles an expression over bytes: without Unicode it is small, and fast to compile and to run.
fn expression(rule: &'static str, expression: &str) -> Result<Regex, Error> {
    RegexBuilder::new(expression)
        .unicode(false)
        .build()
        .map_err(|source| Error::Pattern { rule, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_our_own_compiles() {
        for pattern in patterns() {
            assert!(expression(pattern.name, pattern.expression).is_ok(), "{}", pattern.name);
        }
    }

    #[test]
    fn a_rule_that_does_not_compile_masks_the_whole_text() {
        let mut redactor = Redactor::new().unwrap();
        let at = patterns().position(|pattern| pattern.name == "github-token").unwrap();
        redactor.expressions[at] = OnceLock::from(None);
        let redacted = redactor.redact("the prefix is gho_ and nothing follows");
        assert!(redacted.is_none_or(|redacted| redacted.text == "[redacted:github-token]"));
    }
}
