//! What a compilation did, in numbers: for a table on a screen or as JSON.

use std::collections::BTreeMap;

use garner_kernel::{Merged, Moment, SessionId, Status, Text};

use crate::session::{Happening, Reading};

/// The numbers of one compilation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read.
    pub files: u32,
    /// Bytes of those files.
    pub bytes: usize,
    /// Lines.
    pub lines: u32,
    /// Records.
    pub records: u32,
    /// Lines that are no JSON object.
    pub broken: u32,
    /// Files whose last line is not finished yet.
    pub half_written: u32,
    /// Records of unknown types, by type.
    pub unknown: BTreeMap<String, u32>,
    /// Parts of inputs that were left out, by what they are.
    pub skipped: BTreeMap<String, u32>,
    /// Assistant messages.
    pub messages: u32,
    /// What was said, by who spoke.
    pub spoken: BTreeMap<&'static str, u32>,
    /// Human turns taken for a paste.
    pub pasted: u32,
    /// Turns on branches that the person left.
    pub abandoned: u32,
    /// Turns that an earlier file already held.
    pub repeated: u32,
    /// What each rule proposed.
    pub proposed: BTreeMap<&'static str, u32>,
    /// What became of the proposals.
    pub outcome: Outcome,
    /// Values masked, by pattern.
    pub redacted: BTreeMap<&'static str, u32>,
    /// Why meaning could not be compared, where it should have been.
    pub unembedded: Option<String>,
    /// Proposals passed over as junk, by reason.
    pub junk: BTreeMap<&'static str, u32>,
    /// Proposals set aside, by reason.
    pub quarantined: BTreeMap<&'static str, u32>,
    /// Candidates that became active because a second session found the same.
    pub recurred: u32,
    /// Commits, links and titles, for a log; no fragment comes of them.
    pub log: Vec<Logged>,
}

/// One entry of the log of what sessions did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// What was done.
    pub what: Happening,
    /// The session.
    pub session: SessionId,
    /// When, if the record says so.
    pub at: Option<Moment>,
    /// The subject, address or title, redacted.
    pub text: Text,
}

/// What became of the proposals; the fields add up to all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// New and part of the next kernel.
    pub active: u32,
    /// New and waiting for a person.
    pub candidate: u32,
    /// New and set aside.
    pub quarantined: u32,
    /// Known already; a source was added.
    pub sourced: u32,
    /// Known already, from the same source.
    pub known: u32,
    /// Rejected by a person before.
    pub buried: u32,
    /// Passed over: worth nothing later.
    pub junk: u32,
    /// Dropped because a credential stayed visible.
    pub leaking: u32,
    /// Dropped because it has no time, no visible character, or too many sources.
    pub unusable: u32,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What is counted together.
    pub group: &'static str,
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}

impl Outcome {
    /// Counts a fragment that was new under what became of it in the end.
    pub(crate) fn moved(&mut self, status: Option<&Status>, merged: Merged) {
        let from = match status {
            Some(Status::Active) => &mut self.active,
            Some(Status::Candidate) => &mut self.candidate,
            Some(Status::Quarantined { .. }) => &mut self.quarantined,
            // It was known before and gave its place to a stronger word.
            None => return,
        };
        *from = from.saturating_sub(1);
        match merged {
            Merged::Buried => self.buried += 1,
            Merged::Known => self.known += 1,
            Merged::New | Merged::Sourced => self.sourced += 1,
        }
    }
}

impl Report {
    /// Adds what the reader saw in one file.
    pub(crate) fn add(&mut self, reading: &Reading) {
        self.files += 1;
        self.bytes += reading.bytes;
        self.lines += reading.lines;
        self.records += reading.records;
        self.broken += reading.broken;
        self.half_written += u32::from(reading.half_written.is_some());
        self.messages += reading.messages;
        self.pasted += reading.pasted;
        self.abandoned += reading.abandoned;
        for (kind, count) in &reading.unknown {
            *self.unknown.entry(kind.clone()).or_default() += count;
        }
        for (part, count) in &reading.skipped {
            *self.skipped.entry(part.clone()).or_default() += count;
        }
        for (trust, count) in &reading.spoken {
            *self.spoken.entry(trust.as_str()).or_default() += count;
        }
    }

    /// Returns the numbers as rows, in a fixed order.
    pub fn rows(&self) -> Vec<Row> {
        let row = |group, name: &str, count: u64| Row { group, name: name.to_owned(), count };
        let read = [
            ("files", u64::from(self.files)),
            ("bytes", u64::try_from(self.bytes).unwrap_or(u64::MAX)),
            ("lines", u64::from(self.lines)),
            ("records", u64::from(self.records)),
            ("broken lines", u64::from(self.broken)),
            ("half-written lines", u64::from(self.half_written)),
            ("assistant messages", u64::from(self.messages)),
            ("pastes", u64::from(self.pasted)),
            ("abandoned turns", u64::from(self.abandoned)),
            ("repeated turns", u64::from(self.repeated)),
            ("skipped parts", self.skipped.values().map(|count| u64::from(*count)).sum()),
        ];
        let outcome = [
            ("active", self.outcome.active),
            ("candidate", self.outcome.candidate),
            ("quarantined", self.outcome.quarantined),
            ("sourced", self.outcome.sourced),
            ("known", self.outcome.known),
            ("buried", self.outcome.buried),
            ("junk", self.outcome.junk),
            ("leaking", self.outcome.leaking),
            ("unusable", self.outcome.unusable),
            ("recurred", self.recurred),
        ];
        let mut rows: Vec<Row> =
            read.iter().map(|(name, count)| row("read", name, *count)).collect();
        let mut logged: BTreeMap<&'static str, u32> = BTreeMap::new();
        for entry in &self.log {
            *logged.entry(entry.what.as_str()).or_default() += 1;
        }
        rows.extend(self.skipped.iter().map(|(name, n)| row("skipped", name, u64::from(*n))));
        rows.extend(self.unknown.iter().map(|(name, n)| row("unknown type", name, u64::from(*n))));
        for (group, counts) in [
            ("spoken", &self.spoken),
            ("proposed", &self.proposed),
            ("redacted", &self.redacted),
            ("junk", &self.junk),
            ("quarantined", &self.quarantined),
            ("logged", &logged),
        ] {
            rows.extend(counts.iter().map(|(name, count)| row(group, name, u64::from(*count))));
        }
        rows.extend(outcome.iter().map(|(name, count)| row("outcome", name, u64::from(*count))));
        rows
    }

    /// Returns the rows as one JSON object per group in an object, with `"format": 1`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut groups = serde_json::Map::new();
        groups.insert("format".to_owned(), 1.into());
        for row in self.rows() {
            let group = groups.entry(row.group).or_insert_with(|| serde_json::json!({}));
            if let Some(group) = group.as_object_mut() {
                group.insert(row.name, row.count.into());
            }
        }
        serde_json::Value::Object(groups)
    }
}
