//! The Messages API, to the byte of what its documentation promises.

use garner_compiler::distil::{DistilError, Distiller as _, SchemaStyle, Usage, schema};
use garner_distil::{Anthropic, Connection, Error, Key};
use garner_kernel::{Explain as _, Fault};
use serde_json::{Value, json};

use crate::script::{Reply, Request, Server, ok, patience, prompt};

const MESSAGE: &str = include_str!("../replies/message.json");
const KEY: &str = "sk-test-of-the-test";

fn connection(base: &str) -> Connection {
    let (base, key) = (base.to_owned(), Key::new(KEY).unwrap());
    Connection { base, key, model: "model-of-the-test".to_owned() }
}

type Outcome = Result<(String, Usage), DistilError>;

/// Asks once; returns the outcome, what was sent, and the seconds that were waited.
fn ask(replies: Vec<Reply>) -> (Outcome, Vec<Request>, Vec<u64>) {
    let server = Server::new(replies);
    let (patience, waited) = patience();
    let base = format!("http://{}", server.address);
    let anthropic = Anthropic::new(connection(&base), patience).unwrap();
    let answer = anthropic.ask(&prompt());
    let answer = answer.map(|answer| (answer.text.as_str().to_owned(), answer.usage));
    let waited = waited.borrow().clone();
    (answer, server.requests(), waited)
}

fn error(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
        .to_string()
}

/// Returns the recorded message with some of its fields replaced.
fn message(fields: &Value) -> String {
    let mut message: Value = serde_json::from_str(MESSAGE).unwrap();
    for (name, value) in fields.as_object().unwrap() {
        message[name] = value.clone();
    }
    message.to_string()
}

#[test]
fn a_request_is_what_the_api_documents() {
    let (answer, requests, waited) = ask(vec![ok(MESSAGE)]);
    let usage = Usage { input: 1_000, output: 17, dollars: None };
    assert_eq!(answer.unwrap(), ("{\"proposals\":[]}".to_owned(), usage));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.line, "POST /v1/messages HTTP/1.1");
    assert_eq!(request.header("x-api-key"), Some(KEY));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("anthropic-beta"), None);
    let prompt = prompt();
    let expected = json!({
        "model": "model-of-the-test",
        "max_tokens": 8192,
        "system": prompt.instructions,
        "messages": [{"role": "user", "content": prompt.text.as_str()}],
        "output_config": {"format": {"type": "json_schema", "schema": schema(SchemaStyle::Plain)}},
    });
    assert_eq!(request.json(), expected);
    assert!(waited.is_empty());
}

#[test]
fn a_path_in_the_base_stays_in_front() {
    let server = Server::new(vec![ok(MESSAGE)]);
    let base = format!("http://{}/gateway", server.address);
    let anthropic = Anthropic::new(connection(&base), patience().0).unwrap();
    anthropic.ask(&prompt()).unwrap();
    assert_eq!(server.requests()[0].line, "POST /gateway/v1/messages HTTP/1.1");
}

#[test]
fn how_a_message_ended_decides_what_it_is_worth() {
    let rows = [
        (json!({"stop_reason": "end_turn"}), "ok"),
        (json!({"stop_reason": "stop_sequence"}), "ok"),
        (json!({"stop_reason": "refusal", "content": []}), "refused"),
        (json!({"stop_reason": "max_tokens"}), "cut off"),
        (json!({"stop_reason": "model_context_window_exceeded"}), "cut off"),
        (json!({"stop_reason": "tool_use"}), "unanswered"),
        (json!({"stop_reason": null}), "unanswered"),
        (json!({"content": [{"type": "thinking", "thinking": "hm"}]}), "ok"),
        (json!({"content": 1}), "stopped"),
    ];
    for (fields, expected) in rows {
        let (answer, ..) = ask(vec![ok(message(&fields))]);
        let ended = answer.as_ref().map_or_else(DistilError::as_str, |_| "ok");
        assert_eq!(ended, expected, "{fields}");
        if let Err(DistilError::Refused { usage } | DistilError::CutOff { usage }) = answer {
            assert_eq!(usage.tokens(), 1_017, "what it took counts all the same");
        }
    }
}

#[test]
fn a_busy_server_is_asked_again_as_soon_as_it_likes() {
    let overloaded = || (529, &[][..], error("overloaded_error", "Overloaded"));
    let limited = |headers: &'static [(&str, &str)]| {
        (429, headers, error("rate_limit_error", "too many tokens"))
    };
    let rows: Vec<(Vec<Reply>, &[u64])> = vec![
        (vec![overloaded(), ok(MESSAGE)], &[2]),
        (vec![overloaded(), overloaded(), overloaded(), ok(MESSAGE)], &[2, 4, 8]),
        (vec![limited(&[("retry-after", "7")]), ok(MESSAGE)], &[7]),
        (vec![limited(&[("retry-after", "1")]), ok(MESSAGE)], &[2]),
        (vec![limited(&[]), (500, &[], String::new()), ok(MESSAGE)], &[2, 4]),
    ];
    for (replies, expected) in rows {
        let tries = replies.len();
        let (answer, requests, waited) = ask(replies);
        assert!(answer.is_ok());
        assert_eq!(waited, expected);
        assert_eq!(requests.len(), tries);
        assert!(requests.windows(2).all(|pair| pair[0].body == pair[1].body));
    }
}

#[test]
fn a_server_that_stays_busy_ends_the_run_and_a_limit_of_the_account_at_once() {
    let busy = || (529, &[][..], error("overloaded_error", "Overloaded"));
    let spent = json!({"type": "error", "error": {
        "type": "rate_limit_error", "message": "You have reached your API usage limits.",
        "details": {"error_code": "enforced_spend_limit_reached"}}});
    let rows: Vec<(Vec<Reply>, &str, Fault, usize)> = vec![
        (
            vec![busy(), busy(), busy(), busy()],
            "status 529: overloaded_error, after 4 tries",
            Fault::Offline,
            3,
        ),
        (
            vec![(429, &[("retry-after", "3600")], error("rate_limit_error", "later"))],
            "after 1 tries",
            Fault::Offline,
            0,
        ),
        (vec![(429, &[], spent.to_string())], "usage limits", Fault::Offline, 0),
        (
            vec![(401, &[], error("authentication_error", &format!("bad key {KEY}")))],
            "bad key [key] (authentication_error)",
            Fault::Trust,
            0,
        ),
        (vec![(404, &[], error("not_found_error", "model: x"))], "model: x", Fault::Missing, 0),
        (vec![(400, &[], error("invalid_request_error", "no"))], "no", Fault::Input, 0),
        (
            vec![(302, &[("location", "http://127.0.0.1:1")], String::new())],
            "302",
            Fault::Offline,
            0,
        ),
        (vec![ok("<html>")], "cannot be read", Fault::Offline, 0),
    ];
    for (replies, expected, whose, pauses) in rows {
        let (answer, _, waited) = ask(replies);
        let Err(DistilError::Stopped { fault, hint, source }) = answer else {
            panic!("{expected}: {answer:?}")
        };
        assert!(source.to_string().contains(expected), "{expected}: {source}");
        assert_eq!((fault, waited.len()), (whose, pauses), "{source}");
        let shown = format!("{source} {source:?} {hint:?}");
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[test]
fn a_prompt_that_is_too_long_ends_nothing_else() {
    for reply in [
        (413, &[][..], error("request_too_large", "Request exceeds the maximum size")),
        (400, &[][..], error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")),
    ] {
        let (answer, ..) = ask(vec![reply]);
        assert!(matches!(answer, Err(DistilError::TooLong)), "{answer:?}");
    }
}

#[test]
fn a_key_goes_nowhere_in_the_clear() {
    let new = |base: &str| Anthropic::new(connection(base), patience().0).map(drop);
    for base in ["https://api.anthropic.com", "http://127.0.0.1:8080", "http://localhost/x"] {
        assert!(new(base).is_ok(), "{base}");
    }
    for base in ["http://gateway.example", "http://10.0.0.1"] {
        assert!(matches!(new(base), Err(Error::Clear { .. })), "{base}");
    }
    for base in ["api.anthropic.com", "ftp://x", "", "https://"] {
        let error = new(base).unwrap_err();
        assert!(error.hint().unwrap().contains("https://host"), "{base}: {error}");
    }
    let anthropic = Anthropic::new(connection(Anthropic::BASE), patience().0).unwrap();
    assert!(!format!("{anthropic:?}").contains(KEY));
}

#[test]
fn nobody_home_is_said_with_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://user:word@{}/v0", free.local_addr().unwrap());
    drop(free);
    let anthropic = Anthropic::new(connection(&base), patience().0).unwrap();
    let Err(DistilError::Stopped { fault, source, .. }) = anthropic.ask(&prompt()) else {
        panic!("somebody answered")
    };
    assert_eq!(fault, Fault::Offline);
    let said = source.to_string();
    assert!(said.contains("127.0.0.1:") && !said.contains("word"), "{said}");
}
