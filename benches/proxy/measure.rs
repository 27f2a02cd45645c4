//! How long requests take, directly and through the proxy, in turns.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use super::Result;
use super::replay::{Answer, answer, request};
use super::scene::{Engine, Scene, chat};

/// What is measured.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) engine: Engine,
    /// How many requests go each way.
    rounds: usize,
    /// What one request is; the number makes each its own conversation.
    make: fn(usize) -> Vec<u8>,
    /// Why nothing goes in, if so.
    reason: Option<&'static str>,
    /// What the proxy may add in the middle, in milliseconds.
    pub(crate) target: Option<f64>,
}

/// Everything that is measured, but for streams beside each other.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "passed on, no body",
        engine: Engine::Words,
        rounds: 3_000,
        make: |_| request("GET", "/api/version", b""),
        reason: None,
        target: Some(0.3),
    },
    Case {
        name: "passed on, 4 KB",
        engine: Engine::Words,
        rounds: 3_000,
        make: |_| request("POST", "/api/embed", &[b'x'; 4 << 10]),
        reason: None,
        target: Some(0.3),
    },
    Case {
        name: "chat of 64 KB, core only",
        engine: Engine::Words,
        rounds: 1_000,
        make: |_| post(&unasked(64 << 10)),
        reason: Some("role"),
        target: Some(1.0),
    },
    Case {
        name: "chat, recall by words",
        engine: Engine::Words,
        rounds: 2_000,
        make: |number| post(&chat(&question(number), "", 0)),
        reason: Some(""),
        target: Some(15.0),
    },
    Case {
        name: "chat of 64 KB, recall by words",
        engine: Engine::Words,
        rounds: 1_000,
        make: |number| post(&chat(&question(number), &prose(64 << 10), 0)),
        reason: Some(""),
        target: Some(15.0),
    },
    Case {
        name: "chat of 1 MB (a picture), recall by words",
        engine: Engine::Words,
        rounds: 200,
        make: |number| post(&chat(&question(number), "", 1 << 20)),
        reason: Some(""),
        target: None,
    },
    Case {
        name: "chat of 20 MB (a picture), recall by words",
        engine: Engine::Words,
        rounds: 40,
        make: |number| post(&chat(&question(number), "", 20 << 20)),
        reason: Some(""),
        target: None,
    },
    Case {
        name: "chat, recall with the model",
        engine: Engine::Model,
        rounds: 1_000,
        make: |number| post(&chat(&question(number), "", 0)),
        reason: Some(""),
        target: Some(15.0),
    },
];

/// A question of its own conversation, about something that the store knows.
fn question(number: usize) -> String {
    format!("What does the harbour {} report about the tide of day {number}?", number % 997)
}

/// English-looking text of so many bytes.
fn prose(bytes: usize) -> String {
    "The pilot wrote down what the gauge said and when the lock had opened. ".repeat(bytes / 71)
}

/// A chat whose last message is not a person's: only the core goes in.
fn unasked(bytes: usize) -> serde_json::Value {
    let mut chat = chat("Go on.", &prose(bytes), 0);
    let messages = chat["messages"].as_array_mut().unwrap();
    messages.push(serde_json::json!({ "role": "tool", "content": "42" }));
    chat
}

fn post(body: &serde_json::Value) -> Vec<u8> {
    request("POST", "/api/chat", body.to_string().as_bytes())
}

/// Times in milliseconds, sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(pub(crate) Vec<f64>);

impl Times {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// Returns the time below which so many percent are.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let at = (self.0.len() as f64 * percent / 100.0) as usize;
        self.0.get(at.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// What a case took.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) target: Option<f64>,
    pub(crate) direct: Times,
    pub(crate) proxied: Times,
    /// How many requests were passed on because something took too long.
    pub(crate) failed: usize,
}

/// A connection that is used again and again.
struct Connection(TcpStream);

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a request, reads the whole answer, and returns it with the milliseconds that it took.
    fn ask(&mut self, request: &[u8]) -> Result<(f64, Answer)> {
        let started = Instant::now();
        self.0.write_all(request)?;
        let answer = answer(&mut BufReader::new(&self.0), false);
        Ok((started.elapsed().as_secs_f64() * 1e3, answer))
    }
}

/// Measures a case.
pub(crate) fn compare(case: &Case, scene: &Scene, share: usize) -> Result<Row> {
    let (mut direct, mut proxied) = (Vec::new(), Vec::new());
    let mut straight = Connection::open(&scene.server.address())?;
    let mut through = Connection::open(&scene.proxy)?;
    let mut failed = 0;
    for number in 0..(case.rounds / share).max(10) {
        let request = (case.make)(number);
        direct.push(straight.ask(&request)?.0);
        let (took, answer) = through.ask(&request)?;
        proxied.push(took);
        if let Some(expected) = case.reason {
            let reason = answer.header("x-garner-reason").unwrap_or_default();
            match reason {
                "deadline" | "model" => failed += 1,
                found => assert_eq!(found, expected, "{}", case.name),
            }
        }
        scene.server.take();
    }
    let (direct, proxied) = (Times::of(direct), Times::of(proxied));
    Ok(Row { name: case.name, target: case.target, direct, proxied, failed })
}

/// What streams beside each other took: to their first line, and to their last.
pub(crate) struct Streams {
    pub(crate) engine: Engine,
    /// How many run at once.
    pub(crate) count: usize,
    pub(crate) direct: (Times, Times),
    pub(crate) proxied: (Times, Times),
    /// How many requests were passed on because something took too long.
    pub(crate) failed: usize,
}

/// How many streams run at once, how often, and what the proxy may add in the middle before the
/// first line, in milliseconds.
pub(crate) const STREAMS: [(usize, usize, Option<f64>); 2] = [(1, 400, Some(20.0)), (64, 20, None)];

/// Measures so many streams beside each other, and again, over connections that stay open.
pub(crate) fn streams(scene: &Scene, count: usize, rounds: usize) -> Result<Streams> {
    let open = |address: &str| -> Result<Vec<Connection>> {
        (0..count).map(|_| Connection::open(address)).collect()
    };
    let mut straight = open(&scene.server.address())?;
    let mut through = open(&scene.proxy)?;
    let (mut direct, mut proxied) = (Vec::new(), Vec::new());
    for round in 0..rounds.max(2) {
        // The first round opens what the proxy has open to the server.
        let (one, other) =
            (at_once(&mut straight, round * 2), at_once(&mut through, round * 2 + 1));
        if round > 0 {
            direct.extend(one);
            proxied.extend(other);
        }
        scene.server.take();
    }
    let failed = proxied.iter().filter(|stream| stream.failed).count();
    let of = |streams: Vec<Stream>| {
        let (first, last) = streams.into_iter().map(|stream| (stream.first, stream.last)).unzip();
        (Times::of(first), Times::of(last))
    };
    let (direct, proxied) = (of(direct), of(proxied));
    Ok(Streams { engine: scene.engine, count, direct, proxied, failed })
}

/// What one stream took, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Stream {
    first: f64,
    last: f64,
    /// Whether it was passed on because something took too long.
    failed: bool,
}

fn at_once(connections: &mut [Connection], round: usize) -> Vec<Stream> {
    let count = connections.len();
    thread::scope(|scope| {
        let stream = |(number, connection): (usize, &'_ mut Connection)| {
            connection.stream(round * count + number)
        };
        let streams: Vec<_> = connections
            .iter_mut()
            .enumerate()
            .map(|numbered| scope.spawn(move || stream(numbered)))
            .collect();
        streams.into_iter().map(|stream| stream.join().unwrap()).collect()
    })
}

impl Connection {
    /// Reads one stream of many lines.
    fn stream(&mut self, number: usize) -> Stream {
        let mut body = chat(&question(number), "", 0);
        body["model"] = "long".into();
        let bytes = post(&body);
        let started = Instant::now();
        let now = || started.elapsed().as_secs_f64() * 1e3;
        self.0.write_all(&bytes).unwrap();
        let (mut answer, mut read, mut first) = (Vec::new(), [0; 1 << 14], None);
        while !answer.ends_with(b"0\r\n\r\n") {
            let size = self.0.read(&mut read).unwrap();
            assert!(size > 0, "the stream ended early");
            answer.extend_from_slice(&read[..size]);
            if first.is_none() && holds(&answer, b"\"done\":false") {
                first = Some(now());
            }
        }
        let (first, last) = (first.unwrap(), now());
        let head = &answer[..answer.len().min(1 << 10)];
        let failed = [&b"deadline"[..], b"model", b"busy"]
            .iter()
            .any(|reason| holds(head, &[b"x-garner-reason: ", *reason].concat()));
        Stream { first, last, failed }
    }
}

fn holds(answer: &[u8], part: &[u8]) -> bool {
    answer.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}
