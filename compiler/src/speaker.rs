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

/// Tags whose contents a machine wrote, wherever they stand in a text.
const MACHINE_TAGS: &[&str] = &[
    "system-reminder",
    "task-notification",
    "teammate-message",
    "cross-session-message",
    "ide_opened_file",
    "ide_selection",
    "ide_diagnostics",
    "local-command-stdout",
    "local-command-stderr",
    "local-command-caveat",
    "bash-stdout",
    "bash-stderr",
    "new-diagnostics",
];

/// The prompt sources that a person stands behind.
const TYPED: &[&str] = &["typed", "queued", "suggestion_accepted"];

/// Returns who stands behind the plain text of a `user` record.
///
/// Tool results are not plain text: the caller looks at each of them.
pub(crate) fn of_user(record: &Record<'_>, origin: Option<&str>, holds_results: bool) -> Trust {
    if record.is_compact_summary {
        return Trust::Digest;
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

/// Returns `text` without the parts that a machine put into it; what is not closed reaches to the
/// end.
pub(crate) fn without_machine_tags(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if !text.contains('<') {
        return text;
    }
    for tag in MACHINE_TAGS {
        let (opener, closer) = (format!("<{tag}"), format!("</{tag}>"));
        while let Some((before, block)) = text.split_once(&opener) {
            let after = block.split_once(&closer).map_or("", |(_, after)| after);
            text = Cow::Owned(format!("{before}{after}"));
        }
    }
    text
}

/// Returns what the person wrote into the memory file with `#`.
pub(crate) fn memory_input(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("<user-memory-input>")?;
    let inner = inner.strip_suffix("</user-memory-input>")?.trim();
    (!inner.is_empty() && !inner.contains('<')).then_some(inner)
}
