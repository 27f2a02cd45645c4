//! Receipts: who says which version it reads, and what that changes, which is nothing.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::{World, example, items, pair, text, walk};

/// Returns the files that receipts of channel `notes` are.
fn receipts(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if folder.join("fleet").exists() {
        walk(&folder.join("fleet"), &mut paths);
    }
    paths.sort();
    paths
}

/// Lets a machine write receipts, and returns the key that signs them.
fn opt_in(reader: &World, label: &str) -> String {
    let said = reader.ok(&["channel", "receipts", "notes", "--on", "--as", label]);
    said.trim().to_owned()
}

/// Makes one more reader of the channel that a publisher publishes.
fn another(publisher: &World, label: &str) -> World {
    let reader = World::new();
    reader.ok(&["setup"]);
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", label]);
    let shown = publisher.json(&["channel", "show", "notes"]);
    reader.ok(&["channel", "add", "notes", shown["invite"].as_str().unwrap()]);
    reader
}

fn status(world: &World) -> Vec<Value> {
    items(&world.json(&["channel", "status", "notes", "--fleet"])["fleet"]).to_vec()
}

#[test]
fn a_publisher_sees_who_reads_what() {
    let (publisher, laptop) = pair();
    let desk = another(&publisher, "desk");
    for (reader, label) in [(&laptop, "laptop"), (&desk, "desk")] {
        let key = opt_in(reader, label);
        assert!(key.starts_with(&format!("{label}-receipt+")), "{key}");
        let planned = publisher.ok(&["channel", "fleet", "notes", "add", &key, "-n"]);
        assert!(planned.contains(&key), "{planned}");
        publisher.ok(&["channel", "fleet", "notes", "add", &key, "--as", label]);
    }
    assert_eq!(items(&publisher.json(&["channel", "fleet", "notes"])["fleet"]).len(), 2);
    let said = publisher.ok(&["channel", "status", "notes", "--fleet"]);
    assert!(said.contains("laptop  no receipt"), "{said}");

    laptop.ok(&["load", "notes@1"]);
    laptop.ok(&["rollback", "notes@1"]);
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    for reader in [&laptop, &desk] {
        reader.ok(&["pull"]);
        reader.ok(&["load"]);
    }
    let newest = publisher.json(&["channel", "status", "notes"])["newest"].as_u64().unwrap();
    assert!(newest > 1);
    let facts = |label: &str| {
        let found = status(&publisher).into_iter().find(|member| member["label"] == label);
        let found = found.unwrap();
        (found["version"].clone(), found["behind"].clone(), found["held"].clone())
    };
    assert_eq!(facts("laptop"), (json!(1), json!(newest - 1), json!(true)));
    assert_eq!(facts("desk"), (json!(newest), json!(0), json!(false)));
    let said = publisher.ok(&["channel", "status", "notes", "--fleet"]);
    assert!(said.contains(&format!("{} behind  2026-03-20T12:00:00Z  held", newest - 1)), "{said}");

    // Whoever is not registered is not looked at; what is here is told without a network.
    publisher.ok(&["channel", "fleet", "notes", "remove", "desk"]);
    assert_eq!(status(&publisher).len(), 1);
    publisher.fails(&["channel", "fleet", "notes", "remove", "desk"], 3, &["desk"]);
    let here = laptop.json(&["channel", "status", "notes"]);
    assert_eq!((&here["reads"], &here["held"]), (&json!(1), &json!(true)));
    assert_eq!((&here["behind"], &here["freshness"]), (&json!(newest - 1), &json!("fresh")));
}

#[test]
fn a_forged_receipt_is_told_and_changes_nothing() {
    let (publisher, laptop) = pair();
    let desk = another(&publisher, "desk");
    for (reader, label) in [(&laptop, "laptop"), (&desk, "desk")] {
        let key = opt_in(reader, label);
        publisher.ok(&["channel", "fleet", "notes", "add", &key, "--as", label]);
        reader.ok(&["load"]);
    }
    let files = receipts(&publisher.remote());
    let [one, other] = files.as_slice() else { panic!("{files:?}") };
    let (good, copied) = (fs::read_to_string(one).unwrap(), fs::read_to_string(other).unwrap());
    let states = |note: &str| {
        fs::write(one, note).unwrap();
        let mut states: Vec<String> = status(&publisher)
            .iter()
            .map(|member| member["state"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        states
    };
    assert_eq!(states(&good), ["receipt", "receipt"]);
    assert_eq!(states(&good.replace("held no", "held yes")), ["receipt", "refused"]);
    assert_eq!(states(&copied), ["receipt", "refused"], "of another reader");
    assert_eq!(states("nonsense"), ["receipt", "refused"]);
    assert_eq!(states(&"x".repeat(10_000)), ["receipt", "refused"]);
    // Publishing, collecting and reading look at none of them.
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    publisher.ok(&["channel", "gc", "notes", "--yes"]);
    publisher.ok(&["verify", "notes"]);
    desk.ok(&["pull"]);
    assert_eq!(fs::read_to_string(one).unwrap(), "x".repeat(10_000));
}

#[test]
fn nothing_is_said_unasked() {
    let (publisher, laptop) = pair();
    laptop.ok(&["load"]);
    assert_eq!(receipts(&publisher.remote()), Vec::<PathBuf>::new());
    assert!(!laptop.key("receipt").exists(), "a key that nobody asked for");
    for wrong in [&["--on", "--off"][..], &["--to", "file:/box"], &["-n"], &["--as", "x"]] {
        laptop.fails(&[&["channel", "receipts", "notes"], wrong].concat(), 2, &[]);
    }
    let planned = laptop.ok(&["channel", "receipts", "notes", "--on", "-n"]);
    assert!(planned.contains("which version is read"), "{planned}");
    assert!(!laptop.key("receipt").exists());

    let key = laptop.ok(&["channel", "receipts", "notes", "--on"]);
    assert!(key.starts_with("reader-receipt+"), "the key says more than it must: {key}");
    assert_eq!(laptop.ok(&["key", "show", "receipt"]), key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(laptop.key("receipt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    laptop.ok(&["load", "-n"]);
    assert_eq!(receipts(&publisher.remote()), Vec::<PathBuf>::new());
    laptop.ok(&["load"]);
    let files = receipts(&publisher.remote());
    assert_eq!(files.len(), 1);
    let note = fs::read_to_string(&files[0]).unwrap();
    let lines: Vec<&str> = note.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let said =
        ["garner.receipt.v1", "repo", "channel", "seq", "head", "loaded", "held", "tool", "", "—"];
    assert_eq!(lines, said, "{note}");

    laptop.ok(&["channel", "receipts", "notes", "--off"]);
    assert_eq!(receipts(&publisher.remote()), Vec::<PathBuf>::new());
    laptop.ok(&["load"]);
    assert_eq!(receipts(&publisher.remote()), Vec::<PathBuf>::new());
    assert_eq!(laptop.json(&["channel", "receipts", "notes"])["receipts"], json!(null));
}

#[test]
fn where_a_remote_is_only_read_receipts_go_elsewhere() {
    let (publisher, laptop) = pair();
    let settings = laptop.path("state/garner/channels/notes.json");
    let remote = format!("file:{}", text(&publisher.remote()));
    let read = fs::read_to_string(&settings).unwrap();
    assert!(read.contains(&remote), "{read}");
    fs::write(&settings, read.replace(&remote, "https://127.0.0.1:9/notes")).unwrap();
    let facts = ["can only be read", "--to URL"];
    laptop.fails(&["channel", "receipts", "notes", "--on"], 1, &facts);
    assert!(!laptop.key("receipt").exists());

    fs::create_dir(laptop.path("box")).unwrap();
    let place = format!("file:{}", text(&laptop.path("box")));
    let key = laptop.ok(&["channel", "receipts", "notes", "--on", "--to", &place]);
    laptop.ok(&["load", "notes@1"]);
    assert_eq!(receipts(&laptop.path("box")).len(), 1);
    publisher.ok(&["channel", "fleet", "notes", "add", key.trim(), "--from", &place]);
    assert_eq!(status(&publisher)[0]["version"], json!(1));

    // A place that is gone costs a warning on one side and a word on the other.
    fs::rename(laptop.path("box"), laptop.path("gone")).unwrap();
    let output = laptop.run(&["load", "notes@1"]);
    assert!(output.stderr.contains("warning: no receipt of `notes` was written"), "{output:?}");
    output.succeeds();
    assert_eq!(status(&publisher)[0]["state"], json!("unreachable"));
    laptop.fails(&["channel", "receipts", "notes", "--off"], 5, &["cannot be reached"]);
    // It writes no more all the same, and can be told again to remove what is left.
    assert_eq!(laptop.json(&["channel", "receipts", "notes"])["receipts"], json!(null));
    fs::rename(laptop.path("gone"), laptop.path("box")).unwrap();
    laptop.ok(&["channel", "receipts", "notes", "--off", "--to", &place]);
    assert_eq!(receipts(&laptop.path("box")), Vec::<PathBuf>::new());
}
