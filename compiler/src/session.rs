//! A session as the rules see it: turns, and in them who said or did what.
//!
//! What no rule needs (tool output, thinking, snapshots) is not kept.

use std::collections::BTreeMap;

use garner_kernel::{Digest, FileName, Moment, RecordId, SessionId, Text, Trust};

/// One transcript, read and attributed.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) file: FileName,
    pub(crate) id: SessionId,
    pub(crate) turns: Vec<Turn>,
    pub(crate) reading: Reading,
    pub(crate) external_since: Option<Moment>,
}

impl Session {
    /// Returns the file that the session was read from.
    pub fn file(&self) -> &FileName {
        &self.file
    }

    /// Returns the session that most records name; the file's stem where none does.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Returns what the reader saw.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Returns when the first kept turn was recorded.
    pub fn started(&self) -> Option<Moment> {
        self.turns.iter().find_map(|turn| turn.at)
    }

    /// Returns how many turns were kept for the rules.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }
}

/// What the reader saw in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of the file.
    pub bytes: usize,
    /// Lines, blank ones included.
    pub lines: u32,
    /// JSON objects.
    pub records: u32,
    /// Records of a type that the reader does not know, by type.
    pub unknown: BTreeMap<String, u32>,
    /// How many lines are not a JSON object, the half-written one not counted.
    pub broken: u32,
    /// The first [`Reading::MAX_LISTED`] of their numbers, from 1.
    pub broken_lines: Vec<u32>,
    /// The number of the last line, where it is not finished yet.
    pub half_written: Option<u32>,
    /// Assistant messages, each counted once however many lines it is spread over.
    pub messages: u32,
    /// Turns by who spoke.
    pub spoken: BTreeMap<Trust, u32>,
    /// Human turns that were taken for a paste.
    pub pasted: u32,
    /// Turns on a branch that the person left.
    pub abandoned: u32,
}

impl Reading {
    /// How many numbers of broken lines are kept.
    pub const MAX_LISTED: usize = 1_000;
}

/// One record that says or does something a rule may need.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) line: u32,
    pub(crate) record: RecordId,
    pub(crate) session: SessionId,
    pub(crate) digest: Digest,
    pub(crate) at: Option<Moment>,
    pub(crate) cwd: Option<String>,
    pub(crate) sidechain: bool,
    pub(crate) abandoned: bool,
    pub(crate) tainted: bool,
    pub(crate) events: Vec<Event>,
}

/// What happened in a turn.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Somebody said something.
    Spoke { trust: Trust, text: Text },
    /// The person wrote to the memory file with `#`.
    Memorized { text: Text },
    /// A summary took the place of the conversation.
    Compacted { summary: Text },
    /// The person answered questions.
    Answered { answers: Vec<Answer> },
    /// The person refused a tool and said why.
    Refused { reason: Text, trust: Trust },
    /// The assistant asked to change a memory file; its result is not known yet.
    Attempted,
    /// A memory file was changed.
    Edited { edit: MemoryEdit },
}

/// A question with the options offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) text: Text,
    pub(crate) header: Text,
    pub(crate) options: Vec<Choice>,
}

/// One option of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: Text,
    pub(crate) description: Text,
}

/// A question and what the person answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    /// The labels picked, or the person's own words.
    pub(crate) given: Text,
    /// What the person wrote beside the answer.
    pub(crate) notes: Option<Text>,
}

/// A change of a memory file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryEdit {
    pub(crate) path: String,
    /// What the file, or the part that is known, held before.
    pub(crate) before: Text,
    /// What it holds after.
    pub(crate) after: Text,
}
