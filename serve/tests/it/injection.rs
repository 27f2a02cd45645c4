//! Injection over the network: what reaches the server, what the client is told, and that a request
//! goes on unchanged where anything fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use garner_serve::Injecting;
use serde_json::{Value, json};

use crate::ollama::{SYSTEM, ollama};
use crate::proxied::Proxied;
use crate::replay::{Answer, Asked, Replay, Reply, exchange, gate, post, request};
use crate::shelf::{QUESTION, Shelf};

fn chat(model: &str, question: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": question }] }).to_string()
}

/// A server, a store, and the proxy between them.
struct Scene {
    server: Replay,
    shelf: Shelf,
    proxy: Proxied,
}

impl Scene {
    fn new() -> Self {
        let (server, shelf) = (Replay::start(ollama), Shelf::new());
        let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
        Self { server, shelf, proxy }
    }

    /// Sends a request and returns the answer, and the body that the server got.
    fn post(&self, path: &str, body: &str) -> (Answer, String) {
        let answer = post(&self.proxy.address, path, body);
        let asked = self.server.take();
        let asked = asked.iter().rfind(|asked| !is_ours(asked)).unwrap();
        (answer, String::from_utf8(asked.body.clone()).unwrap())
    }

    #[track_caller]
    fn passes(&self, path: &str, body: &str, reason: &str) {
        let (answer, got) = self.post(path, body);
        assert_eq!(got, body);
        assert_eq!(answer.header("x-garner-reason"), Some(reason), "{body}");
        assert_eq!(answer.header("x-garner-fragments"), None, "{body}");
    }
}

/// Returns whether the proxy asked for itself.
fn is_ours(asked: &Asked) -> bool {
    ["/api/show", "/api/tags", "/api/ps"].contains(&asked.path.as_str())
}

#[test]
fn a_prompt_gets_both_blocks_and_the_client_is_told() {
    let scene = Scene::new();
    let body = chat("team", QUESTION);
    let (answer, got) = scene.post("/api/chat", &body);
    let got: Value = serde_json::from_str(&got).unwrap();
    let text = |n: usize| got["messages"][n]["content"].as_str().unwrap();
    assert!(text(0).starts_with(SYSTEM) && text(0).contains("Never squash merges."), "{got}");
    assert!(text(1).contains("port 8081") && text(1).ends_with(QUESTION), "{got}");
    // The answer is the server's own.
    let direct = post(&scene.server.address(), "/api/chat", &body);
    assert_eq!(answer.essence(), direct.essence());
    assert_eq!(answer.header("x-garner-kernels"), Some("local@3"));
    assert_eq!(answer.header("x-garner-fragments").unwrap().split(", ").count(), 2);
    assert!(answer.header("x-garner-tokens").unwrap().parse::<usize>().unwrap() > 60);
    assert_eq!(answer.header("x-garner-reason"), None);
    scene.proxy.finish();
    let events = scene.shelf.events();
    assert_eq!((events.len(), events[0].placed.len()), (1, 2));
    assert_eq!(events[0].model, "team");
}

#[test]
fn what_clients_on_the_way_of_openai_and_anthropic_ask_is_given_as_well() {
    let scene = Scene::new();
    for (path, body) in [
        ("/api/generate", json!({ "model": "team", "prompt": QUESTION })),
        (
            "/v1/chat/completions",
            json!({ "model": "team", "stream": true, "messages": [{ "role": "user", "content": QUESTION }] }),
        ),
        ("/v1/responses", json!({ "model": "team", "input": QUESTION })),
        (
            "/v1/messages",
            json!({ "model": "team", "max_tokens": 9, "messages": [{ "role": "user", "content": QUESTION }] }),
        ),
    ] {
        let (answer, got) = scene.post(path, &body.to_string());
        assert!(got.contains("port 8081") && got.contains("Never squash"), "{path}: {got}");
        assert!(got.contains("harbour pilot"), "{path}: {got}");
        assert!(answer.status.contains("200"), "{answer:?}");
    }
}

#[test]
fn requests_that_are_passed_on_say_why() {
    let scene = Scene::new();
    for (path, body, reason) in [
        ("/api/chat", json!({ "model": "team", "messages": [] }).to_string(), "load"),
        ("/api/generate", json!({ "model": "team", "prompt": "" }).to_string(), "load"),
        (
            "/api/generate",
            json!({ "model": "team", "prompt": QUESTION, "raw": true }).to_string(),
            "raw",
        ),
        (
            "/api/generate",
            json!({ "model": "team", "prompt": QUESTION, "suffix": "x" }).to_string(),
            "suffix",
        ),
        (
            "/api/generate",
            json!({ "model": "team", "prompt": QUESTION, "context": [1] }).to_string(),
            "context",
        ),
        ("/api/chat", "not json".to_owned(), "unparsable"),
        ("/api/chat", chat("gpt-oss:120b-cloud", QUESTION), "cloud"),
        ("/api/chat", chat("nosuch", QUESTION), "model"),
        (
            "/api/chat",
            json!({ "model": "small", "messages": [{ "role": "user", "content": QUESTION }] })
                .to_string(),
            "no-room",
        ),
        (
            "/api/chat",
            json!({ "model": "small", "messages": [{ "role": "assistant", "content": QUESTION }] })
                .to_string(),
            "role",
        ),
    ] {
        scene.passes(path, &body, reason);
    }
}

#[test]
fn a_header_switches_it_off_and_is_no_news_to_the_server() {
    let scene = Scene::new();
    let body = chat("team", QUESTION);
    let head = format!(
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nx-GARNER: Off\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(&scene.proxy.address, &[head.as_bytes(), body.as_bytes()].concat());
    assert_eq!(answer.header("x-garner-reason"), Some("off"));
    let asked = scene.server.take();
    assert_eq!((asked.len(), asked[0].body == body.as_bytes()), (1, true));
    let packed = format!(
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(&scene.proxy.address, &[packed.as_bytes(), body.as_bytes()].concat());
    assert_eq!(answer.header("x-garner-reason"), Some("encoded"));
}

#[test]
fn an_address_selects_a_channel() {
    let scene = Scene::new();
    let body = chat("team", QUESTION);
    let answer = post(&scene.proxy.address, "/k/local/api/chat", &body);
    assert_eq!(answer.header("x-garner-kernels"), Some("local@3"));
    let asked = scene.server.take();
    let asked = asked.last().unwrap();
    assert_eq!(asked.path, "/api/chat");
    assert!(String::from_utf8_lossy(&asked.body).contains("port 8081"));
    let answer = post(&scene.proxy.address, "/k/other/api/chat", &body);
    assert_eq!(answer.header("x-garner-reason"), Some("unknown-channel"));
    let version = exchange(&scene.proxy.address, &request("GET", "/k/other/api/version", b""));
    assert_eq!(version.text(), r#"{"version":"0.33.0"}"#);
    assert!(post(&scene.proxy.address, "/k/No%20Name/api/chat", &body).status.contains("400"));
}

#[test]
fn a_model_of_a_third_party_gets_what_it_may() {
    let (server, shelf) = (Replay::start(ollama), Shelf::new());
    let mut injecting = shelf.injecting();
    injecting.cloud = vec!["local".parse().unwrap()];
    let proxy = Proxied::with(&server.address(), Some(injecting), Vec::new());
    let body = chat("gpt-oss:120b-cloud", QUESTION);
    assert_eq!(post(&proxy.address, "/api/chat", &body).header("x-garner-reason"), None);
    let answer = post(&proxy.address, "/k/team/api/chat", &body);
    assert_eq!(answer.header("x-garner-reason"), Some("cloud"));
}

#[test]
fn the_model_is_asked_for_once_and_again_when_it_changes() {
    let digest = Arc::new(Mutex::new("b1"));
    let current = Arc::clone(&digest);
    let server = Replay::start(move |asked| match asked.path.as_str() {
        "/api/tags" => {
            let digest = *current.lock().unwrap();
            Reply::json(
                "200 OK",
                &json!({ "models": [{ "name": "team:latest", "digest": digest }] }).to_string(),
            )
        }
        "/api/show" => {
            let system = *current.lock().unwrap();
            Reply::json("200 OK", &json!({ "system": system }).to_string())
        }
        _ => ollama(asked),
    });
    let shelf = Shelf::new();
    let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
    for _ in 0..5 {
        post(&proxy.address, "/api/chat", &chat("team", QUESTION));
    }
    assert_eq!(server.of("/api/show").len(), 1);
    assert!(
        server.of("/api/show")[0].header("x-garner") == Some("off"),
        "ours ask for no injection"
    );
    *digest.lock().unwrap() = "b2";
    loop {
        server.take();
        post(&proxy.address, "/api/chat", &chat("team", QUESTION));
        let asked = server.of("/api/chat");
        if String::from_utf8_lossy(&asked[0].body).contains("\"b2\\n\\n<garner-memory") {
            break;
        }
    }
}

#[test]
fn without_an_answer_of_the_store_the_request_goes_on() {
    let locked = || garner_loader::Error::Locked { path: "store.db".into() };
    for (shelf, before, reason) in [
        (Shelf::empty(), None, "no-store"),
        (Shelf::new(), Some(locked as fn() -> garner_loader::Error), "store-locked"),
    ] {
        let server = Replay::start(ollama);
        let injecting = match before {
            Some(error) => shelf.after(Arc::new(Mutex::new(move || Err(error())))),
            None => shelf.injecting(),
        };
        let proxy = Proxied::with(&server.address(), Some(injecting), Vec::new());
        let body = chat("team", QUESTION);
        let answer = post(&proxy.address, "/api/chat", &body);
        assert_eq!(answer.header("x-garner-reason"), Some(reason));
        assert!(answer.status.contains("200"));
        assert_eq!(server.of("/api/chat")[0].body, body.as_bytes());
        let metrics = exchange(&proxy.address, &request("GET", "/metrics", b"")).text();
        assert!(
            metrics.contains(&format!("garner_fail_open_total{{reason=\"{reason}\"}} 1")),
            "{metrics}"
        );
    }
}

#[test]
fn a_store_that_appears_is_used() {
    let (server, shelf) = (Replay::start(ollama), Shelf::empty());
    let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
    let body = chat("team", QUESTION);
    assert_eq!(
        post(&proxy.address, "/api/chat", &body).header("x-garner-reason"),
        Some("no-store")
    );
    let full = Shelf::new();
    std::fs::copy(full.path().join("store.db"), shelf.path().join("store.db")).unwrap();
    for extra in ["store.db-wal", "store.db-shm"] {
        if full.path().join(extra).exists() {
            std::fs::copy(full.path().join(extra), shelf.path().join(extra)).unwrap();
        }
    }
    assert_eq!(post(&proxy.address, "/api/chat", &body).header("x-garner-reason"), None);
}

#[test]
fn a_slow_store_and_a_silent_server_cost_the_deadline_and_nothing_else() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (shelf, server) = (Shelf::new(), Replay::start(ollama));
    let before = move || {
        // Ends with the test, which drops the other end.
        let _ = held.recv();
        Ok(())
    };
    let soon = Duration::from_millis(50);
    let injecting = Injecting { deadline: soon, ..shelf.after(Arc::new(Mutex::new(before))) };
    let proxy = Proxied::with(&server.address(), Some(injecting), Vec::new());
    let body = chat("team", QUESTION);
    let reason = |proxy: &Proxied| {
        let answer = post(&proxy.address, "/api/chat", &body);
        answer.header("x-garner-reason").map(str::to_owned)
    };
    // On a machine that does much else, the server's word on the model may come late as well.
    while let Some(first) = reason(&proxy).filter(|reason| reason != "deadline") {
        assert_eq!(first, "model");
    }
    assert_eq!(server.of("/api/chat")[0].body, body.as_bytes());
    // What was decided too late is not remembered: the same turn gets its block.
    drop(release);
    while let Some(late) = reason(&proxy) {
        assert!(["deadline", "model"].contains(&late.as_str()), "{late}");
    }

    let (wait, open) = gate();
    let server = Replay::start(move |asked| {
        let mut reply = ollama(asked);
        if asked.path == "/api/show" {
            reply.steps.insert(0, wait.clone());
        }
        reply
    });
    let injecting = Injecting { deadline: soon, ..shelf.injecting() };
    let proxy = Proxied::with(&server.address(), Some(injecting), Vec::new());
    assert_eq!(reason(&proxy).as_deref(), Some("model"));
    open.send(()).unwrap();
}

#[test]
fn a_large_body_is_edited_and_a_larger_one_passes() {
    let scene = Scene::new();
    let picture = "QUJD".repeat(5 << 20);
    let body = json!({ "model": "team", "messages": [{ "role": "user", "content": QUESTION, "images": [picture] }] }).to_string();
    let answer = post(&scene.proxy.address, "/api/chat", &body);
    assert_eq!(answer.header("x-garner-reason"), None);
    let asked = scene.server.of("/api/chat");
    assert!(asked[0].length > body.len());
    let huge = [body.as_bytes(), &vec![b' '; 64 << 20]].concat();
    let answer = exchange(&scene.proxy.address, &request("POST", "/api/chat", &huge));
    assert_eq!(answer.header("x-garner-reason"), Some("too-large"));
    // Also where nobody says beforehand how long it is.
    let head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = format!("{:x}\r\n", huge.len());
    let chunked = [&head[..], size.as_bytes(), &huge, b"\r\n0\r\n\r\n"].concat();
    let answer = exchange(&scene.proxy.address, &chunked);
    assert_eq!(answer.header("x-garner-reason"), Some("too-large"));
    let lengths: Vec<usize> =
        scene.server.of("/api/chat")[1..].iter().map(|asked| asked.length).collect();
    assert_eq!(lengths, [huge.len(); 2]);
}

#[test]
fn a_proxy_before_a_proxy_adds_nothing() {
    let inner = Scene::new();
    let outer = Proxied::with(&inner.proxy.address, Some(inner.shelf.injecting()), Vec::new());
    post(&outer.address, "/api/chat", &chat("team", QUESTION));
    let asked = inner.server.of("/api/chat");
    let got = String::from_utf8_lossy(&asked[0].body);
    assert_eq!(got.matches("port 8081").count(), 1, "{got}");
}

#[test]
fn a_prompt_that_took_more_than_estimated_is_learned_from() {
    let server = Replay::start(|asked| {
        if asked.path == "/api/chat" {
            let last = r#"{"message":{"content":""},"done":true,"prompt_eval_count":4000}"#;
            return Reply::lines(&[last]);
        }
        ollama(asked)
    });
    let shelf = Shelf::new();
    let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
    let words = "tide ".repeat(1_800);
    let ask = |word: &str| {
        let answer =
            post(&proxy.address, "/api/chat", &chat("team", &format!("{words} {QUESTION} {word}")));
        answer.header("x-garner-reason").map(str::to_owned)
    };
    assert_eq!(ask("one"), None);
    // Four thousand for two: what is left of 8,192 after the next one is too little.
    assert_eq!(ask(&"two ".repeat(1_900)).as_deref(), Some("no-room"));
}

#[test]
fn metrics_tell_what_was_done_and_nothing_that_was_said() {
    let scene = Scene::new();
    scene.post("/api/chat", &chat("team", QUESTION));
    scene.post("/api/chat", &chat("team", "Please compose a merry poem"));
    scene.passes("/api/generate", &json!({ "model": "team", "prompt": "" }).to_string(), "load");
    let answer = exchange(&scene.proxy.address, &request("GET", "/metrics", b""));
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        "garner_requests_total{route=\"/api/chat\",status=\"200\"} 2",
        "garner_requests_total{route=\"/api/generate\",status=\"200\"} 1",
        "garner_injections_total 2",
        "garner_injected_fragments_total 3",
        "garner_untouched_total{reason=\"load\"} 1",
        "garner_recall_seconds_count 3",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    for word in ["tide", "team", "8081", "poem"] {
        assert!(!text.contains(word), "{word} in\n{text}");
    }
}
