//! Who spoke: trust is decided by code, from the record and never from the words.

use std::borrow::Cow;

use garner_kernel::Trust;

use crate::transcript::Record;

/// What a text in a person's turn starts with when a machine wrote it.
const MACHINE_PREFIXES: &[&str] = &[
    "<command-",
    "<local-command-",
    "<bash-",
    "<system-reminder",
    "<task-notification",
    "<teammate-message",
    "<cross-session-message",
    "<ide_",
    "<tool_use_error",
    "<user-prompt-submit-hook",
    "<new-diagnostics",
    "This session is being continued",
    "Caveat:",
    "[Request interrupted by user",
    "Base directory for this skill",
    "Implement the following plan:",
    "(no content)",
    "API Error",
];

/// How the names of tags start whose contents a machine wrote, wherever they stand in a text.
const MACHINE_TAGS: &[&str] = &[
    "command-",
    "local-command-",
    "bash-",
    "system-reminder",
    "task-notification",
    "teammate-message",
    "cross-session-message",
    "ide_",
    "new-diagnostics",
    "user-prompt-submit-hook",
    "tool_use_error",
];

/// How the harness says that the person stopped the assistant.
const INTERRUPT: &str = "[Request interrupted by user";

/// The prompt sources that a person stands behind.
const TYPED: &[&str] = &["typed", "queued", "suggestion_accepted"];

/// Returns who stands behind the plain text of a `user` record.
///
/// Tool results are not plain text: the caller looks at each of them.
pub(crate) fn of_user(record: &Record<'_>, origin: Option<&str>, holds_results: bool) -> Trust {
    if record.is_compact_summary {
        return Trust::Digest;
    }
    // A stream is written for a program, and its prompts come from one.
    if record.is_stream() {
        return Trust::Tool;
    }
    if let Some(origin) = origin {
        let typed = record.prompt_source.as_deref().is_some_and(|s| TYPED.contains(&s));
        let plain = !record.is_meta && !record.is_sidechain && !holds_results;
        return if origin == "human" && typed && plain { Trust::Human } else { Trust::Tool };
    }
    let machine = record.is_meta
        || record.is_sidechain
        || record.is_visible_in_transcript_only
        || record.tool_use_result.is_some()
        || record.plan_content.is_some()
        || holds_results;
    if machine { Trust::Tool } else { Trust::Human }
}

/// Returns whether a machine wrote the text, by how it starts.
pub(crate) fn is_machine_text(text: &str) -> bool {
    let text = text.trim_start();
    MACHINE_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// Returns whether the harness says that the person stopped the assistant.
pub(crate) fn is_interrupt(text: &str) -> bool {
    text.trim_start().starts_with(INTERRUPT)
}

/// Returns `text` without the parts that a machine put into it; what is not closed reaches to the
/// end.
pub(crate) fn without_machine_tags(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find('<')).map(|at| at + from) {
        let tail = rest.get(at + 1..).unwrap_or_default();
        let Some(name) = machine_tag(tail) else {
            from = at + 1;
            continue;
        };
        kept.push_str(rest.get(..at).unwrap_or_default());
        rest = tail.split_once(&format!("</{name}>")).map_or("", |(_, after)| after);
        from = 0;
    }
    if kept.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// Returns the name of the tag that follows a `<`, if it is one of a machine.
fn machine_tag(tail: &str) -> Option<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let end = tail.find(|c| !is_name(c)).unwrap_or(tail.len());
    let name = tail.get(..end)?;
    MACHINE_TAGS.iter().any(|start| name.starts_with(start)).then_some(name)
}

/// Returns what the person wrote into the memory file with `#`.
pub(crate) fn memory_input(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("<user-memory-input>")?;
    let inner = inner.strip_suffix("</user-memory-input>")?.trim();
    (!inner.is_empty() && !inner.contains('<')).then_some(inner)
}
