//! The conversations of a claude.ai export.
//!
//! What stands in a message of the person is the person's, but for attachments; the paste guard
//! looks at it like at any other. A web search or a connector taints what follows.

use std::borrow::Cow;

use garner_kernel::{Text, Trust};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Input;
use super::index::Index;
use super::notes::{At, Notes, only_first};
use crate::error::Error;
use crate::injected;
use crate::paste;
use crate::session::{Event, Happening, Reading, Session};
use crate::transcript::{Node, abandoned, key};

/// Tools that bring nothing from outside.
const OWN_TOOLS: &[&str] = &["artifacts", "repl", "analysis_tool", "view", "str_replace"];

#[derive(Deserialize)]
struct Conversation<'a> {
    uuid: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(borrow, default)]
    chat_messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    uuid: Option<String>,
    sender: Option<String>,
    created_at: Option<String>,
    parent_message_uuid: Option<String>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<Vec<Part<'a>>>,
    #[serde(borrow, default)]
    attachments: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    files: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    name: Option<String>,
}

/// Reads all conversations of a file: a list of them, or one.
pub(crate) fn read(input: &Input<'_>) -> Result<Vec<Session>, Error> {
    let malformed = |error: serde_json::Error| Error::Malformed {
        file: input.file.clone(),
        rule: error.to_string(),
    };
    let list: Vec<&RawValue> = if input.text.trim_start().starts_with('[') {
        serde_json::from_str(input.text).map_err(malformed)?
    } else {
        vec![serde_json::from_str(input.text).map_err(malformed)?]
    };
    let index = Index::new(input.text);
    let mut total = Reading { bytes: input.text.len(), lines: index.len(), ..Reading::default() };
    let mut sessions = Vec::new();
    for raw in list {
        match serde_json::from_str::<Conversation<'_>>(raw.get()) {
            Ok(conversation) => sessions.push(session(input, &conversation, &index, &mut total)),
            Err(_) => {
                total.broken += 1;
                total.broken_lines.push(index.line_of(raw));
                total.broken_lines.truncate(Reading::MAX_LISTED);
            }
        }
    }
    if sessions.is_empty() {
        sessions.push(Notes::over(input, Index::new("")).finish());
    }
    only_first(&mut sessions, total);
    Ok(sessions)
}

fn session(
    input: &Input<'_>,
    conversation: &Conversation<'_>,
    index: &Index<'_>,
    total: &mut Reading,
) -> Session {
    let mut notes = Notes::over(input, Index::new("")).named(&conversation.uuid);
    let mut reader = Reader { index, tainted: false, nodes: Vec::new() };
    let started = conversation.created_at.as_deref().and_then(|at| at.parse().ok());
    if let Some(name) = conversation.name.as_deref().filter(|name| !name.trim().is_empty()) {
        let title = Event::Happened { what: Happening::Title, text: Text::new(name.trim()) };
        notes.event(At { line: 1, moment: started, record: None }, Trust::Digest, title);
    }
    for raw in &conversation.chat_messages {
        match serde_json::from_str::<Message<'_>>(raw.get()) {
            Ok(message) => reader.message(&message, raw, &mut notes),
            Err(_) => notes.broken(index.line_of(raw)),
        }
    }
    let mut session = notes.finish();
    for turn in &mut session.turns {
        turn.digest = index.digest(turn.line);
    }
    for left in abandoned(&reader.nodes) {
        if let Some(turn) = session.turns.get_mut(left as usize) {
            turn.abandoned = true;
            total.abandoned += 1;
        }
    }
    total.pasted += paste::guard(&mut session.turns, 0);
    total.records += session.reading.records;
    total.broken += session.reading.broken;
    for (part, count) in &session.reading.skipped {
        *total.skipped.entry(part.clone()).or_default() += count;
    }
    for (trust, count) in &session.reading.spoken {
        *total.spoken.entry(*trust).or_default() += count;
    }
    total.messages += session.reading.spoken.get(&Trust::Assistant).copied().unwrap_or_default();
    session
}

struct Reader<'i, 'a> {
    index: &'i Index<'a>,
    tainted: bool,
    nodes: Vec<Node>,
}

impl Reader<'_, '_> {
    fn message(&mut self, message: &Message<'_>, raw: &RawValue, notes: &mut Notes<'_>) {
        let trust = match message.sender.as_deref() {
            Some("human") => Trust::Human,
            Some("assistant") => Trust::Assistant,
            sender => {
                notes.skip(&format!("message of `{}`", sender.unwrap_or("nobody")));
                return;
            }
        };
        let files = [&message.attachments, &message.files];
        notes.skip_many("attachment", files.into_iter().flatten().map(Vec::len).sum());
        let (text, said) = text_of(message, &mut self.tainted, notes);
        let line = self.index.line_of(said.unwrap_or(raw));
        let moment = message.created_at.as_deref().and_then(|at| at.parse().ok());
        let text = injected::strip(&text).trim().to_owned();
        let turn = u32::try_from(notes.len()).ok().filter(|_| !text.is_empty());
        if let Some(id) = &message.uuid {
            let typed = message.created_at.as_deref().filter(|_| trust == Trust::Human);
            self.nodes.push(Node {
                id: key(id),
                parent: message.parent_message_uuid.as_deref().map_or(0, key),
                line,
                typed_at: typed.map_or(0, key),
                turn,
            });
        }
        if !text.is_empty() {
            let at = At { line, moment, record: message.uuid.as_deref() };
            notes.event(at, trust, Event::Spoke { trust, text: Text::new(text) });
            notes.taint_last(self.tainted);
        }
    }
}

/// Returns what a message says, and the value that holds its first words.
fn text_of<'a>(
    message: &Message<'a>,
    tainted: &mut bool,
    notes: &mut Notes<'_>,
) -> (String, Option<&'a RawValue>) {
    let string = |raw: &'a RawValue| serde_json::from_str::<Cow<'a, str>>(raw.get()).ok();
    let mut text = String::new();
    let mut first = None;
    for part in message.content.iter().flatten() {
        match part.kind.as_deref() {
            Some("text") => {
                let Some(said) = part.text.and_then(string) else { continue };
                first = first.or(part.text);
                text.push_str(&said);
                text.push('\n');
            }
            Some("tool_use") => {
                let name = part.name.as_deref().unwrap_or_default();
                *tainted |= !OWN_TOOLS.contains(&name);
            }
            Some("tool_result" | "thinking" | "token_budget" | "flag") => {}
            kind => notes.skip(&format!("part `{}`", kind.unwrap_or("none"))),
        }
    }
    if text.trim().is_empty()
        && let Some(said) = message.text.and_then(string)
    {
        return (said.into_owned(), message.text);
    }
    (text, first)
}
