//! The JSON of records as Rust types: strings and integers in the order of docs/format.md.
//!
//! Nothing is checked here but the shape. Strings are borrowed both ways: from the line that is
//! read, and from the value that is written.

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

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
pub(super) enum WireChange<'a> {
    Put(#[serde(borrow)] WireFragment<'a>),
    Del(#[serde(borrow)] WireTombstone<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFragment<'a> {
    #[serde(borrow)]
    pub(super) id: Word<'a>,
    pub(super) rev: u32,
    pub(super) kind: Word<'a>,
    pub(super) scope: Word<'a>,
    pub(super) trust: Word<'a>,
    pub(super) confidence: u8,
    pub(super) text: Word<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Word<'a>>,
    pub(super) created: Word<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_to: Option<Word<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) supersedes: Vec<Word<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Word<'a>>,
    pub(super) sources: Vec<WireSource<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSource<'a> {
    #[serde(borrow)]
    pub(super) session: Word<'a>,
    pub(super) file: Word<'a>,
    pub(super) record: Word<'a>,
    pub(super) line: u32,
    pub(super) digest: Word<'a>,
    pub(super) speaker: Word<'a>,
    pub(super) rule: Word<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireTombstone<'a> {
    #[serde(borrow)]
    pub(super) id: Word<'a>,
    pub(super) rev: u32,
    pub(super) at: Word<'a>,
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
