//! The visits of many clients, most of which go away in the middle.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use crate::ollama::ollama;
use crate::proxied::Proxied;
use crate::replay::{Replay, Reply, Step, post, request, reset};
use crate::shelf::{QUESTION, Shelf};

/// How many requests are sent.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
fn requests() -> usize {
    if std::env::var_os("GARNER_DRILL").is_some() { 100_000 } else { 2_000 }
}

/// What the process and the proxy in it hold at a moment; `None` where the system does not say.
#[derive(Debug, Clone, Copy)]
struct Held {
    descriptors: Option<usize>,
    /// What the system counts, in kilobytes. The allocator keeps pages for each of the many threads
    /// that visit and answer, for whatever comes next.
    resident: Option<usize>,
    /// What is allocated and not freed, in kilobytes.
    allocated: usize,
    /// Tasks of the proxy that have not ended.
    tasks: usize,
}

impl Held {
    fn by(proxy: &Proxied) -> Self {
        let descriptors = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let resident = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        let allocated = crate::ALLOCATOR.current_usage() >> 10;
        Self { descriptors, resident, allocated, tasks: proxy.tasks() }
    }
}

/// Sends a request and goes away as `number` says: after the answer, in it, or before.
fn visit(address: &str, number: usize) {
    // Conversations come again, so that the ledger is as large as it gets after a part of them.
    let text = format!("{QUESTION} {}", number % 500);
    let body =
        serde_json::json!({ "model": "team", "messages": [{ "role": "user", "content": text }] });
    let (path, body) = match number % 4 {
        0 => ("/api/pull", "{}".to_owned()),
        1 => ("/endless", "{}".to_owned()),
        _ => ("/api/chat", body.to_string()),
    };
    let whole = number % 4 != 1 && number.is_multiple_of(3);
    if whole {
        let answer = post(address, path, &body);
        assert!(answer.status.contains("200") && answer.ended, "{answer:?}");
        return;
    }
    let mut stream = TcpStream::connect(address).unwrap();
    let bytes = request("POST", path, body.as_bytes());
    let sent = if number.is_multiple_of(5) { bytes.len() / 2 } else { bytes.len() };
    stream.write_all(&bytes[..sent]).unwrap();
    if number % 5 > 2 {
        let _ = stream.read(&mut [0; 40]);
    }
    if number.is_multiple_of(7) {
        reset(&stream);
    }
}

fn visits(address: &str, from: usize, count: usize) {
    let visitors: Vec<_> = (0..8)
        .map(|visitor| {
            let address = address.to_owned();
            thread::spawn(move || {
                for number in (from + visitor..from + count).step_by(8) {
                    visit(&address, number);
                }
            })
        })
        .collect();
    for visitor in visitors {
        visitor.join().unwrap();
    }
}

/// Waits until everything that was open is closed but for what is kept for the next request.
fn settle(server: &Replay, proxy: &Proxied) {
    // Requests that were cut off end by themselves; answering one more shows that the proxy is alive.
    while server.open() > 64 {
        thread::yield_now();
    }
    assert!(post(&proxy.address, "/api/embed", "{}").status.contains("200"));
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let server = Replay::start(|asked| {
        if asked.path == "/endless" {
            let mut steps = vec![Reply::chunked_head("application/x-ndjson")];
            steps.extend((0..200).map(|_| Reply::chunk(&[b'l'; 900])));
            // Nothing follows: only the client can end it.
            let (gone, _) = std::sync::mpsc::sync_channel(1);
            steps.push(Step::UntilGone(gone));
            return Reply { steps, early: false };
        }
        ollama(asked)
    });
    let shelf = Shelf::new();
    let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
    let all = requests();
    let started = Instant::now();
    let fresh = Held::by(&proxy);
    // What is kept on purpose (ledger, pools, buffers) has grown to its size after a part of them.
    visits(&proxy.address, 0, all / 4);
    settle(&server, &proxy);
    server.take();
    shelf.events();
    let before = Held::by(&proxy);
    println!("before any request {fresh:?}, after {} of {all} {before:?}", all / 4);
    for part in 1..4 {
        visits(&proxy.address, part * all / 4, all / 4);
        server.take();
        shelf.events();
    }
    settle(&server, &proxy);
    let after = Held::by(&proxy);
    println!("after all, in {} s, {after:?}", started.elapsed().as_secs());
    // Connections to the server wait for the next request; each is a task and a descriptor.
    assert!(after.tasks <= before.tasks + 40, "{before:?} became {after:?}");
    if let (Some(before), Some(after)) = (before.descriptors, after.descriptors) {
        assert!(after <= before + 40, "{before} descriptors became {after}");
    }
    assert!(after.allocated <= before.allocated + 1_000, "{before:?} became {after:?}");
    if let (Some(before), Some(after)) = (before.resident, after.resident) {
        assert!(after <= before + 24_000, "{before} kB became {after} kB");
    }
    // It ends once no connection is left.
    proxy.finish();
}
