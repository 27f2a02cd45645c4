//! The reader of a transcript that comes in pieces, from its start or from a checkpoint.

use std::collections::BTreeMap;

use garner_kernel::FileName;

use super::checkpoint::{Checkpoint, Mark};
use super::lines::{Line, Splitter};
use super::record::Records;
use super::{Limits, key, parse, stem};
use crate::error::Error;
use crate::session::{Reading, Session};

/// How many bytes of a file are looked at for zero bytes.
const SNIFFED: u64 = 8 << 10;

/// Reads a transcript in one pass, whatever its size: what no rule needs is not kept.
#[derive(Debug)]
pub struct TranscriptReader {
    file: FileName,
    limits: Limits,
    lines: Splitter,
    records: Records,
    reading: Reading,
    /// How many bytes the file has so far, those before the checkpoint included.
    length: u64,
    zero: Option<usize>,
    /// How often records before the checkpoint named their sessions; lines that are read again
    /// must not count twice.
    named: Option<BTreeMap<String, u32>>,
}

impl TranscriptReader {
    /// Starts at the beginning of a file.
    pub fn new(file: FileName, limits: Limits) -> Self {
        let records = Records::new(stem(&file));
        Self {
            file,
            limits,
            lines: Splitter::after(0, 0, limits.line),
            records,
            reading: Reading::default(),
            length: 0,
            zero: None,
            named: None,
        }
    }

    /// Goes on after a checkpoint; the lines of its marks come first, by
    /// [`TranscriptReader::replay`], then whatever follows its offset.
    pub fn resume(file: FileName, limits: Limits, checkpoint: &Checkpoint) -> Self {
        let mut reader = Self::new(file, limits);
        reader.lines = Splitter::after(checkpoint.lines, checkpoint.offset, limits.line);
        reader.length = checkpoint.offset;
        reader.records.resume(checkpoint);
        reader.named = Some(checkpoint.named.clone());
        reader.reading.from_line = checkpoint.lines;
        reader
    }

    /// Takes the line of a mark, without its line feed.
    ///
    /// # Errors
    /// [`Error::Rewritten`] if these are not the bytes that were there: read the file anew.
    pub fn replay(&mut self, mark: &Mark, bytes: &[u8]) -> Result<(), Error> {
        let rewritten = || Error::Rewritten { file: self.file.clone(), line: mark.line };
        if key::hash(bytes) != mark.check {
            return Err(rewritten());
        }
        let record = parse(bytes, self.limits.line).ok_or_else(rewritten)?;
        let line = Line { number: mark.line, offset: mark.offset, bytes, ended: true };
        // It was counted when it was new.
        self.records.take(&record, &line, &mut Reading::default());
        Ok(())
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, piece: &[u8]) {
        if let Some(named) = self.named.take() {
            self.records.named = named;
        }
        self.sniff(piece);
        self.length = self.length.saturating_add(piece.len() as u64);
        self.reading.bytes += piece.len();
        if self.zero.is_some() || self.length > self.limits.file {
            return;
        }
        let Self { lines, records, reading, limits, .. } = self;
        lines.feed(piece, |line| take(line, limits.line, records, reading));
    }

    /// Ends the file: returns the session, and how far it was read.
    ///
    /// A last line that is not ended is part of the session if it is a whole record, but the
    /// checkpoint stands before it.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::Binary`], [`Error::NotATranscript`] without
    /// a single JSON object, [`Error::NoSession`] without a single record of a conversation.
    pub fn finish(mut self) -> Result<(Session, Checkpoint), Error> {
        if let Some(named) = self.named.take() {
            self.records.named = named;
        }
        let file = self.file;
        if self.length == 0 {
            return Err(Error::Empty { file });
        }
        if self.length > self.limits.file {
            return Err(Error::TooLarge { file, size: self.length, limit: self.limits.file });
        }
        if let Some(offset) = self.zero {
            return Err(Error::Binary { file, offset });
        }
        let checkpoint = self.records.checkpoint(self.lines.lines(), self.lines.offset());
        if let Some(line) = self.lines.rest() {
            take(&line, self.limits.line, &mut self.records, &mut self.reading);
        }
        self.reading.lines = self.lines.lines() + u32::from(self.lines.rest().is_some());
        self.reading.lines -= self.reading.from_line;
        let session = finish(self.records, self.reading, file)?;
        Ok((session, checkpoint))
    }

    fn sniff(&mut self, piece: &[u8]) {
        if self.length >= SNIFFED || self.zero.is_some() {
            return;
        }
        let room = usize::try_from(SNIFFED - self.length).unwrap_or(usize::MAX);
        let head = piece.get(..room).unwrap_or(piece);
        let before = usize::try_from(self.length).unwrap_or(usize::MAX);
        self.zero = memchr::memchr(0, head).map(|at| before.saturating_add(at));
    }
}

/// Takes a line: a record, a blank, a broken line, or one that is not finished yet.
fn take(line: &Line<'_>, limit: usize, records: &mut Records, reading: &mut Reading) {
    if line.bytes.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match parse(line.bytes, limit) {
        Some(record) => {
            reading.records += 1;
            records.take(&record, line, reading);
        }
        None if line.ended => {
            reading.broken += 1;
            if reading.broken_lines.len() < Reading::MAX_LISTED {
                reading.broken_lines.push(line.number);
            }
        }
        None => reading.half_written = Some(line.number),
    }
}

fn finish(records: Records, mut reading: Reading, file: FileName) -> Result<Session, Error> {
    if !records.is_conversation() {
        return Err(match reading.records {
            0 => Error::NotATranscript { file, lines: reading.lines },
            objects => Error::NoSession { file, objects },
        });
    }
    let (id, turns, external_since) = records.finish(&mut reading);
    tracing::debug!(
        lines = reading.lines,
        records = reading.records,
        broken = reading.broken,
        unknown_types = reading.unknown.len(),
        turns = turns.len(),
        "read a transcript"
    );
    Ok(Session {
        file,
        id,
        turns,
        reading,
        external_since,
        place: crate::session::Place::default(),
    })
}
