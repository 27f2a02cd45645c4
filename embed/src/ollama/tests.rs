//! A server on this machine that replays what Ollama's API documents, and its faults.

use std::error::Error as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::*;

const TAGS: &str = r#"{"models":[
    {"name":"llama3.2:3b","model":"llama3.2:3b","size":1,"digest":"a80c"},
    {"name":"all-minilm:latest","model":"all-minilm:latest","modified_at":"2024-06-01T00:00:00Z",
     "size":45960996,"digest":"1b226e2802dbb772b5fc32a58f103ca1804ef7501331012de126ab22f67475ef",
     "details":{"format":"gguf","family":"bert","parameter_size":"23M"}}]}"#;
const ONE: &str = r#"{"model":"all-minilm:latest","embeddings":[[0.0,3.0,4.0]],
    "total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}"#;

/// Answers one connection with each reply and returns the requests: first line, then body.
struct Server {
    address: String,
    thread: JoinHandle<Vec<(String, String)>>,
}

impl Server {
    fn new(replies: &[(u16, &str)]) -> Self {
        let head = |(status, body): &(u16, &str)| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        Self::raw(replies.iter().map(head).collect())
    }

    fn raw(replies: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = move |reply: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = request(&stream);
            stream.write_all(reply.as_bytes()).unwrap();
            request
        };
        let thread = thread::spawn(move || replies.into_iter().map(answer).collect());
        Self { address, thread }
    }
}

fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let first = line();
    let mut length = 0;
    loop {
        let header = line().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (first, String::from_utf8(body).unwrap())
}

fn open(replies: &[(u16, &str)]) -> Result<OllamaEmbedder, OllamaError> {
    OllamaEmbedder::open(&Server::new(replies).address, "all-minilm")
}

#[test]
fn texts_go_to_the_server_as_its_api_documents() {
    let many: Vec<String> = (0..70).map(|n| format!("text {n} ü")).collect();
    let full = format!(r#"{{"embeddings":[{}]}}"#, ["[1,0,0]"; BATCH].join(","));
    let rest = format!(r#"{{"embeddings":[{}]}}"#, ["[0,-2,0]"; 70 - BATCH].join(","));
    let server = Server::new(&[(200, TAGS), (200, ONE), (200, &full), (200, &rest)]);
    let embedder = OllamaEmbedder::open(&server.address, "all-minilm").unwrap();
    assert_eq!((embedder.name(), embedder.dimensions()), ("all-minilm:latest", 3));
    let texts: Vec<&str> = many.iter().map(String::as_str).collect();
    let vectors = embedder.embed(&texts).unwrap();
    assert_eq!(vectors.len(), 70);
    assert_eq!(vectors[0].as_slice(), [1.0, 0.0, 0.0]);
    assert_eq!(vectors[69].as_slice(), [0.0, -1.0, 0.0]);
    assert!(embedder.embed(&[]).unwrap().is_empty());

    let requests = server.thread.join().unwrap();
    let lines: Vec<&str> = requests.iter().map(|(line, _)| line.as_str()).collect();
    let post = "POST /api/embed HTTP/1.1";
    assert_eq!(lines, ["GET /api/tags HTTP/1.1", post, post, post]);
    let probe = r#"{"model":"all-minilm:latest","input":["dimensions"],"truncate":true}"#;
    assert_eq!(requests[1].1, probe);
    assert!(requests[2].1.starts_with(r#"{"model":"all-minilm:latest","input":["text 0 ü","#));
    assert!(requests[3].1.contains(r#""text 69 ü"],"truncate":true}"#));
}

#[test]
fn the_id_is_that_of_name_and_digest() {
    let id = |tags: &str, model: &str| {
        let server = Server::new(&[(200, tags), (200, ONE)]);
        OllamaEmbedder::open(&server.address, model).unwrap().id()
    };
    let known = id(TAGS, "all-minilm");
    // Stored vectors carry this id.
    let expected = "2ff8dd7529e3574a04b4382111fa592af27b6341ff3384a677778aff6dcf9cf9";
    assert_eq!(known.to_string(), expected);
    assert_eq!(id(TAGS, "all-minilm:latest"), known);
    assert_ne!(id(&TAGS.replace("1b226e", "1b226f"), "all-minilm"), known);
    assert_ne!(id(&TAGS.replace("llama3.2:3b", "b:latest"), "b"), known);
}

#[test]
fn what_a_server_does_wrong_is_named_with_what_to_do() {
    type Row<'a> = (&'a [(u16, &'a str)], &'a str, &'a str);
    let rows: [Row<'_>; 9] = [
        (&[(200, r#"{"models":[]}"#)], "no model `all-minilm`", "`ollama pull all-minilm`"),
        (&[(200, "{}")], "no model `all-minilm`", "`ollama pull all-minilm`"),
        (&[(200, "{\"models\":[{\"name\":")], "cannot be read: EOF", "again"),
        (&[(200, "<html>")], "cannot be read", "again"),
        (&[(503, "busy")], "said: status 503", "again"),
        (&[(307, "")], "said: status 307", "again"),
        (&[(200, TAGS), (404, "{}")], "no model `all-minilm:latest`", "`ollama pull"),
        (
            &[(200, TAGS), (400, r#"{"error":"this model does not support embeddings"}"#)],
            "said: this model does not support embeddings",
            "again",
        ),
        (&[(200, TAGS), (200, r#"{"embeddings":[[]]}"#)], "gives no vectors", "GARNER_EMBEDDER"),
    ];
    for (replies, message, hint) in rows {
        let error = open(replies).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}: {:?}", error.hint());
    }
    let others = TAGS.replace("all-minilm", "other");
    let hint = open(&[(200, &others)]).unwrap_err().hint().unwrap();
    assert!(hint.ends_with("the server has llama3.2:3b, other:latest"), "{hint}");
}

#[test]
fn vectors_of_the_wrong_count_or_size_are_refused() {
    let rows = [
        (r#"{"embeddings":[]}"#, "gave 0 vectors for 2 texts"),
        (r#"{"embeddings":[[1,0,0],[1,0,0],[1,0,0]]}"#, "gave 3 vectors for 2 texts"),
        (r#"{"embeddings":[[1,0,0],[1,0]]}"#, "a vector of 2 numbers after one of 3"),
        (r#"{"embeddings":[[1,0,0],["1"]]}"#, "cannot be read"),
        (r#"{"vectors":[]}"#, "cannot be read"),
    ];
    for (reply, expected) in rows {
        let embedder = open(&[(200, TAGS), (200, ONE), (200, reply)]).unwrap();
        let error = embedder.embed(&["a", "b"]).unwrap_err();
        assert!(matches!(error, EmbedError::Server { .. }), "{error:?}");
        assert!(error.source().unwrap().to_string().contains(expected), "{error:?}");
        assert!(!error.hint().unwrap().contains("garner model install"));
    }
    for zero in ["[0,0,0]", "[1e39,0,0]"] {
        let reply = format!(r#"{{"embeddings":[[1,0,0],{zero}]}}"#);
        let embedder = open(&[(200, TAGS), (200, ONE), (200, &reply)]).unwrap();
        let error = embedder.embed(&["a", "b"]).unwrap_err();
        assert!(matches!(error, EmbedError::UnusableVector { index: 1, .. }), "{error:?}");
    }
}

#[test]
fn a_server_that_is_gone_or_hangs_up_is_said_with_its_address() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = OllamaEmbedder::open(&free, "m").unwrap_err();
    assert_eq!(error.to_string(), format!("no Ollama server answers at http://{free}/"));
    assert!(error.hint().unwrap().contains("`ollama serve`"));
    for (reply, cut) in [("", false), ("HTTP/1.1 200 X\r\ncontent-length: 50\r\n\r\n{", true)] {
        let server = Server::raw(vec![reply.to_owned()]);
        let error = OllamaEmbedder::open(&server.address, "m").unwrap_err();
        assert_eq!(matches!(error, OllamaError::Broken { .. }), cut, "{error:?}");
        assert!(error.to_string().contains(&server.address), "{error}");
    }
}

#[test]
fn addresses_are_read_as_ollama_reads_them() {
    for (text, address) in [
        ("127.0.0.1", "http://127.0.0.1:11434/"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234/"),
        ("https://box.example", "https://box.example/"),
    ] {
        assert_eq!(server(text).unwrap().as_str(), address);
    }
    assert!(matches!(server("http://"), Err(OllamaError::Address { .. })));
}

#[test]
fn a_server_can_be_asked_inside_an_async_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let embedder = runtime.block_on(async { open(&[(200, TAGS), (200, ONE)]) });
    assert_eq!(embedder.unwrap().dimensions(), 3);
}
