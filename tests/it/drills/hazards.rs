//! Commands on a disk that may not be written, while another process holds the store, and with a
//! clock that was set back.

use std::process::Command;

use rusqlite::Connection;

use super::commands::{Changes, ROWS, Row};
use super::scene::{Ended, Scene};
use super::tally::{Tally, Trial};
use super::{FAULTS, command_of, each_row_of};
use crate::world::text;

/// What the status of a shell says that could not mount.
const NO_MOUNT: i32 = 99;

fn faults() -> Vec<&'static Row> {
    ROWS.iter().filter(|row| FAULTS.contains(&command_of(row.name))).collect()
}

#[test]
fn on_a_disk_that_is_read_only_a_command_says_so_and_changes_nothing() {
    each_row_of(&faults(), "read-only disk", &|row| {
        let (trial, _) = Trial::prepare(row, Scene::run);
        let mut tally = Tally::default();
        trial.scene.restore("before");
        let ended = read_only(&trial);
        if ended.status == Some(NO_MOUNT) || ended.stderr.contains("unshare") {
            eprintln!("skipped: this user may not mount: {}", ended.stderr);
            return tally;
        }
        let told = ended.stderr.to_lowercase();
        assert!(ended.status != Some(0) && ended.status != Some(70), "{}: {told}", row.name);
        let names = told.contains("read-only") || told.contains("cannot be written");
        assert!(names && told.contains("hint: "), "{}: {told}", row.name);
        trial.judge(&ended, "on a read-only disk", &mut tally);
        tally
    });
}

/// Runs a command that sees its machine on a disk that may not be written.
fn read_only(trial: &Trial<'_>) -> Ended {
    let script =
        "mount --bind \"$WORLD\" \"$WORLD\" && mount -o remount,bind,ro \"$WORLD\" || exit 99
        cd \"$WORLD\"; exec \"$@\"";
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_garner")]);
    trial.scene.run_as(shell.env("WORLD", text(&trial.scene.world.path(""))))
}

#[test]
fn while_another_process_writes_to_the_store_a_command_waits_and_then_says_so() {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| matches!(row.changes, Changes::Store)).collect();
    each_row_of(&rows, "another process holds the store", &|row| {
        let (trial, _) = Trial::prepare(row, Scene::run);
        trial.scene.restore("before");
        let other = Connection::open(trial.scene.world.store()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let ended = trial.scene.run();
        drop(other);
        assert_eq!(ended.status, Some(1), "{}: {}", row.name, ended.stderr);
        assert!(ended.stderr.contains("another process"), "{}: {}", row.name, ended.stderr);
        let mut tally = Tally::default();
        trial.judge(&ended, "while another process wrote", &mut tally);
        tally
    });
}

#[test]
fn with_a_clock_that_was_set_back_a_command_loses_nothing() {
    for row in faults() {
        let scene = (row.scene)();
        let ended = scene.run_at("2020-01-01T00:00:00Z");
        let (status, told) = (ended.status.unwrap(), &ended.stderr);
        assert!(status < 70 && !told.contains("panicked"), "{}: {status}: {told}", row.name);
        assert!(status == 0 || told.contains("hint: "), "{}: {told}", row.name);
        scene.world.ok(&["verify"]);
        scene.world.leaves_nothing_half_done();
        // Whatever it did, the right time does the rest.
        if status != 0 {
            assert_eq!(scene.run().status, Some(0), "{}", row.name);
        }
        scene.world.ok(&["verify"]);
    }
}
