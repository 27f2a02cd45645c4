//! The recovery key: drills, and what the doctor says of them.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::world::{World, example, items, text};

/// Returns what the doctor found about a check, as level and text.
fn findings(report: &Value, check: &str) -> Vec<(String, String)> {
    let found = items(&report["checks"]).iter().filter(|finding| finding["check"] == check);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found
        .map(|f| (word(&f["level"]), format!("{} -> {}", word(&f["says"]), word(&f["fix"]))))
        .collect()
}

#[test]
fn a_drill_opens_the_newest_version_with_the_recovery_key_alone() {
    let world = World::of_day_one();
    // Nothing but the recovery key: the device key is out of the way.
    fs::rename(world.key("device"), world.path("device.key")).unwrap();
    let drill = world.json(&["key", "drill"]);
    let opened = &items(&drill["channels"])[0];
    assert_eq!((&opened["channel"], &opened["opened"]), (&"notes".into(), &true.into()));
    assert_eq!(opened["fragments"], 15);
    assert!(opened["seconds"].as_f64().unwrap() < 5.0);
    fs::rename(world.path("device.key"), world.key("device")).unwrap();
    let shown = world.ok(&["key", "drill", "notes"]);
    assert!(shown.starts_with("opened  notes  v1  15 fragments  "), "{shown}");
    let status = world.json(&["status"]);
    assert_eq!(status["drills"][0]["at"], crate::world::NOW);
    assert!(world.ok(&["status"]).contains("`notes` v1 on 2026-03-20"));
    world.leaves_nothing_half_done();
}

#[test]
fn a_drill_reads_the_copy_that_is_kept_elsewhere() {
    let world = World::of_day_one();
    let copy = world.path("paper.txt");
    let key = fs::read_to_string(world.key("recovery")).unwrap();
    fs::write(&copy, format!("# typed from paper\n\n  {key}")).unwrap();
    fs::remove_file(world.key("recovery")).unwrap();
    world.fails(&["key", "drill"], 3, &["recovery key", "not on this machine", "--from FILE"]);
    world.ok(&["key", "drill", "--from", &text(&copy)]);
    // From standard input.
    let mut command = world.command(&["key", "drill", "--from", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    // Another key, or one letter wrong, is no proof.
    let device = text(&world.key("device"));
    let facts = ["is not the recovery key of this machine", "hint: "];
    world.fails(&["key", "drill", "--from", &device], 4, &facts);
    let (start, last) = key.trim().split_at(key.trim().len() - 1);
    fs::write(&copy, format!("{start}{}", if last == "Q" { "P" } else { "Q" })).unwrap();
    world.fails(&["key", "drill", "--from", &text(&copy)], 1, &["paper.txt", "damaged"]);
    fs::write(&copy, "no key at all\n").unwrap();
    world.fails(&["key", "drill", "--from", &text(&copy)], 1, &["paper.txt", "holds no key"]);
    // A second setup does not make another recovery key in its place.
    world.ok(&["setup"]);
    assert!(!world.key("recovery").exists());
}

#[test]
fn a_drill_fails_where_the_recovery_key_is_no_reader() {
    let world = World::of_day_one();
    fs::remove_file(world.key("recovery")).unwrap();
    let recovery = world.ok(&["key", "generate", "recovery"]);
    let facts = ["`notes`", recovery.trim(), "`garner channel grant notes"];
    let output = world.fails(&["key", "drill"], 4, &facts);
    assert!(output.stdout.contains("FAILED  notes  none of our 1 keys"), "{}", output.stdout);
    assert_eq!(world.json(&["status"])["drills"][0]["at"], Value::Null);
    let report = world.run(&["--json", "doctor"]);
    report.fails(4, &["1 of the checks failed"]);
    let report = crate::world::json(&report.stdout);
    let found = findings(&report, "recovery");
    let fix = format!("garner channel grant notes {} --as recovery", recovery.trim());
    assert!(found[0].0 == "broken" && found[0].1.ends_with(&fix), "{found:?}");
    // What the doctor says to type mends it.
    world.ok(&["channel", "grant", "notes", recovery.trim(), "--as", "recovery"]);
    world.ok(&["key", "drill"]);
    assert_eq!(world.json(&["doctor"])["broken"], 0);
}

#[test]
fn publishing_warns_when_nobody_tried_the_recovery_key() {
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    let first = world.run(&["publish", "notes"]);
    assert!(!first.stderr.contains("warning:"), "{}", first.stderr);
    world.ok(&["compile", &example("day-two.jsonl")]);
    let never = world.run(&["publish", "notes"]);
    let told = "the recovery key was never tried on `notes`; run `garner key drill notes`";
    assert!(never.stderr.contains(told), "{}", never.stderr);
    assert_eq!(world.run(&["-q", "publish", "notes"]).stderr, "");
    world.ok(&["key", "drill", "notes"]);
    assert_eq!(world.run(&["publish", "notes"]).stderr, "");
    let later = world.run_at("2026-09-16T12:00:00Z", &["publish", "notes"]);
    assert_eq!(later.stderr, "", "180 days");
    let late = world.run_at("2026-09-17T12:00:00Z", &["publish", "notes"]);
    assert!(late.stderr.contains("181 days ago, on 2026-03-20"), "{}", late.stderr);
}

#[test]
fn the_doctor_names_what_is_wrong_and_the_command_that_mends_it() {
    let world = World::of_day_one();
    world.ok(&["key", "drill"]);
    world.ok(&["store", "backup"]);
    world.ok(&["store", "drill"]);
    let report = world.json(&["doctor"]);
    assert_eq!((&report["warnings"], &report["broken"]), (&0.into(), &0.into()), "{report}");
    for check in ["keys", "key files", "recovery", "drill", "key expiry", "clock"] {
        assert!(findings(&report, check).iter().all(|(level, _)| level == "ok"), "{report}");
        assert!(!findings(&report, check).is_empty(), "{check}");
    }
    // Long ago, and shortly before the key expires.
    let late = world.run_at("2028-03-01T12:00:00Z", &["doctor"]);
    late.fails(4, &["1 of the checks"]);
    for told in ["expires on 2028-03-19", "garner key drill notes", "warning  drill"] {
        assert!(late.stdout.contains(told), "no `{told}` in\n{}", late.stdout);
    }
    // The key, the root, and the word on what is newest.
    world.run_at("2028-04-01T12:00:00Z", &["doctor"]).fails(4, &["3 of the checks"]);
    let early = world.run_at("2020-01-01T00:00:00Z", &["doctor"]).succeeds();
    assert!(early.contains("set the clock"), "{early}");
    // What a killed command left.
    let left = world.path("config/garner/keys/.tmp-abc");
    fs::write(&left, "half a key").unwrap();
    let told = format!("-> rm {}", text(&left));
    assert!(world.ok(&["doctor"]).contains(&told));
    fs::remove_file(left).unwrap();
    // A key that others can read, and one that is gone.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(world.key("root"), mode).unwrap();
    fs::remove_file(world.key("publisher")).unwrap();
    let output = world.fails(&["doctor"], 4, &["2 of the checks failed"]);
    for told in ["mode 644", "chmod 600", "publisher.key", "garner setup"] {
        assert!(output.stdout.contains(told), "no `{told}` in\n{}", output.stdout);
    }
}

#[test]
fn a_damaged_list_of_drills_is_named() {
    let world = World::of_day_one();
    world.ok(&["key", "drill"]);
    fs::write(world.path("state/garner/drills.json"), "{").unwrap();
    world.fails(&["key", "drill"], 1, &["drills.json", "move it away"]);
    fs::remove_file(world.path("state/garner/drills.json")).unwrap();
    world.ok(&["key", "drill"]);
}
