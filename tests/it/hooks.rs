//! Hooks: they never fail a session, and nothing that they notice is lost.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::world::{Output, World, items, text};

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

pub(crate) fn hook(world: &World, event: &str, input: &Value) -> Output {
    finish(start(world.command(&["hook", event]), input.to_string().as_bytes()))
}

/// Returns what Claude Code hands to a hook about a transcript.
pub(crate) fn about(transcript: &Path) -> Value {
    let session = transcript.file_stem().unwrap().to_str().unwrap();
    json!({
        "session_id": session,
        "transcript_path": transcript,
        "cwd": "/home/dana/tidepool",
        "hook_event_name": "Stop",
        "permission_mode": "default",
    })
}

pub(crate) fn spool(world: &World) -> PathBuf {
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
fn of_several_that_catch_up_at_once_each_session_is_learned_once() {
    let world = World::new();
    let (one, two) = (world.copy_example("day-one.jsonl"), world.copy_example("day-two.jsonl"));
    for path in [&one, &two] {
        hook(&world, "Stop", &about(path));
    }
    let start = |_| start(world.command(&["compile", "--spool"]), b"");
    let running: Vec<Child> = (0..4).map(start).collect();
    for child in running {
        let output = finish(child);
        assert_eq!(output.status, 0, "{}", output.stderr);
    }
    let expected = World::new();
    expected.ok(&["compile", &text(&one), &text(&two)]);
    assert!(world.draft_text() == expected.draft_text(), "the draft is another one");
    assert_eq!(waiting(&world), 0);
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
    assert!(says(&world).contains("rules/garner.md` is gone"), "{}", says(&world));
    // The program was moved: sessions go on, and nothing is noticed any more.
    let hooks = world.path("home/.claude/skills/garner/hooks/hooks.json");
    let moved = fs::read_to_string(&hooks).unwrap();
    fs::write(&hooks, moved.replace(env!("CARGO_BIN_EXE_garner"), "/moved/garner")).unwrap();
    assert!(says(&world).contains("`/moved/garner` is gone"), "{}", says(&world));
    fs::write(spool(&world).join("catch-up.log"), "error: several channels are set up\n").unwrap();
    assert!(says(&world).contains("could not be compiled: several channels"), "{}", says(&world));
}
