//! What signed statements share: the repository they speak of, and the one spelling of their JSON.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contents::MAX_INTEGER;
use crate::digest::Digest;
use crate::error::Error;

/// Names a repository for ever: the first 32 hex digits of its first root's digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(String);

impl RepositoryId {
    /// Returns the id of the repository whose first root has this digest.
    pub(crate) fn of_root(digest: &Digest) -> Self {
        Self(digest.to_string().chars().take(32).collect())
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RepositoryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 32 && hex {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::MalformedId { what: "repository id", text: text.chars().take(80).collect() })
    }
}

/// Returns the type line, which is `kind` and the version 1, and one line of JSON.
pub(crate) fn json_text(kind: &str, wire: &impl Serialize) -> String {
    format!("{kind}1\n{}\n", to_json(wire))
}

pub(crate) fn to_json(wire: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "strings, integers and lists always have a JSON form")]
    serde_json::to_string(wire).expect("wire types serialise")
}

/// Returns what follows the first line, which must be `kind` and the version 1: `garner.head.v1`.
///
/// # Errors
/// [`Error::Unsupported`] for another version, [`Error::Note`] for anything else.
pub(crate) fn after_type<'a>(
    what: &'static str,
    kind: &str,
    text: &'a str,
) -> Result<&'a str, Error> {
    let broken = || Error::Note { what, rule: format!("its first line is not `{kind}1`") };
    let (first, rest) = text.split_once('\n').ok_or_else(broken)?;
    match first.strip_prefix(kind).ok_or_else(broken)? {
        "1" => Ok(rest),
        found if !found.is_empty() && found.bytes().all(|b| b.is_ascii_digit()) => {
            Err(Error::Unsupported { what, found: found.chars().take(20).collect() })
        }
        _ => Err(broken()),
    }
}

/// Reads a type line and one line of JSON, which must be spelled as it would be written.
pub(crate) fn parse_json<T: Serialize + DeserializeOwned>(
    what: &'static str,
    kind: &str,
    text: &str,
) -> Result<T, Error> {
    let broken = |rule: &str| Error::Note { what, rule: rule.to_owned() };
    let json = after_type(what, kind, text)?
        .strip_suffix('\n')
        .ok_or_else(|| broken("its last line is cut"))?;
    exact_json(json.as_bytes()).map_err(|rule| Error::Note { what, rule })
}

/// Reads one JSON value, which must be spelled as it would be written.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn exact_json<T: Serialize + DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
    let wire: T = serde_json::from_str(text).map_err(|e| e.to_string())?;
    // One spelling: this refuses duplicate keys, other orders and integers above 2^53 - 1.
    if to_json(&wire) == text && !too_large(text) {
        return Ok(wire);
    }
    Err("it is not spelled in the one way".to_owned())
}

/// Parses a value that must be spelled as it would be written.
pub(crate) fn exact<T: FromStr<Err = Error> + fmt::Display>(text: &str) -> Result<T, Error> {
    let value: T = text.parse()?;
    if value.to_string() == text {
        return Ok(value);
    }
    Err(Error::MalformedId { what: "value in its one spelling", text: text.to_owned() })
}

/// Parses a decimal integer of at most [`MAX_INTEGER`] without leading zeros.
pub(crate) fn integer(text: &str) -> Option<u64> {
    let number = text.parse().ok().filter(|number| *number <= MAX_INTEGER)?;
    (u64::to_string(&number) == text).then_some(number)
}

/// Returns whether some integer outside of strings is above [`MAX_INTEGER`].
fn too_large(json: &str) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    let mut digits = String::new();
    for c in json.chars().chain([' ']) {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_digit() {
            digits.push(c);
        } else {
            in_string = c == '"';
            if digits.parse::<u64>().map_or(!digits.is_empty(), |n| n > MAX_INTEGER) {
                return true;
            }
            digits.clear();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_above_two_to_the_53_are_refused() {
        assert!(!too_large(
            "{\"a\":\"9007199254740992 \\\" 9007199254740992\",\"b\":9007199254740991}"
        ));
        assert!(too_large("{\"b\":9007199254740992}"));
        assert!(too_large("{\"b\":99999999999999999999999}"));
    }
}
