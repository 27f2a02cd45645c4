//! Revoking fragments and collecting old versions, from a publisher to its readers.

use std::fs;
use std::path::PathBuf;

use crate::world::{World, example, holds, items, pair, short, text, walk};

/// Returns a fragment that the first example session brings: its id and statement.
fn some_fragment(world: &World) -> (String, String) {
    let fragments = world.json(&["fragment", "list"]);
    let fragment = items(&fragments["fragments"])
        .iter()
        .max_by_key(|fragment| fragment["statement"].as_str().unwrap().len());
    let fragment = fragment.unwrap();
    (
        fragment["id"].as_str().unwrap().to_owned(),
        fragment["statement"].as_str().unwrap().to_owned(),
    )
}

/// Returns the files of a machine, but for the remote, in which a text stands.
fn files_with(world: &World, text: &str) -> Vec<PathBuf> {
    let files = world.files().into_iter().filter(|(path, _)| !path.starts_with(world.remote()));
    files.filter(|(_, bytes)| holds(bytes, text.as_bytes())).map(|(path, _)| path).collect()
}

/// Returns the names of a folder's encrypted objects.
fn objects(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    let parts = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "obj");
    paths.retain(parts);
    paths
}

#[test]
fn a_purged_fragment_is_erased_from_every_reader_also_one_that_is_held() {
    let (publisher, reader) = pair();
    let (id, statement) = some_fragment(&publisher);
    publisher.learn("day-two.jsonl");
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    reader.ok(&["rollback", "notes@1"]);
    assert!(!files_with(&reader, &statement).is_empty(), "the scan sees what is there");
    let before = objects(&publisher.remote());
    let start = short(&id.clone().into());

    // A plan says what it costs and changes nothing.
    let heads = || fs::read_dir(publisher.remote().join("ch/notes")).unwrap().count();
    let (heads_before, revoke) = (heads(), ["revoke", &start, "--purge", "--reason", "leaked"]);
    let plan = publisher.ok(&[&revoke[..], &["-n"]].concat());
    for told in ["take 1 fragment of `notes` back for ever", "cannot be undone", "Rotate", &start] {
        assert!(plan.contains(told), "no `{told}` in\n{plan}");
    }
    publisher.fails(&revoke, 1, &["--yes"]);
    assert_eq!((heads(), publisher.remote().join("rev").exists()), (heads_before, false));

    let done = publisher.json(&[&revoke[..], &["--yes"]].concat());
    assert_eq!((&done["note"], &done["channels"][0]["published"]), (&1.into(), &3.into()));
    assert_eq!(done["channels"][0]["removed"]["versions"], serde_json::json!([1, 2]));
    let after = objects(&publisher.remote());
    assert!(after.iter().all(|object| !before.contains(object)), "nothing old is left");
    publisher.ok(&["load", "notes"]);
    assert_eq!(files_with(&publisher, &statement), Vec::<PathBuf>::new());

    reader.ok(&["pull", "notes"]);
    let mirrored: Vec<_> = objects(&reader.path("cache"));
    assert_eq!(mirrored.len(), after.len(), "the mirror keeps nothing old either");
    let loaded = reader.json(&["load", "notes"]);
    assert_eq!(loaded["loaded"][0]["erased"], serde_json::json!([id]));
    assert_eq!(loaded["loaded"][0]["effect"], "held");
    assert_eq!(files_with(&reader, &statement), Vec::<PathBuf>::new());
    let found = reader.json(&["recall", &statement]);
    assert!(
        items(&found["hits"]).iter().all(|hit| hit["fragment"]["id"] != id.as_str()),
        "{found}"
    );
    reader.ok(&["verify"]);
    reader.ok(&["verify", "notes"]);
    reader.ok(&["undo"]);
    reader.fails(&["fragment", "show", &id], 3, &["no fragment"]);
    // What the older versions held is gone from the remote, and the reader is told so.
    reader.fails(&["load", "notes@2", "--history", "-n"], 3, &["v2", "no longer there"]);
    let again = publisher.json(&[&revoke[..], &["--yes"]].concat());
    assert_eq!(
        (&again["note"], &again["channels"][0]["published"]),
        (&1.into(), &serde_json::Value::Null)
    );
}

#[test]
fn a_revocation_that_was_stopped_is_finished_by_whoever_publishes_next() {
    let (publisher, reader) = pair();
    let (id, statement) = some_fragment(&publisher);
    // No manifest can be written: the note is there, the version is not.
    let (manifests, away) = (publisher.remote().join("man"), publisher.path("manifests"));
    fs::rename(&manifests, &away).unwrap();
    fs::write(&manifests, b"in the way").unwrap();
    let stopped = publisher.run(&["revoke", &id, "--yes"]);
    assert_ne!(stopped.status, 0, "{}", stopped.stdout);
    assert!(publisher.remote().join("rev/00000001.note").exists(), "{}", stopped.stderr);
    fs::remove_file(&manifests).unwrap();
    fs::rename(&away, &manifests).unwrap();
    // Readers heed the note already.
    reader.ok(&["pull", "notes"]);
    assert_eq!(reader.json(&["load", "notes"])["loaded"][0]["erased"], serde_json::json!([id]));
    assert_eq!(files_with(&reader, &statement), Vec::<PathBuf>::new());
    // The draft still has it, and nothing publishes it again.
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    let log = publisher.json(&["log", "notes"]);
    assert_eq!(items(&log["versions"]).len(), 2);
    let diff = publisher.json(&["diff", "notes@1", "notes@2"]);
    let removed = items(&diff["differences"]).iter().find(|d| d["change"] == "revoked");
    assert_eq!(removed.map(|d| d["fragment"]["id"].clone()), Some(id.clone().into()));
    assert!(publisher.ok(&["revoke", &id, "--yes"]).contains("without already"));
    publisher.ok(&["load", "notes"]);
    publisher.fails(&["fragment", "show", &id], 3, &["no fragment"]);
}

#[test]
fn a_file_carries_revocations_to_a_reader_without_a_network() {
    let (publisher, reader) = pair();
    let (id, statement) = some_fragment(&publisher);
    publisher.ok(&["revoke", &short(&id.clone().into()), "--yes"]);
    let file = publisher.path("next.kernel");
    publisher.ok(&["pull", "notes", "--out", &text(&file)]);
    // The remote is out of reach.
    fs::rename(publisher.remote(), publisher.path("away")).unwrap();
    let loaded = reader.json(&["load", &text(&file)]);
    assert_eq!(loaded["loaded"][0]["erased"], serde_json::json!([id]));
    assert_eq!(files_with(&reader, &statement), Vec::<PathBuf>::new());
}

#[test]
fn what_cannot_be_revoked_is_named() {
    let (publisher, reader) = pair();
    publisher.fails(&["revoke", "ffffffffffff", "--yes"], 3, &["no fragment `ffffffffffff`"]);
    publisher.fails(&["revoke", "", "--yes"], 1, &["is the start of"]);
    let (id, _) = some_fragment(&publisher);
    reader.fails(&["revoke", &id, "--yes"], 4, &["does not let it revoke"]);
    assert!(!publisher.remote().join("rev").exists());
}

#[test]
fn old_versions_are_collected_after_a_grace_and_readers_go_on() {
    let world = World::publisher();
    let on = |day: &str, arguments: &[&str]| {
        world.run_at(&format!("2026-04-{day}T12:00:00Z"), arguments).succeeds()
    };
    let publish = |day: &str, session: &str| {
        on(day, &["compile", &example(session)]);
        on(day, &["publish", "notes"]);
        // Another label for a reader is another version.
        let device = on(day, &["key", "show", "device"]);
        on(day, &["channel", "grant", "notes", device.trim(), "--as", &format!("day-{day}")]);
    };
    let gc = ["channel", "gc", "notes", "--keep", "1", "--days", "7", "--yes"];
    publish("01", "day-one.jsonl");
    publish("02", "day-two.jsonl");
    // Nothing that was the newest in the last week goes, however little is to be kept.
    assert!(on("04", &gc).contains("Nothing of `notes` is old enough"));
    publish("20", "day-two.jsonl");
    on("20", &["load", "notes"]);
    let before = objects(&world.remote());
    assert!(on("20", &[&gc[..7], &["-n"]].concat()).contains("Plan: remove"));
    assert_eq!(objects(&world.remote()), before);
    let removed = on("20", &gc);
    assert!(removed.starts_with("Removed "), "{removed}");
    assert!(objects(&world.remote()).len() < before.len());
    assert!(on("20", &gc).contains("Nothing of `notes` is old enough"));
    // Who reads the newest does not notice; who wants an old version is told.
    let reader = World::new();
    reader.ok(&["setup"]);
    let invite = world.json(&["channel", "show", "notes"])["invite"].as_str().unwrap().to_owned();
    fs::copy(world.key("device"), reader.key("device")).unwrap();
    reader.ok(&["channel", "add", "notes", &invite]);
    reader.ok(&["load", "notes"]);
    let old = ["load", "notes@1", "--history"];
    reader.fails(&old, 3, &["v1", "no longer there", "garner load notes"]);
    // The history goes on.
    publish("21", "day-one.jsonl");
    let newest = items(&world.json(&["log", "notes"])["versions"]).len();
    reader.ok(&["pull", "notes"]);
    assert_eq!(reader.json(&["load", "notes"])["loaded"][0]["to"], newest);
}
