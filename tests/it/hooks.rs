//! Hooks: they never fail a session, nothing that they notice is lost, and what a session is told at
//! its start is never learned from it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::world::{Output, World, holds, items, planted, text};

const EVENTS: [&str; 4] = ["SessionStart", "Stop", "PostCompact", "SessionEnd"];

/// Starts a hook and hands it some bytes.
fn start(mut command: Command, input: &[u8]) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A hook that was killed reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child
}

fn finish(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        command: "hook".to_owned(),
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn hook(world: &World, event: &str, input: &Value) -> Output {
    finish(start(world.command(&["hook", event]), input.to_string().as_bytes()))
}

/// Returns what Claude Code hands to a hook about a transcript.
fn about(transcript: &Path) -> Value {
    let session = transcript.file_stem().unwrap().to_str().unwrap();
    json!({
        "session_id": session,
        "transcript_path": transcript,
        "cwd": "/home/dana/tidepool",
        "hook_event_name": "Stop",
        "permission_mode": "default",
    })
}

fn spool(world: &World) -> PathBuf {
    world.path("state/garner/spool")
}

fn waiting(world: &World) -> Value {
    world.json(&["status"])["hooks"]["sessions_waiting"].clone()
}

fn entries(world: &World) -> usize {
    world.draft().map_or(0, |draft| draft.entries.len())
}

#[test]
fn what_hooks_notice_is_compiled_once() {
    let world = World::new();
    let transcript = world.copy_example("day-one.jsonl");
    for event in ["Stop", "Stop", "SessionEnd"] {
        let output = hook(&world, event, &about(&transcript));
        assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""));
    }
    assert_eq!(waiting(&world), 1);
    let file = spool(&world).join("hooks.jsonl");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(spool(&world)).unwrap().permissions().mode() & 0o777, 0o700);
    let said = world.ok(&["compile", "--spool"]);
    assert!(said.starts_with("Read 1 file with 205 records.\n"), "{said}");
    let other = World::new();
    other.ok(&["compile", &crate::world::example("day-one.jsonl")]);
    assert!(world.draft_text() == other.draft_text(), "the draft is another one");
    assert_eq!(waiting(&world), 0);
    assert_eq!(world.ok(&["compile", "--spool"]), "Nothing waits to be compiled.\n");
    assert!(world.ok(&["status"]).contains("nothing waits; compiled last at 2026-03-20T12:00:00Z"));
    // What the transcript gained since is compiled when a hook notices it.
    fs::write(&transcript, fs::read(crate::world::example("day-two.jsonl")).unwrap()).unwrap();
    hook(&world, "Stop", &about(&transcript));
    let before = entries(&world);
    world.ok(&["compile", "--spool"]);
    assert!(entries(&world) > before);
}

#[test]
fn a_hook_succeeds_whatever_it_is_handed() {
    let large = format!("{{\"session_id\": \"{}\"}}", "x".repeat(9 << 20));
    let deep = "[".repeat(100_000);
    for input in [
        &b""[..],
        b"null",
        b"{}",
        b"nonsense",
        b"{\"session_id\":",
        b"\xff\xfe\x00",
        b"[{\"session_id\": 7}]",
        b"{\"session_id\": {}, \"transcript_path\": [], \"cwd\": 1.5}",
        large.as_bytes(),
        deep.as_bytes(),
    ] {
        for event in EVENTS.into_iter().chain(["Unknown", ""]) {
            let world = World::new();
            let output = finish(start(world.command(&["hook", event]), input));
            let shown = String::from_utf8_lossy(input).chars().take(40).collect::<String>();
            assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{event} {shown}");
            assert!(!output.stderr.contains("panicked"), "{event} {shown}: {}", output.stderr);
            world.ok(&["status"]);
        }
    }
    // Nobody types these, but a session must not notice either.
    let world = World::new();
    for arguments in [&["hook"][..], &["hook", "Stop", "--nonsense"], &["hook", "Stop", "twice"]] {
        assert_eq!(world.run(arguments).status, 0, "{arguments:?}");
    }
    assert_eq!(world.run(&["hook", "--help"]).status, 0);
}

#[test]
fn a_hook_succeeds_whatever_is_wrong_with_the_machine() {
    type Case = (&'static str, fn(&World));
    let cases: [Case; 6] = [
        ("the disk is full", |world| {
            fs::create_dir_all(spool(world)).unwrap();
            symlink("/dev/full", spool(world).join("hooks.jsonl")).unwrap();
        }),
        ("a file stands where the folder should be", |world| {
            fs::create_dir_all(world.path("state/garner")).unwrap();
            fs::write(spool(world), "").unwrap();
        }),
        ("a folder stands where the file should be", |world| {
            fs::create_dir_all(spool(world).join("hooks.jsonl")).unwrap();
        }),
        ("the state folder is a file", |world| fs::write(world.path("state"), "").unwrap()),
        ("the store is broken", |world| {
            fs::create_dir_all(world.path("data/garner")).unwrap();
            fs::write(world.path("data/garner/store.db"), "broken").unwrap();
        }),
        ("nothing is there", |_| {}),
    ];
    for (name, make) in cases {
        let world = World::new();
        make(&world);
        for event in EVENTS {
            let output = hook(&world, event, &about(&world.path("s.jsonl")));
            assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{name}: {event}");
        }
    }
    let world = World::new();
    let mut command = world.command(&["hook", "Stop"]);
    command.env_remove("HOME").env("GARNER_NOW", "nonsense").env("GARNER_EMBEDDER", "nonsense");
    assert_eq!(finish(start(command, b"{}")).status, 0);
}

#[test]
fn a_hook_opens_no_store_no_model_and_no_connection() {
    let world = World::new();
    world.ok(&["setup"]);
    hook(&world, "Stop", &about(&world.copy_example("day-one.jsonl")));
    world.ok(&["compile", "--spool"]);
    for event in EVENTS {
        let trace = world.path("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=openat,open,connect,execve", "-o"]).arg(&trace);
        strace.args([env!("CARGO_BIN_EXE_garner"), "hook", event]);
        strace.env_clear().envs(world.environment());
        if Command::new("strace").arg("--version").output().is_err() {
            eprintln!("skipped: there is no `strace`");
            return;
        }
        let input = json!({ "session_id": "s", "cwd": "/home/dana/tidepool" }).to_string();
        assert_eq!(finish(start(strace, input.as_bytes())).status, 0, "{event}");
        let calls = fs::read_to_string(&trace).unwrap();
        let [data, cache] = ["data", "cache"].map(|name| text(&world.path(name)));
        let touched = |line: &&str| {
            let opens = line.contains(&data) || line.contains(&cache) || line.contains("connect(");
            opens || (line.contains("execve(") && !line.contains("\"hook\""))
        };
        let touched: Vec<&str> = calls.lines().filter(touched).collect();
        assert!(calls.contains("state/garner/spool"), "{event}: nothing was traced");
        assert_eq!(touched, Vec::<&str>::new(), "{event}");
    }
}

#[test]
fn a_pipe_that_nobody_closes_holds_no_session_up() {
    let world = World::new();
    let mut command = world.command(&["hook", "Stop"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let open = child.stdin.take();
    // It gives up by itself; were it to wait for the pipe, this test would never end.
    assert!(child.wait().unwrap().success());
    drop(open);
    assert_eq!(waiting(&world), 1);
}

#[test]
fn hooks_that_run_at_once_and_are_killed_lose_nothing_that_they_said() {
    let world = World::new();
    let mut whole = 0;
    for round in 0..6 {
        let input = |number: usize| about(&world.path(&format!("s-{round}-{number}.jsonl")));
        let children: Vec<Child> = (0..8)
            .map(|number| {
                let bytes = input(number).to_string();
                start(world.command(&["hook", "Stop"]), bytes.as_bytes())
            })
            .collect();
        for (number, mut child) in children.into_iter().enumerate() {
            if number % 4 == 3 {
                std::thread::sleep(Duration::from_millis(round));
                let _ = child.kill();
                child.wait().unwrap();
            } else {
                assert_eq!(finish(child).status, 0);
                whole += 1;
            }
        }
    }
    let waiting = world.json(&["status"])["hooks"].clone();
    assert!(waiting["sessions_waiting"].as_u64().unwrap() >= whole, "{waiting}");
    // Their transcripts were never there, which is told and no reason to keep the notices.
    let output = world.run(&["compile", "--spool"]);
    assert!(output.stderr.contains("are not there any more"), "{}", output.stderr);
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert_eq!(world.json(&["status"])["hooks"]["sessions_waiting"], 0);
}

#[test]
fn what_cannot_be_compiled_goes_on_waiting() {
    let world = World::new();
    let transcript = world.copy_example("day-one.jsonl");
    let broken = world.path("sessions/broken.jsonl");
    fs::write(&broken, "nonsense\n").unwrap();
    fs::create_dir_all(world.path("data/garner/drafts")).unwrap();
    fs::write(world.path("data/garner/drafts/notes.jsonl"), "broken").unwrap();
    for path in [&transcript, &broken] {
        hook(&world, "Stop", &about(path));
    }
    world.fails(&["compile", "--spool"], 1, &["notes.jsonl` is not a draft"]);
    assert_eq!(waiting(&world), 2);
    fs::remove_file(world.path("data/garner/drafts/notes.jsonl")).unwrap();
    // A transcript that is none holds nobody up.
    let output = world.run(&["compile", "--spool"]);
    assert!(output.stderr.contains("broken.jsonl"), "{}", output.stderr);
    output.succeeds();
    assert_eq!(waiting(&world), 0);
    assert!(entries(&world) > 0);
}

#[test]
fn a_start_catches_up_without_waiting_for_it() {
    let world = World::new();
    let transcript = world.copy_example("day-one.jsonl");
    world.ok(&["setup", "claude", "--settings", "--markdown", "memory"]);
    let settings = fs::read_to_string(world.path("home/.claude/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    // As Claude Code runs it: by a shell.
    let run = |event: &str| {
        let hook = settings["hooks"][event][0]["hooks"][0]["command"].as_str().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", hook]).env_clear().envs(world.environment());
        finish(start(command, about(&transcript).to_string().as_bytes()))
    };
    assert_eq!(run("SessionEnd").stdout, "");
    let output = run("SessionStart");
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""));
    let done = || spool(&world).join("last.json").exists() && entries(&world) > 0;
    let briefed = || spool(&world).join("briefings").is_dir();
    for _ in 0..1000 {
        if done() && briefed() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(done() && briefed(), "{:?}", fs::read_to_string(spool(&world).join("catch-up.log")));
    assert!(world.path("memory/DECISIONS.md").is_file());
    assert_eq!(waiting(&world), 0);
}

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

#[test]
fn sessions_that_serve_to_compile_others_are_not_noticed() {
    let world = World::new();
    let mut command = world.command(&["hook", "Stop"]);
    command.env("GARNER_HOOKS", "none");
    assert_eq!(
        finish(start(command, about(&world.path("s.jsonl")).to_string().as_bytes())).status,
        0
    );
    assert!(!spool(&world).exists());
}

#[test]
fn doctor_tells_whether_hooks_run_and_what_waits() {
    let world = World::new();
    world.ok(&["setup"]);
    let says = |world: &World| {
        let checks = world.json(&["doctor"])["checks"].clone();
        let hooks = items(&checks).iter().filter(|check| check["check"] == "hooks");
        hooks
            .map(|check| format!("{} {}", check["level"], check["says"]))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(says(&world).contains("\"ok\" \"Claude Code is not set up"), "{}", says(&world));
    world.ok(&["setup", "claude"]);
    assert!(says(&world).contains("none ran yet"), "{}", says(&world));
    assert!(world.ok(&["status"]).contains("set up; none ran yet"));
    // A session ran days after the setup, and nobody noticed.
    let projects = world.path("home/.claude/projects/-home-dana-tidepool");
    fs::create_dir_all(&projects).unwrap();
    let transcript = projects.join("s-1.jsonl");
    fs::copy(crate::world::example("day-one.jsonl"), &transcript).unwrap();
    let later = SystemTime::now() + Duration::from_hours(72);
    fs::File::options().append(true).open(&transcript).unwrap().set_modified(later).unwrap();
    assert!(says(&world).contains("\"warning\" \"sessions ran since"), "{}", says(&world));
    let mut command = world.command(&["hook", "Stop"]);
    command.env("GARNER_NOW", "2126-01-01T00:00:00Z");
    finish(start(command, about(&transcript).to_string().as_bytes()));
    assert!(says(&world).contains("one ran at 2126-01-01"), "{}", says(&world));
    // What waits for too long.
    let mut command = world.command(&["hook", "Stop"]);
    command.env("GARNER_NOW", "2026-03-01T00:00:00Z");
    finish(start(command, about(&transcript).to_string().as_bytes()));
    assert!(
        says(&world).contains("1 session noticed and not compiled since 2026-03-01"),
        "{}",
        says(&world)
    );
    fs::remove_file(world.path("home/.claude/rules/garner.md")).unwrap();
    assert!(says(&world).contains("1 file cannot be found any more"), "{}", says(&world));
    fs::write(spool(&world).join("catch-up.log"), "error: several channels are set up\n").unwrap();
    assert!(says(&world).contains("could not be compiled: several channels"), "{}", says(&world));
}
