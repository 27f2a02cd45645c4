//! Transcripts that are missing, broken, cut, or very large.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::world::{Output, World, example, items, json, text};

/// Returns a number that looks random, and changes the seed.
fn random(seed: &mut u64) -> usize {
    // Knuth's constants for a linear congruential generator; the upper bits are the good ones.
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

fn file(world: &World, name: &str, bytes: &[u8]) -> String {
    let folder = world.path("sessions");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
    text(&folder.join(name))
}

#[test]
fn what_is_no_transcript_is_refused_with_its_name_and_the_reason() {
    let world = World::new();
    let random: Vec<u8> =
        (0..2_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let place = "~/.claude/projects";
    for (name, bytes, reason, hint) in [
        ("empty.jsonl", &b""[..], "is empty", "may not have started writing"),
        ("binary.jsonl", &b"{\"type\":\"user\"}\0"[..], "byte 15 is zero", place),
        ("random.jsonl", &random, "is not t", place),
        ("prose.jsonl", &b"Dear diary,\ntoday I wrote Rust.\n"[..], "none of its 2 lines", place),
        ("other.jsonl", &b"{\"level\":\"info\"}\n{}\n"[..], "none of its 2 records", place),
        ("array.jsonl", &b"[1, 2]\n"[..], "none of its 1 lines", place),
        ("blank.jsonl", &b"\n\n\n"[..], "is not a transcript", place),
    ] {
        let path = file(&world, name, bytes);
        let facts = ["cannot compile", &path, reason, hint];
        for flags in [&[][..], &["--json"], &["--dry-run"]] {
            world.fails(&[&["compile", &path], flags].concat(), 1, &facts);
        }
        assert_eq!(world.draft(), None, "{name}");
    }
    let missing = text(&world.path("sessions/nowhere.jsonl"));
    world.fails(&["compile", &missing], 3, &["cannot read", &missing, "check the path"]);
    let folder = text(&world.path("tmp"));
    world.fails(&["compile", &folder], 3, &["no transcript", &folder, "~/.claude/projects"]);
    assert!(!world.path("data").exists(), "a failed command made a folder");
}

#[test]
fn one_broken_name_among_good_ones_changes_nothing() {
    let world = World::new();
    let empty = file(&world, "empty.jsonl", b"");
    world.fails(&["compile", &example("day-one.jsonl"), &empty], 1, &[&empty, "is empty"]);
    assert_eq!(world.draft(), None);
    // In a folder, what cannot be read is passed over with a warning.
    world.copy_example("day-one.jsonl");
    let output = world.run(&["compile", &text(&world.path("sessions"))]);
    assert!(output.stderr.contains("empty.jsonl"), "{}", output.stderr);
    assert!(output.succeeds().contains("Read 1 file"));
    assert!(world.draft().is_some());
}

#[test]
fn a_session_cut_anywhere_teaches_what_its_whole_lines_say() {
    let whole = fs::read(example("day-one.jsonl")).unwrap();
    let complete = World::new();
    complete.ok(&["compile", &example("day-one.jsonl")]);
    let complete = complete.draft().unwrap();
    let mut seed = 1;
    for _ in 0..20 {
        let cut = random(&mut seed) % whole.len();
        let world = World::new();
        let path = file(&world, "day-one.jsonl", &whole[..cut]);
        let output = world.run(&["compile", &path]);
        let lines = whole[..cut].split(|b| *b == b'\n').count() - 1;
        if lines < 4 {
            // Nobody has spoken yet.
            assert!([0, 1].contains(&output.status), "cut at {cut}: {}", output.stderr);
            continue;
        }
        let stdout = output.succeeds();
        let half = whole[cut - 1] != b'\n';
        assert_eq!(stdout.contains("Kept back 1 last line"), half, "cut at {cut}: {stdout}");
        for entry in world.draft().unwrap_or_default().entries.values() {
            let last = entry.fragment.sources.iter().map(|s| s.line as usize).max();
            assert!(last <= Some(lines), "cut at {cut}: line {last:?} of {lines}");
        }
        // The session went on: nothing that it says is missed.
        let path = file(&world, "day-one.jsonl", &whole);
        world.ok(&["compile", &path]);
        let grown = world.draft().unwrap();
        for (id, entry) in &complete.entries {
            assert!(
                grown.entries.contains_key(id),
                "cut at {cut}: {}",
                entry.fragment.statement.as_str()
            );
        }
        world.ok(&["verify", "draft", "--provenance", &path]);
    }
}

#[test]
fn a_half_written_last_line_waits_for_its_end() {
    let world = World::new();
    let mut bytes = fs::read(example("day-one.jsonl")).unwrap();
    let whole = bytes.split(|b| *b == b'\n').count() - 1;
    bytes.extend_from_slice(
        b"{\"type\":\"user\",\"uuid\":\"u-9\",\"message\":{\"role\":\"user\",\"cont",
    );
    let path = file(&world, "day-one.jsonl", &bytes);
    let report = &world.json(&["compile", &path])["report"];
    assert_eq!(report["read"]["half-written lines"], 1, "{report}");
    assert_eq!(report["read"]["broken lines"], 0, "{report}");
    assert_eq!(report["read"]["records"], whole, "{report}");
}

#[test]
fn records_of_unknown_types_are_counted_by_type() {
    let world = World::new();
    let mut bytes = fs::read(example("day-one.jsonl")).unwrap();
    for n in 0..3 {
        writeln!(bytes, "{{\"type\":\"from-the-future\",\"n\":{n}}}").unwrap();
    }
    writeln!(bytes, "not JSON").unwrap();
    let path = file(&world, "day-one.jsonl", &bytes);
    let stdout = world.ok(&["compile", &path]);
    assert!(stdout.contains("3 records of unknown type `from-the-future`"), "{stdout}");
    assert!(stdout.contains("1 record of unknown type `gauge-telemetry`"), "{stdout}");
    assert!(stdout.contains("Passed over 1 broken line."), "{stdout}");
    let report = &world.json(&["compile", "--dry-run", "--again", &path])["report"];
    assert_eq!(report["unknown type"]["from-the-future"], 3);
    assert_eq!(report["read"]["broken lines"], 1);
}

/// How large the large transcript is, in bytes.
const SIZE: usize = 200 << 20;
/// How much address space the command gets, in KiB: less than the file has.
const MEMORY: usize = (SIZE - (SIZE >> 3)) >> 10;

/// Runs a command that gets this much address space, in KiB.
fn run_in_memory(world: &World, memory: usize, arguments: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -v {memory} && exec \"$@\"");
    shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_garner")]).args(arguments);
    shell.env_clear().envs(world.environment());
    world.finish(shell)
}

#[test]
fn a_file_without_an_end_is_refused() {
    let world = World::new();
    let output = run_in_memory(&world, 2 << 20, &["compile", "/dev/zero"]);
    output.fails(1, &["/dev/zero", "hint: "]);
}

#[test]
fn a_very_large_session_is_read_in_bounded_memory() {
    let world = World::new();
    let one = fs::read(example("day-one.jsonl")).unwrap();
    let path: PathBuf = file(&world, "large.jsonl", b"").into();
    let mut large = fs::File::create(&path).unwrap();
    for _ in 0..=SIZE / one.len() {
        large.write_all(&one).unwrap();
    }
    drop(large);
    let arguments = ["--json", "compile", &text(&path)];
    let compiled = json(&run_in_memory(&world, MEMORY, &arguments).succeeds());
    let bytes = fs::metadata(&path).unwrap().len();
    assert_eq!(compiled["report"]["read"]["bytes"], bytes);
    assert!(!items(&compiled["new"]).is_empty());
    let expected = World::new();
    expected.ok(&["compile", &example("day-one.jsonl")]);
    let ids = |world: &World| world.draft().unwrap().entries.keys().copied().collect::<Vec<_>>();
    assert_eq!(ids(&world), ids(&expected), "repetition taught something else");
}
