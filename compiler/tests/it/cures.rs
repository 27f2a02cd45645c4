//! Rules that need more than one turn: cures of commands, what only ranks, what is only logged.

use garner_compiler::{Happening, read_session};
use garner_kernel::{Draft, Entry, Kind};
use serde_json::json;

use crate::log::{Log, compiler};

/// Adds a command that fails as `error` says, `between` other commands, and one that works.
fn fail(log: &mut Log, (failed, error): (&str, &str), between: usize, worked: &str) {
    log.human("build").tool("f", "Bash", &json!({"command": failed})).failure("f", error);
    for number in 0..between {
        let id = format!("b{number}");
        log.tool(&id, "Bash", &json!({"command": "true"})).result(&id, "", &json!({}));
    }
    log.tool("w", "Bash", &json!({"command": worked})).result("w", "fine", &json!({}));
}

fn fixes(draft: &Draft) -> Vec<&Entry> {
    draft.entries.values().filter(|entry| entry.fragment.kind == Kind::Fix).collect()
}

#[test]
fn a_usage_error_and_what_worked_within_three_calls_is_a_fix() {
    let usage = "Exit code 2\nerror: unrecognized option '--include'\nUsage: rg [OPTIONS]";
    let (failed, worked) = ("rg --include '*.rs' roof", "rg -g '*.rs' roof");
    let rows = [
        (failed, usage, 0, worked, true),
        (failed, usage, 2, worked, true),
        (failed, usage, 3, worked, false),
        (failed, "Exit code 1\nassertion failed: roof", 0, worked, false),
        (failed, usage, 0, "grep roof", false),
        (failed, usage, 0, failed, false),
        ("cd barn && rg --include x", usage, 0, "cd barn && rg -g x", true),
        ("foo", "bash: foo: command not found", 0, "bar", false),
    ];
    for (failed, error, between, worked, expected) in rows {
        let mut log = Log::default();
        fail(&mut log, (failed, error), between, worked);
        let (draft, _) = log.compile();
        let found = fixes(&draft);
        assert_eq!(!found.is_empty(), expected, "{failed} | {error} | {between} | {worked}");
        for entry in found {
            assert_eq!(entry.status.as_str(), "candidate");
            assert_eq!(entry.fragment.trust.as_str(), "assistant");
            // What a tool printed is context, and nothing more.
            assert!(!entry.fragment.statement.as_str().contains("unrecognized"));
            assert!(entry.fragment.context.as_ref().unwrap().as_str().contains("unrecognized"));
            assert_eq!(entry.fragment.sources[0].rule.as_str(), "d6-cure");
        }
    }
}

#[test]
fn a_cure_that_a_second_session_finds_is_active() {
    let usage = "error: unknown flag --include";
    let session = |name: &str, tainted: bool, file: &str| {
        let mut log = Log::default();
        if tainted {
            log.web("flags");
        }
        let failed = format!("rg --include x {file}");
        fail(&mut log, (&failed, usage), 0, &format!("rg -g x {file}"));
        let text = String::from_utf8(log.bytes()).unwrap();
        let text = text.replace("s-1", name).replace("\"u-", &format!("\"{file}-"));
        read_session(text.as_bytes(), format!("{name}.jsonl").parse().unwrap()).unwrap()
    };
    let rows = [
        (vec![("a", false)], "candidate"),
        (vec![("a", false), ("a", false)], "candidate"),
        (vec![("a", false), ("b", false)], "active"),
        // What came from outside may have dictated both.
        (vec![("a", true), ("b", true)], "candidate"),
        (vec![("a", false), ("b", true)], "candidate"),
        (vec![("a", false), ("b", true), ("c", false)], "active"),
    ];
    for (sessions, expected) in rows {
        let mut draft = Draft::default();
        for (number, (name, tainted)) in sessions.iter().enumerate() {
            let one = session(name, *tainted, &format!("file-{number}"));
            compiler().compile(&[one], &mut draft);
        }
        let [entry] = fixes(&draft).try_into().unwrap();
        assert_eq!(entry.status.as_str(), expected, "{sessions:?}");
    }
}

#[test]
fn a_cure_after_text_from_outside_has_a_rule_of_its_own() {
    let mut log = Log::default();
    log.web("flags");
    log.tool("f", "Bash", &json!({"command": "rg --bad x"})).failure("f", "unknown option --bad");
    log.tool("w", "Bash", &json!({"command": "rg --good x"})).result("w", "", &json!({}));
    let (draft, _) = log.compile();
    let [entry] = fixes(&draft).try_into().unwrap();
    assert_eq!(entry.fragment.sources[0].rule.as_str(), "d6-tainted-cure");
}

#[test]
fn emphasis_ranks_candidates_and_makes_none() {
    let confidence = |log: &Log| {
        let (draft, _) = log.compile();
        let entry = draft.entries.values().next();
        entry.map(|entry| {
            let tags: Vec<_> = entry.fragment.tags.iter().map(ToString::to_string).collect();
            (entry.status.as_str().to_owned(), entry.fragment.confidence.as_percent(), tags)
        })
    };
    let said = |text: &str, interrupted: bool| {
        let mut log = Log::default();
        log.human("build the barn");
        if interrupted {
            let text = "[Request interrupted by user for tool use]";
            log.record("user", &json!({"message": {"content": [{"type": "text", "text": text}]}}));
        }
        log.human(text);
        confidence(&log)
    };
    let plain = said("please remember that the barn has two doors", false).unwrap();
    assert_eq!(plain, ("candidate".to_owned(), 43, vec!["remember".to_owned()]));
    let emphatic = said("please remember that the barn must have two doors", false).unwrap();
    assert_eq!((emphatic.1, emphatic.2.len()), (48, 2));
    let interrupted = said("please remember that the barn must have two doors", true).unwrap();
    assert_eq!(interrupted.1, 53);
    assert_eq!(interrupted.2, ["after-interrupt", "for-good", "remember"]);
    // Alone they propose nothing.
    assert_eq!(said("the barn must always have two doors", true), None);
    // Only the first prompt after the interrupt has the feature.
    let mut log = Log::default();
    log.human("[Request interrupted by user]").human("paint it");
    log.human("please remember that the barn has two doors");
    assert_eq!(confidence(&log).unwrap().1, 43);
}

#[test]
fn commits_links_and_titles_are_logged_and_not_remembered() {
    let mut log = Log::default();
    log.human("commit it");
    log.tool("c", "Bash", &json!({"command": "git add -A && git commit -m 'roof: slate'"}));
    log.result("c", "[main 1a2b3c4] roof: slate\n 1 file changed", &json!({}));
    log.tool(
        "d",
        "Bash",
        &json!({"command": "git commit -m 'token ghp_0123456789abcdefghijABCDEFGHIJ012345'"}),
    );
    log.result("d", "[main 2a2b3c4] token ghp_0123456789abcdefghijABCDEFGHIJ012345", &json!({}));
    log.record("pr-link", &json!({"prNumber": 7, "prUrl": "https://example.org/barn/pull/7"}));
    log.record("custom-title", &json!({"customTitle": "The roof"}));
    log.record("ai-title", &json!({"aiTitle": "Building a roof"}));
    log.record("summary", &json!({"summary": "A roof was built", "leafUuid": "u-1"}));
    let (draft, report) = log.compile();
    assert!(draft.entries.is_empty());
    let logged: Vec<_> = report.log.iter().map(|entry| (entry.what, entry.text.as_str())).collect();
    assert_eq!(logged.len(), 6);
    assert_eq!(logged[0], (Happening::Commit, "roof: slate"));
    assert!(!logged[1].1.contains("ghp_"), "{}", logged[1].1);
    assert_eq!(logged[2], (Happening::PullRequest, "https://example.org/barn/pull/7"));
    let titles: Vec<_> = logged[3..].iter().map(|(_, text)| *text).collect();
    assert_eq!(titles, ["The roof", "Building a roof", "A roof was built"]);
    assert_eq!(report.to_json()["logged"], json!({"commit": 2, "pull-request": 1, "title": 3}));
}
