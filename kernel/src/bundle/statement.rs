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

/// Returns the type line and one line of JSON.
pub(crate) fn json_text(type_line: &str, wire: &impl Serialize) -> String {
    format!("{type_line}\n{}\n", to_json(wire))
}

pub(crate) fn to_json(wire: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "strings, integers and lists always have a JSON form")]
    serde_json::to_string(wire).expect("wire types serialise")
}

/// Reads a type line and one line of JSON, which must be spelled as it would be written.
pub(crate) fn parse_json<T: Serialize + DeserializeOwned>(
    what: &'static str,
    type_line: &str,
    text: &str,
) -> Result<T, Error> {
    let broken = |rule: String| Error::Note { what, rule };
    let json = text
        .strip_prefix(type_line)
        .and_then(|rest| rest.strip_prefix('\n'))
        .ok_or_else(|| broken(format!("its first line is not `{type_line}`")))?;
    let wire: T = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
    // One spelling: this refuses duplicate keys, other orders and integers above 2^53 - 1.
    if json_text(type_line, &wire) != text || too_large(json) {
        return Err(broken("it is not spelled in the one way".to_owned()));
    }
    Ok(wire)
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
