//! Commands during which the power goes out.
//!
//! What a command does to files is recorded; then the files are made as a disk may hold them after a
//! cut at any of these points, and looked at like those of a command that was killed. Where the
//! command had ended, all of its work must be there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::commands::{ROWS, Row};
use super::platter::{Fate, Platter};
use super::recorder::Recorder;
use super::scene::{Ended, Scene, can_trace};
use super::tally::{Tally, Trial};
use super::{Length, each_row, sample};
use crate::world::walk;

#[test]
fn a_power_cut_at_any_point_leaves_a_whole_machine_and_takes_nothing_that_was_done() {
    if can_trace() {
        let most = Length { short: 60 / ROWS.len(), faults: 30, full: usize::MAX };
        each_row("power cut", &|row| row_at_cuts(row, most.get()));
    }
}

fn row_at_cuts(row: &Row, most: usize) -> Tally {
    let (trial, platter) = Trial::prepare(row, |scene| {
        let platter = Recorder::start(&scene.world.path(".")).finish(scene.record());
        is_recorded(&platter, scene);
        platter
    });
    let end = platter.deeds();
    let cuts = (0..=end).flat_map(|at| fates(at).map(move |fate| (at, fate)));
    // Many cuts leave the same files.
    let mut seen = BTreeSet::new();
    let (during, after): (Vec<_>, Vec<_>) = cuts
        .filter(|(at, fate)| seen.insert((*at == end, platter.after(*at, *fate))))
        .partition(|(at, _)| *at < end);
    let mut tally = Tally::default();
    for (at, fate) in [sample(during, most), sample(after, most.div_ceil(2))].concat() {
        trial.scene.become_tree(&platter.after(at, fate));
        // A command that ended said so.
        let status = (at == end).then_some(0);
        let ended = Ended { status, stderr: String::new() };
        trial.judge(&ended, &format!("{fate:?} of what {at} of {end} deeds did"), &mut tally);
    }
    tally
}

fn fates(at: usize) -> [Fate; 7] {
    let seed = at as u64 * 4;
    [
        Fate::Lost,
        Fate::NamesOnly,
        Fate::BytesOnly,
        Fate::Any(seed),
        Fate::Any(seed + 1),
        Fate::InOrder(seed + 2),
        Fate::InOrder(seed + 3),
    ]
}

/// Checks that what was recorded makes the files that are there.
fn is_recorded(platter: &Platter, scene: &Scene) {
    let root = scene.world.path(".");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let relative = |path: PathBuf| path.strip_prefix(&root).unwrap().to_owned();
    let there = paths.into_iter().map(|path| (relative(path.clone()), fs::read(path).unwrap()));
    let whole = platter.whole().into_iter().filter_map(|(path, _, bytes, _)| Some((path, bytes?)));
    // What is mapped is not recorded.
    let lasts = |(path, _): &(PathBuf, Vec<u8>)| !path.to_string_lossy().ends_with("-shm");
    let there: BTreeSet<_> = there.filter(lasts).collect();
    let whole: BTreeSet<_> = whole.filter(lasts).collect();
    let differ: Vec<_> = there
        .symmetric_difference(&whole)
        .map(|(path, bytes)| format!("{} {}", path.display(), bytes.len()))
        .collect();
    assert!(differ.is_empty(), "what was recorded is not what is there: {differ:#?}");
}
