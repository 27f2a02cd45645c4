//! Every command that a message, a hint or a page tells people to type can be typed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::world::{World, walk};

/// Returns the commands in backticks (`garner …`) of a file, each with its line.
fn commands(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // A string that goes on in the next line ends with a backslash: its first words will do.
        let spans = line.split('`').skip(1).filter(|span| span.starts_with("garner "));
        found.extend(spans.map(|span| (number, span.trim_end_matches('\\').trim().to_owned())));
    }
    found
}

fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in [
        "cli",
        "compiler/src",
        "distil/src",
        "embed/src",
        "kernel/src",
        "loader/src",
        "serve/src",
        "sync/src",
        "docs",
    ] {
        walk(&root.join(folder), &mut paths);
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "rs" || e == "md"));
    paths
}

/// Returns what is wrong with a command, if anything.
pub(crate) fn fault(
    world: &World,
    command: &str,
    help: &mut BTreeMap<String, Option<String>>,
) -> Option<String> {
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let names: Vec<&str> = words.iter().copied().take_while(is_word).take(2).collect();
    let mut get = |names: &[&str]| {
        let run = || {
            let output = world.run(&[names, &["--help"]].concat());
            (output.status == 0).then_some(output.stdout)
        };
        help.entry(names.join(" ")).or_insert_with(run).clone()
    };
    let first = names.first()?;
    let Some(top) = get(&[first]) else { return Some(format!("there is no `garner {first}`")) };
    let is_group = top.contains("Usage: garner ") && top.contains("COMMAND");
    let page = match names.get(1) {
        Some(second) if is_group => match get(&[first, second]) {
            Some(page) => page,
            None => return Some(format!("there is no `garner {first} {second}`")),
        },
        _ => top,
    };
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let flags =
        flags.map(|flag| flag.split(['=', '…']).next().unwrap().trim_end_matches([',', '.']));
    let unknown: BTreeSet<&str> = flags.filter(|flag| !page.contains(*flag)).collect();
    (!unknown.is_empty()).then(|| format!("it has no {unknown:?}"))
}

#[test]
fn every_command_that_is_named_exists() {
    let world = World::new();
    let (mut help, mut faults) = (BTreeMap::new(), Vec::new());
    let mut seen = 0;
    for path in sources() {
        for (line, command) in commands(&path) {
            seen += 1;
            if let Some(fault) = fault(&world, &command, &mut help) {
                faults.push(format!("{}:{line}: `{command}`: {fault}", path.display()));
            }
        }
    }
    assert!(seen > 20, "{seen} commands");
    assert!(faults.is_empty(), "commands that cannot be typed:\n  {}", faults.join("\n  "));
}

#[test]
fn a_project_that_nobody_knows_is_answered_with_those_that_are() {
    let world = World::of_day_one();
    let output = world.run(&["recall", "--project", "tidepole", "heights"]);
    let told = "No fragment belongs to project `tidepole`; there are: tidepool.";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert!(output.succeeds().contains("Nothing in the store matches."));
    let known = world.run(&["recall", "--project", "tidepool", "heights"]);
    assert!(!known.stderr.contains("No fragment belongs"), "{}", known.stderr);
}
