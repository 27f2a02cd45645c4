//! Records: the JSON line that stands for one change of a kernel, and for one entry of a draft.
//!
//! A record has one spelling. Reading a line and writing it again must give the same bytes, which
//! rules out duplicate keys, unknown fields, other orders and other escapes at once. The steps are
//! those of docs/format.md, "Records". A line that is spelled as it must be is read without writing
//! it again (`spelling`); any other takes all the steps, and gets the error of the one it fails.

mod drafts;
mod reader;
#[cfg(test)]
mod respelling;
mod spelling;
mod wire;
mod writer;

use crate::contents::Change;
use crate::digest::Digest;
use crate::error::Error;
use crate::fragment::Fragment;
use wire::WireChange;

pub use drafts::{draft_lines, parse_draft};

/// The longest line of a record, in bytes.
pub const MAX_LINE: usize = 64 << 10;
/// The longest statement or context, in bytes.
pub const MAX_TEXT: usize = 16 << 10;
/// The most tags of a fragment.
pub const MAX_TAGS: usize = 32;
/// The most sources of a fragment.
pub const MAX_SOURCES: usize = 64;
/// The most fragments that one fragment replaces.
pub const MAX_SUPERSEDES: usize = 128;

/// Returns the line of a change, without its line feed.
pub fn line(change: &Change) -> String {
    writer::encode(&writer::change(change))
}

/// Returns the digest of a fragment's record line.
pub fn digest(fragment: &Fragment) -> Digest {
    Digest::of(writer::encode(&WireChange::Put(writer::fragment(fragment))).as_bytes())
}

/// Reads the line of a change.
///
/// # Errors
/// [`Error::Record`] with the first rule that the line breaks.
pub fn parse(line: &str) -> Result<Change, Error> {
    let broken = |rule: String| Error::Record { rule };
    // 1. The length, before anything is parsed.
    if line.len() > MAX_LINE {
        return Err(broken(format!(
            "a line has at most {MAX_LINE} bytes, this one {}",
            line.len()
        )));
    }
    // 2. and 3. at once, where the line is spelled as it must be.
    if let Some(wire) = spelling::read(line) {
        let change = reader::change(wire)?;
        debug_assert!(
            writer::is_spelled(&writer::change(&change), line),
            "two spellings of a word"
        );
        return Ok(change);
    }
    // 2. JSON with exactly the known fields.
    let wire = serde_json::from_str(line).map_err(|e| broken(e.to_string()))?;
    let change = reader::change(wire)?;
    // 3. The one spelling.
    if !writer::is_spelled(&writer::change(&change), line) {
        return Err(broken("a record is spelled in one way only, this one differs".to_owned()));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::{Tombstone, TombstoneReason};
    use crate::test_support::fragment;
    use crate::words::Kind;

    #[test]
    fn a_record_reads_what_it_writes() {
        let put = Change::Put(Box::new(fragment(Kind::Decision, "Use \"SQLite\".\n\tNot é.")));
        assert_eq!(parse(&line(&put)).unwrap(), put);
        let del = Change::Del(Tombstone {
            id: put.id(),
            revision: 2,
            at: "2026-01-02T00:00:00Z".parse().unwrap(),
            reason: TombstoneReason::Rejected,
        });
        assert_eq!(parse(&line(&del)).unwrap(), del);
    }

    #[test]
    fn a_record_has_one_spelling() {
        let good = line(&Change::Put(Box::new(fragment(Kind::Rule, "Sync the folder too."))));
        let bad = [
            good.replace("\"rev\":1", "\"rev\": 1"),
            good.replace("\"rev\":1", "\"rev\":1,\"rev\":1"),
            good.replace("\"rev\":1", "\"rev\":0"),
            good.replace("\"rev\":1", "\"rev\":1,\"other\":1"),
            good.replace("\"kind\":\"rule\"", "\"kind\":\"fact\""),
            good.replace("Sync", "\\u0053ync"),
            good.replace("Sync", "Sink"),
            good.replace("Sync", "Sync\\u0000"),
            good.replace("\"tags\":[\"storage\"]", "\"tags\":[\"storage\",\"a\"]"),
            good.replace(".jsonl", "/../x.jsonl"),
            good.replace("\"line\":7", "\"line\":0"),
            format!("{good} "),
            good.replace("\"sources\":[{", "\"sources\":[{\"x\":{\"y\":1},"),
        ];
        assert!(parse(&good).is_ok());
        for line in bad {
            assert_ne!(line, good);
            assert!(parse(&line).is_err(), "accepted {line}");
        }
    }

    #[test]
    fn a_text_has_something_to_see_and_a_tombstone_a_revision() {
        let hidden = fragment(Kind::Fact, "\u{200B}\u{202E} \u{FEFF}");
        assert!(parse(&line(&Change::Put(Box::new(hidden)))).is_err());
        let id = fragment(Kind::Fact, "Gone.").id;
        let gone = |rev| {
            format!(
                "{{\"op\":\"del\",\"id\":\"{id}\",\"rev\":{rev},\
                 \"at\":\"2026-01-02T00:00:00Z\",\"reason\":\"removed\"}}"
            )
        };
        assert!(parse(&gone(1)).is_ok());
        assert!(parse(&gone(0)).is_err());
    }
}
