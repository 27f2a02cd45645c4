//! Reads a Claude Code transcript: one JSON record per line, in a format that changes.
//!
//! Tolerant by design: a broken line, an unknown record type or a half-written last line is
//! counted and reported, never fatal. Only a file that is no transcript at all is an error.

mod branch;
mod checkpoint;
mod commands;
mod key;
mod lines;
mod memory_edit;
mod reader;
mod record;
mod results;
mod speech;
mod tools;
mod wire;

use std::borrow::Cow;

use garner_kernel::{FileName, SessionId};

use crate::error::Error;
use crate::session::Session;

pub(crate) use branch::{Node, abandoned};
pub use checkpoint::{Checkpoint, KnownSession, Mark};
pub(crate) use key::{hash, key};
pub(crate) use lines::Lines;
pub use reader::TranscriptReader;
pub(crate) use wire::Record;

/// The longest line that is parsed, in bytes; a longer one counts as broken.
pub const MAX_LINE: usize = 64 << 20;

/// What a reader accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file: u64,
    /// The longest line, in bytes.
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 16 << 30, line: MAX_LINE }
    }
}

/// Reads a session within the default [`Limits`].
///
/// # Errors
/// As [`TranscriptReader::finish`].
pub fn read_session(bytes: &[u8], file: FileName) -> Result<Session, Error> {
    read_session_within(bytes, file, Limits::default())
}

/// Reads a session: who said what, in the order of the file.
///
/// # Errors
/// As [`TranscriptReader::finish`].
pub fn read_session_within(bytes: &[u8], file: FileName, limits: Limits) -> Result<Session, Error> {
    let mut reader = TranscriptReader::new(file, limits);
    reader.feed(bytes);
    reader.finish().map(|(session, _)| session)
}

/// Returns the record of a line; `None` for what is no JSON object in UTF-8 or is too long.
pub(crate) fn parse(line: &[u8], limit: usize) -> Option<Record<'_>> {
    if line.len() > limit {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Returns the file's name without its extension as a session id.
pub(crate) fn stem(file: &FileName) -> SessionId {
    let name = file.as_str();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let clean: Cow<'_, str> = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(128)
        .collect();
    clean.parse().unwrap_or_else(|_| unnamed())
}

/// The id of a session that neither its records nor its file name.
fn unnamed() -> SessionId {
    #[expect(clippy::expect_used, reason = "the word fits the rules of a session id")]
    "unnamed".parse().expect("a valid id")
}
