//! Every fragment leads back to the line that it came from, and a changed line is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::world::{LARGE, World, items, text, transcripts};

const SESSIONS: [&str; 2] = ["day-one.jsonl", "day-two.jsonl"];

/// Returns a machine that compiled both example sessions, and its fragments as JSON.
fn compiled() -> (World, Vec<Value>) {
    let world = World::publisher();
    let mut fragments = Vec::new();
    for session in SESSIONS {
        let report = world.json(&["compile", &text(&world.copy_example(session))]);
        fragments.extend(items(&report["new"]).iter().cloned());
    }
    (world, fragments)
}

/// Returns the short ids of the fragments, by file and line of their sources.
fn by_line(world: &World) -> BTreeMap<(String, u32), BTreeSet<String>> {
    let mut lines: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for entry in world.draft().unwrap().entries.values() {
        for source in &entry.fragment.sources {
            let line = (source.file.to_string(), source.line);
            lines.entry(line).or_default().insert(entry.fragment.id.short());
        }
    }
    lines
}

/// Replaces one letter of a line by another, and returns the original bytes of the file.
fn edit(path: &PathBuf, line: u32) -> Vec<u8> {
    let original = fs::read(path).unwrap();
    let mut lines: Vec<Vec<u8>> = original.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let bytes = &mut lines[line as usize - 1];
    // The last letter before the end of the record stands inside a value or a key.
    let at = bytes.iter().rposition(u8::is_ascii_lowercase).unwrap();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    fs::write(path, lines.join(&b'\n')).unwrap();
    original
}

/// Returns the problems of a check of provenance, and its exit status.
fn problems(world: &World, target: &str) -> (i32, Vec<String>) {
    let sessions = text(&world.path("sessions"));
    let output = world.run(&["--json", "verify", target, "--provenance", &sessions]);
    let value: Value = serde_json::from_str(&output.stdout).unwrap();
    let problems = items(&value["checks"][0]["problems"]).iter();
    let problems: Vec<String> = problems.map(|p| p.as_str().unwrap().to_owned()).collect();
    assert_eq!(value["sound"], problems.is_empty(), "{value}");
    (output.status, problems)
}

#[test]
fn every_fragment_leads_back_to_its_lines() {
    let (world, fragments) = compiled();
    for fragment in &fragments {
        assert!(!items(&fragment["sources"]).is_empty(), "{fragment}");
    }
    assert_eq!(problems(&world, "draft"), (0, vec![]));
    world.ok(&["publish", "notes"]);
    world.ok(&["load", "notes"]);
    for target in ["store", "notes", "notes@1"] {
        assert_eq!(problems(&world, target), (0, vec![]), "{target}");
    }
}

#[test]
fn a_changed_byte_names_exactly_the_fragments_of_its_line() {
    let (world, _) = compiled();
    let lines = by_line(&world);
    // The lines with the most fragments, and a few with one.
    let mut order: Vec<_> = lines.iter().collect();
    order.sort_by_key(|(_, fragments)| std::cmp::Reverse(fragments.len()));
    assert!(order[0].1.len() > 1, "no line taught two things");
    for ((file, line), expected) in order.into_iter().take(12) {
        let path = world.path("sessions").join(file);
        let original = edit(&path, *line);
        let (status, problems) = problems(&world, "draft");
        let place = format!("  {file} line {line}: the line was changed");
        let named: BTreeSet<String> = problems
            .iter()
            .map(|problem| problem.strip_suffix(&place).unwrap_or_else(|| panic!("{problem}")))
            .map(str::to_owned)
            .collect();
        assert_eq!((status, &named), (4, expected), "{file} line {line}");
        fs::write(&path, original).unwrap();
    }
    assert_eq!(problems(&world, "draft"), (0, vec![]));
}

#[test]
fn a_changed_line_that_taught_nothing_names_nothing() {
    let (world, _) = compiled();
    let lines = by_line(&world);
    let free = (1..=205).find(|n| !lines.contains_key(&("day-one.jsonl".to_owned(), *n))).unwrap();
    edit(&world.path("sessions/day-one.jsonl"), free);
    assert_eq!(problems(&world, "draft"), (0, vec![]));
}

#[test]
fn a_lost_session_is_named_with_the_fragments_that_it_taught() {
    let (world, _) = compiled();
    fs::remove_file(world.path("sessions/day-two.jsonl")).unwrap();
    let (status, problems) = problems(&world, "draft");
    let expected: usize = by_line(&world)
        .iter()
        .filter(|((f, _), _)| f == "day-two.jsonl")
        .map(|(_, f)| f.len())
        .sum();
    assert_eq!((status, problems.len()), (4, expected));
    assert!(problems.iter().all(|p| p.contains("day-two.jsonl") && p.ends_with("is missing")));
    // The text form says the same, and where to look.
    let sessions = text(&world.path("sessions"));
    let facts = ["of the checks failed", "the lines above name what is broken"];
    let said = world.fails(&["verify", "draft", "--provenance", &sessions], 4, &facts);
    assert!(said.stdout.contains("BROKEN"), "{}", said.stdout);
}

#[test]
fn fragments_of_real_sessions_lead_back_to_their_lines() {
    let paths: Vec<String> = transcripts(&LARGE).iter().map(|path| text(path)).collect();
    if paths.is_empty() {
        return;
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let world = World::new();
    let compiled = world.json(&[&["compile"], paths.as_slice()].concat());
    let sources: usize =
        items(&compiled["new"]).iter().map(|entry| items(&entry["sources"]).len()).sum();
    assert!(sources > 0);
    let verified = world.json(&[&["verify", "draft", "--provenance"], paths.as_slice()].concat());
    assert_eq!(verified["sound"], true, "{verified}");
    let name = verified["checks"][0]["name"].as_str().unwrap();
    assert!(name.ends_with(&format!("from {sources} sources")), "{name}");
}
