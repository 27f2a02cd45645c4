//! A notice: which event of which session a hook saw.

use std::path::PathBuf;
use std::str::FromStr;

use garner_kernel::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is written.
const FORMAT: u32 = 1;
/// The longest summary that is kept, in bytes; a longer one is in the transcript as well.
const MAX_SUMMARY: usize = 256 << 10;
/// The longest of the other texts, in bytes.
const MAX_TEXT: usize = 4 << 10;

/// An event of a session that hooks listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    SessionStart,
    Stop,
    PostCompact,
    SessionEnd,
}

impl FromStr for Event {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "SessionStart" => Ok(Self::SessionStart),
            "Stop" => Ok(Self::Stop),
            "PostCompact" => Ok(Self::PostCompact),
            "SessionEnd" => Ok(Self::SessionEnd),
            _ => Err(()),
        }
    }
}

/// What a hook noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) at: Moment,
    pub(crate) event: Event,
    pub(crate) session: Option<String>,
    pub(crate) transcript: Option<PathBuf>,
    pub(crate) cwd: Option<String>,
    /// The text that took the place of a conversation.
    pub(crate) summary: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    format: u32,
    at: String,
    event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
}

impl Notice {
    /// Reads what Claude Code hands to a hook; what is missing or of another type is not noticed.
    pub(crate) fn of_input(event: Event, input: &Value, at: Moment) -> Self {
        let text = |name: &str, most: usize| {
            let text = input.get(name)?.as_str()?;
            (!text.is_empty() && text.len() <= most).then(|| text.to_owned())
        };
        Self {
            at,
            event,
            session: text("session_id", MAX_TEXT),
            transcript: text("transcript_path", MAX_TEXT).map(PathBuf::from),
            cwd: text("cwd", MAX_TEXT),
            summary: text("compact_summary", MAX_SUMMARY).filter(|_| event == Event::PostCompact),
        }
    }

    /// Returns the notice as one line, without its line feed.
    pub(super) fn to_line(&self) -> String {
        let line = Line {
            format: FORMAT,
            at: self.at.to_string(),
            event: self.event,
            session: self.session.clone(),
            transcript: self.transcript.as_ref().map(|path| path.to_string_lossy().into_owned()),
            cwd: self.cwd.clone(),
            summary: self.summary.clone(),
        };
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Reads a line; `None` where it is no notice of a format that is known.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        let at = line.at.parse().ok().filter(|_| line.format == FORMAT)?;
        Some(Self {
            at,
            event: line.event,
            session: line.session,
            transcript: line.transcript.map(PathBuf::from),
            cwd: line.cwd,
            summary: line.summary,
        })
    }
}

/// Reads the notices of a spool, and counts the lines that are none.
pub(super) fn read(bytes: &[u8]) -> (Vec<Notice>, usize) {
    let mut notices = Vec::new();
    let mut junk = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match std::str::from_utf8(line).ok().and_then(Notice::of_line) {
            Some(notice) => notices.push(notice),
            None => junk += 1,
        }
    }
    (notices, junk)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at() -> Moment {
        "2026-03-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_a_hook_is_told_is_noticed_and_the_rest_is_not() {
        let input = json!({
            "session_id": "s-1",
            "transcript_path": "/t/s-1.jsonl",
            "cwd": "/home/ada/tidepool",
            "last_assistant_message": "a long answer",
            "compact_summary": "1. Primary request",
        });
        for (event, summary) in
            [(Event::Stop, None), (Event::PostCompact, Some("1. Primary request"))]
        {
            let notice = Notice::of_input(event, &input, at());
            assert_eq!(notice.session.as_deref(), Some("s-1"));
            assert_eq!(notice.summary.as_deref(), summary);
            let line = notice.to_line();
            assert!(!line.contains("a long answer") && !line.contains('\n'), "{line}");
            assert_eq!(read(line.as_bytes()), (vec![notice], 0));
        }
        for junk in [json!(null), json!([1]), json!({ "session_id": 7, "cwd": "", "x": "y" })] {
            let notice = Notice::of_input(Event::Stop, &junk, at());
            assert_eq!((notice.session, notice.cwd, notice.transcript), (None, None, None));
        }
    }

    #[test]
    fn lines_that_are_no_notice_are_counted_and_passed_over() {
        let line = Notice::of_input(Event::Stop, &json!({ "session_id": "s" }), at()).to_line();
        let (half, _) = line.split_at(line.len() / 2);
        let newer = line.replace("\"format\":1", "\"format\":2");
        for (text, notices, junk) in [
            (String::new(), 0, 0),
            (format!("\n{line}\n\n{line}\n"), 2, 0),
            (format!("\n{half}\n{line}\n"), 1, 1),
            (format!("{line}\n{newer}\nnonsense\n"), 1, 2),
            (format!("{line}\n{{}}\nnull\n"), 1, 2),
        ] {
            let (found, passed) = read(text.as_bytes());
            assert_eq!((found.len(), passed), (notices, junk), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_come_back_as_they_were(session in ".{1,20}", cwd in ".{1,20}", summary in "(?s).{1,60}") {
            let input = json!({ "session_id": session, "cwd": cwd, "compact_summary": summary });
            let notice = Notice::of_input(Event::PostCompact, &input, at());
            let bytes = format!("\n{0}\n\n{0}\n", notice.to_line());
            prop_assert_eq!(read(bytes.as_bytes()), (vec![notice.clone(), notice], 0));
        }

        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let lines = bytes.split(|b| *b == b'\n').count();
            let (notices, junk) = read(&bytes);
            prop_assert!(notices.len() + junk <= lines);
        }
    }
}
