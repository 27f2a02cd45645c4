//! With nothing to inject, an answer through the proxy is the direct one, byte for byte.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::sync_channel;

use crate::ollama::ollama;
use crate::proxied::Proxied;
use crate::replay::{Asked, Replay, Reply, Step, answer, exchange, gate, post, request};

/// Requests with whatever a client may send: method, path, body.
const ROWS: &[(&str, &str, &str)] = &[
    ("GET", "/", ""),
    ("HEAD", "/", ""),
    ("GET", "/api/version", ""),
    ("GET", "/api/tags", ""),
    ("HEAD", "/api/tags", ""),
    ("GET", "/api/ps", ""),
    ("POST", "/api/show", r#"{"model":"team"}"#),
    ("POST", "/api/show", r#"{"model":"nosuch"}"#),
    ("POST", "/api/chat", r#"{"model":"llama3.2","messages":[{"role":"user","content":"hi"}]}"#),
    (
        "POST",
        "/api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"hi"}],"stream":false}"#,
    ),
    ("POST", "/api/chat", r#"{"model":"llama3.2","messages":[]}"#),
    ("POST", "/api/chat", r#"{"model":"llama3.2","messages":[],"keep_alive":0}"#),
    ("POST", "/api/chat", r#"{"model":"nosuch","messages":[{"role":"user","content":"hi"}]}"#),
    ("POST", "/api/chat", "not json"),
    ("POST", "/api/chat", ""),
    (
        "POST",
        "/api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"break now"}]}"#,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"2+2"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"add","arguments":{"a":2,"b":2}}}]},{"role":"tool","tool_name":"add","content":"4"}],"tools":[{"type":"function","function":{"name":"add"}}]}"#,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"model":"llava","messages":[{"role":"user","content":"what?","images":["aGVsbG8="]}]}"#,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"x"}],"format":{"type":"object"},"think":"high","logprobs":true,"top_logprobs":2,"stream":false}"#,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"MODEL":"llama3.2","Messages":[{"ROLE":"user","content":"a","content":"b"}],"model":"llama3.2","options":{"temperature":1E-2,"seed":1.0e0}} trailing garbage {"#,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"unknown":[1,{"a":null}],"model":"llama3.2","messages":[{"role":"user","content":"\ud800 \u00e9","more":true}]}"#,
    ),
    ("POST", "/api/generate", r#"{"model":"llama3.2","prompt":"Why?"}"#),
    ("POST", "/api/generate", r#"{"model":"llama3.2","prompt":"Why?","stream":false}"#),
    ("POST", "/api/generate", r#"{"model":"llama3.2","prompt":""}"#),
    ("POST", "/api/generate", r#"{"model":"llama3.2"}"#),
    ("POST", "/api/generate", r#"{"model":"llama3.2","prompt":"<|x|>","raw":true}"#),
    ("POST", "/api/generate", r#"{"model":"code","prompt":"def f(","suffix":"return 1"}"#),
    ("POST", "/api/generate", r#"{"model":"llama3.2","prompt":"more","context":[1,2]}"#),
    ("POST", "/api/pull", r#"{"model":"llama3.2"}"#),
    ("POST", "/api/create", r#"{"model":"team","from":"llama3.2","system":"x"}"#),
    ("POST", "/api/push", r#"{"model":"me/team"}"#),
    ("DELETE", "/api/delete", r#"{"model":"x"}"#),
    ("POST", "/api/copy", r#"{"source":"x","destination":"y"}"#),
    ("HEAD", "/api/blobs/sha256:29fd", ""),
    ("POST", "/api/blobs/sha256:29fd", "blob"),
    ("POST", "/api/embed", r#"{"model":"m","input":["a","b"]}"#),
    (
        "POST",
        "/v1/chat/completions",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"hi"}]}"#,
    ),
    (
        "POST",
        "/v1/chat/completions",
        r#"{"model":"llama3.2","messages":[{"role":"user","content":"hi"}],"stream":true}"#,
    ),
    (
        "POST",
        "/v1/messages",
        r#"{"model":"llama3.2","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#,
    ),
    (
        "POST",
        "/v1/messages",
        r#"{"model":"llama3.2","max_tokens":64,"messages":[{"role":"user","content":"hi"}],"stream":true}"#,
    ),
    ("POST", "/v1/responses", r#"{"model":"llama3.2","input":"hi"}"#),
    ("PUT", "/api/chat", "{}"),
    ("POST", "/busy", "{}"),
    ("POST", "/broken", "{}"),
    ("GET", "/nowhere?x=%20y&x=2", ""),
    ("PATCH", "/nowhere/%F0%9F", "x"),
    ("GET", "//double//slash", ""),
];

/// What a server sees of a request, but for what concerns one connection only.
fn seen(asked: &Asked) -> (String, String, Vec<(String, String)>, Vec<u8>) {
    let mut headers = asked.headers.clone();
    headers.retain(|(name, _)| {
        !["connection", "transfer-encoding"].contains(&name.to_lowercase().as_str())
    });
    headers.sort();
    (asked.method.clone(), asked.path.clone(), headers, asked.body.clone())
}

#[test]
fn every_answer_is_the_direct_one_and_every_request_arrives_as_it_was() {
    let server = Replay::start(ollama);
    let proxy = Proxied::plain(&server.address());
    for (method, path, body) in ROWS {
        let request = request(method, path, body.as_bytes());
        let direct = exchange(&server.address(), &request);
        let asked_directly = server.take();
        let through = exchange(&proxy.address, &request);
        let asked_through = server.take();
        assert_eq!(through.essence(), direct.essence(), "{method} {path} {body}");
        assert_eq!((asked_directly.len(), asked_through.len()), (1, 1), "{method} {path} {body}");
        assert_eq!(seen(&asked_through[0]), seen(&asked_directly[0]), "{method} {path} {body}");
    }
}

#[test]
fn headers_keep_their_spelling_and_their_order() {
    let server = Replay::start(ollama);
    let proxy = Proxied::plain(&server.address());
    let request = b"GET /api/version HTTP/1.1\r\nhOST: localhost\r\nX-One: 1\r\nx-ONE: 2\r\n\
        Authorization: Bearer t\r\nUser-Agent: ollama-python/0.6\r\nX-Garner: off\r\n\r\n";
    let through = exchange(&proxy.address, request);
    assert_eq!(through.headers, exchange(&server.address(), request).headers);
    let names: Vec<(String, String)> = server.take()[0].headers.clone();
    for expected in
        [("hOST", "localhost"), ("X-One", "1"), ("x-ONE", "2"), ("Authorization", "Bearer t")]
    {
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert!(names.contains(&expected), "{expected:?} in {names:?}");
    }
    assert!(!names.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-garner")), "{names:?}");
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Replay::start(ollama);
    let proxy = Proxied::plain(&server.address());
    let mut stream = TcpStream::connect(&proxy.address).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..20 {
        for (path, status) in [("/api/version", "200"), ("/nowhere", "404")] {
            stream.write_all(&request("GET", path, b"")).unwrap();
            let mut reader = BufReader::new(reader.get_mut() as &TcpStream);
            assert!(answer(&mut reader, false).status.contains(status));
        }
    }
    assert_eq!(server.open(), 1, "the way to the server is used again");
}

#[test]
fn a_body_in_chunks_and_a_client_of_http_1_0_are_served() {
    let server = Replay::start(ollama);
    let proxy = Proxied::plain(&server.address());
    let chunked =
        b"POST /api/embed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\n{\"mod\r\n8;ext=1\r\nel\":\"m\"}\r\n0\r\n\r\n";
    assert!(exchange(&proxy.address, chunked).status.contains("200"));
    assert_eq!(server.take()[0].body, b"{\"model\":\"m\"}");
    let old = exchange(&proxy.address, b"POST /api/pull HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    assert!(old.chunks.is_empty() && old.text().ends_with("{\"status\":\"success\"}\n"), "{old:?}");
}

#[test]
fn a_blob_waits_until_it_is_wanted() {
    let there = |asked: &Asked| {
        let reply = Reply::whole("200 OK", "text/plain", b"");
        if asked.path.ends_with("there") { reply.early() } else { ollama(asked) }
    };
    let server = Replay::start(there);
    let proxy = Proxied::plain(&server.address());
    let expect = |path: &str| {
        let mut stream = TcpStream::connect(&proxy.address).unwrap();
        let head = format!(
            "POST /api/blobs/sha256:{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\
             Expect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    // The server wants it: only then the client is told to go on.
    let mut stream = expect("29fd");
    let mut first = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
    assert_eq!(&first[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"blob").unwrap();
    let answered = answer(&mut BufReader::new(&stream), false);
    assert!(answered.status.contains("201"), "{answered:?}");
    assert_eq!(server.take()[0].body, b"blob");
    // The server has it: its answer comes at once, and nobody asks for the body.
    let stream = expect("there");
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    assert_eq!(server.take()[0].length, 0);
}

#[test]
fn a_hundred_megabytes_pass_in_both_directions() {
    const SIZE: usize = 100 << 20;
    let server = Replay::start(|asked| {
        if asked.method == "GET" {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            return Reply {
                steps: vec![Step::Send(head.into_bytes()), Step::Flood(SIZE)],
                early: false,
            };
        }
        Reply::whole("201 Created", "text/plain", b"")
    });
    let proxy = Proxied::plain(&server.address());
    let through = exchange(&proxy.address, &request("GET", "/blob", b""));
    assert_eq!((through.body.len(), through.ended), (SIZE, true));
    let body = vec![b'y'; SIZE];
    assert!(
        exchange(&proxy.address, &request("POST", "/api/blobs/x", &body)).status.contains("201")
    );
    assert_eq!(server.of("/api/blobs/x")[0].length, SIZE);
}

#[test]
fn a_slow_first_byte_is_waited_for() {
    let (wait, open) = gate();
    let server = Replay::start(move |asked| {
        let mut reply = ollama(asked);
        reply.steps.insert(0, wait.clone());
        reply
    });
    let proxy = Proxied::plain(&server.address());
    let address = proxy.address.clone();
    let client = std::thread::spawn(move || post(&address, "/api/embed", "{}"));
    // The server has the request, and answers when the test says so.
    while server.of("/api/embed").is_empty() {
        std::thread::yield_now();
    }
    assert!(!client.is_finished());
    open.send(()).unwrap();
    assert!(client.join().unwrap().status.contains("200"));
}

#[test]
fn a_client_that_goes_away_ends_the_request_and_the_next_one_is_served() {
    let (gone, left) = sync_channel(1);
    let server = Replay::start(move |asked| match asked.path.as_str() {
        "/silent" => Reply { steps: vec![Step::UntilGone(gone.clone())], early: false },
        "/stream" => {
            let head = Reply::chunked_head("application/x-ndjson");
            let line = Reply::chunk(b"{\"response\":\"a\"}\n");
            Reply { steps: vec![head, line, Step::UntilGone(gone.clone())], early: false }
        }
        _ => ollama(asked),
    });
    let proxy = Proxied::plain(&server.address());
    for path in ["/silent", "/stream"] {
        for with_reset in [false, true] {
            let mut stream = TcpStream::connect(&proxy.address).unwrap();
            stream.write_all(&request("POST", path, b"{}")).unwrap();
            if path == "/stream" {
                std::io::Read::read_exact(&mut stream, &mut [0; 64]).unwrap();
            }
            while server.of(path).is_empty() {
                std::thread::yield_now();
            }
            if with_reset {
                crate::replay::reset(&stream);
            }
            drop(stream);
            left.recv().unwrap();
            server.take();
            assert!(post(&proxy.address, "/api/embed", "{}").status.contains("200"));
            server.take();
        }
    }
}

#[test]
fn a_server_that_is_down_is_told_and_found_again() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let proxy = Proxied::plain(&address);
    for path in ["/api/embed", "/api/chat"] {
        let refused = post(&proxy.address, path, "{}");
        assert!(refused.status.contains("502"), "{refused:?}");
        let error: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
        assert!(error["error"].as_str().unwrap().contains(&address), "{error}");
    }
    let server = Replay::at(&address, ollama);
    assert!(post(&proxy.address, "/api/embed", "{}").status.contains("200"));
    assert_eq!(server.take().len(), 1);
}

#[test]
fn a_server_that_breaks_before_it_answers_is_told() {
    for last in [Step::Close, Step::Reset] {
        let server = Replay::start(move |_| Reply { steps: vec![last.clone()], early: false });
        let proxy = Proxied::plain(&server.address());
        let refused = post(&proxy.address, "/api/embed", "{}");
        assert!(refused.status.contains("502") && refused.text().contains("broke"), "{refused:?}");
    }
}

#[test]
fn requests_from_elsewhere_are_refused() {
    let server = Replay::start(ollama);
    let proxy = Proxied::with(&server.address(), None, vec!["https://chat.example".to_owned()]);
    for (host, origin, allowed) in [
        ("127.0.0.1:11435", "", true),
        ("testbox", "https://chat.example", true),
        ("localhost", "http://localhost:3000", true),
        ("evil.example", "", false),
        ("localhost", "https://evil.example", false),
    ] {
        for path in ["/api/version", "/metrics", "/k/team/api/version"] {
            let origin =
                if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n");
            let answer = exchange(&proxy.address, request.as_bytes());
            let status = if allowed { "200" } else { "403" };
            assert!(answer.status.contains(status), "{host} {origin} {path}: {answer:?}");
            assert!(allowed || answer.body.is_empty());
        }
    }
    assert_eq!(server.take().len(), 6, "nothing refused reaches the server");
}

#[test]
fn a_proxy_that_is_stopped_finishes_what_runs() {
    let (wait, open) = gate();
    let server = Replay::start(move |asked| {
        let mut reply = ollama(asked);
        reply.steps.insert(1, wait.clone());
        reply
    });
    let proxy = Proxied::plain(&server.address());
    let address = proxy.address.clone();
    let client = std::thread::spawn(move || post(&address, "/api/pull", "{}"));
    while server.of("/api/pull").is_empty() {
        std::thread::yield_now();
    }
    let address = proxy.address.clone();
    let stopping = std::thread::spawn(move || proxy.finish());
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    open.send(()).unwrap();
    let answer = client.join().unwrap();
    assert!(answer.ended && answer.text().ends_with("{\"status\":\"success\"}\n"), "{answer:?}");
    stopping.join().unwrap();
}
