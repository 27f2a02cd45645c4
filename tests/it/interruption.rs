//! Commands that are killed, and commands that run at the same time.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::world::{World, example, text};

const QUESTION: &str = "which command runs before every commit?";

/// Starts a command and kills it after so many milliseconds; it may have ended by itself.
fn kill_after(world: &World, arguments: &[&str], milliseconds: u64) {
    let mut command = world.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(milliseconds));
    let _ = child.kill();
    child.wait().unwrap();
}

/// Runs commands at the same time and returns how each one ended, with its errors.
fn run_together(world: &World, commands: &[&[&str]]) -> Vec<(i32, String)> {
    let start = |arguments: &&[&str]| {
        let mut command = world.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = commands.iter().map(start).collect();
    let end = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
    };
    running.into_iter().map(end).collect()
}

#[track_caller]
fn all_succeed(ended: &[(i32, String)]) {
    assert!(ended.iter().all(|(status, _)| *status == 0), "{ended:?}");
}

#[test]
fn a_killed_command_leaves_what_was_or_what_is_to_be() {
    let world = World::of_day_one();
    let (two, recalled) = (example("day-two.jsonl"), world.ok(&["recall", QUESTION]));
    let draft = world.draft_text();
    let whole = World::of_day_one();
    whole.ok(&["compile", &two]);
    let grown = whole.draft_text();
    for milliseconds in (0..24).step_by(3) {
        kill_after(&world, &["compile", &two], milliseconds);
        assert!([&draft, &grown].contains(&&world.draft_text()), "{milliseconds} ms");
    }
    world.ok(&["compile", &two]);
    assert!(world.draft_text() == grown, "the draft is another one");
    for milliseconds in (0..60).step_by(6) {
        kill_after(&world, &["publish", "notes"], milliseconds);
        world.ok(&["pull", "notes"]);
        world.ok(&["verify", "notes"]);
    }
    world.ok(&["publish", "notes"]);
    for milliseconds in (0..60).step_by(6) {
        kill_after(&world, &["load", "notes@2"], milliseconds);
        world.ok(&["verify"]);
        let operations = world.json(&["status"])["operations"].clone();
        let is_old = world.ok(&["recall", QUESTION]) == recalled;
        assert_eq!(operations, if is_old { 1 } else { 2 }, "{milliseconds} ms");
    }
    world.ok(&["load", "notes"]);
    assert_ne!(world.ok(&["recall", QUESTION]), recalled);
    assert_eq!(world.json(&["status"])["operations"], 2);
}

#[test]
fn sessions_that_are_compiled_at_the_same_time_are_both_learned() {
    let (one, two) = (example("day-one.jsonl"), example("day-two.jsonl"));
    let expected = World::new();
    expected.ok(&["compile", &one, &two]);
    for _ in 0..4 {
        let world = World::new();
        all_succeed(&run_together(&world, &[&["compile", &one], &["compile", &two]]));
        let ids = |world: &World| world.draft().unwrap().entries.into_keys().collect::<Vec<_>>();
        assert_eq!(ids(&world), ids(&expected));
    }
}

#[test]
fn what_is_published_twice_at_the_same_time_is_one_version() {
    let world = World::of_day_one();
    world.ok(&["compile", &example("day-two.jsonl")]);
    all_succeed(&run_together(&world, &[&["publish", "notes"], &["publish", "notes"]]));
    let log = world.json(&["log", "notes"]);
    assert_eq!(log["versions"].as_array().unwrap().len(), 2, "{log}");
    world.ok(&["verify", "notes"]);
}

#[test]
fn what_is_loaded_while_others_read_is_seen_whole() {
    let world = World::of_day_one();
    world.ok(&["compile", &example("day-two.jsonl")]);
    world.ok(&["publish", "notes"]);
    let (load, read): (&[&str], &[&str]) = (&["load", "notes"], &["recall", "heights"]);
    let ended = run_together(&world, &[load, load, read, read, &["verify"], &["status"]]);
    // The load that comes second finds another store than it planned for, and plans again.
    all_succeed(&ended);
    assert_eq!(world.json(&["status"])["operations"], 2);
    world.ok(&["verify"]);
}

#[test]
fn a_repository_that_was_made_before_the_machine_knew_of_it_is_taken_up_again() {
    let world = World::publisher();
    let add = ["channel", "add", "notes", &format!("file:{}", text(&world.remote()))];
    let stop = |world: &World| {
        fs::remove_file(world.path("state/garner/channels/notes.json")).unwrap();
        fs::remove_file(world.remote().join("README.txt")).unwrap();
    };
    let before = world.json(&["channel", "show", "notes"]);
    stop(&world);
    world.run_at("2026-03-21T12:00:00Z", &add).succeeds();
    assert_eq!(world.json(&["channel", "show", "notes"])["readers"], before["readers"]);
    assert_eq!(world.json(&["channel", "show", "notes"])["invite"], before["invite"]);
    assert!(world.remote().join("README.txt").exists());
    // Not somebody else's, and not one that is in use.
    let other = World::new();
    other.ok(&["setup"]);
    other.fails(&add, 1, &["already holds repository"]);
    world.learn("day-one.jsonl");
    stop(&world);
    world.fails(&add, 1, &["already holds repository"]);
}

#[test]
fn setup_writes_the_public_half_of_a_key_that_lacks_it() {
    let world = World::new();
    world.ok(&["setup"]);
    let public = world.path("config/garner/keys/root.pub");
    let before = fs::read(&public).unwrap();
    fs::remove_file(&public).unwrap();
    world.ok(&["setup", "-n"]);
    assert!(!public.exists());
    world.ok(&["setup"]);
    assert_eq!(fs::read(&public).unwrap(), before);
    // A root key that is taken away is not made anew.
    fs::remove_file(world.key("root")).unwrap();
    world.ok(&["setup"]);
    assert!(!world.key("root").exists());
}
