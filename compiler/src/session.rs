//! A session as the rules see it: turns, and in them who said or did what.
//!
//! What no rule needs (tool output, thinking, snapshots) is not kept.

use std::collections::BTreeMap;

use garner_kernel::{
    Digest, FileName, Fragment, Kind, Moment, ProjectName, RecordId, SessionId, Tag, Text, Trust,
};

/// One transcript, read and attributed.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) file: FileName,
    pub(crate) id: SessionId,
    pub(crate) turns: Vec<Turn>,
    pub(crate) reading: Reading,
    pub(crate) external_since: Option<Moment>,
    pub(crate) place: Place,
}

/// What is known of an input from where it lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The project whose folder it is in; records that name a folder of their own go before.
    pub project: Option<ProjectName>,
    /// When the file was last changed: the time of what has none of its own.
    pub modified: Option<Moment>,
    /// Whether a person named this very file, and so answers for it; a search answers for nothing.
    pub vouched: bool,
}

impl Session {
    /// Returns the session with what is known from where its file lies.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

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

/// What the reader saw in one file; of a file that it read on, in its new part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The last line that was read before.
    pub from_line: u32,
    /// Bytes of the file.
    pub bytes: usize,
    /// Lines, blank ones included.
    pub lines: u32,
    /// JSON objects.
    pub records: u32,
    /// Records of a type that the reader does not know, by type.
    pub unknown: BTreeMap<String, u32>,
    /// Parts that were left out because nothing in them is to be remembered, by what they are.
    pub skipped: BTreeMap<String, u32>,
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
#[expect(clippy::struct_excessive_bools, reason = "independent marks of one record")]
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
    /// Whether it is the first thing that the person said after they stopped the assistant.
    pub(crate) interrupted: bool,
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
    /// The assistant used a tool; its result is not known yet.
    Attempted,
    /// A memory file was changed.
    Edited { edit: MemoryEdit },
    /// A command worked where another one had been used wrongly.
    Cured { cured: Cured },
    /// Something that is worth an entry in a log, and no fragment.
    Happened { what: Happening, text: Text },
    /// A document says something.
    Noted { note: Box<Note> },
    /// A fragment was exported from another kernel.
    Imported { fragment: Box<Fragment> },
}

/// A command that failed and one that worked in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cured {
    pub(crate) failed: Text,
    pub(crate) worked: Text,
    /// What the first one said.
    pub(crate) error: Text,
}

/// What a session did besides talking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// A commit was made.
    Commit,
    /// A pull request was linked.
    PullRequest,
    /// The session was given a title.
    Title,
}

impl Happening {
    /// Returns the word that stands for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::PullRequest => "pull-request",
            Self::Title => "title",
        }
    }
}

/// One entry of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) layout: Layout,
    pub(crate) kind: Kind,
    pub(crate) trust: Trust,
    pub(crate) statement: Text,
    pub(crate) context: Option<Text>,
    /// Whether it can be part of a kernel before a person has looked at it.
    pub(crate) stands: bool,
    /// Whether it is about the person, in every project.
    pub(crate) everywhere: bool,
    pub(crate) tags: Vec<Tag>,
}

/// How a document is laid out, and with it who keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layout {
    /// CLAUDE.md, AGENTS.md, rules files: kept by a person.
    Instructions,
    /// The folder of an assistant's own memory.
    Memory,
    /// STATE, DECISIONS, CORRECTIONS, HANDOFF, BLINDSPOTS.
    Ledger,
    /// One statement with front matter.
    Lesson,
    /// Sections of any text.
    Sections,
    /// What another system of memories exported.
    Export,
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
