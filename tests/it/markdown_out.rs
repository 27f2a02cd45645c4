//! `garner compile --markdown`: files in step with the draft, and nothing learned from them again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::json;

use crate::world::{World, example, items, planted, text};

const FILES: [&str; 4] = ["STATE.md", "DECISIONS.md", "CORRECTIONS.md", "HANDOFF.md"];

fn read(folder: &Path) -> Vec<String> {
    FILES.map(|name| fs::read_to_string(folder.join(name)).unwrap()).to_vec()
}

#[test]
fn the_files_say_what_is_active_and_follow_it() {
    let world = World::new();
    let folder = world.path("memory");
    let compile = |session: &str| {
        let session = example(session);
        world.json(&["compile", &session, "--markdown", &text(&folder)])
    };
    let first = compile("day-one.jsonl");
    assert_eq!(items(&first["markdown"]).len(), 4);
    let all = read(&folder).concat();
    for entry in world.draft().unwrap().entries.values() {
        let is_there = all.contains(&format!("`{}`", entry.fragment.id.short()));
        assert_eq!(
            is_there,
            entry.status == garner_kernel::Status::Active,
            "{}",
            entry.fragment.id
        );
    }
    assert!(all.contains("## In tidepool"), "{all}");
    assert!(all.contains("- 2026-03-03 rule by assistant: Migrations in `migrations/`"), "{all}");
    for secret in [planted("secrets"), planted("personal")].concat() {
        assert!(!all.contains(&secret), "{secret}");
    }
    // Again nothing changes; the same session on another machine gives the same bytes.
    assert_eq!(compile("day-one.jsonl")["markdown"], json!([]));
    let other = World::new();
    other.ok(&["compile", &example("day-one.jsonl"), "--markdown", &text(&other.path("memory"))]);
    assert!(read(&other.path("memory")) == read(&folder));
    // A newer answer takes the place of the older one.
    compile("day-two.jsonl");
    let decisions = fs::read_to_string(folder.join("DECISIONS.md")).unwrap();
    assert!(decisions.contains("Refuse and say how to refresh"), "{decisions}");
    assert!(!decisions.contains("Show it with a warning"), "{decisions}");
    let session = example("day-two.jsonl");
    let fresh = world.path("fresh");
    world.ok(&["compile", &session, "--dry-run", "--markdown", &text(&fresh)]);
    assert!(!fresh.exists(), "a dry run wrote something");
}

#[test]
fn text_of_others_links_and_modes_stay() {
    let world = World::new();
    let folder = world.path("memory");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("STATE.md"), "# Ours since 2020\r\n\r\n- Heights are in cm.\r\n")
        .unwrap();
    fs::write(world.path("elsewhere.md"), "# Linked\n").unwrap();
    symlink("../elsewhere.md", folder.join("DECISIONS.md")).unwrap();
    fs::write(folder.join("HANDOFF.md"), "").unwrap();
    fs::set_permissions(folder.join("HANDOFF.md"), fs::Permissions::from_mode(0o640)).unwrap();
    let arguments = ["compile", &example("day-one.jsonl"), "--markdown", &text(&folder)];
    world.ok(&arguments);
    let state = fs::read_to_string(folder.join("STATE.md")).unwrap();
    assert!(
        state.starts_with("# Ours since 2020\r\n\r\n- Heights are in cm.\r\n\r\n<garner-memory")
    );
    assert!(!state.replace("\r\n", "").contains('\n'), "{state}");
    assert!(fs::symlink_metadata(folder.join("DECISIONS.md")).unwrap().is_symlink());
    assert!(
        fs::read_to_string(world.path("elsewhere.md")).unwrap().starts_with("# Linked\n\n<garner")
    );
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("HANDOFF.md"), mode("CORRECTIONS.md")), (0o640, 0o644));
    world.leaves_nothing_half_done();
    // Where it cannot be told what is ours, nothing is overwritten.
    let damaged = state.replace("</garner-memory", "</gone");
    fs::write(folder.join("STATE.md"), &damaged).unwrap();
    world.fails(&arguments, 1, &["STATE.md", "cannot be told", "hint: "]);
    assert_eq!(fs::read_to_string(folder.join("STATE.md")).unwrap(), damaged);
}

#[test]
fn a_repository_is_told_of_its_own_project_only() {
    let world = World::new();
    let session = json!({
        "type": "user", "sessionId": "s-1", "uuid": "u-1", "timestamp": "2026-03-19T09:00:00Z",
        "cwd": "/home/dana/other",
        "message": { "role": "user", "content": "<user-memory-input>Never say tide here.</user-memory-input>" },
    });
    let path = world.path("other.jsonl");
    fs::write(&path, format!("{session}\n")).unwrap();
    for (folder, tidepool, other) in [
        ("plain", true, true),
        ("tidepool/docs", true, false),
        ("other", false, true),
        ("third", false, false),
    ] {
        let folder = world.path(folder);
        fs::create_dir_all(&folder).unwrap();
        if !folder.ends_with("plain") {
            let root = if folder.ends_with("docs") { folder.parent().unwrap() } else { &folder };
            fs::create_dir_all(root.join(".git")).unwrap();
        }
        world.ok(&[
            "compile",
            &example("day-one.jsonl"),
            &text(&path),
            "--markdown",
            &text(&folder),
        ]);
        let all = read(&folder).concat();
        assert_eq!(all.contains("## In tidepool"), tidepool, "{}", folder.display());
        assert_eq!(all.contains("Never say tide here."), other, "{}", folder.display());
    }
}

#[test]
fn what_the_files_say_is_not_learned_again() {
    let world = World::new();
    let folder = world.path("memory");
    world.ok(&["compile", &example("day-one.jsonl"), "--markdown", &text(&folder)]);
    let before = world.draft_text();
    // A session copies them into its memory file, prints them, and a person pastes them.
    let all = read(&folder).concat();
    let record = |fields: serde_json::Value| {
        let mut record = json!({
            "sessionId": "s-5", "timestamp": "2026-03-19T09:00:00Z", "cwd": "/home/dana/tidepool",
        });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        format!("{record}\n")
    };
    let write = json!({ "file_path": "/home/dana/tidepool/CLAUDE.md", "content": all });
    let session: String = [
        json!({ "type": "user", "message": { "role": "user", "content": format!("remember: {all}") } }),
        json!({ "type": "assistant", "message": { "role": "assistant", "content": [
            { "type": "text", "text": all },
            { "type": "tool_use", "id": "t-1", "name": "Write", "input": write },
        ] } }),
        json!({ "type": "user", "toolUseResult": { "type": "create", "filePath": "/home/dana/tidepool/CLAUDE.md", "content": all },
            "message": { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t-1", "content": "File created" },
        ] } }),
    ]
    .into_iter()
    .map(record)
    .collect();
    let path = world.path("again.jsonl");
    fs::write(&path, session).unwrap();
    let said = world.ok(&["compile", &text(&path), "--markdown", &text(&folder)]);
    let known = world.draft_text();
    assert!(known == before || said.contains("Nothing new."), "{said}");
    assert!(read(&folder).concat() == all, "the files changed by what they said themselves");
}
