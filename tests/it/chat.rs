//! `garner ask --chat`: a conversation, with a server that follows a script behind it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;

use serde_json::Value;

use crate::ollama::ollama;
use crate::replay::{Asked, Replay, Reply, Step};
use crate::world::{Output, World, items};

/// What the server of the script answers to each question.
const ANSWER: &str = "Grüß Gott 東京 🦀";

fn command(world: &World, server: &Replay, arguments: &[&str]) -> Command {
    let mut command = world.command(&[&["ask", "--chat", "team"], arguments].concat());
    command.env("OLLAMA_HOST", server.address());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a conversation whose questions come through a pipe.
fn chat(world: &World, server: &Replay, arguments: &[&str], lines: &str) -> Output {
    let mut child = command(world, server, arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Output {
        command: "ask --chat".to_owned(),
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns role and content of every message of each request to the model.
fn asked(server: &Replay) -> Vec<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let messages = |asked: Asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        items(&body["messages"]).iter().map(|m| (text(&m["role"]), text(&m["content"]))).collect()
    };
    server.of("/api/chat").into_iter().map(messages).collect()
}

#[test]
fn a_conversation_goes_on_and_nothing_is_told_twice() {
    let world = World::of_day_one();
    let server = Replay::start(ollama);
    let questions = "how are heights stored?\n\nand in which unit are heights stored?\r\nwhat do tests run with?\n";
    let output = chat(&world, &server, &["--explain"], questions);
    assert!(output.stderr.matches("In the prompt").count() == 3, "{}", output.stderr);
    assert_eq!(output.succeeds(), format!("{ANSWER}\n").repeat(3));
    let asked = asked(&server);
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [2, 4, 6]);
    let last = asked.last().unwrap();
    let roles: Vec<_> = last.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant", "user"]);
    // What was sent once is sent again byte for byte: a model need not read it again.
    assert_eq!(asked[1][..2], asked[0][..]);
    assert_eq!(last[..4], asked[1][..]);
    assert_eq!((&last[2].1, &last[4].1), (&ANSWER.to_owned(), &ANSWER.to_owned()));
    assert!(last[1].1.ends_with("how are heights stored?"), "{}", last[1].1);
    assert!(last[3].1.ends_with("and in which unit are heights stored?"), "{}", last[3].1);
    let told: String = last.iter().map(|(_, content)| content.as_str()).collect();
    let ids: Vec<&str> = told.split("\n- [").skip(1).filter_map(|line| line.get(..12)).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "{told}");
    let recalled = |content: &str| content.matches("\n- [").count();
    assert!(recalled(&last[1].1) > 0 && recalled(&last[5].1) > 0, "{told}");
    // Each turn is in the log of what a model was told.
    let logged = world.json(&["log", "--injections"]);
    assert!(!items(&logged["injections"]).is_empty(), "{logged}");
    world.ok(&["verify"]);
}

#[test]
fn the_first_question_may_be_on_the_command_line() {
    let world = World::new();
    let server = Replay::start(ollama);
    let output = chat(&world, &server, &["hello", "there"], "");
    assert_eq!(output.succeeds(), format!("{ANSWER}\n"));
    let first = asked(&server).remove(0);
    assert_eq!(first.last().unwrap().1, "hello there");
    assert_eq!(world.run(&["ask", "--chat", "-n", "team", "hi"]).status, 2);
    assert_eq!(world.run(&["ask", "--learn", "team", "hi"]).status, 2);
    // What is said is kept where that is asked for.
    let folder = world.path("state/garner/spool/conversations");
    assert!(!folder.exists());
    chat(&world, &server, &["--learn", "hello", "there"], "and again\n").succeeds();
    let kept = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_to_string(kept).unwrap();
    for said in ["\"hello there\"", ANSWER, "\"and again\""] {
        assert!(kept.contains(said), "no {said} in\n{kept}");
    }
    assert_eq!(world.run(&["ask", "team"]).status, 2);
}

#[test]
fn a_model_or_a_server_that_is_not_there_ends_a_conversation_before_it_begins() {
    let world = World::of_day_one();
    world.fails(&["ask", "--chat", "team"], 5, &["no Ollama server answers", "`ollama serve`"]);
    let server = Replay::start(|asked| match asked.path.as_str() {
        "/api/show" => Reply::json("404 Not Found", r#"{"error":"not found"}"#),
        "/api/tags" => Reply::json("200 OK", r#"{"models":[]}"#),
        _ => ollama(asked),
    });
    chat(&world, &server, &[], "hello\n").fails(3, &["team", "hint: "]);
    // An answer that breaks off ends what a pipe asked, and is an error.
    let server = Replay::start(|asked| match asked.path.as_str() {
        "/api/chat" => Reply::json("500 Internal Server Error", r#"{"error":"out of memory"}"#),
        _ => ollama(asked),
    });
    chat(&world, &server, &[], "hello\nagain\n").fails(5, &["out of memory"]);
    assert_eq!(server.of("/api/chat").len(), 1);
}

#[test]
fn an_interrupt_stops_one_answer_and_the_next_question_is_asked() {
    let world = World::of_day_one();
    let (gone, is_gone) = sync_channel(1);
    let server = Replay::start(move |asked: &Asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        if asked.path != "/api/chat" || body.contains("go on") {
            return ollama(asked);
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
        let line =
            "{\"message\":{\"role\":\"assistant\",\"content\":\"Once upon\"},\"done\":false}\n";
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        let steps = vec![
            Step::Send(head.into()),
            Step::Send(chunk.into_bytes()),
            Step::UntilGone(gone.clone()),
        ];
        Reply { steps, early: false }
    });
    let mut child = command(&world, &server, &[]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    input.write_all(b"tell me a story\n").unwrap();
    let mut shown = vec![0; "Once upon".len()];
    output.read_exact(&mut shown).unwrap();
    assert_eq!(shown, b"Once upon");
    let interrupt = || {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    interrupt();
    // The server is told that nobody listens any more.
    is_gone.recv().unwrap();
    input.write_all(b"go on\n").unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, format!("\n{ANSWER}\n"));
    let asked = asked(&server);
    // What was shown was said.
    assert_eq!(asked.last().unwrap()[2], ("assistant".to_owned(), "Once upon".to_owned()));
    // Where nothing is being answered, an interrupt ends the program.
    interrupt();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_person_at_a_terminal_is_asked_for_each_line() {
    let world = World::of_day_one();
    let server = Replay::start(ollama);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
    if Command::new("python3").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no `python3`");
    }
    let mut python = Command::new("python3");
    // The last one is the end of input, which a terminal takes at the start of a line.
    let answers = r#"[[">>> ","how are heights stored?","seen"],[">>> ","\u0004","seen"]]"#;
    python.arg(script).arg(answers).args([env!("CARGO_BIN_EXE_garner"), "ask", "--chat", "team"]);
    python.env_clear().envs(world.environment()).env("OLLAMA_HOST", server.address());
    let shown = world.finish(python).succeeds();
    assert_eq!(shown.matches(">>> ").count(), 2, "{shown}");
    assert!(shown.contains(ANSWER), "{shown}");
    assert_eq!(asked(&server).len(), 1);
}
