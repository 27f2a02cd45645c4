//! The corpus of secrets, through the whole compiler: whoever said it and wherever, no piece of one
//! reaches a draft, and what only looks like one is left as it is.

use garner_kernel::record;

use crate::corpus::{Half, Secret, look_alikes, secrets};
use crate::log::Log;

/// A session in which a text is said in every way that a rule listens to.
pub(crate) fn session(text: &str) -> Log {
    let line = text.replace('\n', " ");
    let mut log = Log::default();
    log.human("build a barn");
    log.assistant(&format!("Shall we keep this: {text}"));
    log.human(&format!("from now on keep this in mind: {text}"));
    log.human(&format!("no, that is wrong. {text}"));
    log.human(&format!("let's go with this one: {text}"));
    log.human(&format!("<user-memory-input>{line}</user-memory-input>"));
    log.answer("What do we keep for the barn?", &format!("We keep this one here: {text}"));
    log.answer(&format!("Is this the one: {line}"), "First way (Recommended)");
    log.write("/home/somebody/code/barn/CLAUDE.md", &format!("- Keep this in mind: {line}\n"));
    log.tool("r", "Bash", &serde_json::json!({"command": "ls"}));
    log.failure(
        "r",
        &format!("The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\n{text} is what we keep"),
    );
    log.compact(&format!("   - It did not open, fixed by using {line}"));
    log
}

/// Returns where a piece of a secret was found.
pub(crate) fn leak(secret: &Secret) -> Option<String> {
    let (draft, report) = session(&secret.text).compile();
    assert!(draft.entries.len() > 5, "{}: {} entries", secret.name, draft.entries.len());
    assert_eq!(report.outcome.leaking, 0, "{} cannot be masked", secret.name);
    let lines = record::draft_lines(&draft);
    let said = format!("{draft:?}{report:?}");
    let pieces = secret.pieces();
    assert!(!pieces.is_empty(), "{} has no pieces", secret.name);
    let piece = pieces.iter().find(|piece| lines.contains(*piece) || said.contains(*piece))?;
    Some(format!("{}: {piece} in {}", secret.name, secret.text))
}

#[test]
fn no_piece_of_a_secret_reaches_a_draft() {
    let mut planted = 0;
    for half in Half::BOTH {
        let secrets = secrets(half);
        planted += secrets.len();
        let leaks: Vec<String> = secrets.iter().filter_map(leak).collect();
        assert!(leaks.is_empty(), "{half:?}: {leaks:#?}");
    }
    assert!(planted >= 60, "{planted} secrets");
}

#[test]
fn what_only_looks_like_a_secret_is_kept_word_for_word() {
    let mut kept = 0;
    for half in Half::BOTH {
        for text in look_alikes(half) {
            let (draft, report) = session(&text).compile();
            assert!(report.redacted.is_empty(), "{half:?}: {text}: {:?}", report.redacted);
            let whole = draft
                .entries
                .values()
                .filter(|entry| entry.fragment.statement.as_str().contains(&text));
            assert!(whole.count() > 3, "{half:?}: {text}");
            kept += 1;
        }
    }
    assert!(kept >= 60, "{kept} look-alikes");
}
