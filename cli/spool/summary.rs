//! The text of a compaction that a hook was handed, where the transcript does not hold it.
//!
//! It is kept as a transcript of its own, one record a line and masked before it is written, so
//! that it is compiled and its provenance verified like any other.

use std::fs;
use std::path::{Path, PathBuf};

use garner_compiler::Redactor;
use garner_kernel::Digest;
use serde_json::json;

use super::notice::Notice;
use crate::error::Error;

/// How much of a summary has to be in a transcript to be taken for the same, in bytes of JSON.
const SAME: usize = 160;

/// Writes the summaries that no transcript holds, and returns the files with them.
pub(super) fn keep(notices: &[Notice], folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let redactor = Redactor::new()?;
    for notice in notices {
        let (Some(summary), Some(session)) = (&notice.summary, &notice.session) else { continue };
        let transcript = notice.transcript.as_ref().and_then(|path| crate::files::read(path).ok());
        if transcript.as_deref().is_some_and(|bytes| holds(bytes, summary)) {
            continue;
        }
        // What a secret stays visible in is not kept.
        let Some(masked) = redactor.redact(summary) else { continue };
        let path = folder.join(format!("{}.jsonl", name(session)));
        let known = fs::read_to_string(&path).unwrap_or_default();
        let record = record(notice, session, &masked.text);
        if !known.lines().any(|line| line == record) {
            let mut text = known;
            if text.is_empty() && transcript.is_none() {
                text.push_str(&format!("{}\n", unknown(session)));
            }
            text.push_str(&format!("{record}\n"));
            garner_sync::write_over(&path, text.as_bytes())?;
        }
        if !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Returns whether a transcript holds a summary, by how it begins.
fn holds(transcript: &[u8], summary: &str) -> bool {
    let body = summary.split_once("<summary>").map_or(summary, |(_, body)| body).trim();
    let spelled = serde_json::to_string(body).unwrap_or_default();
    let start: Vec<u8> = spelled.trim_matches('"').bytes().take(SAME).collect();
    !start.is_empty() && transcript.windows(start.len()).any(|window| window == start)
}

fn record(notice: &Notice, session: &str, text: &str) -> String {
    let id = Digest::of(text.as_bytes());
    json!({
        "type": "user",
        "isCompactSummary": true,
        "uuid": format!("summary-{}", id.short()),
        "sessionId": session,
        "timestamp": notice.at.to_string(),
        "cwd": notice.cwd,
        "message": { "role": "user", "content": text },
    })
    .to_string()
}

/// A record that marks a session as one that read from outside: what it read is not known.
fn unknown(session: &str) -> String {
    json!({
        "type": "assistant",
        "uuid": "unknown-reads",
        "sessionId": session,
        "timestamp": "1970-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": [{ "type": "tool_use", "id": "unknown", "name": "WebFetch", "input": {} }],
        },
    })
    .to_string()
}

/// Returns a session's id as a file name.
fn name(session: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = session.chars().map(plain).take(64).collect();
    format!("compacted-{name}")
}
