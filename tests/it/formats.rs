//! Real transcripts of all known versions of their format.

use std::path::PathBuf;

use serde_json::Value;

use crate::world::{LARGE, World, example, items, text, transcripts};

/// The small real transcripts, one for each version of the format.
const FORMATS: [&str; 4] = [
    "formats/dkimuson-v1.0.98.jsonl",
    "formats/kiliman-v1.0.57.jsonl",
    "formats/moredip-v2.1.11.jsonl",
    "formats/spotter-subagent-v2.1.38.jsonl",
];

fn all() -> Vec<String> {
    let paths: Vec<PathBuf> = transcripts(&[&LARGE[..], &FORMATS].concat());
    paths.iter().map(|path| text(path)).collect()
}

fn compile(world: &World, paths: &[&str]) -> Value {
    world.json(&[&["compile"], paths].concat())
}

#[test]
fn every_version_of_the_format_is_read() {
    let world = World::new();
    for path in all() {
        let compiled = compile(&world, &[&path]);
        let read = &compiled["report"]["read"];
        assert_eq!(read["bytes"], std::fs::metadata(&path).unwrap().len(), "{path}");
        assert_eq!(read["half-written lines"], 0, "{path}");
        let broken = match path.rsplit('/').next().unwrap() {
            "moredip-v2.1.11.jsonl" => 2,
            "packmind-16_b343528434-askuser.jsonl" => 1,
            _ => 0,
        };
        assert_eq!(read["broken lines"], broken, "{path}: {read}");
        assert!(compiled["report"]["unknown type"].is_null(), "{path}: {}", compiled["report"]);
        assert!(read["records"].as_u64() > Some(0), "{path}: {read}");
        // Whatever a session taught says where, and how sure that is.
        for entry in items(&compiled["new"]) {
            assert!(!items(&entry["sources"]).is_empty(), "{path}: {entry}");
        }
    }
}

#[test]
fn what_is_known_is_not_learned_again_in_any_order() {
    let paths = all();
    let Some((first, rest)) = paths.split_first() else { return };
    let together: Vec<&str> = paths.iter().map(String::as_str).collect();
    let world = World::new();
    compile(&world, &together);
    let draft = world.draft_text().unwrap();
    assert!(draft.lines().count() > 10);
    assert_eq!(items(&compile(&world, &together)["new"]).len(), 0);
    assert!(world.draft_text().unwrap() == draft, "compiling twice changed the draft");

    let reversed: Vec<&str> = together.iter().rev().copied().collect();
    let other = World::new();
    compile(&other, &reversed);
    assert!(other.draft_text().unwrap() == draft, "the order of the files matters");

    // One by one, in yet another order.
    let other = World::new();
    for path in rest.iter().chain([first]) {
        compile(&other, &[path]);
    }
    assert!(other.draft_text().unwrap() == draft, "the order of the commands matters");
}

#[test]
fn a_folder_is_the_transcripts_in_it() {
    let world = World::new();
    world.copy_example("day-one.jsonl");
    world.copy_example("day-two.jsonl");
    let (one, two) = (world.path("sessions/day-one.jsonl"), world.path("sessions/day-two.jsonl"));
    let folder = compile(&world, &[&text(&world.path("sessions"))]);
    assert_eq!(folder["report"]["read"]["files"], 2);
    let draft = world.draft_text();
    assert!(items(&compile(&world, &[&text(&two), &text(&one)])["new"]).is_empty());
    assert!(world.draft_text() == draft, "the draft changed");
}

#[test]
fn what_is_said_in_two_sessions_is_the_same_whichever_is_compiled_first() {
    let draft_of = |sessions: [&str; 2]| {
        let world = World::new();
        for session in sessions {
            world.ok(&["compile", &example(session)]);
        }
        world.draft_text().unwrap()
    };
    let draft = draft_of(["day-one.jsonl", "day-two.jsonl"]);
    let other = draft_of(["day-two.jsonl", "day-one.jsonl"]);
    let differ = draft.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert_eq!(differ, None);
    assert_eq!(draft.len(), other.len());
}
