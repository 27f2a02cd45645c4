//! Fragments as Garner writes them: the records of a kernel, or the entries of a draft.
//!
//! Nothing of a fragment is lost: who spoke, when, its sources. But a file without a signature
//! proves none of it, so that every fragment waits for a person.

use garner_kernel::{Change, record};

use super::Input;
use super::notes::{At, Notes};
use crate::error::Error;
use crate::session::{Event, Session};

/// Reads records or a draft.
pub(crate) fn read(input: &Input<'_>) -> Result<Session, Error> {
    let malformed = |rule: String| Error::Malformed { file: input.file.clone(), rule };
    let mut notes = Notes::new(input);
    if input.text.starts_with("{\"format\":\"garner.draft.v1\"}") {
        let draft = record::parse_draft(input.text).map_err(|e| malformed(e.to_string()))?;
        notes.skip_many("tombstone", draft.tombstones.len());
        for entry in draft.entries.into_values() {
            let fragment = Box::new(entry.fragment);
            notes.event(At::line(1), fragment.trust, Event::Imported { fragment });
        }
        return Ok(notes.finish());
    }
    for (index, line) in input.text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        match record::parse(line) {
            Ok(Change::Put(fragment)) => {
                notes.event(At::line(number), fragment.trust, Event::Imported { fragment });
            }
            Ok(Change::Del(_)) => notes.skip("tombstone"),
            Err(_) if line.trim().is_empty() => {}
            Err(error) => return Err(malformed(format!("line {number}: {error}"))),
        }
    }
    Ok(notes.finish())
}
