//! The JSON of records as Rust types: strings and integers in the order of docs/format.md.
//!
//! Nothing is checked here but the shape. Strings are borrowed both ways: from the line that is
//! read, and from the value that is written.

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

#[cfg(test)]
use crate::schema;

/// A string; borrowed unless an escape had to be resolved or a value spelled out.
///
/// A type of its own, because serde borrows a bare `Cow` neither in an `Option` nor in a `Vec`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Word<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Deref for Word<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Word<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum WireChange<'a> {
    Put(#[serde(borrow)] WireFragment<'a>),
    Del(#[serde(borrow)] WireTombstone<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "fragment"))]
pub(super) struct WireFragment<'a> {
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    pub(super) id: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Revision"))]
    pub(super) rev: u32,
    #[cfg_attr(test, schemars(with = "schema::FragmentKind"))]
    pub(super) kind: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Scope"))]
    pub(super) scope: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Speaker"))]
    pub(super) trust: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Percent"))]
    pub(super) confidence: u8,
    #[cfg_attr(test, schemars(with = "schema::Statement"))]
    pub(super) text: Word<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "schema::Statement"))]
    pub(super) context: Option<Word<'a>>,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub(super) created: Word<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub(super) valid_to: Option<Word<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(with = "schema::Set<schema::Digest>", length(min = 1, max = super::MAX_SUPERSEDES)))]
    pub(super) supersedes: Vec<Word<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(with = "schema::Set<schema::Tag>", length(min = 1, max = super::MAX_TAGS)))]
    pub(super) tags: Vec<Word<'a>>,
    #[cfg_attr(test, schemars(with = "schema::Set<WireSource<'_>>", length(min = 1, max = super::MAX_SOURCES)))]
    pub(super) sources: Vec<WireSource<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "source"))]
pub(super) struct WireSource<'a> {
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "schema::SessionName"))]
    pub(super) session: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::FileName"))]
    pub(super) file: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::SessionName"))]
    pub(super) record: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Revision"))]
    pub(super) line: u32,
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    pub(super) digest: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Speaker"))]
    pub(super) speaker: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Rule"))]
    pub(super) rule: Word<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "tombstone"))]
pub(super) struct WireTombstone<'a> {
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "schema::Digest"))]
    pub(super) id: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Revision"))]
    pub(super) rev: u32,
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub(super) at: Word<'a>,
    #[cfg_attr(test, schemars(with = "schema::Gone"))]
    pub(super) reason: Word<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireEntry<'a> {
    #[serde(borrow)]
    pub(super) status: Word<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Word<'a>>,
    pub(super) fragment: WireFragment<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "A record: one line of a base or a delta";
        schema::check::<WireChange<'_>>("record.v1.json", title, garner_schemas::RECORD_SCHEMA);
    }
}
