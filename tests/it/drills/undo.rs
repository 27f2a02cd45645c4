//! A setup that is killed at every call, or whose calls fail, and is then undone.

use std::fs;
use std::path::PathBuf;

use super::Length;
use super::commands;
use super::scene::{Scene, can_trace};
use crate::world::walk;

/// Returns the files of the machine, with their bytes.
fn files(scene: &Scene) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths = Vec::new();
    walk(&scene.world.path("."), &mut paths);
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_setup_that_was_killed_anywhere_is_undone_without_a_trace() {
    if !can_trace() {
        return;
    }
    let scene = commands::setup_settings();
    let before = files(&scene);
    let calls = scene.calls();
    let step =
        calls.len().div_ceil(Length { short: 12, faults: 12, full: usize::MAX }.get()).max(1);
    let mut points = 0;
    for call in calls.into_iter().step_by(step) {
        for happens in ["signal=SIGKILL", "error=ENOSPC"] {
            scene.restore("before");
            scene.run_with(&call, happens);
            scene.world.ok(&["setup", "claude", "--undo"]);
            assert!(files(&scene) == before, "{happens} at {call:?}: something is left");
            // Nothing but the home that was there is left either: no folder, no record.
            let left: Vec<_> = fs::read_dir(scene.world.path(".")).unwrap().collect();
            assert_eq!(left.len(), 2, "{happens} at {call:?}: {left:?}");
            points += 1;
        }
    }
    assert!(points > 20, "{points} points");
    eprintln!("undone after {points} points");
}
