//! What is remembered of inputs that were read: how far, and by what they are recognized.
//!
//! One file for each channel, written after its draft: whatever stops in between, the next run
//! reads something twice, which changes nothing, and misses nothing. It holds no word of any input.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use garner_compiler::{Checkpoint, KnownSession};
use garner_kernel::{ChannelName, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Search, absolute};
use crate::context::Context;
use crate::error::Error;

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Header {
    format: String,
    /// The edition of the compiler; another one may learn other things from the same bytes.
    edition: String,
}

const FORMAT: &str = "garner.inputs.v1";

/// The inputs that were read for one channel, by path.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    edition: String,
    seen: BTreeMap<String, Seen>,
    changed: bool,
}

/// One input that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) stamp: Stamp,
    /// The digest of the first bytes; of a document, of all.
    pub(super) head: String,
    /// The digest of the last bytes before the checkpoint.
    pub(super) tail: String,
    pub(super) checkpoint: Option<Checkpoint>,
    /// The project that the person named for it.
    pub(super) project: Option<String>,
}

/// By what a file is known not to have changed, without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// In nanoseconds since 1970.
    pub(super) modified: u64,
    /// Device and inode, where the system has them.
    pub(super) inode: (u64, u64),
}

#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    stamp: Stamp,
    head: String,
    tail: String,
    checkpoint: Option<Value>,
    project: Option<String>,
}

impl Memory {
    /// Reads what is remembered for a channel: nothing where its draft is gone, or was compiled by
    /// another edition, or where `again` says so.
    pub(crate) fn open(
        channel: &ChannelName,
        edition: &Digest,
        again: bool,
        context: &Context,
    ) -> Result<Self, Error> {
        let path = context.places.inputs().join(format!("{channel}.jsonl"));
        let edition = edition.to_string();
        let mut memory = Self { path, edition, seen: BTreeMap::new(), changed: false };
        if again || !context.draft_path(channel).exists() {
            return Ok(memory);
        }
        let text = match fs::read_to_string(&memory.path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(memory),
            Err(e) => return Err(Error::io("read", &memory.path, e)),
        };
        match memory.parse(&text) {
            Some(seen) => memory.seen = seen,
            None => context.output.warn(&format!(
                "`{}` is not usable: everything is read from the start",
                memory.path.display()
            )),
        }
        Ok(memory)
    }

    /// Reads the file; nothing for another edition, `None` for what is broken.
    fn parse(&self, text: &str) -> Option<BTreeMap<String, Seen>> {
        let mut lines = text.lines();
        let header: Header = serde_json::from_str(lines.next()?).ok()?;
        if header.format != FORMAT {
            return None;
        }
        if header.edition != self.edition {
            return Some(BTreeMap::new());
        }
        lines.map(seen).collect()
    }

    /// Has the inputs of a search read from their start; what is known of others stays.
    pub(crate) fn unread(&mut self, search: &Search) {
        for found in &search.found {
            self.seen.remove(&key(&found.whole()));
        }
    }

    pub(super) fn seen(&self, path: &Path) -> Option<&Seen> {
        self.seen.get(&key(path))
    }

    /// Returns the path under which a file with this inode was read, if it is no longer there.
    pub(super) fn moved_from(&self, stamp: &Stamp) -> Option<String> {
        let same = |seen: &Seen| seen.stamp.inode == stamp.inode && stamp.inode != (0, 0);
        let mut gone =
            self.seen.iter().filter(|(path, seen)| same(seen) && !Path::new(path).exists());
        gone.next().map(|(path, _)| path.clone())
    }

    pub(super) fn remember(&mut self, path: &Path, seen: Seen) {
        self.seen.insert(key(path), seen);
        self.changed = true;
    }

    pub(super) fn forget(&mut self, path: &str) {
        self.changed |= self.seen.remove(path).is_some();
    }

    /// Returns what is known of the sessions of all other files.
    pub(super) fn known(&self, but: &[PathBuf]) -> Vec<KnownSession> {
        let but: Vec<String> = but.iter().map(|path| key(path)).collect();
        let others = self.seen.iter().filter(|(path, _)| !but.contains(path));
        others.filter_map(|(_, seen)| Some(seen.checkpoint.as_ref()?.known().clone())).collect()
    }

    /// Writes the file, all or nothing, if anything was learned and there is a draft that it goes
    /// with.
    pub(crate) fn save(&mut self, draft: &Path) -> Result<(), Error> {
        if !std::mem::take(&mut self.changed) || !draft.exists() {
            return Ok(());
        }
        let header = Header { format: FORMAT.to_owned(), edition: self.edition.clone() };
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        text.push('\n');
        for (path, seen) in &self.seen {
            let line = Line {
                path: path.clone(),
                stamp: seen.stamp.clone(),
                head: seen.head.clone(),
                tail: seen.tail.clone(),
                checkpoint: seen.checkpoint.as_ref().map(Checkpoint::to_json),
                project: seen.project.clone(),
            };
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        Ok(garner_sync::write_over(&self.path, text.as_bytes())?)
    }
}

fn seen(line: &str) -> Option<(String, Seen)> {
    let line: Line = serde_json::from_str(line).ok()?;
    let checkpoint = match line.checkpoint {
        Some(json) => Some(Checkpoint::parse(&json).ok()?),
        None => None,
    };
    let Line { path, stamp, head, tail, project, .. } = line;
    Some((path, Seen { stamp, head, tail, checkpoint, project }))
}

fn key(path: &Path) -> String {
    absolute(path).to_string_lossy().into_owned()
}

impl Stamp {
    /// Returns the stamp of a file.
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        let since = metadata.modified().ok();
        let since = since.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let nanoseconds = since.map_or(0, |since| since.as_nanos());
        Self {
            size: metadata.len(),
            modified: u64::try_from(nanoseconds).unwrap_or(u64::MAX),
            inode: inode(metadata),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
