//! Asking a model: a server that follows a script answers, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use crate::world::{Output, World, items, json, short};

const QUESTION: &str = "how are heights stored?";
const SYSTEM: &str = "You answer like a harbour pilot.";
const SHOW: &str =
    "{\"system\":\"You answer like a harbour pilot.\",\"parameters\":\"num_ctx 8192\"}";
/// An answer in pieces as they arrive: lines are cut anywhere, even inside a character.
const ANSWER: [&[u8]; 4] = [
    b"{\"message\":{\"role\":\"assistant\",\"content\":\"In milli\"},\"done\":false}\n{\"mess",
    b"age\":{\"role\":\"assistant\",\"content\":\"metres, gr\xc3",
    b"\xbcn ist Land.\"},\"done\":false}\n",
    b"{\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":90,\"eval_count\":8}\n",
];

/// What a server was asked: a path and a body.
type Asked = Receiver<(String, Value)>;

/// Starts a server that gives each reply to one request, and returns its address.
fn server(replies: Vec<Vec<&'static [u8]>>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, asked) = channel();
    thread::spawn(move || {
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&stream);
            if sender.send(request).is_err() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
            for piece in reply {
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
                thread::yield_now();
            }
        }
    });
    (address, asked)
}

fn read(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (path, serde_json::from_slice(&body).unwrap())
}

fn ask(world: &World, address: &str, arguments: &[&str]) -> Output {
    let mut command = world.command(&[&["ask"], arguments].concat());
    command.env("OLLAMA_HOST", address);
    world.finish(command)
}

/// Returns the text of all messages of a chat request, one after the other.
fn told(request: &Value) -> String {
    let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
    items(&request["messages"]).iter().map(content).collect::<Vec<_>>().join("\n")
}

fn injections(world: &World) -> Vec<Value> {
    items(&world.json(&["log", "--injections"])["injections"]).to_vec()
}

#[test]
fn an_answer_is_streamed_and_what_the_model_was_told_is_logged() {
    let world = World::of_day_one();
    let (address, asked) = server(vec![vec![SHOW.as_bytes()], ANSWER.to_vec()]);
    let output = ask(&world, &address, &["--explain", "pilot", QUESTION]);
    let explained = output.stderr.clone();
    assert_eq!(output.succeeds(), "In millimetres, grün ist Land.\n");

    let (path, request) = asked.recv().unwrap();
    assert_eq!((path.as_str(), &request["model"]), ("/api/show", &"pilot".into()));
    let (path, request) = asked.recv().unwrap();
    assert_eq!((path.as_str(), &request["stream"]), ("/api/chat", &true.into()));
    let roles: Vec<_> = items(&request["messages"]).iter().map(|m| m["role"].clone()).collect();
    assert_eq!(roles, ["system", "user"]);
    let told = told(&request);
    assert_eq!(told.matches(SYSTEM).count(), 1, "{told}");
    assert_eq!(told.matches(QUESTION).count(), 1, "{told}");
    assert!(told.starts_with(SYSTEM) && told.ends_with(QUESTION), "{told}");
    assert!(told.contains("Heights are integers in millimetres"), "{told}");

    let logged = injections(&world);
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0]["model"], "pilot");
    assert!(logged[0]["tokens"].as_u64() > Some(0));
    let placed = items(&logged[0]["placed"]);
    assert!(!placed.is_empty());
    for id in placed {
        let short = short(id);
        assert_eq!(told.matches(&format!("[{short} ")).count(), 1, "{short} in\n{told}");
        assert!(explained.contains(&format!("placed    {short}")), "{explained}");
    }
    assert_eq!(told.matches("\n- [").count(), placed.len(), "{told}");
    // The log says which fragments, not what was asked.
    let log = world.ok(&["log", "--injections"]);
    assert!(log.contains("pilot") && !log.contains("heights"), "{log}");
}

#[test]
fn a_dry_run_prints_what_would_be_sent_and_logs_nothing() {
    let world = World::of_day_one();
    let (address, asked) = server(vec![vec![SHOW.as_bytes()]; 2]);
    let mut command = world.command(&["--json", "ask", "-n", "pilot", QUESTION]);
    command.env("OLLAMA_HOST", &address);
    let messages = json(&world.finish(command).succeeds());
    let told = told(&messages);
    assert!(told.starts_with(SYSTEM) && told.ends_with(QUESTION), "{told}");
    let shown = ask(&world, &address, &["-n", "pilot", QUESTION]).succeeds();
    assert!(shown.contains(SYSTEM), "{shown}");
    assert_eq!(asked.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["/api/show"; 2]);
    assert_eq!(injections(&world).len(), 0);
}

#[test]
fn a_model_of_a_third_party_is_told_nothing_of_the_store() {
    let world = World::of_day_one();
    let remote = b"{\"remote_host\":\"https://ollama.example\"}";
    for (model, show) in [("pilot", &remote[..]), ("pilot:cloud", b"{}")] {
        let (address, asked) = server(vec![vec![show], ANSWER.to_vec()]);
        let output = ask(&world, &address, &[model, QUESTION]);
        assert!(output.stderr.contains("nothing is injected"), "{}", output.stderr);
        output.succeeds();
        let request = asked.iter().nth(1).unwrap().1;
        assert_eq!(told(&request), QUESTION);
    }
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let world = World::of_day_one();
    let facts = ["no Ollama server answers at http://127.0.0.1:9", "`ollama serve`", "OLLAMA_HOST"];
    world.fails(&["ask", "pilot", QUESTION], 5, &facts);
    assert_eq!(injections(&world).len(), 0);
    ask(&world, "http://", &["pilot", QUESTION]).fails(1, &["http://127.0.0.1:11434"]);
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let world = World::of_day_one();
    for (reply, fact) in [
        (ANSWER[..3].to_vec(), "ended early"),
        (vec![ANSWER[0], b"\n"], "cannot be read"),
        (vec![&b"{\"error\":\"out of memory\"}\n"[..]], "out of memory"),
    ] {
        let (address, _asked) = server(vec![vec![SHOW.as_bytes()], reply]);
        ask(&world, &address, &["pilot", QUESTION]).fails(5, &[fact, "hint: "]);
    }
}

#[test]
fn without_a_store_the_model_is_asked_all_the_same() {
    let world = World::new();
    let (address, asked) = server(vec![vec![SHOW.as_bytes()], ANSWER.to_vec()]);
    let output = ask(&world, &address, &["pilot", QUESTION]);
    assert!(output.stderr.contains("nothing is injected"), "{}", output.stderr);
    output.succeeds();
    assert_eq!(told(&asked.iter().nth(1).unwrap().1), format!("{SYSTEM}\n{QUESTION}"));
}
