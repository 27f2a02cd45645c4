//! Values to JSON: the one spelling.

use std::io;

use serde::Serialize;

use super::wire::{WireChange, WireFragment, WireSource, WireTombstone, Word};
use crate::contents::{Change, Tombstone};
use crate::fragment::{Fragment, Source};

/// Returns the JSON of a value.
pub(super) fn encode(wire: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "strings, integers and lists always have a JSON form")]
    serde_json::to_string(wire).expect("wire types serialise")
}

/// Returns whether `line` is the JSON of a value, byte by byte.
pub(super) fn is_spelled(wire: &impl Serialize, line: &str) -> bool {
    let mut rest = Expected(line.as_bytes());
    serde_json::to_writer(&mut rest, wire).is_ok() && rest.0.is_empty()
}

/// What is still to be written; anything else is an error.
struct Expected<'a>(&'a [u8]);

impl io::Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn change(change: &Change) -> WireChange<'_> {
    match change {
        Change::Put(put) => WireChange::Put(fragment(put)),
        Change::Del(del) => WireChange::Del(tombstone(del)),
    }
}

pub(super) fn fragment(fragment: &Fragment) -> WireFragment<'_> {
    WireFragment {
        id: fragment.id.to_string().into(),
        rev: fragment.revision,
        kind: fragment.kind.as_str().into(),
        scope: Word(fragment.scope.text()),
        trust: fragment.trust.as_str().into(),
        confidence: fragment.confidence.as_percent(),
        text: fragment.statement.as_str().into(),
        context: fragment.context.as_ref().map(|context| context.as_str().into()),
        created: fragment.created.to_string().into(),
        valid_to: fragment.valid_to.map(|at| at.to_string().into()),
        supersedes: fragment.supersedes.iter().map(|id| id.to_string().into()).collect(),
        tags: fragment.tags.iter().map(|tag| tag.as_str().into()).collect(),
        sources: fragment.sources.iter().map(source).collect(),
    }
}

fn source(source: &Source) -> WireSource<'_> {
    WireSource {
        session: source.session.as_str().into(),
        file: source.file.as_str().into(),
        record: source.record.as_str().into(),
        line: source.line,
        digest: source.digest.to_string().into(),
        speaker: source.speaker.as_str().into(),
        rule: source.rule.as_str().into(),
    }
}

pub(super) fn tombstone(tombstone: &Tombstone) -> WireTombstone<'_> {
    WireTombstone {
        id: tombstone.id.to_string().into(),
        rev: tombstone.revision,
        at: tombstone.at.to_string().into(),
        reason: tombstone.reason.as_str().into(),
    }
}
