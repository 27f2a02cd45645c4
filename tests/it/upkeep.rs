//! Upkeep: what has to be renewed in time, and what the doctor says of it.

use serde_json::Value;

use crate::world::{World, items, json};

/// Returns what the doctor found about a check at some time: level and fix.
fn finding(world: &World, now: &str, check: &str) -> (String, String) {
    let report = json(&world.run_at(now, &["--json", "doctor"]).stdout);
    let found = items(&report["checks"]).iter().find(|found| found["check"] == check);
    let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found.map(|f| (said(&f["level"]), said(&f["fix"]))).unwrap_or_default()
}

#[test]
fn the_doctor_tells_of_roots_and_latest_notes_before_they_end() {
    let world = World::of_day_one();
    let renew = "garner channel renew notes";
    for (now, check, level, fix) in [
        ("2026-03-20T12:00:00Z", "latest", "ok", ""),
        ("2026-03-31T12:00:00Z", "latest", "warning", renew),
        ("2026-04-05T12:00:00Z", "latest", "warning", renew),
        ("2026-04-15T12:00:00Z", "latest", "broken", renew),
        ("2027-12-01T12:00:00Z", "root", "ok", ""),
        ("2027-12-31T12:00:00Z", "root", "warning", renew),
        ("2028-03-20T12:00:00Z", "root", "warning", renew),
        ("2028-04-20T12:00:00Z", "root", "broken", renew),
        ("2028-03-01T12:00:00Z", "key expiry", "warning", "garner key rotate publisher"),
    ] {
        assert_eq!(finding(&world, now, check), (level.into(), fix.into()), "{check} at {now}");
    }
}

#[test]
fn renewing_in_time_keeps_readers_and_extends_the_root() {
    let world = World::of_day_one();
    let early = "2026-03-31T12:00:00Z";
    let said = world.run_at(early, &["channel", "renew", "notes"]).succeeds();
    assert_eq!(said, "`notes` is at v1; readers believe that until 2026-04-14.\n");
    assert_eq!(finding(&world, early, "latest").0, "ok");
    assert!(!world.remote().join("root/00000002.note").exists());

    let late = "2028-01-10T12:00:00Z";
    let before = world.files();
    let plan = world.run_at(late, &["channel", "renew", "notes", "-n"]).succeeds();
    assert!(plan.contains("latest") && plan.contains("with the same keys"), "{plan}");
    assert!(world.files() == before, "a plan changed something");
    let said = world.run_at(late, &["channel", "renew", "notes"]).succeeds();
    assert!(said.starts_with("Root 2 of `notes` is good until 2030-01-09.\n"), "{said}");
    for check in ["latest", "root", "key expiry"] {
        assert_eq!(finding(&world, late, check).0, "ok", "{check}");
    }
    let log = json(&world.run_at(late, &["--json", "log", "notes"]).succeeds());
    assert_eq!(log["versions"][0]["version"], 2);
    world.run_at("2029-12-01T12:00:00Z", &["channel", "renew", "notes"]).succeeds();
    assert!(world.remote().join("root/00000003.note").exists());
}

#[test]
fn a_root_without_its_key_is_told_and_the_rest_renewed() {
    let world = World::of_day_one();
    std::fs::remove_file(world.key("root")).unwrap();
    let late = world.run_at("2028-01-10T12:00:00Z", &["channel", "renew", "notes"]);
    assert!(late.stderr.contains("the root ends on 2028-03-19"), "{}", late.stderr);
    assert!(late.succeeds().contains("until 2028-01-24"));
}
