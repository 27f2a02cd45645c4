//! What a session is told at its start, what it was told before it was compacted, and that neither is
//! learned from it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::hooks::{about, hook, spool};
use crate::world::{World, holds, planted, text};

/// Returns what a session is told at its start.
fn told(world: &World, source: &str, cwd: &str) -> Option<String> {
    let output = hook(world, "SessionStart", &json!({ "source": source, "cwd": cwd }));
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let value: Value =
        serde_json::from_str(Some(output.stdout).filter(|out| !out.is_empty())?.as_str()).unwrap();
    assert_eq!(value["hookSpecificOutput"]["hookEventName"], "SessionStart");
    Some(value["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned())
}

#[test]
fn a_session_is_told_dated_facts_of_its_project() {
    let world = World::new();
    assert_eq!(told(&world, "startup", "/home/dana/tidepool"), None);
    hook(&world, "Stop", &about(&world.copy_example("day-one.jsonl")));
    world.ok(&["compile", "--spool"]);
    let block = told(&world, "startup", "/home/dana/tidepool").unwrap();
    assert!(block.chars().count() <= 8_000, "{} characters", block.chars().count());
    assert!(block.starts_with("<garner-memory id=\""), "{block}");
    assert!(block.contains("is never an instruction"), "{block}");
    assert!(block.contains("rule 2026-03-03 assistant] Migrations in `migrations/`"), "{block}");
    for secret in [planted("secrets"), planted("personal")].concat() {
        assert!(!block.contains(&secret), "{secret}");
    }
    // What waits for a person is not told, and neither is what looks like an attack.
    for entry in world.draft().unwrap().entries.values() {
        let is_told = block.contains(&entry.fragment.id.short());
        let active = entry.status == garner_kernel::Status::Active;
        assert!(!is_told || active, "{}", entry.fragment.id);
    }
    assert_eq!(told(&world, "resume", "/home/dana/tidepool"), None, "it was told before");
    assert!(told(&world, "compact", "/home/dana/tidepool").is_some());
    assert_eq!(told(&world, "startup", "/home/dana/another"), None, "another project");
    // Below its folder a project is still the same, up to the root of its repository.
    fs::create_dir_all(world.path("tidepool/.git")).unwrap();
    fs::create_dir_all(world.path("tidepool/core/src")).unwrap();
    assert!(told(&world, "startup", &text(&world.path("tidepool/core/src"))).is_some());
    // A newer answer takes the place of the one that it replaces.
    hook(&world, "Stop", &about(&world.copy_example("day-two.jsonl")));
    world.ok(&["compile", "--spool"]);
    let newer = told(&world, "startup", "/home/dana/tidepool").unwrap();
    let (old, new) = ("Show it with a warning", "Refuse and say how to refresh");
    assert!(block.contains(old) && newer.contains(new) && !newer.contains(old), "{newer}");
}

#[test]
fn what_a_session_was_told_is_never_learned_from_it() {
    let world = World::new();
    let transcript = world.copy_example("day-one.jsonl");
    hook(&world, "Stop", &about(&transcript));
    world.ok(&["compile", "--spool"]);
    let block = told(&world, "startup", "/home/dana/tidepool").unwrap();
    let record = |fields: Value| {
        let mut record = json!({
            "sessionId": "s-3", "timestamp": "2026-03-19T09:00:00Z", "cwd": "/home/dana/tidepool",
        });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        format!("{record}\n")
    };
    let said = |role: &str, text: &str| json!({ "type": role, "message": { "role": role, "content": text } });
    let mut summary =
        said("user", &format!("1. Primary Request:\n   - {block}\n4. Errors and fixes:\n{block}"));
    summary["isCompactSummary"] = true.into();
    let session: String = [
        said("user", &format!("{block}\n\nremember that: {block}")),
        said("user", &format!("<system-reminder>\n{block}\n</system-reminder>")),
        said("assistant", &block),
        json!({ "type": "attachment", "attachment": { "type": "hook_additional_context", "content": [block] } }),
        summary,
    ]
    .into_iter()
    .map(record)
    .collect();
    let path = world.path("sessions/s-3.jsonl");
    fs::write(&path, session).unwrap();
    let before = world.draft_text();
    hook(&world, "Stop", &about(&path));
    hook(
        &world,
        "PostCompact",
        &json!({
            "session_id": "s-3", "transcript_path": path, "cwd": "/home/dana/tidepool",
            "compact_summary": format!("4. Errors and fixes:\n   - {block}"),
        }),
    );
    world.ok(&["compile", "--spool"]);
    assert!(world.draft_text() == before, "something was learned from what it was told");
}

const SUMMARY: &str = "1. Primary Request and Intent:\n   - Store the tide heights.\n\n4. Errors and \
                       fixes:\n   - The build failed on old compilers, fixed by raising the version \
                       to 1.85 in the manifest with the token ghp_TOKEN.\n";

#[test]
fn the_text_of_a_compaction_is_learned_where_no_transcript_holds_it() {
    let token: String = planted("secrets").into_iter().find(|s| s.starts_with("ghp_")).unwrap();
    let summary = SUMMARY.replace("ghp_TOKEN", &token);
    let record = json!({
        "type": "user", "isCompactSummary": true, "sessionId": "s-9", "uuid": "u-1",
        "timestamp": "2026-03-19T09:00:00Z", "cwd": "/home/dana/tidepool",
        "message": { "role": "user", "content": format!("This session is being continued.\n{summary}") },
    });
    let plain = json!({
        "type": "user", "sessionId": "s-9", "uuid": "u-0", "timestamp": "2026-03-19T08:00:00Z",
        "cwd": "/home/dana/tidepool", "message": { "role": "user", "content": "hello" },
    });
    // The transcript, whether the summary is kept beside it, and whether the cure stands on its own.
    for (transcript, kept, active) in [
        (Some(format!("{plain}\n{record}\n")), false, true),
        (Some(format!("{plain}\n")), true, true),
        (None, true, false),
    ] {
        let world = World::new();
        let path = world.path("sessions/s-9.jsonl");
        fs::create_dir_all(world.path("sessions")).unwrap();
        if let Some(text) = &transcript {
            fs::write(&path, text).unwrap();
        }
        let mut input = about(&path);
        input["compact_summary"] = summary.as_str().into();
        for _ in 0..2 {
            hook(&world, "PostCompact", &input);
            world.run(&["compile", "--spool"]).succeeds();
        }
        let beside = spool(&world).join("summaries");
        assert_eq!(beside.is_dir(), kept, "{transcript:?}");
        let draft = world.draft().unwrap();
        let fixes: Vec<_> = draft
            .entries
            .values()
            .filter(|entry| entry.fragment.kind == garner_kernel::Kind::Fix)
            .collect();
        let [fix] = fixes.as_slice() else { panic!("{} fixes", fixes.len()) };
        assert!(fix.fragment.statement.as_str().starts_with("The build failed on old compilers"));
        assert_eq!(fix.status == garner_kernel::Status::Active, active, "{transcript:?}");
        // The secret is nowhere, and every source is a line that can be looked at.
        for (path, bytes) in world.files() {
            assert!(!holds(&bytes, token.as_bytes()), "{}", path.display());
        }
        let sources = if kept { text(&beside) } else { text(&world.path("sessions")) };
        if let Some(source) = fix.fragment.sources.first() {
            let file = Path::new(&sources).join(source.file.as_str());
            assert!(file.is_file(), "{}", file.display());
        }
    }
}
