//! What Claude Code hands to a hook: a summary of the conversation that was compacted.
//!
//! A hook gets no time and no word about what the session had read, so that the summary counts as
//! tainted; the transcript holds the same summary, and there it is known.

use garner_kernel::{SessionId, Text, Trust};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Input;
use super::notes::{At, Notes, only_first, plain_id};
use crate::error::Error;
use crate::injected;
use crate::session::{Event, Reading, Session};

#[derive(Deserialize)]
struct Payload<'a> {
    hook_event_name: String,
    session_id: Option<String>,
    cwd: Option<String>,
    timestamp: Option<String>,
    #[serde(borrow)]
    compact_summary: Option<&'a RawValue>,
}

/// Reads the payloads of a file: one JSON object after the other.
pub(crate) fn read(input: &Input<'_>) -> Result<Vec<Session>, Error> {
    let mut sessions: Vec<Session> = Vec::new();
    let mut total = Reading { bytes: input.text.len(), ..Reading::default() };
    for raw in serde_json::Deserializer::from_str(input.text).into_iter::<&RawValue>() {
        let malformed = |error: serde_json::Error| Error::Malformed {
            file: input.file.clone(),
            rule: error.to_string(),
        };
        let raw = match raw {
            // A spool may be written to while it is read.
            Err(error) if error.is_eof() && total.records > 0 => {
                total.half_written = Some(u32::try_from(error.line()).unwrap_or(u32::MAX));
                break;
            }
            raw => raw.map_err(malformed)?,
        };
        let payload: Payload<'_> = serde_json::from_str(raw.get()).map_err(malformed)?;
        total.records += 1;
        let summary = payload
            .compact_summary
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok().map(|text| (raw, text)));
        let Some((raw, summary)) = summary else {
            let skipped = format!("hook `{}`", payload.hook_event_name);
            *total.skipped.entry(skipped).or_default() += 1;
            continue;
        };
        sessions.push(session(input, &payload, (raw, &summary)));
        *total.spoken.entry(Trust::Digest).or_default() += 1;
    }
    total.lines = u32::try_from(input.text.lines().count()).unwrap_or(u32::MAX);
    if sessions.is_empty() {
        sessions.push(Notes::new(input).finish());
    }
    only_first(&mut sessions, total);
    Ok(sessions)
}

fn session(input: &Input<'_>, payload: &Payload<'_>, (raw, summary): (&RawValue, &str)) -> Session {
    let mut notes = Notes::new(input);
    let line = notes.index().line_of(raw);
    if let Some(id) = &payload.session_id {
        notes = notes.named(id);
    }
    let moment = payload.timestamp.as_deref().and_then(|at| at.parse().ok());
    let summary = Text::new(injected::strip(summary));
    notes.event(At { line, moment, record: None }, Trust::Digest, Event::Compacted { summary });
    let mut session = notes.finish();
    let id: Option<SessionId> =
        payload.session_id.as_deref().map(plain_id).and_then(|id| id.parse().ok());
    for turn in &mut session.turns {
        turn.cwd.clone_from(&payload.cwd);
        if let Some(id) = &id {
            turn.session = id.clone();
        }
    }
    session
}
