//! Drills: the binary and its remotes under everything that goes wrong, counted.
//!
//! Continuous integration runs a sample. `GARNER_DRILL=1` runs all of it, which takes an hour or so
//! and prints the figures of docs/drills.md; `GARNER_DRILL=store` runs the commands alone that have
//! this word in their names. What is not installed is said and left out.

mod commands;
mod cuts;

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

/// Returns whether a command is drilled now.
fn is_wanted(name: &str) -> bool {
    let word = std::env::var("GARNER_DRILL").unwrap_or_default();
    word.is_empty() || word == "1" || name.contains(&word)
}

/// Returns the length of a drill: what continuous integration has time for, or all of it.
fn length(short: usize, full: usize) -> usize {
    if std::env::var_os("GARNER_DRILL").is_some() { full } else { short }
}

/// Does something with every command that is drilled now, and prints what came of it.
fn each_row(title: &str, run: &(dyn Fn(&Row) -> Tally + Sync)) {
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..length(2, 4) {
            scope.spawn(|| {
                while let Some(row) = ROWS.get(next.fetch_add(1, Ordering::Relaxed)) {
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
