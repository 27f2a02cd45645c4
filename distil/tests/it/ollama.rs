//! Ollama's `/api/chat`, to the byte of what its documentation promises.

use garner_compiler::distil::{DistilError, Distiller as _, SchemaStyle, Usage, schema};
use garner_distil::Ollama;
use garner_kernel::Fault;
use serde_json::{Value, json};

use crate::script::{Reply, Request, Server, ok, patience, prompt};

const REPLY: &str = include_str!("../replies/ollama.json");

fn ask(replies: Vec<Reply>) -> (Result<(String, Usage), DistilError>, Vec<Request>) {
    let server = Server::new(replies);
    let ollama = Ollama::new(&server.address, "llama3.2", patience().0).unwrap();
    let answer = ollama.ask(&prompt());
    let answer = answer.map(|answer| (answer.text.as_str().to_owned(), answer.usage));
    (answer, server.requests())
}

fn with(field: &str, value: Value) -> String {
    let mut reply: Value = serde_json::from_str(REPLY).unwrap();
    reply[field] = value;
    reply.to_string()
}

#[test]
fn a_request_is_what_the_api_documents() {
    let (answer, requests) = ask(vec![ok(REPLY)]);
    let usage = Usage { input: 901, output: 9, dollars: None };
    assert_eq!(answer.unwrap(), ("{\"proposals\": []}".to_owned(), usage));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.line, "POST /api/chat HTTP/1.1");
    let (prompt, schema) = (prompt(), schema(SchemaStyle::Bounded));
    let system = format!(
        "{}\n\nThe answer is one JSON object of this schema:\n{schema}",
        prompt.instructions
    );
    let expected = json!({
        "model": "llama3.2",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": prompt.text.as_str()},
        ],
        "stream": false,
        "think": false,
        "format": schema,
        "options": {"temperature": 0, "num_ctx": 16384, "num_predict": 3072},
    });
    assert_eq!(request.json(), expected);
    assert!(!request.body.contains("$ref"));
    assert_eq!(request.header("x-api-key"), None);
}

#[test]
fn how_an_answer_ended_decides_what_it_is_worth() {
    let rows = [
        (ok(REPLY), "ok"),
        (ok(with("done_reason", json!("length"))), "cut off"),
        (ok(with("done_reason", Value::Null)), "ok"),
        (ok(with("message", Value::Null)), "ok"),
        (ok(with("prompt_eval_count", Value::Null)), "ok"),
        (ok("{\"error\":\"out of memory\"}"), "stopped"),
        (ok("not json"), "stopped"),
        ((400, &[][..], "{\"error\":\"think is not supported\"}".to_owned()), "stopped"),
    ];
    for (reply, expected) in rows {
        let shown = format!("{reply:?}");
        let (answer, _) = ask(vec![reply]);
        assert_eq!(answer.map_or_else(|e| e.as_str(), |_| "ok"), expected, "{shown}");
    }
}

#[test]
fn what_a_server_refuses_is_told_in_its_words() {
    let missing = json!({"error": "model 'llama3.2' not found"}).to_string();
    let rows: Vec<(Vec<Reply>, &str, Fault)> = vec![
        (vec![(404, &[], missing)], "model 'llama3.2' not found", Fault::Missing),
        (
            vec![(500, &[], "{\"error\":\"needs more memory\"}".to_owned()); 4],
            "needs more memory",
            Fault::Offline,
        ),
    ];
    for (replies, expected, whose) in rows {
        let (answer, _) = ask(replies);
        let Err(DistilError::Stopped { fault, source, .. }) = answer else { panic!("{answer:?}") };
        assert!(source.to_string().contains(expected), "{source}");
        assert_eq!(fault, whose);
    }
}

#[test]
fn addresses_are_read_as_ollama_reads_them() {
    for (text, address, local) in [
        ("127.0.0.1", "http://127.0.0.1:11434/", true),
        ("0.0.0.0:1234", "http://127.0.0.1:1234/", true),
        ("https://box.example", "https://box.example/", false),
    ] {
        let ollama = Ollama::new(text, "m", patience().0).unwrap();
        assert_eq!((ollama.server(), ollama.is_local()), (address, local));
    }
    assert!(Ollama::new("http://", "m", patience().0).is_err());
}

#[test]
fn nobody_home_is_said_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (patience, waited) = patience();
    let ollama = Ollama::new(&address, "m", patience).unwrap();
    let Err(DistilError::Stopped { source, .. }) = ollama.ask(&prompt()) else {
        panic!("somebody answered")
    };
    assert!(source.to_string().contains(&address), "{source}");
    assert!(waited.borrow().is_empty());
}
