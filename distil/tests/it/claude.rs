//! Claude Code as a program; a script of ours stands in for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use garner_compiler::distil::{DistilError, Distiller as _, SchemaStyle, Usage, schema};
use garner_distil::{ClaudeCli, Error, Program};
use garner_kernel::Fault;

use crate::script::{SAID, prompt};

fn program(model: Option<&str>, deadline: Duration) -> ClaudeCli {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-claude");
    ClaudeCli::new(Program { path, model: model.map(str::to_owned), deadline })
}

fn ask(model: &str) -> Result<(String, Usage), DistilError> {
    let answer = program(Some(model), Duration::from_mins(5)).ask(&prompt());
    answer.map(|answer| (answer.text.as_str().to_owned(), answer.usage))
}

#[test]
fn it_runs_without_tools_and_hooks_in_an_empty_folder() {
    let (said, usage) = ask("probe").unwrap();
    assert_eq!(usage, Usage { input: 1_000, output: 7, dollars: Some(0.0125) });
    assert!(said.starts_with("hooks=none files=0 folder=/"), "{said}");
    let schema = schema(SchemaStyle::Plain).to_string();
    let expected = format!(
        "arguments=[-p][--output-format][json][--json-schema][{schema}][--system-prompt]\
         [{}][--tools][][--strict-mcp-config][--no-session-persistence][--model][probe] input=",
        prompt().instructions.replace(['\n', '\t'], " ")
    );
    assert!(said.contains(&expected), "{said}\n{expected}");
    let input = said.split_once(" input=").unwrap().1;
    assert_eq!(input, prompt().text.as_str().replace('\n', " "));
    assert!(input.contains(SAID));
    // The folder is gone with the program.
    let folder = said.split_once("folder=").unwrap().1.split(' ').next().unwrap();
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn without_a_model_the_program_chooses() {
    let claude = program(None, Duration::from_mins(5));
    assert_eq!(claude.model(), "claude");
    assert_eq!(claude.ask(&prompt()).unwrap().text.as_str(), "{\"proposals\":[]}");
}

#[test]
fn how_it_ended_decides_what_its_answer_is_worth() {
    let rows = [
        ("good", "ok"),
        ("fenced", "ok"),
        ("refusal", "refused"),
        ("limit", "cut off"),
        ("retries", "ok"),
        ("login", "stopped"),
        ("error", "stopped"),
        ("says nothing", "stopped"),
    ];
    for (model, expected) in rows {
        let answer = ask(model);
        let word = answer.as_ref().map_or_else(DistilError::as_str, |_| "ok");
        assert_eq!(word, expected, "{model}: {answer:?}");
    }
    // It gave up on the schema: an answer that is no JSON, which is asked for once more.
    assert_eq!(ask("retries").unwrap().0, "");
}

#[test]
fn what_it_says_when_it_fails_is_told() {
    for (model, expected) in
        [("login", "Invalid API key · Please run /login"), ("error", "API Error: 529 overloaded")]
    {
        let Err(DistilError::Stopped { source, fault, .. }) = ask(model) else { panic!("{model}") };
        assert!(source.to_string().contains(expected), "{source}");
        assert_eq!(fault, Fault::Offline);
    }
}

#[test]
fn a_program_that_does_not_end_is_killed_at_its_deadline() {
    let answer = program(Some("deaf"), Duration::ZERO).ask(&prompt());
    let Err(DistilError::Unanswered { reason }) = answer else { panic!("{answer:?}") };
    assert_eq!(reason, "`claude` was stopped after 0 s");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let path = PathBuf::from("/nonexistent/claude");
    let claude = ClaudeCli::new(Program { path, model: None, deadline: Duration::ZERO });
    let Err(DistilError::Stopped { source, hint, fault }) = claude.ask(&prompt()) else {
        panic!("it ran")
    };
    assert!(matches!(source.downcast_ref(), Some(Error::Program { .. })), "{source}");
    assert!(hint.unwrap().contains("GARNER_CLAUDE") && fault == Fault::Missing);
}
