//! What came of a command that something befell: as before, as after, or broken; and counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::commands::{Again, Row};
use super::scene::{Ended, Scene};
use super::state::State;

/// What came of all that befell one command.
#[derive(Debug, Default)]
pub(super) struct Tally {
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

impl Tally {
    /// Returns how often the command was killed.
    pub(super) fn killed(&self) -> usize {
        self.killed
    }
}

/// A command, and the machine before it and after it where nothing befalls it.
pub(super) struct Trial<'r> {
    pub(super) row: &'r Row,
    pub(super) scene: Scene,
    pub(super) old: State,
    pub(super) new: State,
}

impl<'r> Trial<'r> {
    /// Runs a command undisturbed; `run` does it, and returns what it learns meanwhile.
    pub(super) fn prepare<T>(row: &'r Row, run: impl FnOnce(&Scene) -> T) -> (Self, T) {
        let scene = (row.scene)();
        let see = || State::see(&scene.world).unwrap();
        let old = see();
        scene.restore("before");
        let learned = run(&scene);
        let new = see();
        assert!(old != new, "{} changes nothing", row.name);
        (Self { row, scene, old, new }, learned)
    }

    /// Looks at what a command left that ended so, and runs it again; `what` befell it.
    pub(super) fn judge(&self, ended: &Ended, what: &str, tally: &mut Tally) {
        let before = tally.wrong.len();
        self.look(ended, tally);
        for wrong in &mut tally.wrong[before..] {
            *wrong = format!("{}, {what}: {wrong}", self.row.name);
        }
    }

    fn look(&self, ended: &Ended, tally: &mut Tally) {
        let Self { row, scene, old, new } = self;
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
        let left = scene.world.temporary_files();
        if !left.is_empty() {
            tally.wrong.push(format!("left behind: {left:?}"));
        }
        match State::see(&scene.world) {
            Ok(end) if end == *new => tally.recovered += 1,
            Ok(end) => tally.wrong.push(format!("not recovered: {}", difference(&end, new))),
            Err(broken) => tally.wrong.push(format!("not recovered: {broken}")),
        }
    }
}

/// Returns where two states differ.
fn difference(got: &State, want: &State) -> String {
    let (got, want) = (format!("{got:#?}"), format!("{want:#?}"));
    let lines = got.lines().zip(want.lines()).filter(|(got, want)| got != want);
    let shown = lines.take(3).map(|(got, want)| format!("\n    {got}\n    instead of {want}"));
    shown.collect::<Vec<_>>().concat()
}

/// Prints the tallies, and breaks down where anything is wrong.
pub(super) fn report(title: &str, tallies: &BTreeMap<&str, Tally>) {
    let mut text = format!("{title}\n");
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
