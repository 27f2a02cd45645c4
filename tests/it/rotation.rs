//! Rotation: a key gives way to another, stopped anywhere, and readers follow.

use std::fs;
use std::path::PathBuf;

use crate::world::{World, example, items, json, pair, text};

const ROTATE: [&str; 3] = ["key", "rotate", "publisher"];

/// Returns the files in the folder of keys that belong to a role.
fn key_files(world: &World, role: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path("config/garner/keys")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(role)).collect();
    names.sort();
    names
}

fn root_note(world: &World, number: u32) -> PathBuf {
    world.remote().join(format!("root/{number:08}.note"))
}

/// Returns the versions of the channel, the newest first: number, signer and reason.
fn versions(world: &World) -> Vec<(u64, String, String)> {
    let log = world.json(&["log", "notes"]);
    let said = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let versions = items(&log["versions"]).iter();
    versions
        .map(|v| (v["version"].as_u64().unwrap(), said(&v["signers"][0]), said(&v["reason"])))
        .collect()
}

/// Pulls and loads at this time.
fn follow(reader: &World, now: &str) {
    reader.run_at(now, &["pull", "notes"]).succeeds();
    reader.run_at(now, &["load", "notes"]).succeeds();
}

/// Damages the newest head of the remote, on which the next version builds; returns how to mend it.
fn damage_newest_head(world: &World) -> (PathBuf, Vec<u8>) {
    let newest = versions(world)[0].0;
    let head = world.remote().join(format!("ch/notes/{newest:020}.note"));
    let good = fs::read(&head).unwrap();
    fs::write(&head, b"damaged").unwrap();
    (head, good)
}

/// Runs a rotation that stops after its root: what the next version builds on cannot be read.
fn stop_after_the_root(world: &World, rotate: &[&str]) {
    let (head, good) = damage_newest_head(world);
    world.fails(rotate, 4, &["ch/notes/", "refused"]);
    fs::write(head, good).unwrap();
}

#[test]
fn a_publisher_key_gives_way_and_readers_follow() {
    let (publisher, reader) = pair();
    let old = publisher.ok(&["key", "show", "publisher"]);
    let old_file = fs::read(publisher.key("publisher")).unwrap();
    let before = publisher.files();
    let plan = publisher.ok(&[&ROTATE[..], &["-n"]].concat());
    for told in [
        "Plan: replace the publisher key tester-publisher+",
        "tester-2-publisher",
        "root 2",
        "old-",
    ] {
        assert!(plan.contains(told), "no `{told}` in\n{plan}");
    }
    let left = publisher.files();
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|e| e == "lock");
    assert!(
        left.iter()
            .filter(|(path, _)| !is_lock(path))
            .eq(before.iter().filter(|(p, _)| !is_lock(p)))
    );

    let done = publisher.json(&ROTATE);
    let id = old.split('+').nth(1).unwrap().to_owned();
    let kept = format!("publisher.old-{id}.key");
    assert!(done["kept"].as_str().unwrap().ends_with(&kept), "{done}");
    assert_eq!(done["repositories"][0]["root"], 2);
    assert_eq!(key_files(&publisher, "publisher"), ["publisher.key", &kept, "publisher.pub"]);
    assert_eq!(publisher.ok(&["key", "show", "publisher"]).trim(), done["new"]);
    assert_eq!(fs::read(publisher.path("config/garner/keys").join(&kept)).unwrap(), old_file);

    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    let new = "tester-2-publisher".to_owned();
    let expected =
        [(2, new.clone(), "publish".into()), (1, "tester-publisher".into(), "publish".into())];
    assert_eq!(versions(&reader), expected);
    reader.ok(&["verify", "notes"]);
    publisher.learn("day-two.jsonl");
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    assert_eq!(versions(&reader)[0], (3, new, "publish".into()));

    // The old key is good for nothing new, a day later.
    fs::write(publisher.key("publisher"), old_file).unwrap();
    let key = publisher.ok(&["key", "show", "device"]);
    let grant = ["channel", "grant", "notes", key.trim(), "--as", "renamed"];
    let late = publisher.run_at("2026-03-21T12:00:00Z", &grant);
    late.fails(4, &["tester-publisher", "revoked from 2026-03-20T12:00:00Z", "K205"]);
    reader.ok(&["pull", "notes"]);
    assert_eq!(versions(&reader).len(), 3);
    // A second rotation counts on.
    let (publisher, _) = pair();
    publisher.ok(&ROTATE);
    assert_eq!(
        publisher.json(&[&ROTATE[..], &["-n"]].concat())["plan"]["new"],
        "tester-3-publisher"
    );
    publisher.ok(&ROTATE);
    assert!(root_note(&publisher, 3).exists());
    publisher.ok(&["verify", "notes"]);
}

#[test]
fn a_rotation_that_was_stopped_goes_on_from_there() {
    let (publisher, reader) = pair();
    let old = fs::read(publisher.key("publisher")).unwrap();
    let stop = || stop_after_the_root(&publisher, &ROTATE);
    stop();
    let waiting = fs::read(publisher.key("publisher.new")).unwrap();
    assert_eq!(fs::read(publisher.key("publisher")).unwrap(), old);
    assert!(root_note(&publisher, 2).exists());
    // Readers go on in between, and the doctor remembers.
    reader.ok(&["pull", "notes"]);
    let told = publisher.ok(&["doctor"]);
    assert!(told.contains("-> garner key rotate publisher"), "{told}");
    // Stopped before the root: the key that waits is used, whatever else.
    fs::remove_file(root_note(&publisher, 2)).unwrap();
    fs::remove_dir_all(reader.path("cache/garner/mirror")).unwrap();
    stop();
    assert_eq!(fs::read(publisher.key("publisher.new")).unwrap(), waiting);
    publisher.ok(&ROTATE);
    assert_eq!(fs::read(publisher.key("publisher")).unwrap(), waiting);
    assert!(!root_note(&publisher, 3).exists(), "a second root was made");
    assert_eq!(versions(&publisher).len(), 2);
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    // Stopped between the two files of the new key.
    let public = publisher.path("config/garner/keys/publisher.pub");
    let new = fs::read_to_string(&public).unwrap();
    fs::rename(&public, publisher.path("config/garner/keys/publisher.new.pub")).unwrap();
    let said = publisher.ok(&ROTATE);
    assert!(said.contains("is finished") && said.contains(new.trim()), "{said}");
    assert_eq!(fs::read_to_string(&public).unwrap(), new);
    assert!(!root_note(&publisher, 3).exists(), "a second root was made");
    publisher.leaves_nothing_half_done();
}

#[test]
fn what_a_stolen_key_signed_is_refused_and_the_rest_stays() {
    let (publisher, reader) = pair();
    for (day, session) in [(21, "day-two.jsonl"), (22, "day-one.jsonl")] {
        let now = format!("2026-03-{day}T12:00:00Z");
        publisher.ok(&["compile", &example(session)]);
        let key = publisher.ok(&["key", "show", "device"]);
        let label = format!("device {day}");
        let grant = ["channel", "grant", "notes", key.trim(), "--as", &label];
        publisher.run_at(&now, &["publish", "notes"]).succeeds();
        publisher.run_at(&now, &grant).succeeds();
    }
    let before = versions(&publisher).len() as u64;
    assert!(before >= 3);
    let later = "2026-03-23T12:00:00Z";
    follow(&reader, later);
    assert!(reader.ok(&["status"]).contains(&format!("v{before}")));

    let rotate = [&ROTATE[..], &["--compromised", "2026-03-21"]].concat();
    let plan = publisher.run_at(later, &[&rotate[..], &["-n"]].concat()).succeeds();
    assert!(plan.contains("refused") && plan.contains("goes on from what v1 holds"), "{plan}");
    let plan = json(&publisher.run_at(later, &[&rotate[..], &["-n", "--json"]].concat()).stdout);
    assert_eq!(items(&plan["plan"]["refused"]).len() as u64, before - 1, "{plan}");
    // Stopped in the middle, readers take nothing new, and the same command goes on.
    let mut stopped = publisher.command(&rotate);
    stopped.env("GARNER_NOW", later);
    let (head, good) = damage_newest_head(&publisher);
    publisher.finish(stopped).fails(4, &["ch/notes/", "refused"]);
    fs::write(head, good).unwrap();
    reader.run_at(later, &["pull", "notes"]).fails(4, &["revoked from 2026-03-21T00:00:00Z"]);
    publisher.run_at(later, &rotate).succeeds();

    follow(&reader, later);
    let log = json(&reader.run_at(later, &["--json", "log", "notes"]).succeeds());
    for version in items(&log["versions"]) {
        let number = version["version"].as_u64().unwrap();
        let is_revoked = !version["revoked"].is_null();
        assert_eq!(is_revoked, (2..=before).contains(&number), "{version}");
    }
    let newest = &items(&log["versions"])[0];
    assert_eq!(newest["version"], before + 1);
    assert_eq!(newest["reason"], "rollback to v1");
    assert_eq!(newest["read"], true);
    assert!(reader.run_at(later, &["log", "notes"]).stdout.contains("revoked"));

    // Whoever has nothing yet can open v1 and the newest, and nothing in between.
    let fresh = World::new();
    fresh.ok(&["setup"]);
    fs::copy(reader.key("device"), fresh.key("device")).unwrap();
    let invite = publisher.json(&["channel", "show", "notes"])["invite"].clone();
    fresh.ok(&["channel", "add", "notes", invite.as_str().unwrap()]);
    fresh.run_at(later, &["load", "notes@1"]).succeeds();
    fresh.run_at(later, &["load", "notes@2"]).fails(4, &["revoked from", "K205"]);
    fresh.run_at(later, &["load", "notes"]).succeeds();
    let file = text(&fresh.path("old.kernel"));
    publisher.run_at(later, &["pull", "notes", "--out", &file]).succeeds();
    fresh.run_at(later, &["verify", &file]).succeeds();
    // What was lost is published again from the draft.
    publisher.run_at(later, &["publish", "notes"]).succeeds();
    follow(&reader, later);
    assert_eq!(versions(&reader)[0].0, before + 2);
}

#[test]
fn a_root_key_gives_way_by_both_signatures() {
    let (publisher, reader) = pair();
    stop_after_the_root(&publisher, &["key", "rotate", "root"]);
    publisher.ok(&["key", "rotate", "root"]);
    let note = fs::read_to_string(root_note(&publisher, 2)).unwrap();
    assert!(note.contains("\n\u{2014} tester-root ") && note.contains("\n\u{2014} tester-2-root "));
    assert!(!root_note(&publisher, 3).exists(), "a second root was made");
    assert_eq!(versions(&publisher).len(), 2);
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    // The new root key rotates the publisher's, the old one nothing.
    let kept = key_files(&publisher, "root.old-");
    assert_eq!(kept.len(), 1);
    let new = fs::read(publisher.key("root")).unwrap();
    let old = publisher.path("config/garner/keys").join(&kept[0]);
    fs::copy(old, publisher.key("root")).unwrap();
    publisher.fails(&ROTATE, 4, &["not that of repository", "tester-2-root"]);
    fs::write(publisher.key("root"), new).unwrap();
    publisher.ok(&ROTATE);
    follow(&reader, crate::world::NOW);
}

#[test]
fn a_root_key_that_is_elsewhere_is_asked_for_before_anything_changes() {
    let (publisher, _reader) = pair();
    fs::remove_file(publisher.key("root")).unwrap();
    let facts = ["root key is not on this machine", "garner key import"];
    publisher.fails(&ROTATE, 3, &facts);
    publisher.fails(&[&ROTATE[..], &["-n"]].concat(), 3, &facts);
    assert_eq!(key_files(&publisher, "publisher"), ["publisher.key", "publisher.pub"]);
    let other = World::new();
    other.ok(&["setup"]);
    other.fails(&ROTATE, 3, &["serves no repository", "garner channel add"]);
    let since = ["key", "rotate", "root", "--compromised", "2026-01-01"];
    other.fails(&since, 1, &["counts for all that it signed", "garner key rotate root"]);
}

#[test]
fn a_key_that_serves_several_repositories_is_rotated_in_all_of_them() {
    let (publisher, _reader) = pair();
    let second = publisher.path("second");
    fs::create_dir(&second).unwrap();
    // At the same second, the same keys would make the same repository.
    let add = ["channel", "add", "other", &format!("file:{}", text(&second))];
    publisher.run_at("2026-03-19T12:00:00Z", &add).succeeds();
    let named = [&ROTATE[..], &["notes"]].concat();
    publisher.fails(&named, 1, &["`other`", "garner key rotate"]);
    publisher.fails(&[&ROTATE[..], &["unknown"]].concat(), 4, &["`unknown`"]);
    let done = publisher.json(&ROTATE);
    assert_eq!(items(&done["repositories"]).len(), 2);
    assert!(second.join("root/00000002.note").exists());
    // A channel without versions gets none from a rotation.
    assert!(!second.join("ch").exists());
    publisher.ok(&["compile", &example("day-two.jsonl"), "-c", "other"]);
    publisher.ok(&["publish", "other"]);
}

#[test]
fn a_key_under_a_passphrase_gives_way_to_one_under_a_passphrase() {
    let (publisher, _reader) = pair();
    let file = publisher.path("passphrase");
    fs::write(&file, "seven tides a week\n").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&file, private).unwrap();
    let with = |arguments: &[&str]| {
        let mut command = publisher.command(arguments);
        command.env("GARNER_PASSPHRASE_FILE", &file);
        publisher.finish(command).succeeds()
    };
    with(&["key", "protect", "publisher"]);
    publisher.fails(&ROTATE, 3, &["needs a new passphrase", "`GARNER_PASSPHRASE_FILE`"]);
    assert_eq!(key_files(&publisher, "publisher"), ["publisher.key", "publisher.pub"]);
    with(&ROTATE);
    for name in key_files(&publisher, "publisher").iter().filter(|name| *name != "publisher.pub") {
        let bytes = fs::read(publisher.path("config/garner/keys").join(name)).unwrap();
        assert!(bytes.starts_with(b"age-encryption.org/v1\n-> scrypt "), "{name}");
    }
    let public = publisher.ok(&["key", "show", "publisher"]);
    assert!(public.starts_with("tester-2-publisher+"), "{public}");
    with(&["compile", &example("day-two.jsonl")]);
    with(&["publish", "notes"]);
}
