//! Drafts as JSON lines: a header, the entries, and the rejections as records.

use super::wire::{WireChange, WireEntry};
use super::{parse, reader, writer};
use crate::contents::Change;
use crate::draft::{Draft, Entry, Status};
use crate::error::Error;

/// Returns a draft as JSON lines: a header, the entries by id, then the rejections by id.
pub fn draft_lines(draft: &Draft) -> String {
    let mut lines = String::from("{\"format\":\"garner.draft.v1\"}\n");
    for entry in draft.entries.values() {
        let reason = match &entry.status {
            Status::Quarantined { reason } => Some(reason.as_str().into()),
            Status::Active | Status::Candidate => None,
        };
        let status = entry.status.as_str().into();
        let fragment = writer::fragment(&entry.fragment);
        lines.push_str(&writer::encode(&WireEntry { status, reason, fragment }));
        lines.push('\n');
    }
    for tombstone in draft.tombstones.values() {
        lines.push_str(&writer::encode(&WireChange::Del(writer::tombstone(tombstone))));
        lines.push('\n');
    }
    lines
}

/// Reads a draft.
///
/// # Errors
/// [`Error::Draft`] with the number of the first line that is broken.
pub fn parse_draft(text: &str) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    for (index, line) in text.lines().enumerate() {
        let broken = |rule: String| Error::Draft { line: index + 1, rule };
        if index == 0 {
            if line != "{\"format\":\"garner.draft.v1\"}" {
                return Err(broken("not a draft of format 1".to_owned()));
            }
        } else if line.starts_with("{\"op\":\"del\"") {
            match parse(line).map_err(|e| broken(e.to_string()))? {
                Change::Del(tombstone) => draft.tombstones.insert(tombstone.id, tombstone),
                Change::Put(_) => None,
            };
        } else {
            let wire: WireEntry = serde_json::from_str(line).map_err(|e| broken(e.to_string()))?;
            let entry = entry(wire).map_err(|e| broken(e.to_string()))?;
            draft.entries.insert(entry.fragment.id, entry);
        }
    }
    Ok(draft)
}

fn entry(wire: WireEntry<'_>) -> Result<Entry, Error> {
    let status = match (&*wire.status, wire.reason) {
        ("active", None) => Status::Active,
        ("candidate", None) => Status::Candidate,
        ("quarantined", Some(reason)) => Status::Quarantined { reason: reason.0.into_owned() },
        (other, _) => {
            return Err(Error::UnknownWord {
                what: "status",
                word: other.to_owned(),
                known: &["active", "candidate", "quarantined"],
            });
        }
    };
    Ok(Entry { fragment: reader::fragment(wire.fragment)?, status })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::fragment;
    use crate::words::Kind;

    #[test]
    fn a_draft_reads_what_it_writes() {
        let mut draft = Draft::default();
        for (text, status) in [
            ("One.", Status::Active),
            ("Two.", Status::Candidate),
            ("Three.", Status::Quarantined { reason: "asks for a key".to_owned() }),
        ] {
            draft.merge(Entry { fragment: fragment(Kind::Fact, text), status });
        }
        assert_eq!(parse_draft(&draft_lines(&draft)).unwrap(), draft);
        assert!(parse_draft("{}\n").is_err());
    }
}
