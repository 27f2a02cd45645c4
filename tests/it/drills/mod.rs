//! Drills: the binary and its remotes under everything that goes wrong, counted.
//!
//! Continuous integration runs a sample. `GARNER_DRILL=1` runs all of it, which takes an hour or so
//! and prints the figures of docs/drills.md; `GARNER_DRILL=store` runs the commands alone that have
//! this word in their names. What is not installed is said and left out.

mod commands;
mod kills;
mod scene;
mod state;
mod undo;

/// Returns whether a command is drilled now.
fn is_wanted(name: &str) -> bool {
    let word = std::env::var("GARNER_DRILL").unwrap_or_default();
    word.is_empty() || word == "1" || name.contains(&word)
}

/// Returns the length of a drill: what continuous integration has time for, or all of it.
fn length(short: usize, full: usize) -> usize {
    if std::env::var_os("GARNER_DRILL").is_some() { full } else { short }
}
