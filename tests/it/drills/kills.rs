//! Commands that are killed at every call that changes files, and commands whose calls fail.
//!
//! Whatever is left must be what was there before or what is to be, and hold together; the same
//! command, run again, must end where an undisturbed one does. No command may say that it succeeded
//! when it did not.

use std::time::{Duration, Instant};

use super::commands::{ROWS, Row};
use super::scene::{CALLS, Scene, can_trace};
use super::tally::{Tally, Trial};
use super::{Length, command_of, each_row, sample};
use crate::dice::Dice;

/// What a call may answer instead of doing its work.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EACCES", "EINTR", "EDQUOT"];

/// What ends a process at once.
const KILL: &str = "signal=SIGKILL";

/// A call of a command, and what befalls it.
struct Point {
    call: (String, usize),
    happens: String,
}

#[test]
fn a_command_that_is_killed_anywhere_leaves_a_whole_machine_and_can_be_run_again() {
    let most = Length { short: 60 / ROWS.len(), faults: usize::MAX, full: usize::MAX };
    drill("killed", most.get(), &|calls| {
        let kill = |call| Point { call, happens: KILL.to_owned() };
        calls.into_iter().map(kill).collect()
    });
}

#[test]
fn a_command_whose_calls_fail_never_says_that_it_succeeded_when_it_did_not() {
    let most = Length { short: 60 / ROWS.len(), faults: 20, full: usize::MAX };
    drill("made to fail", most.get(), &|calls| {
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

/// Runs every command of the table at its points, at most `most`, and prints what came of it.
fn drill(title: &str, most: usize, points: &(dyn Fn(Vec<(String, usize)>) -> Vec<Point> + Sync)) {
    if can_trace() {
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
    let points = points(calls);
    let kills = points.iter().all(|point| point.happens == KILL).then(|| least_kills(row.name));
    let most = kills.map_or(most, |least| if least > 0 { least } else { most });
    for Point { call, happens } in sample(points, most) {
        trial.scene.restore("before");
        let ended = trial.scene.run_with(&call, &happens);
        trial.judge(&ended, &format!("{happens} at {} {}", call.0, call.1), &mut tally);
    }
    at_random(&trial, kills.unwrap_or_default(), &mut tally);
    tally
}

/// Returns how often a row is killed in a drill of faults, so that its command is 200 times.
fn least_kills(name: &str) -> usize {
    let same = ROWS.iter().filter(|row| command_of(row.name) == command_of(name)).count();
    Length { short: 0, faults: 200_usize.div_ceil(same), full: 0 }.get()
}

/// Kills a command after any time, until it was killed so often; one that was faster is looked at too.
fn at_random(trial: &Trial<'_>, least: usize, tally: &mut Tally) {
    let started = Instant::now();
    trial.scene.restore("before");
    trial.scene.run();
    let undisturbed = u64::try_from(started.elapsed().as_micros()).unwrap();
    let mut dice = Dice(undisturbed);
    for _ in 0..least * 3 {
        if tally.killed() >= least {
            break;
        }
        trial.scene.restore("before");
        let after = Duration::from_micros(dice.roll(undisturbed));
        let ended = trial.scene.run_until(after);
        trial.judge(&ended, &format!("killed after {after:?}"), tally);
    }
}
