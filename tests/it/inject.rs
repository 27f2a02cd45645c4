//! `garner inject`: what other programs get to read.

use std::io::Write as _;
use std::process::Stdio;

use crate::world::{World, items, text};

/// A machine that knows a rule with three quotes, and a fact.
fn world() -> World {
    let world = World::new();
    world.ok(&["setup"]);
    let rule = "Docstrings start with \"\"\" and a verb.";
    world.ok(&["fragment", "add", "--kind", "rule", rule]);
    world.ok(&["fragment", "add", "The harbour gauge reports every six minutes."]);
    world
}

#[test]
fn json_says_what_was_placed_and_what_was_not() {
    let world = world();
    let question = "how often does the harbour gauge report?";
    let found = world.json(&["inject", "--format", "json", "--query", question]);
    let sections: Vec<&str> =
        items(&found["placed"]).iter().filter_map(|placed| placed["section"].as_str()).collect();
    assert_eq!((found["format"].as_i64(), sections), (Some(1), vec!["core", "recalled"]));
    assert!(found["tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    assert!(found["recalled"].as_str().is_some_and(|text| text.contains("six minutes")));
    let request = world.ok(&["inject", "--format", "ollama-chat", "--query", question]);
    let request: serde_json::Value = serde_json::from_str(&request).unwrap();
    let [system, user] = items(&request["messages"]) else { panic!("{request}") };
    assert_eq!((&system["role"], &user["role"]), (&"system".into(), &"user".into()));
    assert!(system["content"].as_str().is_some_and(|text| text.contains("and a verb")));
    assert!(user["content"].as_str().is_some_and(|text| text.ends_with(question)));
}

#[test]
fn a_question_comes_through_a_pipe() {
    let world = world();
    let mut command = world.command(&["inject", "--query", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"when does the harbour gauge report?\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("six minutes"), "{printed}");
}

#[test]
fn a_question_without_end_is_refused() {
    let world = World::new();
    let path = world.path("long.txt");
    std::fs::write(&path, "a ".repeat(1 << 20)).unwrap();
    let mut command = world.command(&["inject", "--query", "-"]);
    command.stdin(std::fs::File::open(&path).unwrap());
    world.finish(command).fails(1, &["standard input", "1048576"]);
}

#[test]
fn no_fragment_ends_the_text_of_a_modelfile() {
    let world = world();
    let path = world.path("Modelfile");
    let arguments = ["inject", "--format", "modelfile", "--model", "llama3.2", "--out"];
    world.ok(&[&arguments[..], &[&text(&path)]].concat());
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains("\nFROM llama3.2\nSYSTEM \"\"\"<garner-memory"), "{written}");
    assert!(written.contains("start with ''' and a verb"), "{written}");
    assert_eq!(written.matches("\"\"\"").count(), 2, "{written}");
    assert!(written.ends_with("\"\"\"\n"), "{written}");
}

#[test]
fn a_skill_is_a_folder_that_agents_read() {
    let world = world();
    let folder = world.path("skills");
    world.ok(&["inject", "--format", "skill", "--out", &text(&folder)]);
    let written = std::fs::read_to_string(folder.join("garner/SKILL.md")).unwrap();
    let (_, rest) = written.split_once("---\n").unwrap();
    let (front, body) = rest.split_once("---\n").unwrap();
    let fields: Vec<(&str, &str)> =
        front.lines().filter_map(|line| line.split_once(": ")).collect();
    let [("name", name), ("description", description)] = fields[..] else { panic!("{front}") };
    assert_eq!(name, "garner", "the folder and the skill have one name");
    assert!(description.len() <= 1024 && !description.contains(": "), "{description}");
    assert!(body.contains("start with \"\"\" and a verb"), "{body}");
    let again = world.ok(&["inject", "--format", "skill", "--out", &text(&folder)]);
    assert_eq!(again, "", "what is written is not printed as well");
}
