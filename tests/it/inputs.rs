//! Inputs on disk: what is read again, what is noticed, and what is taken from folders and archives.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, example, items, text};

/// Writes a file of the world and returns its path.
fn write(world: &World, name: &str, bytes: &[u8]) -> PathBuf {
    let path = world.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Returns the first example session.
fn day_one() -> Vec<u8> {
    fs::read(example("day-one.jsonl")).unwrap()
}

/// Returns where line `number` of some bytes starts, from 0.
fn start_of(bytes: &[u8], number: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.take(number).last().unwrap_or(0)
}

/// Compiles a path and returns the report.
fn compile(world: &World, path: &Path) -> Value {
    world.json(&["compile", &text(path)])
}

/// Returns the draft that one compilation of some bytes gives.
fn expected(bytes: &[u8], name: &str) -> String {
    let world = World::new();
    let path = write(&world, &format!("sessions/{name}"), bytes);
    compile(&world, &path);
    world.draft_text().unwrap()
}

#[test]
fn a_second_run_reads_only_new_bytes_and_gives_the_same() {
    let world = World::new();
    let whole = day_one();
    let cuts = [start_of(&whole, 60), start_of(&whole, 120), start_of(&whole, 121) + 40];
    let path = write(&world, "sessions/day-one.jsonl", &whole[..cuts[0]]);
    compile(&world, &path);
    let mut read = cuts[0];
    for cut in cuts[1..].iter().copied().chain([whole.len()]) {
        append(&path, &whole[read..cut]);
        let report = compile(&world, &path);
        // Of a line that was not ended, the beginning is read twice.
        let line = whole[..read].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        let unended = read - line;
        assert_eq!(report["report"]["read"]["bytes"], cut - read + unended, "{cut}");
        assert_eq!(report["inputs"]["read on"], 1);
        assert_eq!(world.draft_text().unwrap(), expected(&whole[..cut], "day-one.jsonl"), "{cut}");
        read = cut;
    }
    let before = world.draft_text();
    for _ in 0..2 {
        let report = compile(&world, &path);
        assert_eq!(report["inputs"]["unchanged"], 1);
        assert_eq!(report["report"]["read"]["bytes"], 0);
        assert!(items(&report["new"]).is_empty());
    }
    let stdout = world.ok(&["compile", &text(&path)]);
    assert!(stdout.contains("Passed over 1 file that has not changed."), "{stdout}");
    let again = world.json(&["compile", "--again", &text(&path)]);
    assert_eq!(again["report"]["read"]["bytes"], whole.len());
    assert_eq!(again["report"]["outcome"]["active"], 0);
    assert_eq!(world.draft_text(), before);
}

#[test]
fn a_file_that_is_no_longer_what_it_was_is_noticed_and_read_from_its_start() {
    let whole = day_one();
    let half = start_of(&whole, 100);
    let changed = String::from_utf8(whole.clone()).unwrap().replacen("2026-03-03", "2026-03-04", 1);
    let longer = [changed.as_bytes(), &b"{\"type\":\"tag\"}\n"[..]].concat();
    let shorter = [&whole[..half], &b"{\"type\":\"tag\"}\n"[..]].concat();
    // Where neither start nor end tells, a line that matters does.
    let middle = String::from_utf8(whole.clone()).unwrap().replacen("UTC", "CET", 1);
    let middle = [middle.as_bytes(), &b"{\"type\":\"tag\"}\n"[..]].concat();
    for (how, bytes, replaced) in [
        ("shrunk", shorter, false),
        ("rewritten", longer.clone(), false),
        ("rewritten", middle, false),
        ("moved", [&whole[..], &b"{\"type\":\"tag\"}\n"[..]].concat(), true),
    ] {
        let world = World::new();
        let path = write(&world, "sessions/day-one.jsonl", &whole);
        compile(&world, &path);
        if replaced {
            let other = write(&world, "sessions/other.tmp", &bytes);
            fs::rename(other, &path).unwrap();
        } else {
            fs::write(&path, &bytes).unwrap();
        }
        let report = compile(&world, &path);
        assert_eq!(report["inputs"][how], 1, "{how}: {}", report["inputs"]);
        assert_eq!(report["inputs"]["read on"], 0, "{how}");
        assert_eq!(report["report"]["read"]["bytes"], bytes.len(), "{how}");
        if how == "moved" {
            world.ok(&["verify", "draft", "--provenance", &text(&path)]);
        }
        let known = World::new();
        compile(&known, &write(&known, "sessions/day-one.jsonl", &bytes));
        let now = world.draft().unwrap();
        for id in known.draft().unwrap().entries.keys() {
            assert!(now.entries.contains_key(id), "{how}: {id}");
        }
    }
}

#[test]
fn a_file_under_another_name_is_noticed_and_counts_once() {
    let world = World::new();
    let path = write(&world, "sessions/day-one.jsonl", &day_one());
    compile(&world, &path);
    let before = world.draft().unwrap();
    let moved = world.path("sessions/renamed.jsonl");
    fs::rename(&path, &moved).unwrap();
    let report = compile(&world, &moved);
    assert_eq!(report["inputs"]["moved"], 1);
    assert!(items(&report["new"]).is_empty());
    assert_eq!(world.draft().unwrap().entries.len(), before.entries.len());
    world.ok(&["verify", "draft", "--provenance", &text(&moved)]);
    assert_eq!(compile(&world, &moved)["inputs"]["unchanged"], 1);
}

#[test]
fn what_is_remembered_goes_with_its_draft_and_holds_no_word() {
    let world = World::new();
    let path = write(&world, "sessions/day-one.jsonl", &day_one());
    world.ok(&["compile", "-n", &text(&path)]);
    let memory = world.path("state/garner/inputs/notes.jsonl");
    assert!(!memory.exists(), "a dry run remembers");
    let first = compile(&world, &path);
    let held = fs::read_to_string(&memory).unwrap();
    for entry in world.draft().unwrap().entries.values() {
        let statement = entry.fragment.statement.as_str();
        let start: String = statement.chars().take(24).collect();
        assert!(!held.contains(&start), "{start}");
    }
    // Another channel knows nothing of it.
    let other = world.json(&["compile", "-c", "other", &text(&path)]);
    assert_eq!(other["report"]["read"], first["report"]["read"]);
    // Without its draft, or damaged, it says nothing.
    fs::remove_file(world.path("data/garner/drafts/notes.jsonl")).unwrap();
    assert_eq!(compile(&world, &path)["report"]["outcome"], first["report"]["outcome"]);
    fs::write(&memory, "{\"format\":\"garner.inputs.v1\"").unwrap();
    let output = world.run(&["compile", &text(&path)]);
    assert!(output.stderr.contains("everything is read from the start"), "{}", output.stderr);
    output.succeeds();
    assert_eq!(compile(&world, &path)["inputs"]["unchanged"], 1);
    // Another project is another edition.
    let named = world.json(&["compile", "--project", "barn", &text(&path)]);
    assert_eq!(named["inputs"]["unchanged"], 0);
}

#[test]
fn a_subagent_comes_with_its_session_and_taints_it() {
    let record = |kind: &str, id: &str, at: u32, content: &Value, side: bool| {
        json!({"type": kind, "uuid": id, "sessionId": "s-1", "cwd": "/home/a/code/barn", "isSidechain": side,
            "timestamp": format!("2026-01-01T00:{at:02}:00Z"), "message": {"role": kind, "content": content}})
    };
    let lines = |records: &[Value]| -> Vec<u8> {
        records.iter().flat_map(|record| format!("{record}\n").into_bytes()).collect()
    };
    let file = json!({"file_path": "/home/a/code/barn/CLAUDE.md", "content": "- Never leave the gate of the yard open."});
    let main = lines(&[
        record("user", "u-1", 1, &json!("build the gate"), false),
        record(
            "assistant",
            "u-2",
            9,
            &json!([{"type": "tool_use", "id": "w", "name": "Write", "input": file}]),
            false,
        ),
        record(
            "user",
            "u-3",
            10,
            &json!([{"type": "tool_result", "tool_use_id": "w", "content": "ok"}]),
            false,
        ),
    ]);
    let web = json!([{"type": "tool_use", "id": "f", "name": "WebFetch", "input": {"url": "https://example.org"}}]);
    let agent = lines(&[record("assistant", "a-1", 5, &web, true)]);
    for (with, status) in [(false, "active"), (true, "candidate")] {
        let world = World::new();
        let path = write(&world, "sessions/s-1.jsonl", &main);
        if with {
            write(&world, "sessions/s-1/subagents/agent-1.jsonl", &agent);
        }
        let report = compile(&world, &path);
        assert_eq!(report["report"]["read"]["files"], 1 + u32::from(with));
        assert_eq!(report["new"][0]["status"], status);
    }
}

#[test]
fn a_search_takes_known_layouts_and_says_what_it_left_out() {
    let world = World::new();
    for (name, content) in [
        ("barn/CLAUDE.md", "- The roof of the barn is made of slate.\n"),
        ("barn/.claude/rules/gate.md", "- The gate of the barn is made of iron.\n"),
        ("barn/DECISIONS.md", "- 2026-03-04: The door of the barn is made of oak.\n"),
        ("barn/README.md", "# Barn\n\nThe hay in the barn is turned every second day.\n"),
        ("barn/package.json", "{\"name\":\"barn\"}"),
        ("barn/node_modules/x/CLAUDE.md", "- The module of a stranger is made of lies.\n"),
        ("barn/src/lib.rs", "// code\n"),
        ("barn/users.json", "[{\"email_address\":\"a@b.c\"}]"),
    ] {
        write(&world, name, content.as_bytes());
    }
    fs::create_dir_all(world.path("barn/.git")).unwrap();
    let folder = text(&world.path("barn"));
    let found = world.json(&["compile", &folder]);
    let mut new: Vec<String> = items(&found["new"])
        .iter()
        .map(|entry| format!("{} {} {}", entry["scope"], entry["trust"], entry["statement"]))
        .collect();
    new.sort();
    let entry = |what: &str| format!("\"project:barn\" \"assistant\" \"The {what}.\"");
    let made = [
        "door of the barn is made of oak",
        "gate of the barn is made of iron",
        "roof of the barn is made of slate",
    ];
    assert_eq!(new, made.map(entry));
    assert_eq!(found["inputs"]["left out"], 2, "{}", found["inputs"]);
    assert_eq!(found["inputs"]["never read"], 1);
    let stdout = world.ok(&["compile", "--again", &folder]);
    assert!(stdout.contains("Left out 2 files of no layout"), "{stdout}");
    assert!(stdout.contains("Did not open 1 file of personal details."), "{stdout}");
    // Who names a file answers for it.
    let named = World::new();
    let path = write(&named, "barn/CLAUDE.md", b"- The roof of the barn is made of slate.\n");
    assert_eq!(compile(&named, &path)["new"][0]["trust"], "human");
    let readme = text(&world.path("barn/README.md"));
    assert_eq!(world.json(&["compile", &readme])["new"][0]["status"], "candidate");
    let users = text(&world.path("barn/users.json"));
    world.fails(&["compile", &users], 1, &["users.json", "never read"]);
    let package = text(&world.path("barn/package.json"));
    world.fails(
        &["compile", &package],
        1,
        &["package.json", "JSON of no known layout", "docs/inputs.md"],
    );
}

#[test]
fn the_memory_of_an_assistant_belongs_to_the_project_of_its_transcripts() {
    let world = World::new();
    let folder = "claude/projects/-home-a-code-barn";
    let memory = b"- The roof of the barn is made of slate.\n";
    let path = write(&world, &format!("{folder}/memory/MEMORY.md"), memory);
    let named = ["compile", &text(&path)];
    world.fails(&named, 1, &["which project", "MEMORY.md", "--project NAME"]);
    write(&world, &format!("{folder}/s-1.jsonl"), b"{\"type\":\"mode\"}\n{\"type\":\"user\",\"cwd\":\"/home/a/code/barn\",\"message\":{\"content\":\"hi\"}}\n");
    let found = compile(&world, &world.path("claude"));
    assert_eq!(found["new"][0]["scope"], "project:barn");
    let other = world.json(&["compile", "--project", "stable", &text(&path)]);
    assert_eq!(other["new"][0]["scope"], "project:stable");
}

#[test]
fn an_edited_document_is_read_anew_and_an_equal_one_is_not() {
    let world = World::new();
    let path = write(&world, "barn/CLAUDE.md", b"- The roof of the barn is made of slate.\n");
    compile(&world, &path);
    fs::write(&path, b"- The roof of the barn is made of slate.\n").unwrap();
    assert_eq!(compile(&world, &path)["inputs"]["unchanged"], 1);
    fs::write(&path, b"# Barn\n\n- The gate of the barn is made of iron.\n- The roof of the barn is made of slate.\n").unwrap();
    let report = compile(&world, &path);
    assert_eq!((&report["inputs"]["rewritten"], items(&report["new"]).len()), (&json!(1), 1));
    world.ok(&["verify", "draft", "--provenance", &text(&path)]);
}

#[test]
fn an_export_is_read_from_a_folder_one_archive_or_several() {
    let python = "import json, sys, zipfile\n\
        message = {'uuid': 'm-1', 'sender': 'human', 'created_at': '2026-02-03T10:00:00Z', 'text': 'from now on answer me in metric units', 'content': []}\n\
        files = {'conversations.json': [{'uuid': 'c-1', 'name': 'x', 'chat_messages': [message]}],\n\
          'memories.json': [{'conversations_memory': 'Builds barns of oak and slate on a hill.'}],\n\
          'users.json': [{'full_name': 'Planted Name', 'email_address': 'planted@example.org'}]}\n\
        folder = sys.argv[1]\n\
        one = zipfile.ZipFile(folder + '/one.zip', 'w', zipfile.ZIP_DEFLATED)\n\
        for name, value in files.items():\n\
        \x20   one.writestr(name, json.dumps(value))\n\
        \x20   zipfile.ZipFile(folder + '/many/' + name + '.zip', 'w').writestr('data/' + name, json.dumps(value))\n\
        \x20   open(folder + '/folder/' + name, 'w').write(json.dumps(value))\n\
        one.close()\n";
    let world = World::new();
    for folder in ["export/many", "export/folder"] {
        fs::create_dir_all(world.path(folder)).unwrap();
    }
    let made = Command::new("python3").args(["-c", python]).arg(world.path("export")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("note: not run, there is no `python3`");
        return;
    }
    let mut drafts = Vec::new();
    for input in ["export/one.zip", "export/many", "export/folder"] {
        let world_of_input = World::new();
        let path = text(&world.path(input));
        let report = world_of_input.json(&["compile", &path]);
        assert_eq!(report["inputs"]["never read"], 1, "{input}");
        assert_eq!(items(&report["new"]).len(), 2, "{input}: {report}");
        world_of_input.ok(&["verify", "draft", "--provenance", &path]);
        let draft = world_of_input.draft_text().unwrap();
        assert!(!draft.contains("Planted") && !draft.contains("planted@"));
        drafts.push(world_of_input.draft().unwrap().entries.keys().copied().collect::<Vec<_>>());
        assert_eq!(world_of_input.json(&["compile", &path])["inputs"]["unchanged"], 2);
    }
    assert!(drafts.windows(2).all(|pair| pair[0] == pair[1]));
    let broken = write(&world, "export/broken.zip", b"PK\x03\x04 and nothing more");
    world.fails(&["compile", &text(&broken)], 1, &["broken.zip", "not a usable archive"]);
}

#[test]
fn exported_fragments_come_back_whole_and_wait() {
    let world = World::of_day_one();
    let exported = world.ok(&["fragment", "export"]);
    assert_eq!(world.ok(&["fragment", "export", "notes"]), exported);
    let other = World::new();
    let path = write(&other, "export.jsonl", exported.as_bytes());
    let report = compile(&other, &path);
    assert!(items(&report["new"]).iter().all(|entry| entry["status"] == "candidate"));
    let draft = other.draft().unwrap();
    assert_eq!(draft.entries.len(), exported.lines().count());
    let lines: Vec<String> = draft
        .entries
        .into_values()
        .map(|entry| {
            let change = garner_kernel::Change::Put(Box::new(entry.fragment));
            garner_kernel::record::line(&change)
        })
        .collect();
    let mut expected: Vec<&str> = exported.lines().collect();
    expected.sort_unstable();
    let mut found: Vec<&str> = lines.iter().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}
