//! `garner serve` and `garner run`: between a client and a server that follows a script.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::ollama::ollama;
use crate::replay::{Asked, Replay, Reply, Step, exchange, post, request};
use crate::world::{World, items, text};

const QUESTION: &str = "how are heights stored?";

/// A proxy that runs until it is dropped.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: String,
    pub(crate) started: Value,
}

impl Running {
    /// Starts `garner serve` on a free port.
    pub(crate) fn start(world: &World, server: &Replay, arguments: &[&str]) -> Self {
        let listen = ["--json", "serve", "--listen", "127.0.0.1:0", "--upstream"];
        let upstream = server.address();
        let arguments = [&listen[..], &[upstream.as_str()], arguments].concat();
        let mut command = world.command(&arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        let (mut said, mut started) = (String::new(), None);
        while started.is_none() && reader.read_line(&mut said).unwrap() > 0 {
            started = serde_json::from_str::<Value>(&said).ok();
        }
        let started = started.unwrap();
        let address = started["address"].as_str().unwrap().replace("http://", "");
        Self { process, address, started }
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        signal_to(&self.process, signal);
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal_to(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn chat(question: &str) -> String {
    json!({ "model": "team", "messages": [{ "role": "user", "content": question }] }).to_string()
}

/// Asks until the store is ready, and returns the answer's headers and what the server got.
fn ask(proxy: &Running, server: &Replay, path: &str) -> (crate::replay::Answer, Value) {
    loop {
        let answer = post(&proxy.address, path, &chat(QUESTION));
        let asked = server.of("/api/chat").pop().unwrap();
        let late = answer.header("x-garner-reason");
        if !late.is_some_and(|reason| ["deadline", "model"].contains(&reason)) {
            return (answer, serde_json::from_slice(&asked.body).unwrap());
        }
    }
}

#[test]
fn a_client_of_the_proxy_gets_what_the_store_knows_and_it_is_logged() {
    let world = World::of_day_one();
    let server = Replay::start(ollama);
    let proxy = Running::start(&world, &server, &[]);
    assert_eq!(proxy.started["upstream"], format!("http://{}", server.address()));
    assert_eq!(proxy.started["injects"], true);
    assert_eq!(proxy.started["learns"], false);
    assert_eq!(proxy.started["console"], format!("http://{}/console", proxy.address));
    let (answer, got) = ask(&proxy, &server, "/api/chat");
    assert_eq!(answer.header("x-garner-kernels"), Some("notes@1"));
    let said = |message: &Value| message["content"].as_str().unwrap().to_owned();
    let told: String = items(&got["messages"]).iter().map(said).collect();
    assert!(told.contains("Heights are integers in millimetres"), "{told}");
    assert!(told.ends_with(QUESTION), "{told}");
    assert_eq!(
        post(&proxy.address, "/k/nosuch/api/chat", &chat(QUESTION)).header("x-garner-reason"),
        Some("unknown-channel")
    );
    assert_eq!(ask(&proxy, &server, "/k/notes/api/chat").0.header("x-garner-reason"), None);
    // What is loaded while it runs is used at once.
    world.learn("day-two.jsonl");
    assert_eq!(ask(&proxy, &server, "/api/chat").0.header("x-garner-kernels"), Some("notes@2"));
    let page = exchange(&proxy.address, &request("GET", "/console", b"")).text();
    assert!(page.contains("<p>Read last: notes@2.</p>"), "{page}");
    assert_eq!(proxy.end("-TERM"), Some(0));
    let logged = world.json(&["log", "--injections"]);
    let logged = items(&logged["injections"]);
    assert!(logged.len() >= 2, "{logged:?}");
    assert_eq!(logged[0]["model"], "team");
    assert!(!items(&logged[logged.len() - 1]["placed"]).is_empty());
    world.ok(&["verify"]);
}

#[test]
fn without_a_store_and_without_injection_everything_passes() {
    let world = World::new();
    let server = Replay::start(ollama);
    let proxy = Running::start(&world, &server, &[]);
    assert_eq!(ask(&proxy, &server, "/api/chat").0.header("x-garner-reason"), Some("no-store"));
    let proxy = Running::start(&World::of_day_one(), &server, &["--no-inject"]);
    assert_eq!(proxy.started["injects"], false);
    let (answer, got) = ask(&proxy, &server, "/api/chat");
    assert_eq!((answer.header("x-garner-reason"), got.to_string()), (Some("off"), chat(QUESTION)));
    let metrics = exchange(&proxy.address, &request("GET", "/metrics", b"")).text();
    assert!(metrics.contains("garner_untouched_total{reason=\"off\"} 1"), "{metrics}");
    assert_eq!(proxy.end("-INT"), Some(0));
}

/// Returns the most memory that a process had, in kilobytes.
fn peak(process: &Child) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_hundred_megabytes_pass_in_constant_memory() {
    const SIZE: usize = 100 << 20;
    let server = Replay::start(|asked| {
        if asked.path == "/blob" {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").into_bytes();
            return Reply { steps: vec![Step::Send(head), Step::Flood(SIZE)], early: false };
        }
        ollama(asked)
    });
    let proxy = Running::start(&World::new(), &server, &["--no-inject"]);
    assert!(post(&proxy.address, "/api/embed", "{}").status.contains("200"));
    let before = peak(&proxy.process);
    let body = vec![b'y'; SIZE];
    let sent = exchange(&proxy.address, &request("POST", "/api/blobs/sha256:29", &body));
    assert!(sent.status.contains("201"), "{sent:?}");
    assert_eq!(exchange(&proxy.address, &request("GET", "/blob", b"")).body.len(), SIZE);
    match (before, peak(&proxy.process)) {
        (Some(before), Some(after)) => {
            assert!(after < before + 10_000, "{before} kB became {after}");
        }
        _ => eprintln!("skipped: this system does not tell how much memory a process has"),
    }
}

#[test]
fn an_address_that_cannot_be_had_is_told() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.fails(&["serve", "--listen", &address], 1, &["cannot listen at", &address, "--listen"]);
    world.fails(&["serve", "--listen", "0.0.0.0:0"], 1, &["other machines", "--expose"]);
    world.fails(&["serve", "--listen", "192.0.2.1:1"], 1, &["other machines", "--expose"]);
    world.fails(&["serve", "--listen", "127.0.0.1:0", "--upstream", "http://"], 1, &["http://"]);
    drop(taken);
    let itself = ["serve", "--listen", &address, "--upstream", &address];
    world.fails(&itself, 1, &["would be this proxy itself", "--upstream"]);
}

#[test]
fn a_unit_repeats_the_command() {
    let world = World::new();
    let unit = world.ok(&[
        "serve",
        "--listen",
        "127.0.0.1:9",
        "--where",
        "kind=fact and created>2026-01-31",
        "--print-unit",
    ]);
    let start = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(
        start.ends_with(" serve --listen 127.0.0.1:9 --where \"kind=fact and created>2026-01-31\""),
        "{start}"
    );
    let program = start.trim_start_matches("ExecStart=").split(' ').next().unwrap();
    assert_eq!(Path::new(program), Path::new(env!("CARGO_BIN_EXE_garner")));
    for section in ["[Unit]", "[Service]", "[Install]"] {
        assert!(unit.lines().any(|line| line == section), "{unit}");
    }
}

/// Writes a client for the shell and returns its path.
fn script(world: &World, name: &str, body: &str) -> PathBuf {
    fs::create_dir_all(world.path("bin")).unwrap();
    let path = world.path("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn run(world: &World, server: &Replay, arguments: &[&str]) -> Command {
    let mut command = world.command(&[&["run"], arguments].concat());
    let path = format!("{}:{}", text(&world.path("bin")), std::env::var("PATH").unwrap());
    command.env("OLLAMA_HOST", server.address()).env("PATH", path);
    command
}

#[test]
fn the_first_signal_lets_answers_end_and_the_second_does_not() {
    for signals in [1, 2] {
        let world = World::new();
        let (open, gate) = sync_channel::<()>(1);
        let gate = Arc::new(Mutex::new(gate));
        let server = Replay::start(move |asked: &Asked| {
            let mut reply = ollama(asked);
            if asked.path == "/api/chat" {
                reply.steps.insert(1, Step::Wait(Arc::clone(&gate)));
            }
            reply
        });
        let proxy = Running::start(&world, &server, &[]);
        let address = proxy.address.clone();
        let mut client = TcpStream::connect(&address).unwrap();
        client.write_all(&request("POST", "/api/chat", chat(QUESTION).as_bytes())).unwrap();
        // The answer runs from here on.
        let mut first = [0; 12];
        client.read_exact(&mut first).unwrap();
        signal_to(&proxy.process, "-TERM");
        // Once nobody new is let in, the signal was understood.
        while TcpStream::connect(&address).is_ok() {}
        if signals == 2 {
            assert_eq!(proxy.end("-TERM"), Some(0));
            continue;
        }
        open.send(()).unwrap();
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(read.is_ok() && answer.contains("\"done\":true"), "{read:?}: {answer}");
        let mut proxy = proxy;
        assert_eq!(proxy.process.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_client_is_run_with_a_proxy_of_its_own() {
    let world = World::of_day_one();
    let server = Replay::start(ollama);
    script(&world, "ollama", "echo \"$*|$OLLAMA_HOST|$OPENAI_BASE_URL|$ANTHROPIC_BASE_URL\"");
    let said = world
        .finish(run(&world, &server, &["llama3.2", "--verbose", "--", "two words"]))
        .succeeds();
    let parts: Vec<&str> = said.trim_end().split('|').collect();
    assert_eq!(parts[0], "run llama3.2 --verbose -- two words");
    let url = parts[1];
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(&server.address()), "{url}");
    assert_eq!(parts[2..], [format!("{url}/v1"), url.to_owned()]);
    // The port is closed with the client.
    assert!(TcpStream::connect(url.trim_start_matches("http://")).is_err());
    // Another client asks, with what the store knows.
    let body = chat(QUESTION).replace('"', "\\\"");
    let asking = format!(
        "exec 3<>/dev/tcp/${{OLLAMA_HOST#http://}}; printf 'POST /api/chat HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\nContent-Length: {}\\r\\n\\r\\n%s' \"{body}\" >&3; cat <&3",
        chat(QUESTION).len()
    )
    .replace("/dev/tcp/${OLLAMA_HOST#http://}", "/dev/tcp/127.0.0.1/${OLLAMA_HOST##*:}");
    loop {
        let answer = world.finish(run(&world, &server, &["--", "bash", "-c", &asking])).succeeds();
        if answer.contains("x-garner-kernels: notes@1") {
            break;
        }
        assert!(
            answer.contains("x-garner-reason: deadline")
                || answer.contains("x-garner-reason: model"),
            "{answer}"
        );
    }
    assert!(!items(&world.json(&["log", "--injections"])["injections"]).is_empty());
}

#[test]
fn the_status_of_a_client_is_that_of_the_command() {
    let world = World::new();
    let server = Replay::start(ollama);
    let status = |body: &str| {
        let mut command = run(&world, &server, &["--", "sh", "-c", body]);
        command.stderr(Stdio::piped());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(status("exit 7"), (Some(7), String::new()));
    assert_eq!(status("kill -9 $$"), (Some(137), String::new()));
    assert_eq!(status("exit 0"), (Some(0), String::new()));
    let missing = world.finish(run(&world, &server, &["--", "no-such-client"]));
    missing.fails(3, &["cannot run `no-such-client`", "garner run -- CLIENT"]);
    world.fails(&["run"], 2, &["MODEL"]);
}

#[test]
fn signals_go_on_to_the_client() {
    let world = World::new();
    let server = Replay::start(ollama);
    for (signal, name) in [("-TERM", "TERM"), ("-INT", "INT"), ("-HUP", "HUP"), ("-USR1", "USR1")] {
        let body =
            format!("trap 'echo got; exit 9' {name}; echo ready; while :; do sleep 0.02; done");
        let mut command = run(&world, &server, &["--", "sh", "-c", &body]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        signal_to(&process, signal);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), process.wait().unwrap().code()), ("got\n", Some(9)), "{signal}");
    }
}
