//! The whole way on one machine: from sessions to recall, on to a second version, and back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::world::{World, example, items, short, text};

const QUESTION: &str = "which command runs the tests before every commit?";
const OLD: &str = "Run `cargo test -p tidepool-core` before every commit.";
const NEW: &str = "Run `cargo nextest run --workspace` before every commit.";

/// Returns what recall prints, in both forms.
fn recalled(world: &World) -> [String; 2] {
    let explain = world.ok(&["recall", "-k", "5", "--explain", QUESTION]);
    [explain, world.ok(&["--json", "recall", "-k", "5", QUESTION])]
}

#[test]
fn knowledge_goes_the_whole_way_and_back() {
    let world = World::publisher();
    let compiled = world.json(&["compile", &example("day-one.jsonl")]);
    let active = items(&compiled["new"]).iter().filter(|e| e["status"] == "active").count();
    assert!(active > 0);
    let published = world.json(&["publish", "notes"]);
    assert_eq!(published["published"], 1);
    assert_eq!(published["fragments"], active);
    let loaded = world.json(&["load", "notes"]);
    assert_eq!(loaded["loaded"][0]["to"], 1);
    assert_eq!(loaded["loaded"][0]["added"], active);
    assert_eq!(loaded["loaded"][0]["embedded"], active);
    let first = recalled(&world);
    assert!(first[1].contains(OLD) && !first[1].contains(NEW), "{}", first[1]);

    world.learn("day-two.jsonl");
    let second = recalled(&world);
    assert!(second[1].contains(NEW) && !second[1].contains(OLD), "{}", second[1]);
    let counts = &world.json(&["diff", "notes@1", "notes@2"])["counts"];
    assert!(counts["added"].as_u64() > Some(0) && counts["superseded"].as_u64() > Some(0));
    assert_eq!(counts["removed"], 0);

    let rolled = world.ok(&["rollback", "notes@1"]);
    assert!(rolled.contains("`notes` is read at v1 and held there"), "{rolled}");
    assert_eq!(recalled(&world), first, "recall is not what it was");
    assert!(world.ok(&["log", "notes"]).contains("<- read here, held"));

    let undone = world.ok(&["undo"]);
    assert!(undone.contains("rollback notes@1") && undone.contains("read at v2"), "{undone}");
    assert_eq!(recalled(&world), second);
    let log = world.json(&["log", "notes"]);
    let versions: Vec<_> = items(&log["versions"]).iter().map(|r| r["version"].clone()).collect();
    assert_eq!(versions, [2, 1]);

    let operations = world.json(&["op", "list"]);
    let what: Vec<_> =
        items(&operations["operations"]).iter().map(|o| o["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["undo 3", "rollback notes@1", "load notes@2", "load notes@1"]);
    world.ok(&["verify"]);
    world.ok(&["verify", "notes"]);
    world.leaves_nothing_half_done();
}

#[test]
fn setup_makes_private_keys_once() {
    let world = World::new();
    let plan = world.ok(&["setup", "--dry-run"]);
    assert_eq!(plan.matches("would make").count(), 5, "{plan}");
    assert!(!world.path("config").exists() && !world.path("data").exists());
    let made = world.json(&["setup"]);
    assert_eq!((items(&made["made"]).len(), items(&made["kept"]).len()), (5, 0));
    for role in ["root", "publisher", "device", "recovery"] {
        let permissions = fs::metadata(world.key(role)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600, "{role}");
    }
    let before = world.files();
    let again = world.json(&["setup"]);
    assert_eq!((items(&again["made"]).len(), items(&again["kept"]).len()), (0, 5));
    assert!(world.files() == before, "a second setup changed a file");
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    world.ok(&["load", "notes"]);
    world.ok(&["compile", &example("day-two.jsonl")]);
    // A reader may leave the empty log and the index of SQLite behind.
    let files = || {
        let mut files = world.files();
        files.retain(|(path, _)| !text(path).contains("store.db-"));
        files
    };
    let before = files();
    for (command, said) in [
        (vec!["compile", "--dry-run", "--again", &example("day-two.jsonl")], "Read 1 file"),
        (vec!["publish", "--dry-run", "notes"], " superseded, 0 removed"),
        (vec!["load", "--dry-run", "notes"], "loaded already"),
        (vec!["rollback", "--dry-run", "notes@1"], "No difference."),
    ] {
        let stdout = world.ok(&command);
        assert!(stdout.contains(said), "{command:?}: {stdout}");
        assert!(files() == before, "{command:?}");
    }
}

#[test]
fn a_held_channel_stays_until_it_is_released() {
    let world = World::of_day_one();
    world.learn("day-two.jsonl");
    world.ok(&["rollback", "notes@prev"]);
    let first = recalled(&world);
    world.ok(&["review", "--accept", &candidate(&world)]);
    world.ok(&["publish", "notes"]);
    let held = world.ok(&["load", "notes"]);
    assert!(held.contains("stays held at v1") && held.contains("--release"), "{held}");
    assert_eq!(recalled(&world), first);
    world.ok(&["load", "notes", "--release"]);
    assert!(recalled(&world)[1].contains(NEW));
    let status = world.json(&["status"]);
    assert_eq!(status["channels"][0]["reads"], 3);
    assert_eq!(status["channels"][0]["held"], false);
}

fn candidate(world: &World) -> String {
    let waiting = world.json(&["review"]);
    waiting["waiting"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_difference_is_an_exit_status_where_one_asks_for_it() {
    let world = World::of_day_one();
    world.learn("day-two.jsonl");
    assert_eq!(world.run(&["diff", "notes@1", "notes@2", "--exit-code"]).status, 1);
    assert_eq!(world.run(&["diff", "notes@2", "notes@2", "--exit-code"]).status, 0);
    assert_eq!(world.ok(&["diff", "notes@2", "notes@2"]), "No difference.\n");
    let stat = world.ok(&["diff", "notes@1", "notes@2", "--stat"]);
    assert!(stat.contains("rule (project:tidepool)") && stat.contains("+~"), "{stat}");
    // What replaces something stands beside it, and is not told again.
    let shown = world.ok(&["diff", "notes@1", "notes@2"]);
    assert!(shown.contains("[-test -p tidepool-core`-]{+nextest run --workspace`+}"), "{shown}");
    let full = world.json(&["diff", "notes@1", "notes@2"]);
    let mut replaced = items(&full["differences"]).iter().filter(|d| d["change"] == "superseded");
    assert!(replaced.clone().count() > 0, "{full}");
    assert!(replaced.all(|d| d["by"] == d["successor"]["id"]), "{full}");
    // A channel alone means its last step.
    assert_eq!(world.ok(&["diff", "notes"]), world.ok(&["diff", "notes@1", "notes@2"]));
}

#[test]
fn a_hidden_fragment_comes_back_with_undo() {
    let world = World::of_day_one();
    let first = recalled(&world);
    let hits = world.json(&["recall", QUESTION]);
    let id = short(&hits["hits"][0]["fragment"]["id"]);
    world.ok(&["fragment", "remove", &id]);
    assert!(!recalled(&world)[1].contains(&id));
    world.ok(&["undo"]);
    assert_eq!(recalled(&world), first);
    world.ok(&["op", "restore", "2"]);
    assert!(!recalled(&world)[1].contains(&id));
}
