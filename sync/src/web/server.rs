//! A web server for tests: files with tags, ranges and conditions, and faults on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use garner_kernel::Digest;

/// What the server does to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing: it answers as it should.
    None,
    /// Answers as it should, in chunks and without a length.
    Chunked,
    /// Answers with a weak tag.
    Weak,
    /// Breaks off after so many bytes of the body.
    Cut(usize),
    /// Breaks off like [`Self::Cut`], with a weak tag.
    WeakCut(usize),
    /// Breaks off after a chunk of so many bytes.
    CutChunk(usize),
    /// Answers with a status and headers, and without the file.
    Status(u16, Vec<(&'static str, String)>),
    /// Sends the whole file, whatever was asked for.
    Whole,
    /// Sends a part that starts or ends elsewhere than it says.
    WrongRange(&'static str),
    /// Sends a part of another file, with that file's tag.
    OtherFile,
    /// Says that the file has a byte more than it sends.
    Short,
    /// Sends a byte more than it says.
    Long,
    /// Sends a chunked part with a byte too many.
    LongPart,
    /// Never stops sending.
    Endless,
    /// Sends no length and closes at the end, or before it.
    NoLength(usize),
    /// Sends a few bytes at a time.
    Drip,
    /// Is silent for so long.
    Stall(Duration),
    /// Resets the connection.
    Reset,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The headers, by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
}

type Files = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;
type Plan = dyn Fn(usize, &Request) -> Fault + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    files: Box<Files>,
    plan: Box<Plan>,
    requests: Mutex<Vec<Request>>,
    sent: AtomicU64,
    done: AtomicBool,
}

impl Server {
    /// Serves `files` by path; `plan` says what befalls the n-th request.
    pub(crate) fn start(
        files: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
        plan: impl Fn(usize, &Request) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files: Box::new(files),
            plan: Box::new(plan),
            requests: Mutex::default(),
            sent: AtomicU64::default(),
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
                thread::spawn(move || stream.and_then(|mut stream| serving.serve(&mut stream)));
            }
        });
        Self { address, shared }
    }

    /// Returns the address of its files.
    pub(crate) fn base(&self) -> String {
        format!("http://{}/files", self.address)
    }

    /// Returns what was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Returns how many bytes were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

/// Returns the tag that the server gives to a file.
pub(crate) fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Digest::of(bytes))
}

impl Shared {
    fn serve(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        loop {
            let (request, length) = peek(stream)?;
            let count = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            let fault = (self.plan)(count, &request);
            if matches!(fault, Fault::Reset) {
                // Closing with bytes that nobody read resets the connection.
                return Ok(());
            }
            stream.read_exact(&mut vec![0; length])?;
            if let Fault::Stall(pause) = fault {
                thread::sleep(pause);
            }
            let mut reply = self.reply(&request, &fault);
            reply.spoil(&fault);
            self.send(stream, &reply, &fault)?;
            if reply.closes {
                return Ok(());
            }
        }
    }

    /// Returns the right reply, but for a plain status and the choice between whole and part.
    fn reply(&self, request: &Request, fault: &Fault) -> Reply {
        if let Fault::Status(status, headers) = fault {
            return Reply::new(*status).with(headers);
        }
        let path = request.path.strip_prefix("/files/").unwrap_or_default();
        let Some(mut file) = (self.files)(path) else { return Reply::new(404) };
        let mut tag = tag(&file);
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        let matches = header("if-range").is_none_or(|wanted| wanted == tag);
        if matches!(fault, Fault::OtherFile) && matches && header("range").is_some() {
            file = file.iter().map(|byte| byte ^ 1).collect();
            tag = self::tag(&file);
        }
        if header("if-none-match") == Some(&tag) {
            return Reply::new(304).with(&[("ETag", tag)]);
        }
        if matches!(fault, Fault::Weak | Fault::WeakCut(_)) {
            tag = format!("W/{tag}");
        }
        let first = header("range").filter(|_| matches && !matches!(fault, Fault::Whole));
        let first = first.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let first: Option<usize> = first.map(|first| first.parse().unwrap());
        let (status, range) = match first {
            None => (200, None),
            Some(first) if first >= file.len() => return Reply::new(416),
            Some(first) => {
                let total = file.len();
                (206, Some(format!("bytes {first}-{}/{total}", total - 1)))
            }
        };
        let body = file[first.unwrap_or(0)..].to_vec();
        let mut reply = Reply { length: Some(body.len()), body, ..Reply::new(status) };
        reply.headers.push(("ETag", tag));
        reply.headers.extend(range.map(|range| ("Content-Range", range)));
        reply
    }

    fn send(&self, stream: &mut TcpStream, reply: &Reply, fault: &Fault) -> io::Result<()> {
        self.write(stream, reply.head().as_bytes())?;
        let pieces: Vec<&[u8]> = match fault {
            Fault::Drip => reply.body.chunks(reply.body.len() / 8 + 1).collect(),
            _ => vec![&reply.body],
        };
        for piece in pieces {
            if reply.chunked {
                self.write(stream, format!("{:x}\r\n", piece.len()).as_bytes())?;
            }
            self.write(stream, piece)?;
            if reply.chunked {
                self.write(stream, b"\r\n")?;
            }
            if matches!(fault, Fault::Drip) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        if matches!(fault, Fault::Endless) {
            // Until the client goes away.
            loop {
                self.write(stream, b"1000\r\n")?;
                self.write(stream, &[7; 0x1000])?;
                self.write(stream, b"\r\n")?;
            }
        }
        if reply.chunked && !matches!(fault, Fault::CutChunk(_)) {
            self.write(stream, b"0\r\n\r\n")?;
        }
        Ok(())
    }

    fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes)?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    length: Option<usize>,
    body: Vec<u8>,
    chunked: bool,
    closes: bool,
}

impl Reply {
    fn new(status: u16) -> Self {
        let length = (status != 304).then_some(0);
        let (headers, body) = (Vec::new(), Vec::new());
        Self { status, headers, length, body, chunked: false, closes: false }
    }

    fn with(mut self, headers: &[(&'static str, String)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    /// Makes the reply what the fault is about.
    fn spoil(&mut self, fault: &Fault) {
        let file = matches!(self.status, 200 | 206);
        match fault {
            Fault::Cut(after) | Fault::WeakCut(after) | Fault::CutChunk(after) if file => {
                // A cut after the last byte is none.
                self.body.truncate((*after).min(self.body.len().saturating_sub(1)));
                self.closes = true;
            }
            Fault::WrongRange(range) if self.status == 206 => {
                self.headers.retain(|(name, _)| *name != "Content-Range");
                self.headers.push(("Content-Range", (*range).to_owned()));
            }
            Fault::Short if file => {
                self.length = self.length.map(|length| length + 1);
                self.closes = true;
            }
            Fault::Long if file => {
                self.body.push(7);
                self.closes = true;
            }
            Fault::LongPart if self.status == 206 => self.body.push(7),
            Fault::NoLength(after) if file => {
                self.body.truncate(*after);
                (self.length, self.closes) = (None, true);
            }
            _ => {}
        }
        let chunks = matches!(
            fault,
            Fault::Chunked | Fault::CutChunk(_) | Fault::Endless | Fault::LongPart | Fault::Drip
        );
        if file && chunks {
            (self.length, self.chunked) = (None, true);
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(length) = self.length {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        if self.chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        if self.closes {
            head.push_str("Connection: close\r\n");
        }
        head + "\r\n"
    }
}

/// Waits for a request and returns it with its length, without taking it from the connection.
fn peek(stream: &TcpStream) -> io::Result<(Request, usize)> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let there = stream.peek(&mut buffer)?;
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&buffer[..there]).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            return Ok((Request::parse(head), head.len() + 4));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

impl Request {
    fn parse(head: &str) -> Self {
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { path: path.to_owned(), headers }
    }
}
