//! Claude Code as a program: `claude -p` with the prompt on standard input.
//!
//! It runs in an empty folder of its own, without tools, with Garner's hooks silenced so that its
//! session is not compiled in turn, and is killed at a deadline.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use garner_compiler::distil::{Answer, DistilError, Distiller, Prompt, Room, SchemaStyle, schema};
use garner_kernel::Text;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::http::clipped;
use crate::wire::WireUsage;

/// How much fits into one prompt and its answer.
const ROOM: Room = Room { window: 40_000, answer: 8_192 };
/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The most bytes of output that are read.
const MAX_OUTPUT: u64 = 16 << 20;
/// How long output is waited for when the program has ended.
const DRAIN: Duration = Duration::from_secs(5);

/// Which program is run, and how.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its path, or a name to look for.
    pub path: PathBuf,
    /// The model; the program's own choice where there is none.
    pub model: Option<String>,
    /// How long it may take for one prompt.
    pub deadline: Duration,
}

/// Claude Code, asked through its command line.
#[derive(Debug)]
pub struct ClaudeCli {
    program: Program,
    schema: String,
}

/// What the program prints with `--output-format json`.
#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    subtype: String,
    #[serde(default)]
    is_error: bool,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    structured_output: Option<Value>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: WireUsage,
    #[serde(default)]
    total_cost_usd: Option<f64>,
}

/// What a program printed, and how it ended; no status where it was killed.
struct Ended {
    status: Option<ExitStatus>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl ClaudeCli {
    /// Prepares to run a program; it is not started yet.
    pub fn new(program: Program) -> Self {
        Self { program, schema: schema(SchemaStyle::Plain).to_string() }
    }

    fn command(&self, folder: &Path, instructions: &str) -> Command {
        let mut command = Command::new(&self.program.path);
        command.args(["-p", "--output-format", "json", "--json-schema", &self.schema]);
        command.args(["--system-prompt", instructions, "--tools", "", "--strict-mcp-config"]);
        command.arg("--no-session-persistence");
        if let Some(model) = &self.program.model {
            command.args(["--model", model]);
        }
        command.env("GARNER_HOOKS", "none").current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, prompt: &Prompt) -> Result<Ended, Error> {
        let failed = |source| Error::Program { program: self.program.path.clone(), source };
        let folder = tempfile::Builder::new().prefix("garner-").tempdir().map_err(failed)?;
        let started = self.command(folder.path(), prompt.instructions).spawn();
        let mut child = started.map_err(failed)?;
        let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
        if let Some(mut stdin) = child.stdin.take() {
            let text = prompt.text.as_str().to_owned();
            // A program that does not read its input is killed at the deadline like any other.
            thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        }
        let status = wait(&mut child, self.program.deadline).map_err(failed)?;
        // What a grandchild keeps open is not waited for.
        let drained = |output: &Receiver<Vec<u8>>| output.recv_timeout(DRAIN).unwrap_or_default();
        let killed = status.is_none();
        let (out, err) = if killed { Default::default() } else { (drained(&out), drained(&err)) };
        Ok(Ended { status, out, err })
    }

    fn failed(&self, said: String) -> Error {
        Error::Failed { program: self.program.path.clone(), said }
    }

    /// Returns what the output of the program means.
    fn answer(&self, ended: &Ended) -> Result<Answer, DistilError> {
        let Some(status) = ended.status else {
            let seconds = self.program.deadline.as_secs();
            let reason = format!("`claude` was stopped after {seconds} s");
            return Err(DistilError::Unanswered { reason });
        };
        let envelope = envelope(&ended.out);
        let Some(envelope) = envelope else {
            let said = clipped(&String::from_utf8_lossy(&ended.err));
            let said = if said.is_empty() { status.to_string() } else { said };
            return Err(self.failed(said).stopped());
        };
        let mut usage = envelope.usage.tokens();
        usage.dollars = envelope.total_cost_usd.filter(|dollars| dollars.is_finite());
        match envelope.stop_reason.as_deref() {
            Some("refusal") => return Err(DistilError::Refused { usage }),
            Some("max_tokens") => return Err(DistilError::CutOff { usage }),
            _ => {}
        }
        // It tried to keep to the schema, and gave up: as good as bad JSON.
        let gave_up = envelope.subtype == "error_max_structured_output_retries";
        if (envelope.is_error || !status.success()) && !gave_up {
            let said = clipped(envelope.result.as_deref().unwrap_or(&envelope.subtype));
            return Err(self.failed(said).stopped());
        }
        let text = match envelope.structured_output {
            Some(Value::Null) | None => envelope.result.unwrap_or_default(),
            Some(value) => value.to_string(),
        };
        Ok(Answer { text: Text::new(text), usage })
    }
}

impl Distiller for ClaudeCli {
    fn model(&self) -> &str {
        self.program.model.as_deref().unwrap_or("claude")
    }

    fn room(&self) -> Room {
        ROOM
    }

    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError> {
        let ended = self.run(prompt).map_err(Error::stopped)?;
        self.answer(&ended)
    }
}

/// Returns the result in the output: an object, or the last one of a list or of lines.
fn envelope(out: &[u8]) -> Option<Envelope> {
    let value: Value = serde_json::from_slice(out.trim_ascii()).ok()?;
    let value = match value {
        Value::Array(list) => {
            let is_result = |item: &Value| item.get("type").is_some_and(|kind| kind == "result");
            list.into_iter().rev().find(is_result)?
        }
        value => value,
    };
    let envelope: Envelope = serde_json::from_value(value).ok()?;
    (envelope.kind == "result").then_some(envelope)
}

/// Waits for a program until the deadline, and kills it then.
fn wait(child: &mut Child, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if since.elapsed() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Reads an output in a thread of its own, so that a program that writes much is never held up.
fn read(output: Option<impl io::Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            let _ = output.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_found_alone_or_at_the_end_of_a_list() {
        let result = r#"{"type":"result","subtype":"success","result":"x"}"#;
        for out in [result.to_owned(), format!("[{{\"type\":\"system\"}},{result}]\n")] {
            assert_eq!(envelope(out.as_bytes()).unwrap().result.as_deref(), Some("x"));
        }
        for out in ["", "Not logged in", "{}", "[]", r#"{"type":"system"}"#] {
            assert!(envelope(out.as_bytes()).is_none(), "{out}");
        }
    }
}
