//! A server that follows a script: byte-exact answers, and faults on purpose.
//!
//! It speaks just enough HTTP to know where a request ends, and sends what a script says, write by
//! write. It keeps what it was asked, to the byte.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// How much of a body is kept.
const KEPT: usize = 4 << 20;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// Names as they were spelled, and values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body without its framing, up to a few megabytes of it.
    pub(crate) body: Vec<u8>,
    /// How long the whole body was.
    pub(crate) length: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What is sent, in order; each text is one write.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Waits until the test says so.
    Wait(Arc<Mutex<Receiver<()>>>),
    /// Waits until the client has gone, and tells the test.
    UntilGone(SyncSender<()>),
    /// Ends the connection with a reset.
    Reset,
    /// Ends the connection.
    Close,
    /// Sends so many bytes.
    Flood(usize),
}

/// What a request is answered with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) steps: Vec<Step>,
    /// Whether the answer comes before the body is read.
    pub(crate) early: bool,
}

/// Decides about an answer; asked with an empty body first.
pub(crate) type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

pub(crate) struct Replay {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    open: Arc<AtomicUsize>,
}

impl Replay {
    /// Starts a server.
    pub(crate) fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", script)
    }

    /// Starts a server at an address.
    pub(crate) fn at(
        address: &str,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, open) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<AtomicUsize>::default());
        let script: Arc<Script> = Arc::new(script);
        let (log, count) = (Arc::clone(&asked), Arc::clone(&open));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, log, count) =
                    (Arc::clone(&script), Arc::clone(&log), Arc::clone(&count));
                thread::spawn(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    // A connection that breaks is what some tests are about.
                    let _ = connection(&stream.unwrap(), &*script, &log);
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, asked, open }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns what was asked so far, and forgets it.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Returns what was asked of a path so far.
    pub(crate) fn of(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Returns how many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

fn connection(stream: &TcpStream, script: &Script, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let Some(mut asked) = head(&mut reader)? else { return Ok(()) };
        let early = script(&asked);
        let reply = if early.early {
            early
        } else {
            if asked.header("expect").is_some() {
                (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            body(&mut reader, &mut asked)?;
            script(&asked)
        };
        log.lock().unwrap().push(asked);
        for step in reply.steps {
            if !run(stream, &mut reader, step)? {
                return Ok(());
            }
        }
    }
}

/// Does one step and returns whether the connection goes on.
fn run(
    mut stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    step: Step,
) -> std::io::Result<bool> {
    match step {
        Step::Send(bytes) => {
            stream.write_all(&bytes)?;
            thread::yield_now();
        }
        Step::Wait(gate) => drop(gate.lock().unwrap().recv()),
        Step::UntilGone(gone) => {
            // End of file and reset are the same to whoever answers.
            let _ = reader.read(&mut [0; 16]);
            // A test that does not care has dropped the other end.
            let _ = gone.send(());
            return Ok(false);
        }
        Step::Reset => {
            reset(stream);
            return Ok(false);
        }
        Step::Close => return Ok(false),
        Step::Flood(mut left) => {
            let chunk = vec![b'x'; 1 << 16];
            while left > 0 {
                let size = left.min(chunk.len());
                stream.write_all(&chunk[..size])?;
                left -= size;
            }
        }
    }
    Ok(true)
}

/// Ends a connection with a reset: what is unread is thrown away.
pub(crate) fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

fn head(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    // A client may go away in the middle of it.
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut asked = Asked { method, path, ..Asked::default() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let text = line.trim_end_matches(['\r', '\n']);
        let Some((name, value)) = text.split_once(':') else { return Ok(Some(asked)) };
        asked.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn body(reader: &mut BufReader<&TcpStream>, asked: &mut Asked) -> std::io::Result<()> {
    if asked.header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            take(reader, asked, size)?;
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    take(reader, asked, length)
}

fn take(reader: &mut BufReader<&TcpStream>, asked: &mut Asked, size: usize) -> std::io::Result<()> {
    let mut chunk = vec![0; size.min(1 << 16)];
    let mut left = size;
    while left > 0 {
        let part = &mut chunk[..left.min(1 << 16)];
        reader.read_exact(part)?;
        if asked.body.len() < KEPT {
            asked.body.extend_from_slice(part);
        }
        asked.length += part.len();
        left -= part.len();
    }
    Ok(())
}

impl Reply {
    /// Returns an answer with a length.
    pub(crate) fn whole(status: &str, kind: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        Self { steps: vec![Step::Send([head.as_bytes(), body].concat())], early: false }
    }

    /// Returns an answer as Ollama writes JSON.
    pub(crate) fn json(status: &str, body: &str) -> Self {
        Self::whole(status, "application/json; charset=utf-8", body.as_bytes())
    }

    /// Returns an answer in chunks, each of which is written for itself.
    pub(crate) fn chunked(kind: &str, chunks: &[&[u8]]) -> Self {
        let mut steps = vec![Self::chunked_head(kind)];
        steps.extend(chunks.iter().map(|chunk| Self::chunk(chunk)));
        steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
        Self { steps, early: false }
    }

    pub(crate) fn chunked_head(kind: &str) -> Step {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        Step::Send(head.into_bytes())
    }

    pub(crate) fn chunk(bytes: &[u8]) -> Step {
        let head = format!("{:x}\r\n", bytes.len());
        Step::Send([head.as_bytes(), bytes, b"\r\n"].concat())
    }

    /// Returns a stream of lines, each of which is one chunk.
    pub(crate) fn lines(lines: &[&str]) -> Self {
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        let chunks: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        Self::chunked("application/x-ndjson", &chunks)
    }

    /// Returns the answer of a script that decides by the body, before the body is there.
    pub(crate) fn early(mut self) -> Self {
        self.early = true;
        self
    }
}

/// Returns a gate and the way to open it.
pub(crate) fn gate() -> (Step, SyncSender<()>) {
    let (open, gate) = sync_channel(9);
    (Step::Wait(Arc::new(Mutex::new(gate))), open)
}

/// An answer of a server, read by a client of the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    /// Names in lower case but for `cased`, without those that concern one connection only.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The chunks as they were framed; empty where there is a length.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Whether it ended as its framing says.
    pub(crate) ended: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns what has to be equal with and without a proxy.
    pub(crate) fn essence(&self) -> (String, Vec<(String, String)>, Vec<u8>, bool) {
        let ours = |(name, _): &&(String, String)| !name.to_lowercase().starts_with("x-garner");
        let mut headers: Vec<_> = self.headers.iter().filter(ours).cloned().collect();
        headers.sort();
        (self.status.clone(), headers, self.body.clone(), self.ended)
    }
}

/// Sends raw bytes and reads one answer.
pub(crate) fn exchange(address: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let is_head = request.starts_with(b"HEAD ");
    answer(&mut BufReader::new(&stream), is_head)
}

/// Returns a request with a body and its length.
pub(crate) fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let framing = if body.is_empty() && method != "POST" {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:11434\r\n{framing}\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) fn post(address: &str, path: &str, body: &str) -> Answer {
    exchange(address, &request("POST", path, body.as_bytes()))
}

/// Reads one answer, without what is informational.
pub(crate) fn answer(reader: &mut BufReader<&TcpStream>, is_head: bool) -> Answer {
    let (status, headers) = loop {
        let (status, headers) = answer_head(reader);
        if !status.contains(" 100 ") {
            break (status, headers);
        }
    };
    let named: HashMap<String, String> =
        headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let mut answer = Answer { status, headers, body: Vec::new(), chunks: Vec::new(), ended: true };
    let no_body = is_head || ["204", "304"].iter().any(|s| answer.status.contains(s));
    if no_body {
    } else if named.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        answer.ended = read_chunks(reader, &mut answer.chunks).is_ok();
        answer.body = answer.chunks.concat();
    } else if let Some(length) = named.get("content-length") {
        let length: usize = length.parse().unwrap();
        let read = reader.take(length as u64).read_to_end(&mut answer.body);
        answer.ended = read.is_ok() && answer.body.len() == length;
    } else {
        answer.ended = reader.read_to_end(&mut answer.body).is_ok();
    }
    let hops = ["transfer-encoding", "connection", "keep-alive"];
    answer.headers.retain(|(name, _)| !hops.contains(&name.to_lowercase().as_str()));
    answer
}

fn answer_head(reader: &mut BufReader<&TcpStream>) -> (String, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.trim_end().to_owned();
    assert!(status.starts_with("HTTP/1."), "no answer: {status:?}");
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.split_once(':') else { return (status, headers) };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_chunks(
    reader: &mut BufReader<&TcpStream>,
    chunks: &mut Vec<Vec<u8>>,
) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim(), 16)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        reader.read_exact(&mut [0; 2])?;
        if size == 0 {
            return Ok(());
        }
        chunks.push(chunk);
    }
}
