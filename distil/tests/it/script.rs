//! A server on this machine that answers each connection with the next reply of a script, and a
//! prompt to send to it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use garner_compiler::distil::{Nonce, Prompt};
use garner_compiler::{Compiler, Options, read_session};
use garner_distil::Patience;
use serde_json::{Value, json};

/// What a client sent.
#[derive(Debug)]
pub(crate) struct Request {
    /// The first line.
    pub(crate) line: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that follows a script.
pub(crate) struct Server {
    pub(crate) address: String,
    seen: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Request>>,
}

/// The status of a reply that never comes: the server hangs up.
pub(crate) const HANGS_UP: u16 = 0;
/// The status of a reply that never comes: the server says nothing until the client is gone.
pub(crate) const IS_SILENT: u16 = 1;

/// A reply: status, headers, body.
pub(crate) type Reply = (u16, &'static [(&'static str, &'static str)], String);

impl Server {
    pub(crate) fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let answer = move |(status, headers, body): Reply| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&stream);
            count.fetch_add(1, Ordering::SeqCst);
            if status == IS_SILENT {
                let _ = stream.read(&mut [0]);
            }
            if [HANGS_UP, IS_SILENT].contains(&status) {
                return request;
            }
            let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
            for (name, value) in headers {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
            let reply = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(reply.as_bytes()).unwrap();
            request
        };
        let thread = thread::spawn(move || replies.into_iter().map(answer).collect());
        Self { address, seen, thread }
    }

    /// Returns how many requests were read to their end.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Returns what was sent, when every reply of the script was given.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.thread.join().unwrap()
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let (line, mut headers) = (next(), Vec::new());
    loop {
        let header = next();
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { line, headers, body: String::from_utf8(body).unwrap() }
}

/// Returns a reply of status 200.
pub(crate) fn ok(body: impl Into<String>) -> Reply {
    (200, &[], body.into())
}

/// Returns patience that does not wait, and the seconds that it would have waited.
pub(crate) fn patience() -> (Patience, Rc<RefCell<Vec<u64>>>) {
    let waited = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&waited);
    let wait = Box::new(move |pause: Duration| kept.borrow_mut().push(pause.as_secs()));
    (Patience { tries: 4, wait, ..Patience::default() }, waited)
}

/// What the person says in the session that the prompts are about.
pub(crate) const SAID: &str = "heights are integers in millimetres, everywhere in this project";

/// Returns prompts about as many small sessions.
pub(crate) fn prompts(count: usize) -> Vec<Prompt> {
    let compiler = Compiler::new(Options::default()).unwrap();
    let session = |n: usize| {
        let record = json!({
            "type": "user", "uuid": format!("u-{n}"), "sessionId": format!("s-{n}"),
            "cwd": "/home/somebody/code/barn", "timestamp": "2026-01-01T00:00:00.000Z",
            "message": {"role": "user", "content": format!("{SAID}, says {n}")},
        });
        let line = format!("{record}\n");
        read_session(line.as_bytes(), format!("s-{n}.jsonl").parse().unwrap()).unwrap()
    };
    let sessions: Vec<_> = (0..count).map(session).collect();
    let plan = compiler.plan(&sessions, &[], 40_000);
    let nonce = Nonce::from_bytes([1; 8]);
    plan.windows().iter().map(|window| window.prompt(&nonce)).collect()
}

/// Returns one prompt.
pub(crate) fn prompt() -> Prompt {
    prompts(1).remove(0)
}
