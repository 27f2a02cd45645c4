//! Readers of a channel: who is let in, who is taken out, and whose repository is believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use garner_kernel::bundle::{DeviceKey, Keyring};

use crate::world::{World, items, pair, text, walk};

/// Returns the files of the remote under a folder.
fn remote_files(world: &World, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut paths = Vec::new();
    let root = world.remote();
    walk(&root, &mut paths);
    let inside = paths.into_iter().filter(|path| path.starts_with(root.join(folder)));
    inside.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Returns the files of `after` that `before` lacks, by their names on the remote.
fn new_files(
    world: &World,
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<String> {
    let new = after.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes));
    new.map(|(path, _)| text(path.strip_prefix(world.remote()).unwrap())).collect()
}

/// Returns the key that a world's file holds.
fn device_key(world: &World) -> DeviceKey {
    fs::read_to_string(world.key("device")).unwrap().trim().parse().unwrap()
}

/// Returns whether a key decrypts an age file.
fn decrypts(key: &DeviceKey, file: &[u8]) -> bool {
    let identity: age::x25519::Identity = key.to_secret_text().parse().unwrap();
    let decryptor = age::Decryptor::new_buffered(file).unwrap();
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).is_ok()
}

#[test]
fn removed_device_cannot_open_new_epoch() {
    let (publisher, removed) = pair();
    let device = device_key(&removed);
    let keyrings = remote_files(&publisher, "keyring");
    let objects = remote_files(&publisher, "obj");
    let (_, file) = keyrings.iter().next().unwrap();
    let epoch = Keyring::open(file, &[&device]).unwrap().current().unwrap().clone();
    assert!(objects.values().all(|object| decrypts(&epoch.key, object)), "the test is wrong");

    let said = publisher.ok(&["channel", "revoke", "notes", "laptop", "--yes"]);
    assert!(said.contains("`laptop` reads `notes` no more: v2 starts epoch 2."), "{said}");
    publisher.ok(&["load", "notes"]);

    // The old version opens for it, the new one does not.
    removed.ok(&["pull", "notes"]);
    removed.fails(&["load", "notes"], 4, &["none of our 2 keys", "K221"]);
    // Nothing is broken, though: what needs no key holds.
    let verified = removed.ok(&["verify", "notes"]);
    assert!(verified.contains("ok      v1: 15 fragments"), "{verified}");
    let unread = "ok      v2: signed and whole, not read: none of our 2 keys";
    assert!(verified.contains(unread), "{verified}");
    // Not with what it could have kept, either: the old epoch's key opens nothing that is new.
    let new = |folder: &str, before: &BTreeMap<PathBuf, Vec<u8>>| {
        let mut after = remote_files(&publisher, folder);
        after.retain(|path, _| !before.contains_key(path));
        assert!(!after.is_empty(), "no new file in `{folder}`");
        after.into_values().collect::<Vec<_>>()
    };
    for keyring in new("keyring", &keyrings) {
        assert!(Keyring::open(&keyring, &[&device]).is_err());
        assert!(!decrypts(&epoch.key, &keyring));
        let ours = Keyring::open(&keyring, &[&device_key(&publisher)]).unwrap();
        assert_eq!(ours.current().unwrap().number, 2);
    }
    for object in new("obj", &objects) {
        assert!(!decrypts(&epoch.key, &object) && !decrypts(&device, &object));
    }
    // What is published later stays closed as well, and who stays reads all of it.
    let objects = remote_files(&publisher, "obj");
    publisher.learn("day-two.jsonl");
    for object in new("obj", &objects) {
        assert!(!decrypts(&epoch.key, &object));
    }
    publisher.ok(&["verify", "notes"]);
    removed.fails(&["load", "notes"], 4, &["K221"]);
}

#[test]
fn a_plan_says_what_taking_a_reader_out_costs_and_changes_nothing() {
    let (publisher, _reader) = pair();
    let before = publisher.files();
    let shown = publisher.ok(&["channel", "revoke", "notes", "laptop", "-n"]);
    for told in [
        "Plan: take `laptop` out of the readers of `notes`.",
        "removed",
        "this device",
        "recovery",
        "bytes, encrypted anew",
        "A new epoch starts",
        "may have kept",
        "rotate the secrets",
    ] {
        assert!(shown.contains(told), "no `{told}` in\n{shown}");
    }
    let plan = publisher.json(&["channel", "revoke", "notes", "laptop", "-n"]);
    assert_eq!(items(&plan["plan"]["readers"]).len(), 2);
    assert!(plan["plan"]["next"]["new_bytes"]["base"].as_u64().unwrap() > 500);
    publisher.fails(&["channel", "revoke", "notes", "laptop"], 1, &["nobody confirmed", "--yes"]);
    assert!(publisher.files() == before, "a plan changed something");
}

#[test]
fn who_keeps_the_channel_open_is_not_taken_out_unasked() {
    let (publisher, _reader) = pair();
    let revoke = |who: &str, more: &[&str]| {
        let arguments = [&["channel", "revoke", "notes", who], more].concat();
        publisher.run(&arguments)
    };
    let before = publisher.json(&["channel", "show", "notes"]);
    revoke("this device", &["-y"]).fails(1, &["device key of this machine", "`--own`"]);
    revoke("recovery", &["-y"]).fails(1, &["recovery key of this machine", "`--own`"]);
    revoke("phone", &["-y"]).fails(3, &["`phone`", "garner channel show notes"]);
    assert_eq!(publisher.json(&["channel", "show", "notes"]), before);
    // A reader by its recipient, and the own recovery key on demand.
    let laptop = items(&before["readers"])[2]["recipient"].as_str().unwrap().to_owned();
    revoke(&laptop, &["-y"]).succeeds();
    revoke("recovery", &["-y", "--own"]).succeeds();
    revoke("this device", &["-y", "--own"]).fails(1, &["last reader", "garner channel grant"]);
}

#[test]
fn a_revocation_that_was_stopped_is_finished_by_the_same_command() {
    let (publisher, _reader) = pair();
    fs::rename(publisher.remote(), publisher.path("unplugged")).unwrap();
    let revoke = ["channel", "revoke", "notes", "laptop", "-y"];
    publisher.fails(&revoke, 5, &["plug the medium in"]);
    fs::rename(publisher.path("unplugged"), publisher.remote()).unwrap();
    assert!(publisher.ok(&revoke).contains("starts epoch 2"));
    publisher.fails(&revoke, 3, &["no reader"]);
}

#[test]
fn a_reader_is_taken_out_of_a_channel_without_versions() {
    let publisher = World::publisher();
    let key = DeviceKey::generate().recipient().to_string();
    publisher.ok(&["channel", "grant", "notes", &key, "--as", "phone"]);
    let said = publisher.ok(&["channel", "revoke", "notes", "phone", "-y"]);
    assert!(said.contains("nothing was published yet"), "{said}");
    assert_eq!(items(&publisher.json(&["channel", "show", "notes"])["readers"]).len(), 2);
}

#[test]
fn a_grant_writes_a_keyring_and_what_names_it() {
    let publisher = World::of_day_one();
    let key = DeviceKey::generate().recipient().to_string();
    let grant = ["channel", "grant", "notes", &key, "--as", "phone"];
    let before = remote_files(&publisher, "");
    let machine = publisher.files();
    let shown = publisher.ok(&[&grant[..], &["-n"]].concat());
    for told in ["let `phone` read `notes`", "1 file of", "keyring", "manifest", "index", "head"] {
        assert!(shown.contains(told), "no `{told}` in\n{shown}");
    }
    assert!(!shown.contains("anew"), "{shown}");
    assert!(publisher.files() == machine, "a plan changed something");

    publisher.ok(&grant);
    let new = new_files(&publisher, &before, &remote_files(&publisher, ""));
    let count = |start: &str| new.iter().filter(|name| name.starts_with(start)).count();
    // The one new object is the index, which speaks of the segments that stay.
    for (start, expected) in [("keyring/", 1), ("man/", 1), ("obj/", 1), ("ch/notes/", 2)] {
        assert_eq!(count(start), expected, "{start} in {new:?}");
    }
    assert_eq!(new.len(), 5, "{new:?}");
}

#[test]
fn a_file_shows_whose_keys_it_names_before_it_is_trusted() {
    let (publisher, reader) = (World::of_day_one(), World::new());
    reader.ok(&["setup"]);
    let bundle = text(&reader.path("notes.kernel"));
    publisher.ok(&["pull", "notes", "--out", &bundle]);
    let id = publisher.json(&["channel", "show", "notes"])["repository"].clone();
    let id = id.as_str().unwrap();
    let before = reader.files();
    let shown = reader.ok(&["channel", "trust", "notes", id, "--from", &bundle, "-n"]);
    for told in [id, "tester-root+", "root;", "publish, freshness, revoke;", "until 2028-03-19"] {
        assert!(shown.contains(told), "no `{told}` in\n{shown}");
    }
    assert!(reader.files() == before, "a plan changed something");
    let other = "0".repeat(32);
    let trust = ["channel", "trust", "notes", &other, "--from", &bundle];
    reader.fails(&trust, 4, &[&other, id, "notes.kernel"]);
    reader.fails(&["channel", "trust", "notes"], 2, &["REPOSITORY"]);

    let shown = reader.ok(&["channel", "trust", "notes", "--tofu", &bundle]);
    assert!(shown.contains(id) && shown.contains("on first use, 2026-03-20"), "{shown}");
    assert_eq!(reader.json(&["channel", "show", "notes"])["first_use"], crate::world::NOW);
    // Whoever compared the id says so by naming it.
    reader.ok(&["channel", "trust", "notes", "--tofu", &bundle]);
    assert!(reader.ok(&["channel", "show", "notes"]).contains("first use"));
    let shown = reader.ok(&["channel", "trust", "notes", id]);
    assert!(!shown.contains("first use"), "{shown}");
    // Who reads is not decided on a machine that only reads.
    let key = DeviceKey::generate().recipient().to_string();
    for command in [["grant", "notes", &key, "--as", "phone"], ["revoke", "notes", "x", "-y", "-q"]]
    {
        let arguments = [&["channel"], &command[..]].concat();
        reader.fails(&arguments, 4, &["do not publish to channel `notes`", "ask its publisher"]);
    }
}

#[test]
fn an_invite_is_shown_with_the_keys_behind_it_and_as_a_code() {
    let (publisher, reader) = (World::of_day_one(), World::new());
    reader.ok(&["setup"]);
    let shown = publisher.ok(&["channel", "show", "notes", "--qr"]);
    assert!(shown.contains("█▀") && shown.lines().count() > 20, "{shown}");
    let invite = publisher.json(&["channel", "show", "notes"])["invite"].clone();
    let shown = reader.ok(&["channel", "add", "notes", invite.as_str().unwrap()]);
    assert!(shown.contains("tester-publisher+") && shown.contains("publish"), "{shown}");
    // A channel of files alone has no address; its id is what has to be compared.
    reader.ok(&["channel", "trust", "other", &"0".repeat(32)]);
    assert!(reader.ok(&["channel", "show", "other", "--qr"]).contains('█'));
}
