//! `garner compile --llm`: what is sent, what becomes of it, what it costs, and what goes wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::script::{IS_SILENT, Reply, Server, ok};
use crate::world::{Output, World, example, holds, items, planted, text};

const KEY: &str = "sk-ant-of-the-test-0123456789";
const SAID: &str = "heights are integers in millimetres, everywhere in this project, always";

/// Writes a small session to a machine and returns its path.
fn session(world: &World) -> String {
    let said = [("user", SAID), ("assistant", "Understood: heights are integers in millimetres.")];
    let line = |(n, (role, said)): (usize, &(&str, &str))| {
        json!({
            "type": role, "uuid": format!("u-{n}"), "sessionId": "s-1",
            "cwd": "/home/somebody/code/barn", "timestamp": "2026-03-10T10:00:00.000Z",
            "message": {"role": role, "content": [{"type": "text", "text": said}]},
        })
        .to_string()
    };
    let lines: Vec<String> = said.iter().enumerate().map(line).collect();
    fs::create_dir_all(world.path("sessions")).unwrap();
    let path = world.path("sessions/s-1.jsonl");
    fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
    text(&path)
}

fn proposals() -> String {
    json!({"proposals": [
        {"evidence_quote": SAID, "evidence_record": 1, "kind": "rule", "lasts": "long",
         "statement": "Heights are always integers in millimetres."},
        {"evidence_quote": "Heights are floats.", "evidence_record": 1, "kind": "rule",
         "lasts": "long", "statement": "Heights are floats."},
    ]})
    .to_string()
}

fn message(text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1500, "output_tokens": 100},
    })
}

/// Runs a command that finds Anthropic's API at a server.
fn anthropic(world: &World, server: &Server, arguments: &[&str]) -> Output {
    world.finish(command(world, server, arguments))
}

fn command(world: &World, server: &Server, arguments: &[&str]) -> Command {
    let mut command = world.command(&[&["compile", "--llm", "anthropic"], arguments].concat());
    command.env("ANTHROPIC_API_KEY", KEY);
    command.env("ANTHROPIC_BASE_URL", format!("http://{}", server.address));
    command.env("GARNER_LLM_MODEL", "claude-of-the-test");
    command
}

fn of_model(world: &World) -> Vec<(String, String)> {
    let draft = world.draft().unwrap();
    let found = draft.entries.values().filter(|entry| {
        entry.fragment.sources.iter().any(|source| source.rule.as_str() == "m-model")
    });
    let pair = |e: &garner_kernel::Entry| {
        (e.status.as_str().to_owned(), e.fragment.statement.as_str().to_owned())
    };
    found.map(pair).collect()
}

fn statement() -> Vec<(String, String)> {
    vec![("active".to_owned(), "Heights are always integers in millimetres.".to_owned())]
}

#[test]
fn a_model_proposes_and_is_not_asked_twice() {
    let world = World::new();
    let path = session(&world);
    let server = Server::new(vec![ok(message(&proposals()).to_string())]);
    let output = anthropic(&world, &server, &[&path, "--llm-price", "3,15"]);
    assert!(output.stderr.contains("To ask `claude-of-the-test` (anthropic) about 1 window"));
    assert!(output.stderr.contains(" at 3,15 for a million"), "{}", output.stderr);
    let stdout = output.succeeds();
    for told in [
        "1 active",
        "Asked `claude-of-the-test` about 1 of 1 window in 1 request: 1500 tokens in and 100 out, \
         0.0060 at 3,15 for a million.",
        "It proposed 2 statements, 1 of them with evidence.",
        "Dropped: quotes what is not there (1).",
    ] {
        assert!(stdout.contains(told), "no `{told}` in\n{stdout}");
    }
    assert_eq!(of_model(&world), statement());
    assert_eq!(server.requests().len(), 1);

    // What was answered is not sent again; nobody listens any more.
    let server = Server::new(Vec::new());
    let output = anthropic(&world, &server, &[&path]);
    assert!(
        output.stderr.contains("Passed over 1 window that a model answered"),
        "{}",
        output.stderr
    );
    output.succeeds();
    let server = Server::new(vec![ok(message("{\"proposals\":[]}").to_string())]);
    anthropic(&world, &server, &[&path, "--again"]).succeeds();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(of_model(&world), statement(), "a model deletes nothing");
    let files = world.files();
    assert!(files.iter().all(|(_, bytes)| !holds(bytes, KEY.as_bytes())), "the key is in a file");
    assert!(!holds(&world.said(), KEY.as_bytes()));
    world.leaves_nothing_half_done();
}

#[test]
fn a_session_that_teaches_nothing_is_sent_once() {
    let world = World::new();
    let path = session(&world);
    let empty = || Server::new(vec![ok(message("{\"proposals\":[]}").to_string())]);
    let server = empty();
    let told = anthropic(&world, &server, &[&path]).succeeds();
    assert!(told.contains("Nothing new.") && told.contains("It proposed 0 statements"), "{told}");
    let output = anthropic(&world, &Server::new(Vec::new()), &[&path]);
    assert!(output.stderr.contains("Passed over 1 window"), "{}", output.stderr);
    output.succeeds();
    // A draft that is gone is made anew, with all that went into it.
    fs::remove_file(world.path("data/garner/drafts/notes.jsonl")).unwrap();
    let server = empty();
    anthropic(&world, &server, &[&path]).succeeds();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn secrets_stay_here() {
    let world = World::new();
    let path = example("day-one.jsonl");
    let empty = || ok(message("{\"proposals\":[]}").to_string());
    // As many replies as the plan has windows.
    let forecast = world.json(&[
        "compile",
        "-n",
        "--llm",
        "ollama",
        "--llm-model",
        "m",
        "--llm-budget",
        "9",
        &path,
    ]);
    assert_eq!(forecast["model"]["forecast"]["covered"], 0);
    let mut command = world.command(&["--json", "compile", "-n", "--llm", "anthropic", &path]);
    command.env("ANTHROPIC_API_KEY", KEY).env("GARNER_LLM_MODEL", "m");
    let forecast = crate::world::json(&world.finish(command).succeeds());
    let windows = forecast["model"]["forecast"]["windows"].as_u64().unwrap();
    assert!(windows > 0 && forecast["model"]["run"].is_null());
    assert!(world.draft().is_none(), "a dry run writes nothing");
    let server = Server::new((0..windows).map(|_| empty()).collect());
    anthropic(&world, &server, &[&path, "--llm-budget", "10000000"]).succeeds();
    let requests = server.requests();
    let sent: String = requests.iter().map(|request| request.body.as_str()).collect();
    assert!(sent.contains("[redacted:") && sent.len() > 10_000);
    for secret in planted("secrets") {
        assert!(!sent.contains(&secret), "a secret was sent");
    }
}

#[test]
fn without_a_model_the_draft_is_the_same_to_the_byte() {
    let (plain, with) = (World::new(), World::new());
    let path = example("day-two.jsonl");
    plain.ok(&["compile", &path]);
    let mut command = with.command(&["compile", "--llm", "none", &path]);
    command.env("GARNER_LLM", "anthropic");
    with.finish(command).succeeds();
    assert_eq!(plain.draft_text(), with.draft_text());
}

#[test]
fn what_cannot_be_asked_is_said_before_anything_is_read() {
    let world = World::new();
    let path = session(&world);
    let rows: [(&[&str], i32, &[&str]); 7] = [
        (&["--llm", "anthropic"], 1, &["needs a key", "ANTHROPIC_API_KEY"]),
        (&["--llm", "ollama"], 1, &["needs the name of a model", "--llm-model"]),
        (&["--llm", "ollama", "--llm-model", "m", "--llm-batch"], 1, &["--llm-batch"]),
        (&["--llm-batch"], 1, &["goes with `--llm anthropic` only"]),
        (&["--offline", "--llm", "anthropic"], 5, &["https://api.anthropic.com", "--offline"]),
        (&["--offline", "--llm", "claude-cli"], 5, &["`--offline` forbids", "--llm ollama"]),
        (&["--llm", "ollama", "--llm-model", "m"], 5, &["no Ollama server answers"]),
    ];
    for (arguments, status, facts) in rows {
        world.fails(&[&["compile", &path], arguments].concat(), status, facts);
    }
    assert!(world.draft().is_none());
    let mut command = world.command(&["compile", "--offline", "--llm", "ollama", &path]);
    command.env("OLLAMA_HOST", "192.0.2.7:1").env("GARNER_LLM_MODEL", "m");
    world.finish(command).fails(5, &["192.0.2.7", "`--offline` forbids"]);
    for (name, value) in [("GARNER_LLM", "gpt"), ("GARNER_LLM_BUDGET", "much")] {
        let mut command = world.command(&["compile", &path]);
        command.env(name, value);
        world.finish(command).fails(1, &[name, value]);
    }
}

#[test]
fn a_refused_key_ends_the_run_and_keeps_what_rules_found() {
    let world = World::new();
    let error = json!({"type": "error", "error": {
        "type": "authentication_error", "message": format!("invalid x-api-key {KEY}")}});
    let server = Server::new(vec![(401, &[], error.to_string())]);
    let path = example("day-two.jsonl");
    let output = anthropic(&world, &server, &[&path]);
    output.fails(4, &["about 0 of ", "invalid x-api-key [key]", "hint: check the key"]);
    let plain = World::new();
    plain.ok(&["compile", &path]);
    assert_eq!(world.draft_text(), plain.draft_text());
    assert!(!holds(&world.said(), KEY.as_bytes()));
}

#[test]
fn a_budget_is_kept_and_the_next_run_goes_on() {
    let world = World::new();
    let path = session(&world);
    let server = Server::new(Vec::new());
    let output = anthropic(&world, &server, &[&path, "--llm-budget", "1000"]);
    assert!(output.stderr.contains("The budget of 1000 tokens is sure to cover 0"));
    let told = output.succeeds();
    assert!(told.contains("Left out 1 window that the budget does not cover"), "{told}");
    let server = Server::new(vec![ok(message(&proposals()).to_string())]);
    anthropic(&world, &server, &[&path]).succeeds();
    assert_eq!(of_model(&world), statement());
}

#[test]
fn ollama_is_asked_for_the_model_first() {
    let world = World::new();
    let path = session(&world);
    let chat = json!({
        "message": {"role": "assistant", "content": proposals()}, "done": true,
        "done_reason": "stop", "prompt_eval_count": 800, "eval_count": 90,
    });
    let ask = |replies: Vec<Reply>| {
        let server = Server::new(replies);
        let mut command = world.command(&["compile", "--llm", "ollama", &path]);
        command.env("OLLAMA_HOST", &server.address).env("GARNER_LLM_MODEL", "small");
        (world.finish(command), server)
    };
    let tags = json!({"models": [{"name": "llama3.2:latest", "modified_at": "", "size": 1}]});
    let (missing, _) = ask(vec![(404, &[], "{}".to_owned()), ok(tags.to_string())]);
    missing.fails(3, &["no model `small`", "llama3.2:latest"]);
    let remote = json!({"remote_host": "https://ollama.example"}).to_string();
    let (output, server) = ask(vec![ok(remote), ok(chat.to_string())]);
    assert!(output.stderr.contains("text leaves this machine"), "{}", output.stderr);
    assert!(output.succeeds().contains("800 tokens in and 90 out, price unknown."));
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /api/show HTTP/1.1", "POST /api/chat HTTP/1.1"]);
    assert_eq!(of_model(&world), statement());
}

#[test]
fn claude_is_run_as_a_program() {
    let world = World::new();
    let path = session(&world);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("distil/tests/fake-claude");
    let mut command = world.command(&["--json", "compile", "--llm", "claude-cli", &path]);
    command.env("GARNER_CLAUDE", &program);
    let report = crate::world::json(&world.finish(command).succeeds());
    let model = &report["model"];
    assert_eq!((&model["llm"], &model["model"]), (&"claude-cli".into(), &"claude".into()));
    assert_eq!(model["run"]["input tokens"], 1000);
    assert_eq!(model["run"]["dollars"], 0.0125);
    assert_eq!(model["run"]["asked"], 1);
    let mut command = world.command(&["compile", "--again", "--llm", "claude-cli", &path]);
    command.env("GARNER_CLAUDE", "/nonexistent/claude");
    world.finish(command).fails(3, &["cannot run `/nonexistent/claude`", "GARNER_CLAUDE"]);
    world.leaves_nothing_half_done();
}

/// Returns what the API says of a batch of one request.
fn batch(status: &str) -> Value {
    let counted = if status == "ended" { "succeeded" } else { "processing" };
    json!({"id": "msgbatch_1", "type": "message_batch", "processing_status": status,
        "request_counts": {counted: 1}, "archived_at": null})
}

/// Returns the list of all batches.
fn list(batches: &[Value]) -> String {
    json!({"data": batches, "has_more": false, "first_id": null, "last_id": null}).to_string()
}

/// Makes a batch under way one of the same server at another port.
fn moved(state: &Path, server: &Server) {
    let mut kept: Value = serde_json::from_slice(&fs::read(state).unwrap()).unwrap();
    kept["server"] = format!("http://{}/", server.address).into();
    fs::write(state, kept.to_string()).unwrap();
}

#[test]
fn a_batch_is_collected_by_the_next_run_and_then_forgotten() {
    let world = World::new();
    let path = session(&world);
    let gone =
        (403, &[][..], json!({"error": {"type": "permission_error", "message": "no"}}).to_string());
    let first = Server::new(vec![ok(list(&[])), ok(batch("in_progress").to_string()), gone]);
    let output = anthropic(&world, &first, &[&path, "--llm-batch"]);
    output.fails(4, &["about 0 of 1 windows", "no (permission_error)"]);
    let state = world.path("state/garner/windows/batches/notes.json");
    let requests = first.requests();
    let id = items(&requests[1].json()["requests"])[0]["custom_id"].as_str().unwrap().to_owned();

    let line = json!({"custom_id": id,
        "result": {"type": "succeeded", "message": message(&proposals())}});
    let second = Server::new(vec![ok(batch("ended").to_string()), ok(line.to_string())]);
    moved(&state, &second);
    anthropic(&world, &second, &[&path, "--llm-batch"]).succeeds();
    assert_eq!(second.requests()[1].line, "GET /v1/messages/batches/msgbatch_1/results HTTP/1.1");
    assert_eq!(of_model(&world), statement());
    assert!(!state.exists());
}

#[test]
fn a_batch_that_was_sent_by_a_command_that_was_killed_is_found_and_collected() {
    let world = World::new();
    let path = session(&world);
    let first = Server::new(vec![ok(list(&[])), (IS_SILENT, &[], String::new())]);
    let mut command = command(&world, &first, &[&path, "--llm-batch"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The server has all of the batch, and the command has no answer.
    let start = Instant::now();
    while first.seen() < 2 {
        assert!(start.elapsed() < Duration::from_mins(1) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    let requests = first.requests();
    assert_eq!(requests[1].line, "POST /v1/messages/batches HTTP/1.1");
    let sent = requests[1].json();
    let id = items(&sent["requests"])[0]["custom_id"].as_str().unwrap().to_owned();
    let state = world.path("state/garner/windows/batches/notes.json");
    let kept: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    assert_eq!((&kept["batches"], kept["intent"]["after"].as_str()), (&json!({}), None));

    let line = json!({"custom_id": id,
        "result": {"type": "succeeded", "message": message(&proposals())}});
    let second = Server::new(vec![
        ok(list(&[batch("ended")])),
        ok(batch("ended").to_string()),
        ok(line.to_string()),
    ]);
    moved(&state, &second);
    anthropic(&world, &second, &[&path, "--llm-batch"]).succeeds();
    let lines: Vec<String> = second.requests().into_iter().map(|request| request.line).collect();
    let expected = [
        "GET /v1/messages/batches?limit=100 HTTP/1.1",
        "GET /v1/messages/batches/msgbatch_1 HTTP/1.1",
        "GET /v1/messages/batches/msgbatch_1/results HTTP/1.1",
    ];
    assert_eq!(lines, expected);
    assert_eq!(of_model(&world), statement());
    assert!(!state.exists());
    world.leaves_nothing_half_done();
}
