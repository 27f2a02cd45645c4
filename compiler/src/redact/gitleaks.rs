//! The rules of gitleaks as data (see NOTICE), each compiled when one of its keywords occurs.
//!
//! A rule finds values by an expression, lets entropy decide about them where it says so, and
//! leaves alone what its allow lists name. Two rules are added to the data: entropy alone never
//! decides, and the generic rule wants a digit.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex};
use serde::Deserialize;

use super::expression;
use super::gate::entropy;
use crate::error::Error;

/// The data: allow lists for every rule on the first line, then a rule on each line.
const DATA: &str = include_str!("../../data/gitleaks.jsonl");

/// A group with fewer bytes is part of a format and not the secret.
const SHORTEST: usize = 8;

/// The rule for values of no known issuer.
const GENERIC: &str = "generic-api-key";

/// Every rule, and what is allowed for all of them.
#[derive(Debug)]
pub(super) struct Gitleaks {
    pub(super) rules: Vec<Rule>,
    allow: Vec<Allow>,
}

/// One rule.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) keywords: Vec<String>,
    regex: String,
    /// The group that holds the secret; without one the first group that took part.
    group: usize,
    entropy: f64,
    allow: Vec<Allow>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

/// What a rule leaves alone.
#[derive(Debug, Deserialize)]
struct Allow {
    target: Target,
    regexes: Vec<String>,
    stopwords: Vec<String>,
    #[serde(skip)]
    compiled: OnceLock<Option<Allowed>>,
}

/// What an allow list looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    Secret,
    Match,
    Line,
}

/// An allow list, ready to look.
#[derive(Debug)]
struct Allowed {
    regexes: Vec<Regex>,
    stopwords: AhoCorasick,
}

/// What a rule found in a text.
pub(super) enum Found {
    /// Values at these places.
    Values(Vec<(usize, usize)>),
    /// Nobody can tell: the rule does not compile.
    Unknown,
}

impl Gitleaks {
    /// Reads the data; no expression is compiled yet.
    ///
    /// # Errors
    /// [`Error::Pattern`] where a line is no rule.
    pub(super) fn new() -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Everywhere {
            allow: Vec<Allow>,
        }
        let damaged = |source| Error::Pattern { rule: "gitleaks", source: Box::new(source) };
        let (first, rest) = DATA.split_once('\n').unwrap_or((DATA, ""));
        let everywhere: Everywhere = serde_json::from_str(first).map_err(damaged)?;
        let rules = rest.lines().map(|line| serde_json::from_str(line).map_err(damaged));
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, allow: everywhere.allow })
    }

    /// Returns what the rule at `index` finds in `text`.
    pub(super) fn find(&self, index: usize, text: &[u8]) -> Found {
        let Some(rule) = self.rules.get(index) else { return Found::Values(Vec::new()) };
        let Some(regex) = rule.compiled.get_or_init(|| expression(rule.id, &rule.regex).ok())
        else {
            return Found::Unknown;
        };
        let values = regex.captures_iter(text).filter_map(|captures| {
            let span = rule.secret(&captures)?;
            let allowed = rule.allow.iter().chain(&self.allow);
            let place = Place { text, whole: captures.get(0)?.range(), secret: span.0..span.1 };
            (!allowed.into_iter().any(|allow| allow.lets_through(&place))).then_some(span)
        });
        Found::Values(values.collect())
    }
}

/// Where a secret was found.
struct Place<'t> {
    text: &'t [u8],
    whole: std::ops::Range<usize>,
    secret: std::ops::Range<usize>,
}

impl Place<'_> {
    /// Returns the bytes that an allow list of this target looks at.
    fn target(&self, target: Target) -> &[u8] {
        let range = match target {
            Target::Secret => self.secret.clone(),
            Target::Match => self.whole.clone(),
            Target::Line => {
                let before = self.text.get(..self.whole.start).unwrap_or_default();
                let after = self.text.get(self.whole.end..).unwrap_or_default();
                let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
                let end = memchr::memchr(b'\n', after).unwrap_or(after.len());
                start..self.whole.end + end
            }
        };
        self.text.get(range).unwrap_or_default()
    }
}

impl Rule {
    /// Returns where the secret of a match is, if it is random enough.
    fn secret(&self, captures: &Captures<'_>) -> Option<(usize, usize)> {
        let found = match self.group {
            0 => (1..captures.len())
                .find_map(|group| captures.get(group).filter(|found| found.len() >= SHORTEST))
                .or_else(|| captures.get(0)),
            group => captures.get(group),
        }?;
        let value = found.as_bytes();
        let masked = value.starts_with(b"[redacted:");
        let dull = self.entropy > 0.0 && entropy(value) <= self.entropy;
        let word = self.id == GENERIC && !value.iter().any(u8::is_ascii_digit);
        (!masked && !dull && !word && !value.is_empty()).then_some((found.start(), found.end()))
    }
}

impl Allow {
    /// Returns whether the list names what was found; one that does not compile names nothing.
    fn lets_through(&self, place: &Place<'_>) -> bool {
        let Some(allowed) = self.compiled.get_or_init(|| self.compile()) else { return false };
        let target = place.target(self.target);
        allowed.regexes.iter().any(|regex| regex.is_match(target))
            || allowed.stopwords.is_match(place.target(Target::Secret))
    }

    fn compile(&self) -> Option<Allowed> {
        let regexes = self.regexes.iter().map(|regex| expression("allow list", regex));
        let stopwords = AhoCorasick::builder().ascii_case_insensitive(true).build(&self.stopwords);
        Some(Allowed {
            regexes: regexes.collect::<Result<_, _>>().ok()?,
            stopwords: stopwords.ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_every_allow_list_compiles() {
        let gitleaks = Gitleaks::new().unwrap();
        assert!(gitleaks.rules.len() > 200, "{} rules", gitleaks.rules.len());
        for rule in &gitleaks.rules {
            expression(rule.id, &rule.regex)
                .unwrap_or_else(|error| panic!("{}: {error:?}", rule.id));
            assert!(!rule.keywords.is_empty(), "{} has no keyword", rule.id);
            for allow in rule.allow.iter().chain(&gitleaks.allow) {
                assert!(allow.compile().is_some(), "an allow list of {}", rule.id);
            }
        }
    }

    #[test]
    fn a_line_of_the_data_that_is_no_rule_is_an_error_and_not_a_gap() {
        let rules = DATA.lines().skip(1).filter(|line| serde_json::from_str::<Rule>(line).is_ok());
        assert_eq!(rules.count() + 1, DATA.lines().count());
    }
}
