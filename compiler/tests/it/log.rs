//! Writes small transcripts for the tests.

use std::sync::OnceLock;

use garner_compiler::{Compiler, Options, Report, Session, read_session};
use garner_kernel::{Draft, Entry, Status};
use serde_json::{Value, json};

/// A transcript that grows record by record.
#[derive(Default, Clone)]
pub(crate) struct Log {
    lines: Vec<String>,
    session: Option<String>,
}

impl Log {
    /// Names the session of the records that follow, and makes their ids its own.
    pub(crate) fn named(&mut self, session: &str) -> &mut Self {
        self.session = Some(session.to_owned());
        self
    }

    /// Adds a record of the main thread; `extra` may replace any field.
    pub(crate) fn record(&mut self, kind: &str, extra: &Value) -> &mut Self {
        let number = self.lines.len() + 1;
        let named = self.session.clone().unwrap_or_default();
        let mut record = json!({
            "type": kind,
            "uuid": format!("{named}u-{number}"),
            "parentUuid": format!("{named}u-{}", number - 1),
            "sessionId": self.session.as_deref().unwrap_or("s-1"),
            "cwd": "/home/somebody/code/barn",
            "isSidechain": false,
            "timestamp": format!("2026-01-01T00:{:02}:{:02}.000Z", number / 60, number % 60),
        });
        for (name, value) in extra.as_object().unwrap() {
            record[name] = value.clone();
        }
        self.lines.push(record.to_string());
        self
    }

    pub(crate) fn human(&mut self, text: &str) -> &mut Self {
        self.record("user", &json!({"message": {"role": "user", "content": text}}))
    }

    pub(crate) fn assistant(&mut self, text: &str) -> &mut Self {
        let content = json!([{"type": "text", "text": text}]);
        self.record("assistant", &json!({"message": {"role": "assistant", "content": content}}))
    }

    pub(crate) fn tool(&mut self, id: &str, name: &str, input: &Value) -> &mut Self {
        let content = json!([{"type": "tool_use", "id": id, "name": name, "input": input}]);
        self.record("assistant", &json!({"message": {"role": "assistant", "content": content}}))
    }

    pub(crate) fn result(&mut self, id: &str, text: &str, outcome: &Value) -> &mut Self {
        let content = json!([{"type": "tool_result", "tool_use_id": id, "content": text}]);
        let message = json!({"role": "user", "content": content});
        self.record("user", &json!({"message": message, "toolUseResult": outcome}))
    }

    pub(crate) fn failure(&mut self, id: &str, text: &str) -> &mut Self {
        let content =
            json!([{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": true}]);
        let message = json!({"role": "user", "content": content});
        self.record("user", &json!({"message": message, "toolUseResult": format!("Error: {text}")}))
    }

    /// Adds a successful edit of a file.
    pub(crate) fn edit(&mut self, path: &str, old: &str, new: &str) -> &mut Self {
        let id = format!("t-{}", self.lines.len());
        let input = json!({"file_path": path, "old_string": old, "new_string": new});
        self.tool(&id, "Edit", &input).result(&id, "updated", &json!({"filePath": path}))
    }

    /// Adds a successful write of a file.
    pub(crate) fn write(&mut self, path: &str, content: &str) -> &mut Self {
        let id = format!("t-{}", self.lines.len());
        let input = json!({"file_path": path, "content": content});
        self.tool(&id, "Write", &input).result(&id, "created", &json!({"type": "create"}))
    }

    /// Adds a question with two options and the answer to it.
    pub(crate) fn answer(&mut self, question: &str, answer: &str) -> &mut Self {
        self.ask(question, "Topic", &["First way (Recommended)", "Second way"], answer)
    }

    pub(crate) fn ask(
        &mut self,
        question: &str,
        header: &str,
        options: &[&str],
        answer: &str,
    ) -> &mut Self {
        let id = format!("t-{}", self.lines.len());
        let options: Vec<Value> =
            options.iter().map(|o| json!({"label": o, "description": "It is so."})).collect();
        let questions = json!([{"question": question, "header": header, "options": options}]);
        self.tool(&id, "AskUserQuestion", &json!({"questions": questions.clone()}));
        let mut answers = json!({});
        answers[question] = json!(answer);
        self.result(&id, "answered", &json!({"questions": questions, "answers": answers}))
    }

    /// Adds a read from the web with what it brought.
    pub(crate) fn web(&mut self, text: &str) -> &mut Self {
        let id = format!("t-{}", self.lines.len());
        let input = json!({"url": "https://example.org"});
        self.tool(&id, "WebFetch", &input).result(&id, text, &json!({"result": text}))
    }

    /// Adds a compaction summary whose fourth section is `errors`.
    pub(crate) fn compact(&mut self, errors: &str) -> &mut Self {
        let text = format!(
            "This session is being continued from a previous conversation.\n\nSummary:\n\
             1. Primary Request and Intent:\n   Somebody wanted a barn that does not leak.\n\n\
             4. Errors and fixes:\n{errors}\n\n7. Pending Tasks:\n   - Paint the door of the barn red\n"
        );
        let message = json!({"role": "user", "content": text});
        self.record("user", &json!({"message": message, "isCompactSummary": true}))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text.into_bytes()
    }

    pub(crate) fn session(&self) -> Session {
        read_session(
            &self.bytes(),
            format!("{}.jsonl", self.session.as_deref().unwrap_or("s-1")).parse().unwrap(),
        )
        .unwrap()
    }

    pub(crate) fn compile(&self) -> (Draft, Report) {
        let mut draft = Draft::default();
        let report = compiler().compile(&[self.session()], &mut draft);
        (draft, report)
    }

    /// Returns the statements with this status, sorted.
    pub(crate) fn statements(&self, status: &str) -> Vec<String> {
        statements(&self.compile().0, status)
    }
}

/// Returns one compiler for all tests: its patterns take a while to compile without optimisation.
pub(crate) fn compiler() -> &'static Compiler {
    static COMPILER: OnceLock<Compiler> = OnceLock::new();
    COMPILER.get_or_init(|| Compiler::new(Options::default()).unwrap())
}

pub(crate) fn statements(draft: &Draft, status: &str) -> Vec<String> {
    let wanted = |entry: &&Entry| entry.status.as_str() == status;
    let text = |entry: &Entry| entry.fragment.statement.as_str().to_owned();
    let mut statements: Vec<String> = draft.entries.values().filter(wanted).map(text).collect();
    statements.sort();
    statements
}

pub(crate) fn active(draft: &Draft) -> usize {
    draft.entries.values().filter(|entry| entry.status == Status::Active).count()
}
