//! How far a transcript was read, so that the next time only new bytes are.
//!
//! A checkpoint holds no word of the session: it says which lines matter, and those are read again
//! from the file and compared with their digests. What is read on from a checkpoint is the same
//! session as what is read in one go.

use std::collections::BTreeMap;

use garner_kernel::{Moment, SessionId};
use serde::{Deserialize, Serialize};

use super::branch::Node;
use super::key;
use super::lines::Line;
use crate::error::Error;

/// The only format there is.
const FORMAT: u32 = 1;

/// How far a transcript was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) offset: u64,
    pub(crate) lines: u32,
    pub(crate) conversation: bool,
    pub(crate) named: BTreeMap<String, u32>,
    pub(crate) marks: Vec<Mark>,
    /// The places in the tree of the records that no mark is for.
    pub(crate) nodes: Vec<Node>,
    pub(crate) known: KnownSession,
}

/// A line that is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub(crate) offset: u64,
    pub(crate) line: u32,
    pub(crate) length: u32,
    pub(crate) check: u64,
}

/// What other files have to know of a session that is not read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSession {
    pub(crate) id: SessionId,
    pub(crate) external_since: Option<Moment>,
    /// The keys of the records that were kept.
    pub(crate) records: Vec<u64>,
}

impl Mark {
    pub(crate) fn of(line: &Line<'_>) -> Self {
        let length = u32::try_from(line.bytes.len()).unwrap_or(u32::MAX);
        Self { offset: line.offset, line: line.number, length, check: key::hash(line.bytes) }
    }

    /// Returns where the line starts in the file.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many bytes the line has without its line feed.
    pub const fn length(&self) -> usize {
        self.length as usize
    }
}

impl Checkpoint {
    /// Returns how many bytes of the file were read: whole lines only.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the lines that are read again, in the order of the file.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Returns what other files have to know of the session.
    pub const fn known(&self) -> &KnownSession {
        &self.known
    }

    /// Returns the checkpoint as JSON, for [`Checkpoint::parse`].
    pub fn to_json(&self) -> serde_json::Value {
        let node = |node: &Node| (node.id, node.parent, node.line);
        let mark = |mark: &Mark| (mark.offset, mark.line, mark.length, mark.check);
        let wire = Wire {
            format: FORMAT,
            offset: self.offset,
            lines: self.lines,
            conversation: self.conversation,
            named: self.named.clone(),
            marks: self.marks.iter().map(mark).collect(),
            nodes: self.nodes.iter().map(node).collect(),
            session: self.known.id.to_string(),
            external_since: self.known.external_since.map(Moment::unix),
            records: self.known.records.clone(),
        };
        serde_json::to_value(wire).unwrap_or_default()
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where it is of another format, or does not hold together.
    pub fn parse(json: &serde_json::Value) -> Result<Self, Error> {
        let wire =
            Wire::deserialize(json).map_err(|e| Error::Checkpoint { rule: e.to_string() })?;
        let broken = |rule: &str| Error::Checkpoint { rule: rule.to_owned() };
        if wire.format != FORMAT {
            return Err(broken("another format"));
        }
        let mark = |(offset, line, length, check)| Mark { offset, line, length, check };
        let marks: Vec<Mark> = wire.marks.into_iter().map(mark).collect();
        let ascending = marks.is_sorted_by(|a, b| a.offset < b.offset && a.line < b.line);
        let end = |mark: &Mark| mark.offset.checked_add(u64::from(mark.length));
        let inside = |mark: &Mark| end(mark).is_some_and(|end| end < wire.offset);
        if !ascending || !marks.iter().all(|m| inside(m) && m.line >= 1 && m.line <= wire.lines) {
            return Err(broken("marks are ascending and before the offset"));
        }
        let node = |(id, parent, line)| Node { id, parent, line, typed_at: 0, turn: None };
        let id = wire.session.parse().map_err(|_| broken("no session"))?;
        let external_since = wire.external_since.map(Moment::from_unix);
        Ok(Self {
            offset: wire.offset,
            lines: wire.lines,
            conversation: wire.conversation,
            named: wire.named,
            marks,
            nodes: wire.nodes.into_iter().map(node).collect(),
            known: KnownSession { id, external_since, records: wire.records },
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    offset: u64,
    lines: u32,
    conversation: bool,
    named: BTreeMap<String, u32>,
    marks: Vec<(u64, u32, u32, u64)>,
    nodes: Vec<(u64, u64, u32)>,
    session: String,
    external_since: Option<i64>,
    records: Vec<u64>,
}
