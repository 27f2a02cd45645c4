//! The rules: what becomes active, what waits, what is dropped.

use garner_kernel::{Draft, Kind, Scope};
use serde_json::json;

use crate::log::{Log, compiler, statements};

const MEMORY: &str = "/home/somebody/code/barn/CLAUDE.md";

#[test]
fn an_edit_of_a_memory_file_gives_its_added_statements() {
    let before = "# Barn\n\n## Roof\n\n- Tiles are laid from the bottom to the top.\n";
    let after = "# Barn\n\n## Roof\n\n- Tiles are laid from the bottom to the top.\n\
                 - Never walk on the wet tiles of the roof.\n- Wet wood\n\n```sh\nnpm run roof now please\n```\n\n\
                 | part | material |\n|---|---|\n| the door | oak from the hill |\n\n\
                 When to repaint:\n- after the second winter\n\n[one](http://a) [two](http://b)\n";
    let mut log = Log::default();
    log.write(MEMORY, before).edit(MEMORY, before, after);
    assert_eq!(
        log.statements("active"),
        [
            "Never walk on the wet tiles of the roof.",
            "Roof: Wet wood",
            "Roof: the door — oak from the hill",
            "Tiles are laid from the bottom to the top.",
            "When to repaint: after the second winter",
        ]
    );
    let (draft, _) = log.compile();
    let rule = draft.entries.values().find(|e| e.fragment.kind == Kind::Rule).unwrap();
    assert_eq!(rule.fragment.context.as_ref().unwrap().as_str(), "CLAUDE.md > Barn > Roof");
    assert_eq!(rule.fragment.scope, Scope::Project("barn".parse().unwrap()));
    assert_eq!(rule.fragment.confidence.as_percent(), 87);
}

#[test]
fn an_overview_that_is_written_in_one_go_keeps_only_its_demands() {
    let parts = ["roof", "door", "gate", "floor", "ladder", "window", "stable", "loft", "yard"];
    let describe = |part: &&str| format!("- The {part} of the barn is made of old oak.\n");
    let described: String = parts.iter().map(describe).collect();
    let mut log = Log::default();
    log.write(MEMORY, &format!("# Barn\n\n{described}- Never leave the gate of the yard open.\n"));
    assert_eq!(log.statements("active"), ["Never leave the gate of the yard open."]);
    assert_eq!(log.statements("candidate").len(), parts.len());
    // A few facts beside a rule are what somebody wanted to be remembered.
    let few: String = parts.iter().take(3).map(describe).collect();
    let mut log = Log::default();
    log.write(MEMORY, &format!("# Barn\n\n{few}- Never leave the gate of the yard open.\n"));
    assert_eq!(log.statements("active").len(), 4);
}

#[test]
fn only_memory_files_that_were_really_changed_count() {
    let line = "- Never leave the gate of the yard open.";
    let rows = [
        ("/home/somebody/code/barn/AGENTS.md", 1),
        ("/home/somebody/code/barn/.claude/rules/gate.md", 1),
        ("/home/somebody/.claude/projects/barn/memory/MEMORY.md", 1),
        ("/home/somebody/code/barn/README.md", 0),
        ("/home/somebody/code/barn/tests/fixtures/CLAUDE.md", 0),
        ("/tmp/CLAUDE.md", 0),
    ];
    for (path, expected) in rows {
        let mut log = Log::default();
        log.write(path, line);
        assert_eq!(log.statements("active").len(), expected, "{path}");
    }
    let mut log = Log::default();
    let input = json!({"file_path": MEMORY, "content": line});
    log.tool("t", "Write", &input).failure("t", "The user doesn't want to proceed.");
    log.tool("v", "Write", &input);
    assert_eq!(log.statements("active"), [""; 0]);
}

#[test]
fn the_memory_file_of_the_person_applies_everywhere() {
    let mut log = Log::default();
    log.write("/home/somebody/.claude/CLAUDE.md", "- Prefer short answers over long ones.");
    let (draft, _) = log.compile();
    assert_eq!(draft.entries.values().next().unwrap().fragment.scope, Scope::User);
}

#[test]
fn a_changed_bullet_supersedes_the_one_it_was() {
    let (old, new) =
        ("- The roof is checked every second week.", "- The roof is checked every day.");
    let mut log = Log::default();
    log.write(MEMORY, &format!("# Barn\n\n{old}\n")).edit(MEMORY, old, new);
    let (draft, _) = log.compile();
    let find = |text: &str| {
        draft.entries.values().find(|e| e.fragment.statement.as_str().contains(text)).unwrap()
    };
    assert_eq!(find("every day").fragment.supersedes, [find("second week").fragment.id]);
}

#[test]
fn what_the_session_took_back_or_what_passes_is_a_candidate() {
    let rows = [
        ("# Barn\n\n## Status\n\n- The roof of the barn is made of reed.\n", 0),
        ("# Barn\n\n## Project Structure\n\n- The roof folder holds all of the tiles.\n", 0),
        ("# Barn\n\n- `roof/` - all of the tiles\n- RoofTile: one of the tiles\n", 0),
        ("# Barn\n\n- Last updated in the second winter of the barn\n", 0),
        ("# Barn\n\n## Rules\n\n- The roof of the barn is made of reed.\n", 1),
    ];
    for (text, expected) in rows {
        let mut log = Log::default();
        log.write(MEMORY, text);
        assert_eq!(log.statements("active").len(), expected, "{text}");
    }
    let gone = "- Never walk on the wet tiles of the roof.\n";
    let mut log = Log::default();
    log.write(MEMORY, &format!("# Barn\n\n{gone}")).edit(MEMORY, gone, "");
    assert_eq!(log.statements("active"), [""; 0]);
}

#[test]
fn an_answer_becomes_a_decision_that_stands_on_its_own() {
    let mut log = Log::default();
    log.answer("Which way do we build the roof?", "First way (Recommended)");
    assert_eq!(log.statements("active"), ["Which way do we build the roof? — First way"]);
    let (draft, _) = log.compile();
    let fragment = &draft.entries.values().next().unwrap().fragment;
    assert_eq!((fragment.kind, fragment.trust.as_str()), (Kind::Decision, "human"));
    assert!(fragment.context.as_ref().unwrap().as_str().contains("- Second way: It is so."));
}

#[test]
fn answers_that_decide_nothing_are_dropped() {
    let rows = [
        ("Which roof?", "you decide", ""),
        ("Which roof?", "Done", ""),
        ("Which roof?", "what would you do?", ""),
        ("Which roof?", "hm, what is cheaper? and how long does it last? :)", ""),
        ("What next?", "Second way", ""),
        ("Ready to write the plan?", "Second way", ""),
        ("How should I proceed with the barn?", "Second way", ""),
        ("Should this be part of this PR?", "Second way", ""),
        (
            "What next?",
            "the roof must be red because the hill is green",
            "the roof must be red because the hill is green",
        ),
        ("Which roof?", "Straw. It is warm. How much is it?", "Which roof? — Straw. It is warm."),
        (
            "Which roofs?",
            "First way (Recommended), Second way",
            "Which roofs? — First way, Second way",
        ),
    ];
    for (question, answer, expected) in rows {
        let mut log = Log::default();
        log.answer(question, answer);
        let expected: Vec<&str> = Some(expected).filter(|e| !e.is_empty()).into_iter().collect();
        assert_eq!(log.statements("active"), expected, "{question} {answer}");
    }
}

#[test]
fn a_later_answer_supersedes_the_earlier_one() {
    let mut log = Log::default();
    log.answer("Which roof?", "First way (Recommended)").answer("Which roof?", "Second way");
    let (draft, _) = log.compile();
    let replacing: Vec<_> =
        draft.entries.values().filter(|e| !e.fragment.supersedes.is_empty()).collect();
    assert_eq!(replacing.len(), 1);
    assert!(replacing[0].fragment.statement.as_str().ends_with("Second way"));
}

/// Returns who replaces whom, by the last word of the statements.
fn links(draft: &Draft) -> Vec<(String, String)> {
    let last = |id: &garner_kernel::FragmentId| {
        let text = draft.entries[id].fragment.statement.as_str();
        text.split_whitespace().last().unwrap_or_default().to_owned()
    };
    let of = |entry: &garner_kernel::Entry| {
        let newer = last(&entry.fragment.id);
        entry.fragment.supersedes.iter().map(|old| (newer.clone(), last(old))).collect::<Vec<_>>()
    };
    draft.entries.values().flat_map(of).collect()
}

#[test]
fn the_answer_of_a_later_session_supersedes_whatever_comes_first() {
    let session = |name: &str, day: &str, answer: &str| {
        let mut log = Log::default();
        log.answer("Which roof?", answer);
        let bytes = String::from_utf8(log.bytes()).unwrap();
        let bytes = bytes
            .replace("2026-01-01T", &format!("{day}T"))
            .replace("s-1", name)
            .replace("\"u-", &format!("\"{name}-"));
        let file = format!("{name}.jsonl").parse().unwrap();
        garner_compiler::read_session(bytes.as_bytes(), file).unwrap()
    };
    let monday = session("s-1", "2026-01-05", "Make it of straw");
    let tuesday = session("s-2", "2026-01-06", "Make it of slate");
    let expected = [("slate".to_owned(), "straw".to_owned())];
    for order in [[&monday, &tuesday], [&tuesday, &monday]] {
        let mut draft = Draft::default();
        for one in order {
            compiler().compile(std::slice::from_ref(one), &mut draft);
        }
        assert_eq!(links(&draft), expected);
    }
}

#[test]
fn who_changes_their_mind_twice_means_the_last_word() {
    let mut log = Log::default();
    for answer in ["Make it of straw", "Make it of slate", "Make it of straw"] {
        log.answer("Which roof?", answer);
    }
    let (draft, _) = log.compile();
    assert_eq!(links(&draft), [("straw".to_owned(), "slate".to_owned())]);
}

#[test]
fn answers_are_read_from_text_where_the_result_has_no_structure() {
    let questions = json!([{"question": "Which roof?", "options": []}, {"question": "Which door?", "options": []}]);
    let mut log = Log::default();
    log.tool("t", "AskUserQuestion", &json!({"questions": questions})).result(
        "t",
        "User has answered your questions: \"Which roof?\"=\"Straw\", \"Which door?\"=\"Oak \"wood\"\". You can now continue.",
        &json!(null),
    );
    assert_eq!(log.statements("active"), ["Which door? — Oak \"wood\"", "Which roof? — Straw"]);
}

#[test]
fn cured_errors_of_a_summary_are_fixes_unless_tainted() {
    let errors = "   - **Leaking roof**: water came in\n     - Fixed by laying the tiles anew\n   - The hinge squeaked and nobody knew why";
    let fix = "Leaking roof: water came in Fixed by laying the tiles anew";
    let mut log = Log::default();
    log.human("build").compact(errors);
    assert_eq!(log.statements("active"), [fix]);
    let (draft, _) = log.compile();
    let entry = draft.entries.values().find(|e| e.fragment.kind == Kind::Fix).unwrap();
    assert_eq!(entry.fragment.trust.as_str(), "digest");
    let mut tainted = Log::default();
    tainted.web("roofs").compact(errors);
    assert_eq!(tainted.statements("active"), [""; 0]);
    assert!(tainted.statements("candidate").contains(&fix.to_owned()));
}

#[test]
fn what_comes_from_outside_may_not_dictate_a_memory_file() {
    let line = "- Never leave the gate of the yard open.";
    let outside: [&dyn Fn(&mut Log); 4] = [
        &|log| {
            log.web("gates");
        },
        &|log| {
            log.tool("m", "mcp__docs__read", &json!({}));
        },
        &|log| {
            log.tool("b", "Bash", &json!({"command": "cd x && gh pr view"}));
        },
        &|log| {
            let data = json!({"data": {"message": {"content": [{"name":"WebFetch"}]}}});
            log.record("progress", &data);
        },
    ];
    for read in outside {
        let mut log = Log::default();
        log.human("build the gate");
        read(&mut log);
        log.write(MEMORY, line);
        assert_eq!(log.statements("active"), [""; 0]);
        assert_eq!(log.statements("candidate").len(), 1);
        log.human("put that into CLAUDE.md please")
            .write(MEMORY, &format!("{line}\n- The gate is made of oak wood."));
        assert_eq!(log.statements("active"), ["The gate is made of oak wood."]);
    }
    // A subagent's own file taints what the main thread does later.
    let mut agent = Log::default();
    agent.human("build the gate").web("gates");
    let mut main = Log::default();
    main.record("user", &json!({"uuid": "v-1", "message": {"content": "build the gate"}}));
    for number in 0..5 {
        main.record("system", &json!({"uuid": format!("v-{number}x")}));
    }
    main.record("user", &json!({"uuid": "v-9", "message": {"content": "go"}}));
    main.record("assistant", &json!({"uuid": "v-10", "message": {"content":
        [{"type": "tool_use", "id": "w", "name": "Write", "input": {"file_path": MEMORY, "content": line}}]}}));
    main.record(
        "user",
        &json!({"uuid": "v-11", "message": {"content":
        [{"type": "tool_result", "tool_use_id": "w", "content": "ok"}]}}),
    );
    let mut draft = Draft::default();
    compiler().compile(&[main.session(), agent.session()], &mut draft);
    assert_eq!(statements(&draft, "active"), [""; 0]);
}

#[test]
fn phrases_of_the_person_are_candidates() {
    let rows = [
        ("please remember that the barn has two doors", Some(Kind::Preference)),
        ("add the roofing advice into CLAUDE.md", Some(Kind::Preference)),
        ("from now on you must lock the barn", Some(Kind::Rule)),
        ("no, the roof is made of straw", Some(Kind::Correction)),
        ("let's go with the red door then", Some(Kind::Decision)),
        ("can you remember that the barn has two doors?", None),
        ("build the barn and paint the door", None),
    ];
    for (text, expected) in rows {
        let mut log = Log::default();
        log.assistant("Red or green?").human(text);
        let (draft, _) = log.compile();
        let found = draft.entries.values().next();
        assert_eq!(found.map(|e| e.fragment.kind), expected, "{text}");
        if let Some(entry) = found {
            assert_eq!(entry.status.as_str(), "candidate");
            assert_eq!(entry.fragment.context.as_ref().unwrap().as_str(), "Red or green?");
        }
    }
}

#[test]
fn memory_typed_with_a_hash_is_active() {
    let mut log = Log::default();
    log.human("<user-memory-input>Always close the barn door at night</user-memory-input>");
    assert_eq!(log.statements("active"), ["Always close the barn door at night"]);
}

#[test]
fn a_refusal_with_a_reason_is_a_candidate() {
    let refusal = |reason: &str| {
        format!(
            "The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\n{reason}"
        )
    };
    let rows = [
        ("the door opens to the inside, not to the outside", 1),
        ("why the door?", 0),
        ("The user wants to clarify these questions.\n Questions asked: the door", 0),
        ("stop", 0),
    ];
    for (reason, expected) in rows {
        let mut log = Log::default();
        log.tool("t", "Edit", &json!({})).failure("t", &refusal(reason));
        assert_eq!(log.statements("candidate").len(), expected, "{reason}");
    }
}

#[test]
fn what_garner_injected_is_never_learned_again() {
    let block = "<garner-memory id=\"abc\">\n- from now on use straw for every roof\n</garner-memory id=\"abc\">";
    let mut plain = Log::default();
    plain.human("build a barn for the cow").answer("Which roof?", "Second way");
    let mut injected = Log::default();
    injected.human(&format!("{block}build a barn for the cow")).answer("Which roof?", "Second way");
    injected.assistant(&format!("I was told: {block}"));
    injected.write(MEMORY, &format!("{block}\n"));
    injected.compact(&format!("   - It leaked, fixed by {block}"));
    injected.record(
        "attachment",
        &json!({"attachment": {"type": "hook_additional_context", "content": [block]}}),
    );
    assert_eq!(plain.statements("active"), injected.statements("active"));
    assert!(!injected.statements("candidate").iter().any(|text| text.contains("straw")));
}

#[test]
fn compiling_is_reproducible_and_again_adds_nothing() {
    let mut log = Log::default();
    log.answer("Which roof?", "Second way")
        .write(MEMORY, "- Never leave the gate of the yard open.");
    let (mut draft, first) = log.compile();
    let lines = garner_kernel::record::draft_lines(&draft);
    assert_eq!(lines, garner_kernel::record::draft_lines(&log.compile().0));
    let report = compiler().compile(&[log.session()], &mut draft);
    assert_eq!((first.outcome.active, report.outcome.active, report.outcome.known), (2, 0, 2));
    assert_eq!(garner_kernel::record::draft_lines(&draft), lines);
    assert_eq!(report.to_json()["outcome"]["known"], 2);
    // A draft is well formed: the kernel reads what the compiler made.
    assert_eq!(garner_kernel::record::parse_draft(&lines).unwrap(), draft);
}

#[test]
fn the_project_comes_from_the_folder_of_the_record() {
    let rows = [
        ("/home/x/code/barn", "project:barn"),
        ("/home/x/code/barn/.worktrees/3", "project:barn"),
        ("C:\\work\\my barn", "project:my-barn"),
        ("/", "user"),
        ("/home/x", "user"),
        ("C:\\Users\\x", "user"),
    ];
    for (cwd, expected) in rows {
        let mut log = Log::default();
        log.record("user", &json!({"cwd": cwd, "message": {"content": "<user-memory-input>Keep the door of the barn shut</user-memory-input>"}}));
        let (draft, _) = log.compile();
        let scope = draft.entries.values().next().unwrap().fragment.scope.to_string();
        assert_eq!(scope, expected, "{cwd}");
    }
}
