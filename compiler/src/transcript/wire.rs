//! The parts of a record that the compiler needs, borrowed from the line.
//!
//! The format is internal to Claude Code and changes. A field that is missing or of another type
//! reads as absent; only what is no JSON object at all is a broken line.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One line of a transcript.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub(crate) struct Record<'a> {
    #[serde(borrow, rename = "type", default, deserialize_with = "text")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) subtype: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) uuid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) parent_uuid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) logical_parent_uuid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    session_id: Option<Cow<'a, str>>,
    /// The session as the stream of a headless run spells it.
    #[serde(borrow, rename = "session_id", default, deserialize_with = "text")]
    stream_session_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "parent_tool_use_id", default, deserialize_with = "text")]
    pub(crate) parent_tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) cwd: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) prompt_source: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_sidechain: bool,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_meta: bool,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_compact_summary: bool,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_visible_in_transcript_only: bool,
    #[serde(borrow, default)]
    pub(crate) origin: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) attachment: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) tool_use_result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) plan_content: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) summary: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) custom_title: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) ai_title: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) title: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) pr_url: Option<Cow<'a, str>>,
}

impl Record<'_> {
    /// Returns the session that the record names.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session_id.as_deref().or(self.stream_session_id.as_deref())
    }

    /// Returns whether the record is one of a stream that a program reads: nobody types there.
    pub(crate) fn is_stream(&self) -> bool {
        self.session_id.is_none() && self.stream_session_id.is_some()
    }
}

/// The message of a `user` or `assistant` record.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
}

/// One block of a message's content.
#[derive(Deserialize)]
pub(crate) struct Block<'a> {
    #[serde(borrow, rename = "type", default, deserialize_with = "text")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) text: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) input: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_error: bool,
}

/// Who a prompt came from, by the record's own word.
#[derive(Deserialize)]
pub(crate) struct Origin<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) kind: Option<Cow<'a, str>>,
}

/// The attachment of an `attachment` record.
#[derive(Deserialize)]
pub(crate) struct Attachment<'a> {
    #[serde(borrow, rename = "type", default, deserialize_with = "text")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) origin: Option<&'a RawValue>,
}

/// Returns the string that a raw JSON value stands for; `None` for any other value.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Reads a raw JSON value as `T`; `None` where it has another shape.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns the text of a content that is a string or a list of text blocks.
pub(crate) fn flat_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    if let Some(text) = string(raw) {
        return Some(text);
    }
    let blocks: Vec<Block<'_>> = read(raw)?;
    let texts: Vec<_> = blocks.iter().filter_map(|b| b.text.and_then(string)).collect();
    (!texts.is_empty()).then(|| Cow::Owned(texts.join("\n")))
}

/// Returns the kind of an origin.
pub(crate) fn origin_kind(raw: &RawValue) -> Option<Cow<'_, str>> {
    string(raw).or_else(|| read::<Origin<'_>>(raw)?.kind)
}

fn text<'de: 'a, 'a, D: Deserializer<'de>>(source: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    Ok(string(<&'de RawValue>::deserialize(source)?))
}

fn flag<'de, D: Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    Ok(<&'de RawValue>::deserialize(source)?.get() == "true")
}
