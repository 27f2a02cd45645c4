//! Reads inputs: of what grew the new bytes, of what changed in any other way everything.

use std::fs::{File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use garner_compiler::{
    Checkpoint, Error as CompilerError, Format, Limits, Session, TranscriptReader, detect,
    read_input,
};
use garner_kernel::{Digest, ProjectName};

use super::memory::{Memory, Seen, Stamp};
use super::{Found, News, Search, archive, pass_over, place};
use crate::context::Context;
use crate::error::Error;
use crate::files;

/// How many bytes at the start, and before the checkpoint, tell that a file is still the same.
const WINDOW: u64 = 4 << 10;
/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;
/// How much of a file is looked at to tell JSON lines, in bytes.
const HEAD: u64 = 64 << 10;

/// What became of one input.
enum Outcome {
    Unchanged,
    Read(Vec<Session>, Box<Option<Seen>>),
}

/// Reads what is new in the inputs of a search; `memory` is what was read before, and learns what
/// is read now.
pub(crate) fn read(
    search: &Search,
    project: Option<&ProjectName>,
    memory: &mut Memory,
    context: &Context,
) -> Result<News, Error> {
    let bar = context.output.bar("Reading sessions", search.found.len() as u64);
    let mut news =
        News { left_out: search.left_out, never_read: search.never_read, ..News::default() };
    let mut current: Vec<PathBuf> = Vec::new();
    let mut learned: Vec<(PathBuf, Seen)> = Vec::new();
    for found in &search.found {
        let reader = Reader { found, project, memory };
        match reader.read(&mut news) {
            Ok(Outcome::Unchanged) => news.unchanged += 1,
            Ok(Outcome::Read(sessions, seen)) => {
                news.sessions.extend(sessions);
                current.push(found.whole());
                learned.extend(seen.map(|seen| (found.whole(), seen)));
            }
            Err(Error::Transcript { source, .. }) => pass_over(found, source, context)?,
            Err(other) => return Err(other),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (_, seen) in &learned {
        if let Some(before) = memory.moved_from(&seen.stamp) {
            memory.forget(&before);
        }
    }
    news.known = memory.known(&current);
    for (path, seen) in learned {
        memory.remember(&path, seen);
    }
    Ok(news)
}

/// Returns all bytes of an input.
pub(crate) fn bytes_of(found: &Found) -> Result<Vec<u8>, Error> {
    match &found.member {
        Some(member) => archive::read(&found.path, member),
        None => files::read(&found.path),
    }
}

struct Reader<'a> {
    found: &'a Found,
    project: Option<&'a ProjectName>,
    memory: &'a Memory,
}

impl Reader<'_> {
    fn read(&self, news: &mut News) -> Result<Outcome, Error> {
        let path = &self.found.path;
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        let stamp = Stamp::of(&metadata);
        // What was read for another project is read anew.
        let seen = self.memory.seen(&self.found.whole());
        let seen = seen.filter(|seen| seen.project == self.project());
        if seen.is_some_and(|seen| seen.stamp == stamp) {
            return Ok(Outcome::Unchanged);
        }
        if seen.is_none() && self.memory.moved_from(&stamp).is_some() {
            news.moved += 1;
        }
        if self.is_lines(&metadata)? {
            return self.lines((&metadata, &stamp), seen, news);
        }
        let bytes = bytes_of(self.found)?;
        let digest = Digest::of(&bytes).to_string();
        if let Some(seen) = seen {
            if seen.head == digest {
                return Ok(Outcome::Unchanged);
            }
            let size = usize::try_from(seen.stamp.size).unwrap_or(usize::MAX);
            let before = bytes.get(..size).map(|before| Digest::of(before).to_string());
            if before.as_ref() == Some(&seen.head) {
                news.read_on += 1;
            } else {
                news.rewritten += 1;
            }
        }
        let format = self.compiled(detect(&self.found.text(), &bytes))?;
        let place = place::of(self.found, format, self.project);
        let sessions = read_input(format, &self.found.text(), &bytes, &place);
        let (tail, project) = (String::new(), self.project());
        let seen = Seen { stamp, head: digest, tail, checkpoint: None, project };
        // What has no end cannot be read on, and what is no file cannot be recognized.
        let seen = Some(seen).filter(|_| metadata.is_file());
        Ok(Outcome::Read(self.compiled(sessions)?, Box::new(seen)))
    }

    fn project(&self) -> Option<String> {
        self.project.map(ToString::to_string)
    }

    fn compiled<T>(&self, result: Result<T, CompilerError>) -> Result<T, Error> {
        result.map_err(|source| Error::Transcript { path: self.found.whole(), source })
    }

    /// Returns whether the input is a transcript on disk, which may be large and may grow.
    fn is_lines(&self, metadata: &Metadata) -> Result<bool, Error> {
        if self.found.member.is_some() || !metadata.is_file() {
            return Ok(false);
        }
        let path = &self.found.path;
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).map_err(|e| Error::io("read", path, e))?;
        let text = self.found.text();
        let lines = [".jsonl", ".ndjson", ".log"].iter().any(|ending| text.ends_with(ending));
        Ok(lines && detect(&text, &head).is_ok_and(|format| format == Format::Transcript))
    }

    /// Reads a transcript: on from where it was left, if it is still the same file.
    fn lines(
        &self,
        (metadata, stamp): (&Metadata, &Stamp),
        seen: Option<&Seen>,
        news: &mut News,
    ) -> Result<Outcome, Error> {
        let path = &self.found.path;
        let io = |e| Error::io("read", path, e);
        let mut file = File::open(path).map_err(io)?;
        let resumed = match seen.and_then(|seen| Some((seen, seen.checkpoint.as_ref()?))) {
            None => None,
            Some((seen, checkpoint)) => self.resume(&mut file, (seen, checkpoint), stamp, news)?,
        };
        let (mut reader, start) = match resumed {
            Some(reader) => {
                news.read_on += 1;
                reader
            }
            None => (TranscriptReader::new(self.name()?, Limits::default()), 0),
        };
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        // What is written meanwhile is read the next time.
        let mut rest = metadata.len().saturating_sub(start);
        let mut piece = vec![0; PIECE.min(usize::try_from(rest).unwrap_or(PIECE)).max(1)];
        while rest > 0 {
            let room = usize::try_from(rest).unwrap_or(PIECE).min(piece.len());
            let read = file.read(piece.get_mut(..room).unwrap_or_default()).map_err(io)?;
            if read == 0 {
                break;
            }
            reader.feed(piece.get(..read).unwrap_or_default());
            rest -= read as u64;
        }
        let (session, checkpoint) = self.compiled(reader.finish())?;
        let place = place::of(self.found, Format::Transcript, self.project);
        let seen = Seen {
            stamp: stamp.clone(),
            head: window(&mut file, 0, checkpoint.offset().min(WINDOW)).map_err(io)?,
            tail: tail(&mut file, checkpoint.offset()).map_err(io)?,
            checkpoint: Some(checkpoint),
            project: self.project(),
        };
        Ok(Outcome::Read(vec![session.at(place)], Box::new(Some(seen))))
    }

    /// Returns a reader that goes on where the file was left, and where that is; `None` for a file
    /// that is no longer what it was.
    fn resume(
        &self,
        file: &mut File,
        (seen, checkpoint): (&Seen, &Checkpoint),
        stamp: &Stamp,
        news: &mut News,
    ) -> Result<Option<(TranscriptReader, u64)>, Error> {
        let io = |e| Error::io("read", &self.found.path, e);
        let offset = checkpoint.offset();
        if stamp.size < offset {
            news.shrunk += 1;
            return Ok(None);
        }
        if stamp.inode != seen.stamp.inode {
            news.moved += 1;
            return Ok(None);
        }
        let same = window(file, 0, offset.min(WINDOW)).map_err(io)? == seen.head
            && tail(file, offset).map_err(io)? == seen.tail;
        if !same {
            news.rewritten += 1;
            return Ok(None);
        }
        let mut reader = TranscriptReader::resume(self.name()?, Limits::default(), checkpoint);
        for mark in checkpoint.marks() {
            let mut line = vec![0; mark.length()];
            file.seek(SeekFrom::Start(mark.offset())).map_err(io)?;
            let read = file.read_exact(&mut line);
            if read.is_err() || reader.replay(mark, &line).is_err() {
                news.rewritten += 1;
                return Ok(None);
            }
        }
        Ok(Some((reader, offset)))
    }

    fn name(&self) -> Result<garner_kernel::FileName, Error> {
        files::name(&self.found.path)
    }
}

/// Returns the digest of the bytes right before `offset`.
fn tail(file: &mut File, offset: u64) -> std::io::Result<String> {
    let start = offset.saturating_sub(WINDOW);
    window(file, start, offset - start)
}

fn window(file: &mut File, start: u64, length: u64) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Digest::of(&bytes).to_string())
}
