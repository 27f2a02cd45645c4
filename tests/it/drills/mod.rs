//! Drills: the binary and its remotes under everything that goes wrong, counted.
//!
//! Continuous integration runs a sample. `GARNER_DRILL=1` runs all of it, which takes an hour or so
//! and prints the figures of docs/drills.md; `GARNER_DRILL=faults` takes a quarter of an hour for the
//! commands that change what people rely on; `GARNER_DRILL=store` runs the commands alone that have
//! this word in their names. What is not installed is said and left out.

mod commands;
mod cuts;
mod flips;
mod hazards;
mod kills;
mod platter;
mod recorder;
mod scene;
mod state;
mod tally;
mod trace;
mod undo;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use commands::{ROWS, Row};
use tally::Tally;

/// The commands of a drill of faults: whatever befalls one of them, nothing may be lost.
const FAULTS: [&str; 9] = [
    "fragment add",
    "load",
    "publish",
    "pull",
    "revoke",
    "rollback",
    "store backup",
    "store compact",
    "store restore",
];

/// Returns the command of a row: its name up to what tells it from others.
fn command_of(name: &str) -> &str {
    name.split(',').next().unwrap_or(name)
}

fn word() -> Option<String> {
    std::env::var("GARNER_DRILL").ok()
}

/// Returns whether a command is drilled now.
fn is_wanted(name: &str) -> bool {
    match word().as_deref() {
        None | Some("1") => true,
        Some("faults") => FAULTS.contains(&command_of(name)),
        Some(word) => name.contains(word),
    }
}

/// How long a drill is.
#[derive(Clone, Copy)]
struct Length {
    /// What continuous integration has time for.
    short: usize,
    /// What a quarter of an hour has.
    faults: usize,
    /// All of it.
    full: usize,
}

impl Length {
    fn get(self) -> usize {
        match word().as_deref() {
            None => self.short,
            Some("faults") => self.faults,
            Some(_) => self.full,
        }
    }
}

/// How many commands are drilled at once.
const AT_ONCE: Length = Length { short: 2, faults: 4, full: 4 };

/// Does something with every command that is drilled now, and prints what came of it.
fn each_row(title: &str, run: &(dyn Fn(&Row) -> Tally + Sync)) {
    each_row_of(&ROWS.iter().collect::<Vec<_>>(), title, run);
}

/// The same with some commands.
fn each_row_of(rows: &[&Row], title: &str, run: &(dyn Fn(&Row) -> Tally + Sync)) {
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.get() {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if is_wanted(row.name) {
                        let tally = run(row);
                        tallies.lock().unwrap().insert(row.name, tally);
                    }
                }
            });
        }
    });
    tally::report(title, &tallies.into_inner().unwrap());
}

/// Returns at most so many of them, evenly spread.
fn sample<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let step = all.len().div_ceil(most.max(1)).max(1);
    all.into_iter().skip(step / 2).step_by(step).collect()
}
