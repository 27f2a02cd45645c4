//! Reads a Claude Code transcript: one JSON record per line, in a format that changes.
//!
//! Tolerant by design: a broken line, an unknown record type or a half-written last line is
//! counted and reported, never fatal. Only a file that is no transcript at all is an error.

mod branch;
mod lines;
mod memory_edit;
mod record;
mod speech;
mod tools;
mod wire;

use std::borrow::Cow;

use garner_kernel::{FileName, SessionId};

use crate::error::Error;
use crate::session::{Reading, Session};
use record::Reader;

pub(crate) use lines::Lines;
pub(crate) use wire::Record;

/// The longest line that is parsed, in bytes; a longer one counts as broken.
pub const MAX_LINE: usize = 64 << 20;

/// How many bytes of a file are looked at for zero bytes.
const SNIFFED: usize = 8 << 10;

/// What a reader accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file: usize,
    /// The longest line, in bytes.
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 1 << 30, line: MAX_LINE }
    }
}

/// Reads a session within the default [`Limits`].
///
/// # Errors
/// As [`read_session_within`].
pub fn read_session(bytes: &[u8], file: FileName) -> Result<Session, Error> {
    read_session_within(bytes, file, Limits::default())
}

/// Reads a session: who said what, in the order of the file.
///
/// # Errors
/// [`Error::Empty`], [`Error::TooLarge`], [`Error::Binary`], [`Error::NotATranscript`] without a
/// single JSON object, [`Error::NoSession`] without a single record of a conversation.
pub fn read_session_within(bytes: &[u8], file: FileName, limits: Limits) -> Result<Session, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty { file });
    }
    if bytes.len() > limits.file {
        return Err(Error::TooLarge { file, size: bytes.len(), limit: limits.file });
    }
    let head = bytes.get(..SNIFFED).unwrap_or(bytes);
    if let Some(offset) = memchr::memchr(0, head) {
        return Err(Error::Binary { file, offset });
    }
    let mut reader = Reader::new(stem(&file));
    let mut reading = Reading { bytes: bytes.len(), ..Reading::default() };
    for line in Lines::new(bytes) {
        reading.lines = line.number;
        if line.bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match parse(line.bytes, limits.line) {
            Some(record) => {
                reading.records += 1;
                reader.take(&record, &line, &mut reading);
            }
            None if line.ended => {
                reading.broken += 1;
                if reading.broken_lines.len() < Reading::MAX_LISTED {
                    reading.broken_lines.push(line.number);
                }
            }
            None => reading.half_written = Some(line.number),
        }
    }
    finish(reader, reading, file)
}

fn finish(reader: Reader<'_>, mut reading: Reading, file: FileName) -> Result<Session, Error> {
    if reading.records == 0 {
        return Err(Error::NotATranscript { file, lines: reading.lines });
    }
    if !reader.is_conversation() {
        return Err(Error::NoSession { file, objects: reading.records });
    }
    let (id, turns, external_since) = reader.finish(&mut reading);
    tracing::debug!(
        lines = reading.lines,
        records = reading.records,
        broken = reading.broken,
        unknown_types = reading.unknown.len(),
        turns = turns.len(),
        "read a transcript"
    );
    Ok(Session { file, id, turns, reading, external_since })
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
fn stem(file: &FileName) -> SessionId {
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
