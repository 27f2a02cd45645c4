//! Merging: the records of bases and deltas, in the order of their ids, in one pass.
//!
//! Bases and deltas all ascend by id, so what a version holds comes out of a merge that keeps one
//! record of each at a time, however large the version is.

use super::unseal::Unsealed;
use crate::contents::Change;
use crate::digest::{Digest, FragmentId};
use crate::error::Error;
use crate::record;
use crate::tree::TreeHasher;

/// What the records of a version come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The tree digest (docs/format.md, "Tree digest").
    pub(crate) digest: Digest,
    /// How many fragments are alive.
    pub(crate) fragments: u64,
}

/// Merges `layers`, the oldest first, and hands what is left of each id to `sink`, ascending.
///
/// # Errors
/// The first rule that a record breaks.
pub(crate) fn merge(layers: Vec<Layer<'_>>, sink: &mut dyn FnMut(Change)) -> Result<Tree, Error> {
    let mut tree = TreeHasher::default();
    let mut fragments = 0;
    let mut layers = layers;
    for layer in &mut layers {
        layer.advance()?;
    }
    while let Some(id) = layers.iter().filter_map(Layer::id).min() {
        let mut newest: Option<Line> = None;
        for layer in layers.iter_mut().filter(|layer| layer.id() == Some(id)) {
            let Some(line) = layer.current.take() else { continue };
            let revision = line.change.revision();
            if newest.as_ref().is_some_and(|before| before.change.revision() >= revision) {
                return Err(Error::RevisionWentBack { id, revision }.in_object());
            }
            newest = Some(line);
            layer.advance()?;
        }
        let Some(line) = newest else { continue };
        if matches!(line.change, Change::Put(_)) {
            fragments += 1;
            tree.add(id, line.change.revision(), &line.digest);
        }
        sink(line.change);
    }
    Ok(Tree { digest: tree.finish(), fragments })
}

/// A record and the digest of its line.
struct Line {
    change: Change,
    digest: Digest,
}

/// The records of one delta, or of all bases one after the other.
pub(crate) struct Layer<'a> {
    parts: Parts<'a>,
    lines: Option<Lines<'a>>,
    current: Option<Line>,
    last: Option<FragmentId>,
}

/// Opens one object after the other.
pub(crate) type Parts<'a> = Box<dyn Iterator<Item = Result<Unsealed<'a>, Error>> + 'a>;

impl<'a> Layer<'a> {
    pub(crate) fn new(parts: Parts<'a>) -> Self {
        Self { parts, lines: None, current: None, last: None }
    }

    fn id(&self) -> Option<FragmentId> {
        self.current.as_ref().map(|line| line.change.id())
    }

    /// Reads the next record, from the next object where one ends.
    fn advance(&mut self) -> Result<(), Error> {
        loop {
            let Some(lines) = &mut self.lines else {
                match self.parts.next() {
                    None => return Ok(()),
                    Some(object) => self.lines = Some(Lines::new(object?)),
                }
                continue;
            };
            let Some(line) = lines.next_line()? else {
                if let Some(lines) = self.lines.take() {
                    lines.finish()?;
                }
                continue;
            };
            let id = line.change.id();
            if self.last.is_some_and(|last| last >= id) {
                return Err(lines.broken("it is out of order"));
            }
            self.last = Some(id);
            self.current = Some(line);
            return Ok(());
        }
    }
}

fn too_long(length: usize) -> Error {
    Error::Limit { what: "record", got: length as u64, max: record::MAX_LINE as u64 }
}

/// How many raw bytes are read at a time; more than two of the longest records.
const BUFFER: usize = 256 << 10;

/// Splits raw bytes into records.
struct Lines<'a> {
    object: Unsealed<'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    count: u32,
}

impl<'a> Lines<'a> {
    fn new(object: Unsealed<'a>) -> Self {
        Self { object, buffer: vec![0; BUFFER], start: 0, end: 0, count: 0 }
    }

    fn broken(&self, rule: &str) -> Error {
        Error::Object { rule: format!("record {}: {rule}", self.count) }
    }

    /// Returns the next record, or `None` at the end.
    fn next_line(&mut self) -> Result<Option<Line>, Error> {
        let Some(length) = self.fill()? else { return Ok(None) };
        if length > record::MAX_LINE {
            return Err(too_long(length));
        }
        let line = self.buffer.get(self.start..self.start + length).unwrap_or_default();
        self.start += length + 1;
        self.count = self.count.saturating_add(1);
        let digest = Digest::of(line);
        let text = std::str::from_utf8(line).map_err(|_| self.broken("it is not UTF-8"))?;
        let change = record::parse(text).map_err(|e| self.broken(&e.to_string()))?;
        Ok(Some(Line { change, digest }))
    }

    /// Reads until a whole line is in the buffer and returns its length without the line feed.
    fn fill(&mut self) -> Result<Option<usize>, Error> {
        let mut searched = 0;
        loop {
            let here = self.buffer.get(self.start + searched..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', here) {
                return Ok(Some(searched + at));
            }
            searched = self.end - self.start;
            if searched > record::MAX_LINE {
                return Err(too_long(searched));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, searched);
            let free = self.buffer.get_mut(searched..).unwrap_or_default();
            match self.object.read(free)? {
                0 if searched == 0 => return Ok(None),
                0 => return Err(self.broken("the line after it is cut")),
                read => self.end += read,
            }
        }
    }

    fn finish(self) -> Result<(), Error> {
        if self.count != self.object.records() {
            return Err(Error::Object { rule: "it has another count of records".to_owned() });
        }
        self.object.finish()
    }
}
