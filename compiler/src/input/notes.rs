//! Collects the entries of a document as the turns of a session.

use std::collections::BTreeMap;

use garner_kernel::{Moment, RecordId, SessionId, Text, Trust};

use super::Input;
use super::index::Index;
use crate::injected;
use crate::rules::is_directive;
use crate::session::{Event, Layout, Note, Reading, Session, Turn};
use crate::transcript::{hash, stem};

/// The entries of one document.
pub(crate) struct Notes<'a> {
    input: &'a Input<'a>,
    index: Index<'a>,
    session: SessionId,
    turns: Vec<Turn>,
    reading: Reading,
}

/// Where an entry stands, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'r> {
    pub(crate) line: u32,
    pub(crate) moment: Option<Moment>,
    /// The entry's own id, where it has one.
    pub(crate) record: Option<&'r str>,
}

impl At<'_> {
    pub(crate) const fn line(line: u32) -> Self {
        Self { line, moment: None, record: None }
    }
}

impl<'a> Notes<'a> {
    /// Starts a document, whose session is named for its project and its file.
    pub(crate) fn new(input: &'a Input<'a>) -> Self {
        Self::over(input, Index::new(input.text))
    }

    /// Starts a document whose lines are looked up in `index`.
    pub(crate) fn over(input: &'a Input<'a>, index: Index<'a>) -> Self {
        let project = input.place.project.as_ref().map(|project| plain_id(project.as_str()));
        let name = project.map_or_else(
            || stem(&input.file).to_string(),
            |project| format!("{project}.{}", stem(&input.file)),
        );
        let name = name.chars().take(128).collect::<String>();
        let session = name.parse().unwrap_or_else(|_| stem(&input.file));
        let reading = Reading { bytes: input.text.len(), lines: index.len(), ..Reading::default() };
        Self { input, index, session, turns: Vec::new(), reading }
    }

    /// Takes the place of the session's name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        if let Ok(session) = plain_id(name).parse() {
            self.session = session;
        }
        self
    }

    pub(crate) fn index(&self) -> &Index<'a> {
        &self.index
    }

    /// Adds an entry; Garner's own block in it is no part of it.
    pub(crate) fn add(&mut self, at: At<'_>, mut note: Note) {
        let statement = injected::strip(note.statement.as_str()).trim().to_owned();
        if statement.is_empty() {
            self.skip("entry without words");
            return;
        }
        // An entry keeps its id when others are written above it.
        let id = at.record.map(plain_id).and_then(|id| id.parse::<RecordId>().ok());
        let id = id.or_else(|| format!("e-{:016x}", hash(statement.as_bytes())).parse().ok());
        note.statement = Text::new(statement);
        let trust = note.trust;
        self.push(at, id, Event::Noted { note: Box::new(note) });
        *self.reading.spoken.entry(trust).or_default() += 1;
    }

    /// Adds an event of any kind.
    pub(crate) fn event(&mut self, at: At<'_>, trust: Trust, event: Event) {
        let id = at.record.map(plain_id).and_then(|id| id.parse::<RecordId>().ok());
        self.push(at, id, event);
        *self.reading.spoken.entry(trust).or_default() += 1;
    }

    fn push(&mut self, at: At<'_>, id: Option<RecordId>, event: Event) {
        self.reading.records += 1;
        let line = at.line.max(1);
        let Some(record) = id.or_else(|| line.to_string().parse().ok()) else { return };
        self.turns.push(Turn {
            line,
            record,
            session: self.session.clone(),
            digest: self.index.digest(line),
            at: at.moment,
            cwd: None,
            sidechain: false,
            abandoned: false,
            // What stands in a file may have come from anywhere.
            tainted: true,
            interrupted: false,
            events: vec![event],
        });
    }

    /// Returns how many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    /// Says whether anything from outside came before the last entry.
    pub(crate) fn taint_last(&mut self, tainted: bool) {
        if let Some(turn) = self.turns.last_mut() {
            turn.tainted = tainted;
        }
    }

    /// Counts a part that is left out.
    pub(crate) fn skip(&mut self, part: &str) {
        self.skip_many(part, 1);
    }

    /// Counts parts that are left out.
    pub(crate) fn skip_many(&mut self, part: &str, count: usize) {
        if count > 0 {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let part: String = part.chars().take(64).collect();
            *self.reading.skipped.entry(part).or_default() += count;
        }
    }

    /// Counts a line that is not what it should be.
    pub(crate) fn broken(&mut self, line: u32) {
        self.reading.broken += 1;
        if self.reading.broken_lines.len() < Reading::MAX_LISTED {
            self.reading.broken_lines.push(line);
        }
    }

    /// Returns the session of the document.
    pub(crate) fn finish(self) -> Session {
        Session {
            file: self.input.file.clone(),
            id: self.session,
            turns: self.turns,
            reading: self.reading,
            external_since: None,
            place: self.input.place.clone(),
        }
    }
}

/// Returns whether an entry that an assistant wrote can stand before a person has looked at it:
/// nobody knows what it had read before, so that it may describe, and not instruct.
pub(crate) fn stands(input: &Input<'_>, statement: &str) -> bool {
    input.place.vouched || !is_directive(statement)
}

/// Returns a note of this layout with the least that a note has.
pub(crate) fn note(layout: Layout, trust: Trust, statement: &str) -> Note {
    Note {
        layout,
        kind: garner_kernel::Kind::Fact,
        trust,
        statement: Text::new(statement),
        context: None,
        stands: false,
        everywhere: false,
        tags: Vec::new(),
    }
}

/// Returns a name with only the characters that ids have.
pub(crate) fn plain_id(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }
    };
    name.chars().map(plain).take(128).collect()
}

/// Returns tags from free labels: lower case, and only the characters that tags have.
pub(crate) fn tags<'t>(labels: impl Iterator<Item = &'t str>) -> Vec<garner_kernel::Tag> {
    let tag = |label: &str| {
        let plain = plain_id(&label.trim().to_lowercase());
        plain.chars().take(64).collect::<String>()
    };
    let mut tags: Vec<garner_kernel::Tag> =
        labels.filter_map(|label| tag(label).parse().ok()).take(16).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// The counts of several sessions of one file belong to the first.
pub(crate) fn only_first(sessions: &mut [Session], reading: Reading) {
    for session in sessions.iter_mut() {
        session.reading = Reading { spoken: BTreeMap::new(), ..Reading::default() };
    }
    if let Some(first) = sessions.first_mut() {
        first.reading = reading;
    }
}
