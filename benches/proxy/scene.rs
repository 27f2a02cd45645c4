//! A server, a store with a thousand fragments, and the proxy between them in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use garner_kernel::{Confidence, Digest, Fragment, Kind, Moment, Scope, Source, Text, Trust};
use garner_loader::{OpenOptions, Stamp, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Result;
use super::ollama::ollama;
use super::replay::{Asked, Replay, Reply, post};

/// How many fragments the store has.
pub(crate) const FRAGMENTS: usize = 1_000;
/// How many lines a stream has.
pub(crate) const LINES: usize = 200;

/// What recall works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Keywords alone.
    Words,
    /// The embedding model as well.
    Model,
}

impl Engine {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Words => "keywords",
            Self::Model => "the embedding model",
        }
    }
}

/// Everything that runs.
pub(crate) struct Scene {
    pub(crate) server: Replay,
    pub(crate) proxy: String,
    pub(crate) engine: Engine,
    process: Child,
    _folder: TempDir,
}

impl Scene {
    /// Starts everything; `None` where the engine is not installed.
    pub(crate) fn start(engine: Engine) -> Result<Option<Self>> {
        let garner = env!("CARGO_BIN_EXE_garner");
        if engine == Engine::Model {
            let status = Command::new(garner).args(["--json", "model", "status"]).output()?;
            if !status.status.success() {
                return Ok(None);
            }
        }
        let folder = tempfile::tempdir()?;
        fill(folder.path())?;
        let server = Replay::start(answer);
        let mut command = Command::new(garner);
        command.args(["--json", "--store"]).arg(folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--upstream", &server.address()]);
        let words = if engine == Engine::Words { "none" } else { "minilm" };
        command.env("GARNER_EMBEDDER", words).stdout(Stdio::piped()).stderr(Stdio::null());
        if engine == Engine::Model {
            let index = Command::new(garner)
                .arg("--store")
                .arg(folder.path())
                .args(["store", "reindex"])
                .output()?;
            assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
        }
        let mut process = command.spawn()?;
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        let (mut said, mut started) = (String::new(), None);
        while started.is_none() && reader.read_line(&mut said)? > 0 {
            started = serde_json::from_str::<Value>(&said).ok();
        }
        let started = started.ok_or("the proxy did not start")?;
        let proxy = started["address"].as_str().unwrap().replace("http://", "");
        let scene = Self { server, proxy, engine, process, _folder: folder };
        // Until the store is in memory.
        for number in 0..200 {
            let question = format!("How is the gauge of harbour {number} set?");
            post(&scene.proxy, "/api/chat", &chat(&question, "", 0).to_string());
        }
        Ok(Some(scene))
    }

    /// Returns the most memory of the proxy so far, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes << 10)
    }

    /// Returns the most memory that the proxy had, and the size of the largest body that it edited.
    pub(crate) fn memory_of_large_bodies(&self) -> Option<(u64, u64, u64)> {
        // The kernel counts anew from what is there now.
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").ok()?;
        let before = self.peak()?;
        let body = chat("How is the gauge set?", "", 20 << 20).to_string();
        post(&self.proxy, "/api/chat", &body);
        Some((before, self.peak()?, body.len() as u64))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers as Ollama does; a chat of the model `long` is a stream of many lines.
fn answer(asked: &Asked) -> Reply {
    if asked.path == "/api/chat" && asked.body.windows(6).take(40).any(|part| part == b"\"long\"") {
        let line =
            r#"{"model":"long","message":{"role":"assistant","content":"word"},"done":false}"#;
        return Reply::lines(&vec![line; LINES]);
    }
    ollama(asked)
}

/// Returns a chat with so many bytes of history, and a picture of so many bytes.
pub(crate) fn chat(question: &str, history: &str, picture: usize) -> Value {
    let mut messages = Vec::new();
    if !history.is_empty() {
        messages.push(json!({ "role": "user", "content": history }));
        messages.push(json!({ "role": "assistant", "content": "Noted." }));
    }
    let mut last = json!({ "role": "user", "content": question });
    if picture > 0 {
        last["images"] = json!(["QUJD".repeat(picture / 4)]);
    }
    messages.push(last);
    json!({ "model": "team", "messages": messages, "options": { "num_ctx": 65_536 } })
}

fn fill(folder: &std::path::Path) -> Result<()> {
    let mut store = Store::open(folder, &OpenOptions::write())?;
    let stamp = Stamp { at: Moment::from_unix(1_767_225_600), who: "bench".parse()? };
    let places = ["harbour", "lock", "gauge", "tide", "forecast", "station", "chart", "buoy"];
    let verbs = ["stores", "reports", "opens", "rejects", "rounds", "repeats", "forgets"];
    for number in 0..FRAGMENTS {
        let place = places[number % places.len()];
        let verb = verbs[number % verbs.len()];
        let other = places[(number / 8) % places.len()];
        let statement = format!(
            "The {place} {number} {verb} what the {other} says every {} minutes.",
            number % 60
        );
        let kind = if number < 3 { Kind::Rule } else { Kind::Fact };
        store.remember(&fragment(kind, &statement)?, None, &stamp)?;
    }
    Ok(())
}

fn fragment(kind: Kind, statement: &str) -> Result<Fragment> {
    let scope = Scope::User;
    Ok(Fragment {
        id: Fragment::id_of(kind, &scope, statement),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: Moment::from_unix(1_767_225_600),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "s-1".parse()?,
            file: "s-1.jsonl".parse()?,
            record: "r-1".parse()?,
            line: 1,
            digest: Digest::of(statement.as_bytes()),
            speaker: Trust::Human,
            rule: "d2-answer".parse()?,
        }],
    })
}
