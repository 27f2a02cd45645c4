//! What is printed: JSON, colors, closed pipes, silence.

use std::io::pipe;

use crate::world::{Output, World, example, items, json, text};

/// The byte that starts every color.
const ESCAPE: char = '\u{1b}';

#[test]
fn every_command_that_reports_can_report_in_json() {
    let world = World::new();
    let one = example("day-one.jsonl");
    std::fs::create_dir(world.remote()).unwrap();
    let url = format!("file:{}", text(&world.remote()));
    let bundle = text(&world.path("notes.kernel"));
    world.json(&["setup", "--dry-run"]);
    world.json(&["setup"]);
    world.json(&["status"]);
    world.json(&["channel", "list"]);
    world.json(&["channel", "add", "notes", &url]);
    world.json(&["compile", "--audit", &one]);
    world.json(&["compile", "--dry-run", &one]);
    let compiled = world.json(&["compile", &one]);
    let waiting = world.json(&["review"]);
    let id = items(&waiting["waiting"])[0]["id"].as_str().unwrap().to_owned();
    let known = items(&compiled["new"]).iter().find(|e| e["status"] == "active").unwrap();
    let known = known["id"].as_str().unwrap();
    let repository = world.json(&["channel", "show", "notes"])["repository"].clone();
    let device = world.json(&["key", "show", "device"])["public"].clone();
    let grant = ["channel", "grant", "notes", device.as_str().unwrap(), "--as", "me"];
    let checks: &[&[&str]] = &[
        &["review", "--dry-run", "--reject", &id],
        &["review", "--accept", &id],
        &["publish", "--dry-run", "notes"],
        &["publish", "notes", "--out", &bundle],
        &["publish", "notes"],
        &grant,
        &["pull"],
        &["load", "--dry-run", "notes@1"],
        &["load", "notes"],
        &["recall", "heights"],
        &["recall", "--explain", "heights"],
        &["recall", "--as-prompt", "heights"],
        &["ask", "-n", "llama3.2", "how are heights stored?"],
        &["status"],
        &["log", "notes"],
        &["log", "--injections"],
        &["diff", "notes@1", "notes@2"],
        &["diff", "notes@1", "notes@2", "--stat"],
        &["verify"],
        &["verify", "draft"],
        &["verify", "notes"],
        &["verify", &bundle],
        &["verify", "--provenance", &one],
        &["fragment", "list"],
        &["fragment", "show", known],
        &["fragment", "pin", known],
        &["fragment", "unpin", known],
        &["fragment", "remove", known],
        &["undo"],
        &["key", "list"],
        &["key", "drill"],
        &["doctor"],
        &["op", "list"],
        &["op", "show", "1"],
        &["op", "restore", "1"],
        &["channel", "list"],
        &["channel", "trust", "other", repository.as_str().unwrap()],
        &["channel", "remove", "other", "--yes"],
    ];
    let mut broken = Vec::new();
    for command in checks {
        let output = world.run(&[&["--json"], *command].concat());
        let value = serde_json::from_str::<serde_json::Value>(&output.stdout);
        if output.status != 0 || !value.is_ok_and(|value| value["format"] == 1) {
            broken.push(format!("{}: {}{}", output.command, output.stdout, output.stderr));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let world = World::of_day_one();
    for arguments in [
        &["recall", "heights"][..],
        &["--json", "recall", "heights"],
        &["fragment", "list"],
        &["log", "notes"],
        &["status"],
        &["--help"],
        &["completions", "bash"],
        &["ask", "-n", "llama3.2", "heights?"],
        &["demo"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = world.command(arguments);
        let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn();
        let output = output.unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {} {stderr}", output.status);
        assert!(!stderr.contains("error"), "{arguments:?}: {stderr}");
    }
    world.leaves_nothing_half_done();
}

#[test]
fn a_change_is_whole_even_where_nobody_reads_of_it() {
    let world = World::publisher();
    for arguments in [&["compile", &example("day-one.jsonl")][..], &["publish"], &["load"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let status = world.command(arguments).stdout(writer).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }
    assert_eq!(world.json(&["status"])["channels"][0]["reads"], 1);
    world.ok(&["verify"]);
}

/// Runs a command with these variables besides.
fn run_with(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = world.command(arguments);
    command.envs(variables.iter().copied());
    world.finish(command)
}

#[test]
fn colors_are_printed_where_they_are_wanted_and_nowhere_else() {
    let world = World::of_day_one();
    let commands: [&[&str]; 5] = [
        &["recall", "--explain", "heights"],
        &["log", "notes"],
        &["status"],
        &["pull", "nope"],
        &["-vvv", "pull", "notes"],
    ];
    for command in commands {
        let colored = |flags: &[&str], variables: &[(&str, &str)]| {
            let output = run_with(&world, &[flags, command].concat(), variables);
            (output.stdout + &output.stderr).contains(ESCAPE)
        };
        // A pipe is not a terminal.
        assert!(!colored(&[], &[]), "{command:?}");
        assert!(!colored(&["--color", "never"], &[]), "{command:?}");
        assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]), "{command:?}");
        assert!(!colored(&[], &[("NO_COLOR", "1")]), "{command:?}");
        assert!(colored(&["--color", "always"], &[]), "{command:?}");
        assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]), "{command:?}");
        assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]), "{command:?}");
    }
    // Without colors the words are the same.
    let plain = world.ok(&["log", "notes"]);
    let colored = world.ok(&["--color", "always", "log", "notes"]);
    assert!(plain.contains("<- read here") && colored.contains("<- read here"));
    assert!(!world.ok(&["--json", "--color", "always", "status"]).contains(ESCAPE));
}

#[test]
fn quiet_says_nothing_but_results() {
    let world = World::publisher();
    for arguments in [
        &["compile", &example("day-one.jsonl")][..],
        &["publish", "notes"],
        &["load", "notes"],
        &["review"],
        &["fragment", "list"],
    ] {
        let output = world.run(&[&["--quiet"], arguments].concat());
        assert_eq!(output.stderr, "", "{arguments:?}");
        assert!(!output.succeeds().is_empty(), "{arguments:?}");
    }
    assert!(world.run(&["--quiet", "pull", "nope"]).stderr.contains("error: "));
}

#[test]
fn results_go_to_standard_output_and_errors_do_not() {
    let world = World::of_day_one();
    let failed = world.run(&["--json", "pull", "nope"]);
    assert_eq!((failed.status, failed.stdout.as_str()), (3, ""));
    let verbose = world.run(&["--json", "-vvv", "recall", "heights"]);
    assert!(!items(&json(&verbose.stdout)["hits"]).is_empty());
}
