//! Commands that are killed at every call that changes files, and commands whose calls fail.
//!
//! Whatever is left must be what was there before or what is to be, and hold together; the same
//! command, run again, must end where an undisturbed one does. No command may say that it succeeded
//! when it did not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::commands::{Again, ROWS, Row};
use super::scene::{CALLS, Scene, can_trace};
use super::state::State;
use super::{is_wanted, length};

/// What a call may answer instead of doing its work.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EACCES", "EINTR", "EDQUOT"];

/// A call of a command, and what befalls it.
struct Point {
    call: (String, usize),
    happens: String,
}

/// What came of all points of one command.
#[derive(Debug, Default)]
struct Tally {
    points: usize,
    killed: usize,
    failed: usize,
    succeeded: usize,
    /// How often it was as before, as after, and between two steps.
    old: usize,
    new: usize,
    between: usize,
    /// How often another run ended as an undisturbed one.
    recovered: usize,
    /// What should never be.
    wrong: Vec<String>,
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
    if !can_trace() {
        return;
    }
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let most = most / ROWS.len();
    thread::scope(|scope| {
        for _ in 0..length(2, 4) {
            scope.spawn(|| {
                while let Some(row) = ROWS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !is_wanted(row.name) {
                        continue;
                    }
                    let tally = row_at_points(row, most, points);
                    tallies.lock().unwrap().insert(row.name, tally);
                }
            });
        }
    });
    report(title, &tallies.into_inner().unwrap());
}

fn row_at_points(
    row: &Row,
    most: usize,
    points: &dyn Fn(Vec<(String, usize)>) -> Vec<Point>,
) -> Tally {
    let scene = (row.scene)();
    let see = || State::see(&scene.world).unwrap();
    let old = see();
    scene.restore("before");
    let calls = scene.calls();
    let new = see();
    assert!(old != new, "{} changes nothing", row.name);
    let mut tally = Tally::default();
    for point in sample(points(calls), most) {
        let before = tally.wrong.len();
        one_point(row, &scene, (&old, &new), &point, &mut tally);
        for wrong in &mut tally.wrong[before..] {
            let (call, number) = &point.call;
            *wrong = format!("{}, {} at {call} {number}: {wrong}", row.name, point.happens);
        }
    }
    tally
}

/// Returns at most so many points, evenly spread.
fn sample(points: Vec<Point>, most: usize) -> Vec<Point> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    points.into_iter().skip(step / 2).step_by(step).collect()
}

fn one_point(
    row: &Row,
    scene: &Scene,
    (old, new): (&State, &State),
    point: &Point,
    tally: &mut Tally,
) {
    scene.restore("before");
    let ended = scene.run_with(&point.call, &point.happens);
    scene.keep("after");
    tally.points += 1;
    match ended.status {
        None => tally.killed += 1,
        Some(0) => tally.succeeded += 1,
        Some(_) => tally.failed += 1,
    }
    if ended.stderr.contains("panicked") {
        tally.wrong.push(format!("it broke down: {}", ended.stderr));
    }
    let seen = match State::see(&scene.world) {
        Ok(seen) => seen,
        Err(broken) => return tally.wrong.push(format!("inconsistent: {broken}")),
    };
    let [was, is, to_be] = [old, &seen, new].map(|state| row.changes.of(state));
    if seen == *new {
        tally.new += 1;
    } else if is == was && is != to_be {
        tally.old += 1;
    } else if is == to_be {
        tally.between += 1;
    } else {
        tally.wrong.push(format!("inconsistent: neither before nor after: {is:?}"));
    }
    if ended.status == Some(0) && seen != *new {
        tally.wrong.push(format!("a false success: {}", difference(&seen, new)));
    }
    if ended.stderr.contains("nothing was changed") && is != was {
        tally.wrong.push(format!("something was changed: {}", ended.stderr));
    }
    scene.restore("after");
    if row.again == Again::IfNotDone && seen == *new {
        tally.recovered += 1;
        return;
    }
    let again = scene.run();
    if again.status != Some(0) {
        return tally.wrong.push(format!("not recovered: {}", again.stderr));
    }
    match State::see(&scene.world) {
        Ok(end) if end == *new => tally.recovered += 1,
        Ok(end) => tally.wrong.push(format!("not recovered: {}", difference(&end, new))),
        Err(broken) => tally.wrong.push(format!("not recovered: {broken}")),
    }
}

/// Returns where two states differ.
fn difference(got: &State, want: &State) -> String {
    let (got, want) = (format!("{got:#?}"), format!("{want:#?}"));
    let lines = got.lines().zip(want.lines()).filter(|(got, want)| got != want);
    let shown = lines.take(3).map(|(got, want)| format!("\n    {got}\n    instead of {want}"));
    shown.collect::<Vec<_>>().concat()
}

fn report(title: &str, tallies: &BTreeMap<&str, Tally>) {
    let mut text = format!("{title}: {} calls\n", CALLS.join(", "));
    let mut all = [0; 8];
    for (name, t) in tallies {
        let row = [t.points, t.killed, t.failed, t.succeeded, t.old, t.new, t.between, t.recovered];
        let _ = writeln!(text, "{name}: {row:?}");
        all.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
    }
    let _ =
        writeln!(text, "points, killed, failed, succeeded, old, new, between, recovered: {all:?}");
    let wrong: Vec<_> = tallies.values().flat_map(|tally| &tally.wrong).collect();
    eprintln!("{text}wrong: {}", wrong.len());
    let shown: Vec<String> = wrong.iter().take(40).map(|wrong| format!("{wrong}\n")).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), shown.concat());
}
