//! Commands that are killed at every call that changes files, and commands whose calls fail.
//!
//! Whatever is left must be what was there before or what is to be, and hold together; the same
//! command, run again, must end where an undisturbed one does. No command may say that it succeeded
//! when it did not.

use super::commands::{ROWS, Row};
use super::scene::{CALLS, Scene, can_trace};
use super::tally::{Tally, Trial};
use super::{each_row, length, sample};

/// What a call may answer instead of doing its work.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EACCES", "EINTR", "EDQUOT"];

/// A call of a command, and what befalls it.
struct Point {
    call: (String, usize),
    happens: String,
}

#[test]
fn a_command_that_is_killed_anywhere_leaves_a_whole_machine_and_can_be_run_again() {
    drill("killed", length(60, usize::MAX), &|calls| {
        let kill = |call| Point { call, happens: "signal=SIGKILL".to_owned() };
        calls.into_iter().map(kill).collect()
    });
}

#[test]
fn a_command_whose_calls_fail_never_says_that_it_succeeded_when_it_did_not() {
    drill("made to fail", length(60, usize::MAX), &|calls| {
        // Half of all calls open something, most of it to be read: each of those gets one error, in
        // turn, and every other call gets all of them.
        let mut turn = ERRORS.iter().cycle();
        let mut points = Vec::new();
        for call in calls {
            let errors = if call.0 == "openat" { 1 } else { ERRORS.len() };
            let point = |error| Point { call: call.clone(), happens: format!("error={error}") };
            points.extend(turn.by_ref().take(errors).map(point));
        }
        points
    });
}

/// Runs every command of the table at its points, `most` in all, and prints what came of it.
fn drill(title: &str, most: usize, points: &(dyn Fn(Vec<(String, usize)>) -> Vec<Point> + Sync)) {
    if can_trace() {
        let most = most / ROWS.len();
        let title = format!("{title}: {} calls", CALLS.join(", "));
        each_row(&title, &|row| row_at_points(row, most, points));
    }
}

fn row_at_points(
    row: &Row,
    most: usize,
    points: &dyn Fn(Vec<(String, usize)>) -> Vec<Point>,
) -> Tally {
    let (trial, calls) = Trial::prepare(row, Scene::calls);
    let mut tally = Tally::default();
    for Point { call, happens } in sample(points(calls), most) {
        trial.scene.restore("before");
        let ended = trial.scene.run_with(&call, &happens);
        trial.judge(&ended, &format!("{happens} at {} {}", call.0, call.1), &mut tally);
    }
    tally
}
