//! Takes credentials, home paths and mail addresses out of a text before it goes anywhere.
//!
//! Mask, look again, and drop what still shows a credential: it fails closed. No rule goes by
//! randomness alone; randomness only decides about values that a name announces.

mod patterns;

use std::borrow::Cow;

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::error::Error;
use patterns::{Gate, PATTERNS, Pattern};

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
#[derive(Debug)]
pub struct Redactor {
    keywords: AhoCorasick,
    /// The pattern that each keyword belongs to.
    owners: Vec<usize>,
    expressions: Vec<Regex>,
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
    /// Compiles the patterns.
    ///
    /// # Errors
    /// [`Error::Pattern`] names one that does not compile.
    pub fn new() -> Result<Self, Error> {
        let mut keywords = Vec::new();
        let mut owners = Vec::new();
        let mut expressions = Vec::new();
        for (index, pattern) in PATTERNS.iter().enumerate() {
            expressions.push(expression(pattern.name, pattern.expression)?);
            for keyword in pattern.keywords {
                keywords.push(*keyword);
                owners.push(index);
            }
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
            expressions,
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

    /// Returns the names of the patterns.
    pub fn rules() -> impl Iterator<Item = &'static str> {
        PATTERNS.iter().map(|pattern| pattern.name)
    }

    /// Returns the parts to mask, ascending and apart from each other.
    fn spans(&self, text: &[u8]) -> Vec<Span> {
        let text = &*without_escapes(text);
        let mut wanted = vec![false; PATTERNS.len()];
        for hit in self.keywords.find_overlapping_iter(text) {
            let owner = self.owners.get(hit.pattern().as_usize());
            if let Some(slot) = owner.and_then(|owner| wanted.get_mut(*owner)) {
                *slot = true;
            }
        }
        let mut spans: Vec<Span> = Vec::new();
        let all = PATTERNS.iter().zip(&self.expressions).zip(wanted);
        for ((pattern, expression), _) in all.filter(|(_, wanted)| *wanted) {
            for captures in expression.captures_iter(text) {
                if let Some((start, end)) = secret(pattern, &captures) {
                    spans.push(Span { start, end, rule: pattern.name });
                }
            }
        }
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        apart(spans)
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

/// Returns the Shannon entropy of a value in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Returns whether a value is an expression of a program rather than a literal.
fn is_code(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let starts = ["process.env", "os.environ", "env.", "env(", "$", "config.", "self.", "this."];
    starts.iter().any(|start| text.starts_with(start))
        || text.contains("()")
        || text.contains('(')
        || text.split('.').count() > 1
            && text.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            })
}

/// Returns whether a value stands for a password without being one.
fn is_placeholder(value: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(value).to_lowercase();
    let words = [
        "string",
        "required",
        "optional",
        "undefined",
        "example",
        "placeholder",
        "your",
        "xxxx",
        "****",
        "....",
        "<",
        "{",
        "null",
        "none",
        "true",
        "false",
        "text",
        "field",
        "option",
    ];
    words.iter().any(|word| lower.starts_with(word))
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

/// Returns `text` with each span as `[redacted:RULE]`; `None` where a span cuts a character.
fn mask(text: &str, spans: &[Span]) -> Option<String> {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        masked.push_str(text.get(from..span.start)?);
        masked.push_str("[redacted:");
        masked.push_str(span.rule);
        masked.push(']');
        from = span.end;
    }
    masked.push_str(text.get(from..)?);
    Some(masked)
}

fn expression(rule: &'static str, expression: &str) -> Result<Regex, Error> {
    RegexBuilder::new(expression)
        .unicode(false)
        .build()
        .map_err(|source| Error::Pattern { rule, source: Box::new(source) })
}
