//! Turns records into turns: merges, attributes, and marks taint.

use std::collections::{BTreeMap, HashMap, HashSet};

use garner_kernel::{Digest, Moment, RecordId, SessionId, Trust};

use super::branch::{self, Node};
use super::checkpoint::{Checkpoint, KnownSession, Mark};
use super::commands::Commands;
use super::key::key;
use super::lines::Line;
use super::results::Pending;
use super::speech::{attachment, digest, happened, say, speaker_of};
use super::tools;
use super::wire::{self, Block, Message, Record};
use crate::paste;
use crate::session::{Event, Happening, Reading, Turn};
use crate::speaker;

/// Record types that are known and hold nothing for the rules.
const SILENT: &[&str] = &[
    "progress",
    "file-history-snapshot",
    "queue-operation",
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
    // What the stream of a headless run holds besides.
    "result",
    "stream_event",
    "rate_limit_event",
    "control_request",
    "control_response",
    "control_cancel_request",
    "keep_alive",
    "tool_progress",
    "tool_use_summary",
    "auth_status",
    "prompt_suggestion",
];

/// Collects the turns of one file.
#[derive(Debug)]
pub(crate) struct Records {
    fallback: SessionId,
    /// How often each session is named.
    pub(super) named: BTreeMap<String, u32>,
    pub(super) turns: Vec<Turn>,
    nodes: Vec<Node>,
    seen: HashSet<u64>,
    messages: HashSet<u64>,
    pub(super) pending: HashMap<String, (Pending, Mark)>,
    pub(super) contents: BTreeMap<String, String>,
    pub(super) commands: Commands,
    /// The lines that made the state what it is.
    pub(super) marks: Vec<Mark>,
    tainted: bool,
    interrupted: bool,
    external_since: Option<Moment>,
    conversation: bool,
}

impl Records {
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
            commands: Commands::default(),
            marks: Vec::new(),
            tainted: false,
            interrupted: false,
            external_since: None,
            conversation: false,
        }
    }

    /// Takes over what a checkpoint keeps of the lines that are not read again.
    pub(super) fn resume(&mut self, checkpoint: &Checkpoint) {
        self.conversation = checkpoint.conversation;
        self.nodes.clone_from(&checkpoint.nodes);
        self.seen = checkpoint.nodes.iter().map(|node| node.id).collect();
    }

    /// Returns whether any record of a conversation was seen.
    pub(crate) fn is_conversation(&self) -> bool {
        self.conversation
    }

    /// Takes the next record of the file.
    pub(crate) fn take(&mut self, record: &Record<'_>, line: &Line<'_>, reading: &mut Reading) {
        // Resuming repeats records; the first one counts.
        let id = record.uuid.as_deref().map(key);
        if id.is_some_and(|id| !self.seen.insert(id)) {
            return;
        }
        if let Some(session) = record.session() {
            match self.named.get_mut(session) {
                Some(count) => *count += 1,
                None => drop(self.named.insert(session.to_owned(), 1)),
            }
        }
        let kind = record.kind.as_deref().unwrap_or("(none)");
        let mut turn = self.turn(record, line);
        match kind {
            "user" => self.user(record, &mut turn, line),
            "assistant" => self.assistant(record, &mut turn, (line, reading)),
            "attachment" => attachment(record, &mut turn),
            "system" if record.subtype.as_deref() == Some("away_summary") => {
                digest(record, &mut turn);
            }
            "system" => self.conversation = true,
            "summary" | "ai-title" => {
                self.conversation = true;
                happened(record, Happening::Title, &mut turn);
            }
            "custom-title" => happened(record, Happening::Title, &mut turn),
            "pr-link" => happened(record, Happening::PullRequest, &mut turn),
            "progress" if tools::shows_outside_read(line.bytes) => self.taint(turn.at, line),
            _ if SILENT.contains(&kind) => {}
            _ => *reading.unknown.entry(kind.chars().take(64).collect()).or_default() += 1,
        }
        self.conversation |= matches!(kind, "user" | "assistant");
        self.keep(turn, record, line);
    }

    /// Returns how far the file was read, up to the end of its last whole line.
    pub(super) fn checkpoint(&self, lines: u32, offset: u64) -> Checkpoint {
        let runs = self.pending.values().filter_map(|(pending, _)| pending.run());
        let mut marks = self.commands.live(runs);
        marks.extend_from_slice(&self.marks);
        marks.extend(self.pending.values().map(|(_, mark)| *mark));
        marks.sort_unstable();
        marks.dedup();
        let marked: HashSet<u32> = marks.iter().map(|mark| mark.line).collect();
        let nodes = self.nodes.iter().filter(|node| !marked.contains(&node.line)).copied();
        let own = |turn: &&Turn| turn.record.as_str() != turn.line.to_string();
        Checkpoint {
            offset,
            lines,
            conversation: self.conversation,
            named: self.named.clone(),
            nodes: nodes.map(|node| Node { typed_at: 0, turn: None, ..node }).collect(),
            known: KnownSession {
                id: self.id(),
                external_since: self.external_since,
                records: self.turns.iter().filter(own).map(|t| key(t.record.as_str())).collect(),
            },
            marks,
        }
    }

    /// Returns what was collected: the session's id, its turns, and when text from outside came.
    pub(crate) fn finish(
        mut self,
        reading: &mut Reading,
    ) -> (SessionId, Vec<Turn>, Option<Moment>) {
        // Lines that were read again stand behind those that were not.
        self.nodes.sort_by_key(|node| node.line);
        for index in branch::abandoned(&self.nodes) {
            if let Some(turn) = self.turns.get_mut(index as usize) {
                turn.abandoned = true;
                reading.abandoned += u32::from(turn.line > reading.from_line);
            }
        }
        reading.pasted = paste::guard(&mut self.turns, reading.from_line);
        for turn in self.turns.iter().filter(|turn| turn.line > reading.from_line) {
            for event in &turn.events {
                *reading.spoken.entry(speaker_of(event)).or_default() += 1;
            }
        }
        (self.id(), self.turns, self.external_since)
    }

    /// Returns the session that most records name.
    fn id(&self) -> SessionId {
        let most = self.named.iter().max_by_key(|(_, count)| **count);
        most.and_then(|(id, _)| id.parse().ok()).unwrap_or_else(|| self.fallback.clone())
    }

    fn turn(&self, record: &Record<'_>, line: &Line<'_>) -> Turn {
        let named = record.session().and_then(|id| id.parse().ok());
        let record_id: Option<RecordId> = record.uuid.as_deref().and_then(|id| id.parse().ok());
        Turn {
            line: line.number,
            record: record_id.unwrap_or_else(|| numbered(line.number)),
            session: named.unwrap_or_else(|| self.fallback.clone()),
            // Filled in for turns that are kept.
            digest: Digest::from_bytes([0; 32]),
            at: record.timestamp.as_deref().and_then(|at| at.parse().ok()),
            cwd: record.cwd.as_deref().map(str::to_owned),
            sidechain: record.is_sidechain || record.parent_tool_use_id.is_some(),
            abandoned: false,
            tainted: self.tainted,
            interrupted: false,
            events: Vec::new(),
        }
    }

    fn keep(&mut self, mut turn: Turn, record: &Record<'_>, line: &Line<'_>) {
        let is_typed = turn
            .events
            .iter()
            .any(|event| matches!(event, Event::Spoke { trust: Trust::Human, .. }));
        if is_typed {
            turn.interrupted = std::mem::take(&mut self.interrupted);
        }
        let kept = !turn.events.is_empty();
        if let Some(id) = &record.uuid {
            let parent = record.parent_uuid.as_deref().or(record.logical_parent_uuid.as_deref());
            let at = record.timestamp.as_deref().filter(|_| is_typed);
            self.nodes.push(Node {
                id: key(id),
                parent: parent.map_or(0, key),
                line: line.number,
                typed_at: at.map_or(0, key),
                turn: if kept { u32::try_from(self.turns.len()).ok() } else { None },
            });
        }
        if kept {
            turn.digest = Digest::of(line.bytes);
            self.marks.push(Mark::of(line));
            self.turns.push(turn);
        }
    }

    pub(super) fn taint(&mut self, at: Option<Moment>, line: &Line<'_>) {
        let since = match (self.external_since, at) {
            (Some(since), Some(at)) => Some(since.min(at)),
            (since, at) => since.or(at),
        };
        if !self.tainted || since != self.external_since {
            self.marks.push(Mark::of(line));
        }
        self.tainted = true;
        self.external_since = since;
    }

    fn user(&mut self, record: &Record<'_>, turn: &mut Turn, line: &Line<'_>) {
        let Some(content) = message(record).and_then(|m| m.content) else { return };
        let blocks: Vec<Block<'_>> = wire::read(content).unwrap_or_default();
        let holds_results = blocks.iter().any(|b| b.kind.as_deref() == Some("tool_result"));
        let origin = record.origin.and_then(wire::origin_kind);
        let trust = speaker::of_user(record, origin.as_deref(), holds_results);
        if let Some(text) = wire::string(content) {
            self.prompt(turn, trust, (&text, line));
        }
        for block in &blocks {
            match block.kind.as_deref() {
                Some("tool_result") => self.result(record, block, (turn, line)),
                Some("text") => {
                    if let Some(text) = block.text.and_then(wire::string) {
                        self.prompt(turn, trust, (&text, line));
                    }
                }
                _ => {}
            }
        }
    }

    fn prompt(&mut self, turn: &mut Turn, trust: Trust, (text, line): (&str, &Line<'_>)) {
        if trust == Trust::Human && speaker::is_interrupt(text) {
            self.interrupted = true;
            self.marks.push(Mark::of(line));
            return;
        }
        say(turn, trust, text);
    }

    fn assistant(
        &mut self,
        record: &Record<'_>,
        turn: &mut Turn,
        (line, reading): (&Line<'_>, &mut Reading),
    ) {
        let Some(message) = message(record) else { return };
        // One message is spread over several lines that share its id.
        if message.id.is_none_or(|id| self.messages.insert(key(&id))) {
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
                Some("tool_use" | "server_tool_use") => self.tool_use(block, (turn, line)),
                _ => {}
            }
        }
    }
}

fn message<'a>(record: &Record<'a>) -> Option<Message<'a>> {
    record.message.and_then(wire::read)
}

fn numbered(line: u32) -> RecordId {
    #[expect(clippy::expect_used, reason = "a number fits the rules of a record id")]
    line.to_string().parse().expect("a valid id")
}
