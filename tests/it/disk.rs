//! A full disk: the command fails, says so, and what was there stays as it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::world::{Output, World, example, text};

const QUESTION: &str = "which command runs before every commit?";
/// How large the disk is, in KiB; the machine of these tests needs about a third of it.
const DISK: u32 = 2048;

/// Runs a command on a copy of the machine that lies on a disk with `free` KiB left, and takes
/// what the disk holds afterwards back as the machine's files.
///
/// The mount is seen by this command alone and goes away with it. `None` where this user may not
/// mount.
fn run_on_full_disk(world: &World, free: u32, arguments: &[&str]) -> Option<Output> {
    let script = "set -e
        mount -t tmpfs -o size=${DISK}k tmpfs \"$WORLD\" || exit 99
        cp -a \"$COPY/.\" \"$WORLD\"
        dd if=/dev/zero of=\"$WORLD/reserve\" bs=1k count=$FREE 2>/dev/null
        dd if=/dev/zero of=\"$WORLD/filler\" bs=1k 2>/dev/null || true
        rm \"$WORLD/reserve\"
        cd \"$WORLD\"; set +e
        \"$@\"
        status=$?
        rm \"$WORLD/filler\"; rm -rf \"$COPY\"; cp -a \"$WORLD\" \"$COPY\"
        exit $status";
    let folder = world.path("");
    let copy = folder.with_extension("copy");
    copy_folder(&folder, &copy);
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_garner")]);
    shell.args(arguments).env_clear().envs(world.environment());
    shell.env("WORLD", &folder).env("COPY", &copy);
    shell.env("DISK", DISK.to_string()).env("FREE", free.to_string());
    let Ok(output) = shell.output() else {
        eprintln!("skipped: there is no `unshare`");
        return None;
    };
    let output = Output {
        command: arguments.join(" "),
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    if output.status == 99 || output.stderr.contains("unshare failed") {
        eprintln!("skipped: this user may not mount a small disk: {}", output.stderr);
        fs::remove_dir_all(copy).unwrap();
        return None;
    }
    for entry in fs::read_dir(&folder).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    copy_folder(&copy, &folder);
    fs::remove_dir_all(copy).unwrap();
    Some(output)
}

fn copy_folder(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", &text(&from.join(".")), &text(to)]).status();
    assert!(status.unwrap().success());
}

/// Runs a command on disks that are fuller and fuller; where it fails, the machine is as before.
fn check(world: &World, arguments: &[&str], as_before: &dyn Fn(&World, &Output)) {
    let mut failures = 0;
    for free in [0, 4, 12, 20, 36, 60] {
        let Some(output) = run_on_full_disk(world, free, arguments) else { return };
        if output.status == 0 {
            break;
        }
        failures += 1;
        let facts = ["garner-it-", "hint: "];
        output.fails(1, &facts);
        let space = ["No space left", "no space left", "disk is full", "database or disk is full"];
        let told = space.iter().any(|words| output.stderr.contains(words));
        assert!(told, "{free} KiB free, garner {}: {}", output.command, output.stderr);
        world.leaves_nothing_half_done();
        as_before(world, &output);
    }
    assert!(failures > 0, "garner {arguments:?} needs no space");
    // With room again, the same command succeeds.
    world.ok(arguments);
}

#[test]
fn compile_to_a_full_disk_leaves_the_draft_as_it_was() {
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    let draft = world.draft_text();
    check(&world, &["compile", &example("day-two.jsonl")], &|world, _| {
        assert!(world.draft_text() == draft, "the draft changed");
    });
    assert!(world.draft_text() != draft, "nothing was compiled");
}

#[test]
fn publish_to_a_full_disk_leaves_the_channel_whole() {
    let world = World::of_day_one();
    world.ok(&["compile", &example("day-two.jsonl")]);
    let versions = |world: &World| {
        world.ok(&["pull", "notes"]);
        world.ok(&["verify", "notes"]);
        world.json(&["log", "notes"])["versions"].as_array().unwrap().len()
    };
    check(&world, &["publish", "notes"], &|world, output| {
        // The remote may have the whole version when the mirror has no room left for it.
        if versions(world) == 2 {
            assert!(!output.stderr.contains("nothing was changed"), "{}", output.stderr);
        }
    });
    assert_eq!(versions(&world), 2);
}

#[test]
fn load_on_a_full_disk_leaves_the_store_as_it_was() {
    let world = World::of_day_one();
    let recalled = world.ok(&["recall", "--explain", QUESTION]);
    world.ok(&["compile", &example("day-two.jsonl")]);
    world.ok(&["publish", "notes"]);
    check(&world, &["load", "notes"], &|world, _| {
        world.ok(&["verify"]);
        assert_eq!(world.ok(&["recall", "--explain", QUESTION]), recalled);
        assert_eq!(world.json(&["status"])["operations"], 1);
    });
    assert_ne!(world.ok(&["recall", "--explain", QUESTION]), recalled);
}

#[test]
fn setup_on_a_full_disk_can_be_finished_later() {
    let world = World::new();
    check(&world, &["setup"], &|_, _| {});
    for role in ["root", "publisher", "device", "recovery"] {
        world.ok(&["key", "show", role]);
    }
}
