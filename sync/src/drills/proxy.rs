//! A proxy between a client and a real server, which lets things go wrong on the way.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What befalls one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mishap {
    /// The answer breaks off after a part of it.
    Cut,
    /// The server is not asked, and the answer is a status.
    Status(u16),
    /// The answer takes a while.
    Slow,
    /// The answer waits until a later request was answered.
    Reordered,
    /// The answer is the first one that was ever given.
    Stale,
    /// The server does what it was asked, and the answer is lost.
    AnswerLost,
    /// A create is looked up first and written later without its condition.
    ChecksThenWrites,
}

/// A request, as it came.
pub(super) struct Asked {
    pub(super) head: String,
    body: Vec<u8>,
}

impl Asked {
    pub(super) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns whether a file is to be created unless it exists.
    pub(super) fn creates(&self) -> bool {
        self.method() == "PUT" && self.head.to_ascii_lowercase().contains("\r\nif-none-match:")
    }
}

type Plan = dyn Fn(&Asked) -> Option<Mishap> + Send + Sync;

/// A proxy on a port of its own, until it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    plan: Box<Plan>,
    /// The first answers that were given, for those who are to get them again.
    first: Mutex<BTreeMap<String, Vec<u8>>>,
    answered: AtomicUsize,
    happened: Mutex<BTreeMap<Mishap, usize>>,
    done: AtomicBool,
}

impl Proxy {
    /// Stands before the server at `upstream`, a host and a port.
    pub(super) fn start(
        upstream: &str,
        plan: impl Fn(&Asked) -> Option<Mishap> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            plan: Box::new(plan),
            first: Mutex::default(),
            answered: AtomicUsize::default(),
            happened: Mutex::default(),
            done: AtomicBool::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.done.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // A client that goes away ends its connection, and nothing else.
                thread::spawn(move || stream.and_then(|stream| serving.serve(stream)));
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says what happened how often.
    pub(super) fn told(&self) -> String {
        let happened = self.shared.happened.lock().unwrap();
        let requests = self.shared.answered.load(Ordering::Relaxed);
        format!("{requests} requests, {} mishaps: {happened:?}", happened.values().sum::<usize>())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let asked = read(&mut stream)?;
        let before = self.answered.fetch_add(1, Ordering::Relaxed);
        let mishap = (self.plan)(&asked);
        if let Some(mishap) = mishap {
            *self.happened.lock().unwrap().entry(mishap).or_default() += 1;
        }
        let key = format!("{} {}", asked.method(), asked.path());
        let kept = || self.first.lock().unwrap().get(&key).cloned();
        let mut reply = match mishap {
            Some(Mishap::Status(status)) => refusal(status, asked.method()),
            Some(Mishap::Stale) if kept().is_some() => kept().unwrap_or_default(),
            Some(Mishap::ChecksThenWrites) => self.check_then_write(&asked)?,
            _ => self.forward(&asked.head, &asked.body)?,
        };
        if asked.method() == "GET" {
            self.first.lock().unwrap().entry(key).or_insert_with(|| reply.clone());
        }
        match mishap {
            Some(Mishap::AnswerLost) => return Ok(()),
            Some(Mishap::Slow) => thread::sleep(Duration::from_millis(20)),
            Some(Mishap::Reordered) => {
                let start = Instant::now();
                while self.answered.load(Ordering::Relaxed) < before + 2
                    && start.elapsed() < Duration::from_millis(20)
                {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            // Any byte may be the last.
            Some(Mishap::Cut) => reply.truncate(reply.len() * (before % 8) / 8),
            _ => {}
        }
        stream.write_all(&reply)
    }

    /// Asks the server and returns all that it says, to the end of the connection.
    fn forward(&self, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let reply = exchange(&self.upstream, head, body)?;
        // One request, one connection: this is how the answer ends.
        Ok(with_close(&reply))
    }

    fn check_then_write(&self, asked: &Asked) -> io::Result<Vec<u8>> {
        let path = asked.path();
        let look = format!("HEAD {path} HTTP/1.1\r\nHost: {}\r\n", self.upstream);
        if self.forward(&look, &[])?.windows(5).take(20).any(|part| part == b" 200 ") {
            return Ok(refusal(412, "PUT"));
        }
        thread::sleep(Duration::from_millis(2));
        let lines = asked.head.split_inclusive("\r\n");
        let unconditional: String =
            lines.filter(|line| !line.to_ascii_lowercase().starts_with("if-none-match")).collect();
        self.forward(&unconditional, &asked.body)
    }
}

/// Sends a request (its head without the empty line) and returns the whole answer.
pub(super) fn exchange(address: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let lines = head.split_inclusive("\r\n");
    let head: String =
        lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}

/// Reads a request, its body included.
fn read(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end + 2]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
            });
            let all = end + 4 + length.unwrap_or(0);
            while bytes.len() < all {
                let got = stream.read(&mut part)?;
                if got == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.extend_from_slice(&part[..got]);
            }
            return Ok(Asked { head, body: bytes[end + 4..all].to_vec() });
        }
        let got = stream.read(&mut part)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..got]);
    }
}

fn with_close(reply: &[u8]) -> Vec<u8> {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else { return reply.to_vec() };
    let head = String::from_utf8_lossy(&reply[..end + 2]).into_owned();
    let lines = head.split_inclusive("\r\n");
    let head: String =
        lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    [format!("{head}Connection: close\r\n").as_bytes(), &reply[end + 2..]].concat()
}

/// Returns an answer that no server gave.
fn refusal(status: u16, method: &str) -> Vec<u8> {
    let code = match status {
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        _ => "InternalError",
    };
    let body = format!("<Error><Code>{code}</Code><Message>the proxy</Message></Error>");
    let shown = if method == "HEAD" { "" } else { &body };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/xml\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{shown}"
    )
    .into_bytes()
}
