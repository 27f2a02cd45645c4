//! Turns records into turns: merges, attributes, and marks taint.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use garner_kernel::{Digest, Moment, RecordId, SessionId, Text, Trust};
use serde_json::value::RawValue;

use super::branch::{self, Node};
use super::lines::Line;
use super::memory_edit::{self, Request};
use super::speech::{attachment, digest, say, speaker_of};
use super::tools;
use super::wire::{self, Block, Message, Record};
use crate::injected;
use crate::paste;
use crate::session::{Event, Question, Reading, Turn};
use crate::speaker;

/// Record types that are known and hold nothing for the rules.
const SILENT: &[&str] = &[
    "progress",
    "file-history-snapshot",
    "queue-operation",
    "pr-link",
    "custom-title",
    "agent-name",
    "agent-color",
    "agent-setting",
    "permission-mode",
    "mode",
    "last-prompt",
    "tag",
    "worktree-state",
    "content-replacement",
    "attribution-snapshot",
    "speculation-accept",
    "bridge-session",
];

/// A tool use whose result has not come yet.
enum Pending {
    Asked(Vec<Question>),
    Edits { request: Request, turn: usize, event: usize },
    Remote,
}

/// Collects the turns of one file.
pub(crate) struct Reader<'a> {
    fallback: SessionId,
    named: BTreeMap<String, u32>,
    turns: Vec<Turn>,
    nodes: Vec<Node<'a>>,
    seen: HashSet<Cow<'a, str>>,
    messages: HashSet<Cow<'a, str>>,
    pending: HashMap<String, Pending>,
    contents: BTreeMap<String, String>,
    tainted: bool,
    external_since: Option<Moment>,
    conversation: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(fallback: SessionId) -> Self {
        Self {
            fallback,
            named: BTreeMap::new(),
            turns: Vec::new(),
            nodes: Vec::new(),
            seen: HashSet::new(),
            messages: HashSet::new(),
            pending: HashMap::new(),
            contents: BTreeMap::new(),
            tainted: false,
            external_since: None,
            conversation: false,
        }
    }

    /// Returns whether any record of a conversation was seen.
    pub(crate) fn is_conversation(&self) -> bool {
        self.conversation
    }

    /// Takes the next record of the file.
    pub(crate) fn take(&mut self, record: &Record<'a>, line: &Line<'a>, reading: &mut Reading) {
        // Resuming repeats records; the first one counts.
        if record.uuid.as_ref().is_some_and(|id| !self.seen.insert(id.clone())) {
            return;
        }
        if let Some(session) = &record.session_id {
            *self.named.entry(session.clone().into_owned()).or_default() += 1;
        }
        let kind = record.kind.as_deref().unwrap_or("(none)");
        let mut turn = self.turn(record, line);
        match kind {
            "user" => self.user(record, &mut turn),
            "assistant" => self.assistant(record, &mut turn, reading),
            "attachment" => attachment(record, &mut turn),
            "system" if record.subtype.as_deref() == Some("away_summary") => {
                digest(record, &mut turn);
            }
            "system" | "summary" | "ai-title" => self.conversation = true,
            "progress" if tools::shows_outside_read(line.bytes) => self.taint(turn.at),
            _ if SILENT.contains(&kind) => {}
            _ => *reading.unknown.entry(kind.chars().take(64).collect()).or_default() += 1,
        }
        self.conversation |= matches!(kind, "user" | "assistant");
        self.keep(turn, record, line);
    }

    /// Returns what was collected: the session's id, its turns, and when text from outside came.
    pub(crate) fn finish(
        mut self,
        reading: &mut Reading,
    ) -> (SessionId, Vec<Turn>, Option<Moment>) {
        for index in branch::abandoned(&self.nodes) {
            if let Some(turn) = self.turns.get_mut(index) {
                turn.abandoned = true;
                reading.abandoned += 1;
            }
        }
        reading.pasted = paste::guard(&mut self.turns);
        for event in self.turns.iter().flat_map(|turn| &turn.events) {
            *reading.spoken.entry(speaker_of(event)).or_default() += 1;
        }
        let most = self.named.into_iter().max_by_key(|(_, count)| *count);
        let id = most.and_then(|(id, _)| id.parse().ok()).unwrap_or(self.fallback);
        (id, self.turns, self.external_since)
    }

    fn turn(&self, record: &Record<'a>, line: &Line<'a>) -> Turn {
        let named = record.session_id.as_deref().and_then(|id| id.parse().ok());
        let record_id: Option<RecordId> = record.uuid.as_deref().and_then(|id| id.parse().ok());
        Turn {
            line: line.number,
            record: record_id.unwrap_or_else(|| numbered(line.number)),
            session: named.unwrap_or_else(|| self.fallback.clone()),
            // Filled in for turns that are kept.
            digest: Digest::from_bytes([0; 32]),
            at: record.timestamp.as_deref().and_then(|at| at.parse().ok()),
            cwd: record.cwd.as_deref().map(str::to_owned),
            sidechain: record.is_sidechain,
            abandoned: false,
            tainted: self.tainted,
            events: Vec::new(),
        }
    }

    fn keep(&mut self, mut turn: Turn, record: &Record<'a>, line: &Line<'a>) {
        let is_typed = turn
            .events
            .iter()
            .any(|event| matches!(event, Event::Spoke { trust: Trust::Human, .. }));
        let kept = !turn.events.is_empty();
        if let Some(id) = &record.uuid {
            self.nodes.push(Node {
                id: id.clone(),
                parent: record.parent_uuid.clone().or_else(|| record.logical_parent_uuid.clone()),
                typed_at: record.timestamp.clone().filter(|_| is_typed),
                turn: kept.then_some(self.turns.len()),
            });
        }
        if kept {
            turn.digest = Digest::of(line.bytes);
            self.turns.push(turn);
        }
    }

    fn taint(&mut self, at: Option<Moment>) {
        self.tainted = true;
        self.external_since = match (self.external_since, at) {
            (Some(since), Some(at)) => Some(since.min(at)),
            (since, at) => since.or(at),
        };
    }

    fn user(&mut self, record: &Record<'a>, turn: &mut Turn) {
        let Some(content) = message(record).and_then(|m| m.content) else { return };
        let blocks: Vec<Block<'_>> = wire::read(content).unwrap_or_default();
        let holds_results = blocks.iter().any(|b| b.kind.as_deref() == Some("tool_result"));
        let origin = record.origin.and_then(wire::origin_kind);
        let trust = speaker::of_user(record, origin.as_deref(), holds_results);
        if let Some(text) = wire::string(content) {
            say(turn, trust, &text);
        }
        for block in &blocks {
            match block.kind.as_deref() {
                Some("tool_result") => self.result(record, block, turn),
                Some("text") => {
                    if let Some(text) = block.text.and_then(wire::string) {
                        say(turn, trust, &text);
                    }
                }
                _ => {}
            }
        }
    }

    fn result(&mut self, record: &Record<'a>, block: &Block<'_>, turn: &mut Turn) {
        let pending = block.tool_use_id.as_deref().and_then(|id| self.pending.remove(id));
        let error = block.is_error || failed(record.tool_use_result);
        match pending {
            Some(Pending::Asked(questions)) if !error => {
                let answers = tools::answers(&questions, record.tool_use_result, block.content);
                if !answers.is_empty() {
                    turn.events.push(Event::Answered { answers });
                }
            }
            Some(Pending::Edits { request, turn, event }) if !error => {
                let edit =
                    memory_edit::outcome(&request, record.tool_use_result, &mut self.contents);
                let slot = self.turns.get_mut(turn).and_then(|t| t.events.get_mut(event));
                if let Some(slot) = slot {
                    *slot = Event::Edited { edit };
                }
            }
            pending => {
                let content = block.content.filter(|_| block.is_error).and_then(wire::flat_text);
                if let Some(reason) = content.as_deref().and_then(tools::refusal) {
                    // A remote tool can write anything into its result, a refusal too.
                    let remote = matches!(pending, Some(Pending::Remote)) || record.is_sidechain;
                    let trust = if remote { Trust::Tool } else { Trust::Human };
                    let reason = Text::new(injected::strip(reason));
                    turn.events.push(Event::Refused { reason, trust });
                }
            }
        }
    }

    fn assistant(&mut self, record: &Record<'a>, turn: &mut Turn, reading: &mut Reading) {
        let Some(message) = message(record) else { return };
        // One message is spread over several lines that share its id.
        if message.id.is_none_or(|id| self.messages.insert(Cow::Owned(id.into_owned()))) {
            reading.messages += 1;
        }
        let Some(content) = message.content else { return };
        let blocks: Vec<Block<'_>> = wire::read(content).unwrap_or_default();
        if let Some(text) = wire::string(content) {
            say(turn, Trust::Assistant, &text);
        }
        for block in &blocks {
            match block.kind.as_deref() {
                Some("text") => {
                    if let Some(text) = block.text.and_then(wire::string) {
                        say(turn, Trust::Assistant, &text);
                    }
                }
                Some("tool_use" | "server_tool_use") => self.tool_use(block, turn),
                _ => {}
            }
        }
    }

    fn tool_use(&mut self, block: &Block<'_>, turn: &mut Turn) {
        let name = block.name.as_deref().unwrap_or_default();
        if tools::reads_outside(name, block.input) {
            self.taint(turn.at);
        }
        let (Some(id), Some(input)) = (block.id.as_deref(), block.input) else { return };
        let pending = if name == "AskUserQuestion" {
            Pending::Asked(tools::questions(input))
        } else if let Some(request) = memory_edit::request(name, input) {
            turn.events.push(Event::Attempted);
            let event = turn.events.len() - 1;
            Pending::Edits { request, turn: self.turns.len(), event }
        } else if tools::is_remote(name) {
            Pending::Remote
        } else {
            return;
        };
        self.pending.insert(id.to_owned(), pending);
    }
}

fn message<'a>(record: &Record<'a>) -> Option<Message<'a>> {
    record.message.and_then(wire::read)
}

/// Returns whether a structured result reports an error; those are plain strings.
fn failed(result: Option<&RawValue>) -> bool {
    result.is_some_and(|raw| raw.get().starts_with("\"Error"))
}

fn numbered(line: u32) -> RecordId {
    #[expect(clippy::expect_used, reason = "a number fits the rules of a record id")]
    line.to_string().parse().expect("a valid id")
}
