//! Backups of the store: made, kept, restored, drilled.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{World, holds, items, planted, short, text, walk};

/// A machine with a store and a place for its backups.
fn machine() -> World {
    let world = World::of_day_one();
    fs::create_dir(world.path("usb")).unwrap();
    world.ok(&["store", "backup", "--to", &usb(&world)]);
    world
}

fn usb(world: &World) -> String {
    format!("file:{}", text(&world.path("usb")))
}

fn at(world: &World, now: &str, arguments: &[&str]) -> String {
    world.run_at(now, arguments).succeeds()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    files
}

fn ids(world: &World) -> Vec<String> {
    let list = world.json(&["fragment", "list"]);
    items(&list["fragments"]).iter().map(|f| f["id"].to_string()).collect()
}

#[test]
fn a_restored_store_answers_like_the_one_that_was_backed_up() {
    let world = machine();
    let before = ids(&world);
    let asked = ["recall", "-k", "3", "how are migrations run?"];
    let answer = world.ok(&asked);
    world.ok(&["fragment", "add", "A statement that came too late."]);
    // Nothing happens unless somebody agrees.
    world.fails(&["store", "restore", "latest"], 1, &["nobody confirmed", "--yes"]);
    let done = world.json(&["store", "restore", "latest", "--yes"]);
    assert_eq!((&done["operations"], &done["operation"]), (&1.into(), &2.into()));
    assert_eq!(ids(&world), before);
    assert_eq!(world.ok(&asked), answer);
    world.ok(&["verify"]);
    // It is an operation, which undo leaves alone.
    let log = world.json(&["op", "list"]);
    let what = log["operations"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("recover from backup "), "{log}");
    // The store that was here is whole, and has what came too late.
    let kept = done["kept"].as_str().unwrap();
    let old = world.json(&["--store", kept, "fragment", "list"]);
    assert_eq!(items(&old["fragments"]).len(), before.len() + 1);
    world.ok(&["--store", kept, "verify"]);
    world.ok(&["load", "notes"]);
    assert_eq!(world.json(&["undo"])["undone"], 1);
    world.leaves_nothing_half_done();
}

#[test]
fn a_new_machine_needs_the_recovery_key_and_the_name_of_the_signer_alone() {
    let world = machine();
    let before = ids(&world);
    let signer = world.ok(&["key", "show", "publisher"]);
    let new = World::new();
    let paper = new.path("paper.txt");
    fs::copy(world.key("recovery"), &paper).unwrap();
    let from = usb(&world);
    let restore = ["store", "restore", "latest", "--from", &from, "--key", "paper.txt"];
    new.fails(&restore, 3, &["no publisher key", "--signed-by KEY"]);
    let restore = [&restore[..], &["--signed-by", signer.trim()]].concat();
    let done = new.json(&restore);
    assert_eq!(done["kept"], Value::Null);
    let brought: Vec<_> = items(&done["brought"]).iter().map(|v| v.as_str().unwrap()).collect();
    assert!(brought.contains(&"channels/notes.json"), "{brought:?}");
    assert_eq!(ids(&new), before);
    new.ok(&["verify"]);
    // No secret half came along, but the public one of the recovery key did.
    let keys = files(&new.path("config/garner/keys"));
    assert!(keys.iter().all(|key| key.extension().is_some_and(|e| e == "pub")), "{keys:?}");
    new.ok(&["setup"]);
    assert!(!new.key("recovery").exists());
    new.fails(&["store", "restore", "latest", "--yes"], 3, &["no backup that", "--signed-by"]);
}

#[test]
fn a_backup_holds_no_text_and_no_secret_that_others_could_read() {
    let world = machine();
    let list = world.json(&["fragment", "list"]);
    for file in files(&world.path("usb")) {
        let bytes = fs::read(&file).unwrap();
        for fragment in items(&list["fragments"]) {
            let statement = fragment["statement"].as_str().unwrap();
            assert!(!holds(&bytes, statement.as_bytes()), "{}", file.display());
        }
        for secret in planted("secrets") {
            assert!(!holds(&bytes, secret.as_bytes()), "{}", file.display());
        }
    }
    // Inside, there is no secret half of a key.
    world.ok(&["store", "restore", "latest", "--to", "out"]);
    let secrets = ["root", "publisher", "device", "recovery"]
        .map(|role| fs::read_to_string(world.key(role)).unwrap().trim().to_owned());
    for file in files(&world.path("out")) {
        let bytes = fs::read(&file).unwrap();
        assert!(secrets.iter().all(|s| !holds(&bytes, s.as_bytes())), "{}", file.display());
    }
    world.fails(&["store", "restore", "latest", "--to", "out"], 1, &["not empty"]);
}

#[test]
fn a_wrong_key_and_a_damaged_backup_change_nothing() {
    let world = machine();
    let device = text(&world.key("device"));
    let recipient = world.ok(&["key", "show", "recovery"]);
    let wrong = ["store", "restore", "latest", "--yes", "--key", &device];
    world.fails(&wrong, 4, &["does not open the backup", recipient.trim(), "--key FILE"]);
    world.fails(&["store", "drill", "--key", &device], 4, &["does not open the backup"]);
    let doctor = world.run(&["doctor"]);
    doctor.fails(4, &["1 of the checks failed"]);
    assert!(doctor.stdout.contains("no backup could be restored in the drill"), "{doctor:?}");
    world.ok(&["store", "drill"]);
    // Signed by somebody else.
    let other = World::of_day_one();
    let signer = other.ok(&["key", "show", "publisher"]);
    let from = usb(&world);
    let foreign = ["store", "restore", "latest", "--yes", "--from", &from, "--signed-by"];
    let foreign = [&foreign[..], &[signer.trim()]].concat();
    world.fails(&foreign, 3, &["no backup that", signer.trim()]);
    world.ok(&["store", "backup", "--out", "one.backup"]);
    let file = ["store", "restore", "one.backup", "--yes", "--signed-by", signer.trim()];
    world.fails(&file, 4, &["the backup is refused", "K202"]);
    // One bit anywhere.
    let bytes = fs::read(world.path("one.backup")).unwrap();
    let untouched = fs::read(world.store()).unwrap();
    for at in [0, 9, 14, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(world.path("bad.backup"), damaged).unwrap();
        let output = world.run(&["store", "restore", "bad.backup", "--yes"]);
        assert!([1, 4].contains(&output.status), "byte {at}: {output:?}");
        output.fails(output.status, &["hint: "]);
    }
    for length in [0, 7, 12, 300, bytes.len() - 1] {
        fs::write(world.path("bad.backup"), &bytes[..length]).unwrap();
        let output = world.run(&["store", "restore", "bad.backup", "--yes"]);
        assert!([1, 4].contains(&output.status), "{length} bytes: {output:?}");
    }
    // A part that is gone, and one that was changed.
    let part = files(&world.path("usb"))
        .into_iter()
        .find(|p| p.ends_with("..") || { p.extension().is_some_and(|e| e == "age") });
    let part = part.unwrap();
    let sealed = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    world.fails(&["store", "restore", "latest", "--yes"], 3, &["is missing", "another backup"]);
    fs::write(&part, [&sealed[1..], &[0]].concat()).unwrap();
    world.fails(&["store", "restore", "latest", "--yes"], 4, &["refused", "K212"]);
    assert!(fs::read(world.store()).unwrap() == untouched, "the store was touched");
    world.leaves_nothing_half_done();
}

#[test]
fn a_backup_that_nobody_could_restore_is_refused() {
    let world = World::of_day_one();
    for file in ["recovery.key", "recovery.pub"] {
        fs::remove_file(world.path(&format!("config/garner/keys/{file}"))).unwrap();
    }
    world.fails(&["store", "backup"], 3, &["nobody could restore", "garner setup"]);
    // With the key elsewhere it is made, and drilled with a copy.
    let world = machine();
    fs::rename(world.key("recovery"), world.path("paper.txt")).unwrap();
    world.ok(&["store", "backup"]);
    world.fails(&["store", "drill"], 3, &["not on this machine", "--key FILE"]);
    world.ok(&["store", "drill", "--key", "paper.txt"]);
}

#[test]
fn older_backups_go_by_day_week_and_month_and_never_the_last_good_one() {
    let world = machine();
    world.ok(&["store", "drill"]);
    let keep = ["--keep-daily", "2", "--keep-weekly", "0", "--keep-monthly", "0"];
    let backup = [&["--json", "store", "backup"], &keep[..]].concat();
    for day in 21..24 {
        at(&world, &format!("2026-03-{day}T12:00:00Z"), &["store", "backup"]);
    }
    let before = files(&world.path("usb"));
    let plan = at(&world, "2026-03-24T12:00:00Z", &[&backup[..], &["-n"]].concat());
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(items(&plan["plan"]["removed"]).len(), 2, "{plan}");
    assert_eq!(files(&world.path("usb")), before, "a plan changed something");
    let done = at(&world, "2026-03-24T12:00:00Z", &backup);
    let done: Value = serde_json::from_str(&done).unwrap();
    let kept: Vec<String> = items(&done["kept"]).iter().map(|b| b["kept_as"].to_string()).collect();
    assert_eq!(kept, ["[\"drilled\"]", "[\"daily\"]", "[\"newest\",\"daily\"]"]);
    // A list, and a note and a part of each.
    assert_eq!(files(&world.path("usb")).len(), 1 + 2 * 3);
    let newest = done["backup"].as_str().unwrap();
    let restored = world.json(&["store", "restore", &short(&done["backup"]), "--yes"]);
    assert_eq!(restored["backup"], newest);
    let first = items(&done["kept"])[0]["backup"].as_str().unwrap();
    world.ok(&["store", "restore", first, "--yes"]);
    world.fails(&["store", "restore", "0000", "--yes"], 3, &["names 0 of the backups"]);
}

#[test]
fn a_drill_measures_what_would_be_lost_and_what_bundles_bring_back() {
    let world = machine();
    world.learn("day-two.jsonl");
    let drill = world.json(&["store", "drill"]);
    assert_eq!(drill["replayed"], serde_json::json!(["notes@2"]));
    assert_eq!((&drill["passed"], &drill["live_answers_differ"]), (&true.into(), &0.into()));
    // What is only here is lost: of a rule nothing may be, of a fact what is an hour old.
    at(&world, "2026-03-20T12:10:00Z", &["fragment", "add", "--kind", "fact", "The gauge is new."]);
    let late = at(&world, "2026-03-20T12:30:00Z", &["--json", "store", "drill"]);
    let late: Value = serde_json::from_str(&late).unwrap();
    let classes = items(&late["classes"]);
    let semantic = classes.iter().find(|c| c["class"] == "semantic").unwrap();
    assert_eq!((&semantic["fragments_lost"], &semantic["lost_seconds"]), (&1.into(), &1200.into()));
    let missed = world.run_at("2026-03-20T14:30:00Z", &["store", "drill"]);
    missed.fails(4, &["the drill failed", "semantic", "2 h old"]);
    assert!(missed.stdout.contains("MISSED"), "{}", missed.stdout);
    // Targets are configuration.
    let policy = world.path("config/garner/backup.json");
    let mut wanted: Value = serde_json::from_str(&fs::read_to_string(&policy).unwrap()).unwrap();
    wanted["targets"]["semantic"]["lost_seconds"] = 86_400.into();
    fs::write(&policy, wanted.to_string()).unwrap();
    at(&world, "2026-03-20T14:30:00Z", &["store", "drill"]);
    fs::write(&policy, "{").unwrap();
    world.fails(&["store", "drill"], 1, &["backup.json", "not a policy"]);
}

#[test]
fn the_doctor_tells_of_backups_and_drills() {
    let world = World::of_day_one();
    let told = |world: &World, now: &str| {
        let report = world.run_at(now, &["--json", "doctor"]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let found = items(&report["checks"]).iter().filter(|f| f["check"] == "backup");
        let line = |f: &Value| format!("{} {} {}", f["level"], f["says"], f["fix"]);
        found.map(line).collect::<Vec<_>>().join("\n")
    };
    let now = crate::world::NOW;
    assert!(told(&world, now).contains("\"warning\" \"the store was never backed up\""));
    fs::create_dir(world.path("usb")).unwrap();
    world.ok(&["store", "backup", "--to", &usb(&world)]);
    assert!(told(&world, now).contains("\"ok\" \"the last backup was on 2026-03-20\""));
    assert!(told(&world, now).contains("no backup was ever restored in a drill"));
    world.ok(&["store", "drill"]);
    assert!(!told(&world, "2026-04-19T12:00:00Z").contains("warning"));
    let late = told(&world, "2026-04-20T12:00:00Z");
    assert!(late.contains("the last backup was 31 days ago, on 2026-03-20"), "{late}");
    assert!(late.contains("the last drill was 31 days ago"), "{late}");
    // What a process left that was killed is told, and tidied up by the next.
    fs::create_dir(world.path("data/garner/.tmp-backup-abc")).unwrap();
    assert!(told(&world, now).contains(".tmp-backup-abc"));
    world.ok(&["store", "backup"]);
    world.leaves_nothing_half_done();
}
