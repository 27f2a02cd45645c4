//! Compaction: what is put away and brought back, what is purged, and the log done again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{World, holds, items, pair, text, walk};

/// A day on which everything of the example sessions is long ago.
const LATER: &str = "2027-03-20T09:00:00Z";

/// Returns what a command prints on a day, as JSON.
fn json_at(world: &World, now: &str, arguments: &[&str]) -> Value {
    let arguments = [&["--json"], arguments].concat();
    serde_json::from_str(&world.run_at(now, &arguments).succeeds()).unwrap()
}

/// A machine that holds what happened and what is known.
fn machine() -> World {
    let world = World::of_day_one();
    world.ok(&["load", "notes"]);
    for state in ["The import stopped at line 90.", "The export waits for a key."] {
        world.ok(&["fragment", "add", "--kind", "state", state]);
    }
    world.ok(&["fragment", "add", "--kind", "fact", "The gauge of Husum is at pier four."]);
    world
}

fn ids(list: &Value) -> Vec<&str> {
    items(&list["fragments"]).iter().map(|f| f["id"].as_str().unwrap()).collect()
}

#[test]
fn what_happened_long_ago_is_put_away_shown_and_brought_back() {
    let world = machine();
    let compact = ["store", "compact"];
    // Today there is nothing to do.
    let today = world.json(&["store", "compact", "-n"]);
    assert_eq!(today["plan"]["steps"], json!([]));
    let plan = world.run_at(LATER, &["store", "compact", "-n"]).succeeds();
    for told in ["archive  2 fragments, too old", "The import stopped", "garner undo"] {
        assert!(plan.contains(told), "no `{told}` in\n{plan}");
    }
    world.run_at(LATER, &compact).fails(1, &["--yes"]);
    assert_eq!(items(&world.json(&["op", "list"])["operations"]).len(), 4);

    let done = json_at(&world, LATER, &["store", "compact", "--yes"]);
    let step = &done["steps"][0];
    assert_eq!((&step["step"], &step["operation"]), (&"expired".into(), &5.into()));
    let away = step["archived"][0]["fragment"].as_str().unwrap();
    let list = world.json(&["fragment", "list"]);
    assert!(!ids(&list).contains(&away) && ids(&list).len() == 16, "{list}");
    let archived = world.json(&["fragment", "list", "--archived"]);
    assert_eq!(ids(&archived).len(), 2);
    assert!(ids(&archived).contains(&away));
    let shown = world.json(&["fragment", "show", away]);
    let expected = json!({ "operation": 5, "step": "expired", "by": null });
    assert_eq!((&shown["put_away"], &shown["read_from"]), (&expected, &Value::Null));
    assert!(world.ok(&["fragment", "show", away]).contains("put away by operation 5 (expired)"));
    assert!(world.ok(&["status"]).contains("archive"));
    assert!(world.ok(&["op", "list"]).contains("archive 2 fragments (expired)"));
    assert!(world.ok(&["log", "archive"]).contains("archive 2 fragments"));
    world.ok(&["verify"]);
    // A look into the past sees it, and so does whoever undoes it.
    let first = |arguments: &[&str]| {
        let found = world.json(arguments);
        found["hits"][0]["fragment"]["statement"].as_str().unwrap_or_default().to_owned()
    };
    assert_ne!(first(&["recall", "import stopped"]), "The import stopped at line 90.");
    for at in ["4", "2026-12-24"] {
        let asked = ["recall", "--at", at, "import stopped"];
        assert_eq!(first(&asked), "The import stopped at line 90.");
    }
    let nothing = world.json(&["recall", "--at", "0", "import stopped"]);
    assert_eq!(nothing["hits"], json!([]));
    world.fails(&["recall", "--at", "9", "import"], 3, &["no operation 9"]);
    world.ok(&["undo"]);
    assert_eq!(ids(&world.json(&["fragment", "list"])).len(), 18);
    world.leaves_nothing_half_done();
}

#[test]
fn a_machine_says_itself_how_long_things_are_kept() {
    let world = machine();
    let policy = world.key("root").ancestors().nth(2).unwrap().join("retention.json");
    fs::write(&policy, r#"{ "format": 1, "episodic_days": null, "states": 1 }"#).unwrap();
    let plan = json_at(&world, LATER, &["store", "compact", "-n"]);
    assert_eq!(plan["plan"]["steps"][0]["step"], "states");
    assert_eq!(items(&plan["plan"]["steps"][0]["archived"]).len(), 1);
    fs::write(&policy, r#"{ "format": 1, "episodic": 3 }"#).unwrap();
    world.fails(&["store", "compact", "-n"], 1, &["retention.json", "mend it"]);
}

fn files_with(folder: &Path, wanted: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    files.retain(|path| holds(&fs::read(path).unwrap(), wanted.as_bytes()));
    files
}

#[test]
fn nothing_is_left_of_what_was_revoked_after_a_purge_on_any_machine() {
    let (publisher, reader) = pair();
    let secret = "The launch word is xylophonequark.";
    publisher.ok(&["fragment", "add", "--kind", "state", secret]);
    let exported = publisher.path("exported.jsonl");
    let own = publisher.ok(&["fragment", "export", "local@1"]);
    fs::write(&exported, own).unwrap();
    publisher.ok(&["compile", &text(&exported)]);
    let waiting = publisher.json(&["review"]);
    let waiting = items(&waiting["waiting"]).iter().find(|waiting| waiting["statement"] == secret);
    if let Some(waiting) = waiting {
        publisher.ok(&["review", "--accept", waiting["id"].as_str().unwrap()]);
    }
    publisher.ok(&["publish", "notes"]);
    publisher.ok(&["undo"]);
    for machine in [&publisher, &reader] {
        machine.ok(&["pull", "notes"]);
        machine.ok(&["load", "notes"]);
    }
    // The reader has it in its archive, in a backup, and in a store that a restore replaced.
    json_at(&reader, LATER, &["store", "compact", "--yes"]);
    fs::create_dir(reader.path("usb")).unwrap();
    let usb = format!("file:{}", text(&reader.path("usb")));
    reader.ok(&["store", "backup", "--to", &usb]);
    let restored = reader.json(&["store", "restore", "latest", "--yes"]);
    let replaced = PathBuf::from(restored["kept"].as_str().unwrap());
    assert!(!files_with(&replaced, "xylophonequark").is_empty());
    let data = reader.store().parent().unwrap().to_owned();
    assert!(files_with(&data, "xylophonequark").len() >= 2, "the scan sees what is there");

    let list = reader.json(&["fragment", "list", "--archived"]);
    let id = items(&list["fragments"])
        .iter()
        .find(|fragment| fragment["statement"] == secret)
        .map(|fragment| fragment["id"].as_str().unwrap().to_owned())
        .unwrap();
    publisher.ok(&["revoke", &id, "--purge", "--yes"]);
    for machine in [&publisher, &reader] {
        machine.ok(&["pull", "notes"]);
        machine.ok(&["load", "notes"]);
    }
    let plan = reader.ok(&["store", "compact", "--purge", "-n"]);
    assert!(plan.contains("the replaced store") && plan.contains("Older backups"), "{plan}");
    let done = reader.json(&["store", "compact", "--purge", "--yes"]);
    assert_eq!((&done["rewritten"], &done["journal_cleared"]), (&true.into(), &true.into()));
    assert!(!replaced.exists());
    assert_eq!(files_with(&data, "xylophonequark"), Vec::<PathBuf>::new());
    reader.ok(&["verify"]);
    // A new backup has nothing of it: its store does not.
    reader.ok(&["store", "backup"]);
    let folder = reader.path("unpacked");
    reader.ok(&["store", "restore", "latest", "--to", &text(&folder), "--yes"]);
    assert!(folder.join("store.db").exists());
    assert_eq!(files_with(&folder, "xylophonequark"), Vec::<PathBuf>::new());
}

/// How many statements are remembered before their log is done again.
fn many() -> u64 {
    if std::env::var_os("GARNER_DRILL").is_some() { 10_000 } else { 300 }
}

#[test]
fn a_log_done_again_gives_the_same_store() {
    let world = World::of_day_one();
    world.ok(&["load", "notes"]);
    let one = world.ok(&["fragment", "export", "store"]);
    let pattern: Value = serde_json::from_str(one.lines().next().unwrap()).unwrap();
    let mut lines = String::new();
    for number in 0..many() {
        let statement = format!("Station {number} keeps {} readings.", number * 7);
        world_line(&mut lines, &pattern, &statement);
    }
    fs::write(world.path("many.jsonl"), lines).unwrap();
    world.ok(&["store", "import", "many.jsonl"]);
    world.learn("day-two.jsonl");
    world.ok(&["load", "notes"]);
    world.ok(&["rollback", "notes@1"]);
    world.ok(&["undo"]);
    let id = world.json(&["fragment", "list"])["fragments"][0]["id"].as_str().unwrap().to_owned();
    world.ok(&["fragment", "pin", &id]);
    world.ok(&["fragment", "remove", &id]);
    json_at(&world, LATER, &["store", "compact", "--yes"]);
    let log = world.json(&["op", "list", "-k", "1"]);
    let (last, digest) =
        (&log["operations"][0]["number"], &log["operations"][0]["view_after_sha256"]);
    assert!(last.as_u64().unwrap() >= many() + 6);
    let replayed = world.json(&["op", "replay"]);
    assert_eq!((&replayed["operations"], &replayed["view_sha256"]), (last, digest));
    assert_eq!((&replayed["same"], &replayed["differences"]), (&true.into(), &json!([])));
    // What was built can be kept, and it answers like the one that is here.
    let folder = text(&world.path("again"));
    world.ok(&["op", "replay", "--into", &folder]);
    world.ok(&["--store", &folder, "store", "reindex"]);
    world.ok(&["--store", &folder, "verify"]);
    let asked = ["recall", "-k", "5", "which station keeps readings?"];
    assert_eq!(world.ok(&[&["--store", &folder][..], &asked].concat()), world.ok(&asked));
    world.fails(&["op", "replay", "--into", &folder], 1, &["there is a store in"]);
    world.leaves_nothing_half_done();
}

/// Adds a record like `pattern` with another statement.
fn world_line(lines: &mut String, pattern: &Value, statement: &str) {
    let mut record = pattern.clone();
    let scope = record["scope"].as_str().unwrap().parse().unwrap();
    let id = garner_kernel::Fragment::id_of(garner_kernel::Kind::Fact, &scope, statement);
    record["kind"] = "fact".into();
    record["id"] = id.to_string().into();
    record["text"] = statement.into();
    record["rev"] = 1.into();
    writeln!(lines, "{record}").unwrap();
}

#[test]
fn a_log_that_gives_another_store_is_told() {
    let world = machine();
    // A bundle that is not there any more.
    let mirror = world.path("cache");
    let mirrored = fs::rename(&mirror, world.path("away")).is_ok();
    let remote = fs::rename(world.remote(), world.path("remote-away")).is_ok();
    assert!(mirrored || remote);
    let failed = world.run(&["op", "replay"]);
    assert_ne!(failed.status, 0, "{}", failed.stdout);
    assert!(failed.stderr.contains("hint: "), "{}", failed.stderr);
    world.leaves_nothing_half_done();
}
