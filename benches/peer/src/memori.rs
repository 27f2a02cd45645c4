//! Every call to the peer.
//!
//! Its type `Memori` only hands calls on to public functions over a connection. They are called here,
//! since only this way rows can be written in one transaction and SQLite be given memory.

use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

use memori_core::{InsertResult, SearchQuery, SortField, schema, search, storage};
use rusqlite::Connection;
use serde_json::json;

use super::corpus::{Corpus, Document};
use super::numbers::Numbers;
use super::operations::{Asked, LIMIT, Likeness, Outcome, SAME, System};

/// How the peer's database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// A file, as `Memori::open` opens it.
    File,
    /// A file, with 64 MiB for pages, 2 GiB mapped into memory, and sorting in memory.
    Tuned,
    /// No file.
    Memory,
}

impl Setup {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Tuned => "tuned",
            Self::Memory => "memory",
        }
    }
}

impl FromStr for Setup {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::File, Self::Tuned, Self::Memory];
        let found = all.into_iter().find(|setup| setup.as_str() == word);
        found.ok_or_else(|| format!("no setup is called `{word}`"))
    }
}

/// The peer with its database.
pub(crate) struct Memori {
    connection: Connection,
}

/// How many texts are made at a time, and the time for it left out.
const BATCH: u64 = 1_000;

impl Memori {
    pub(crate) fn open(setup: Setup, file: &Path) -> Outcome<Self> {
        let connection = match setup {
            Setup::Memory => Connection::open_in_memory()?,
            Setup::File | Setup::Tuned => Connection::open(file)?,
        };
        if setup == Setup::Tuned {
            connection.pragma_update(None, "cache_size", -65_536)?;
            connection.pragma_update(None, "mmap_size", 2_u64 << 30)?;
            connection.pragma_update(None, "temp_store", "memory")?;
        }
        schema::init_db(&connection)?;
        Ok(Self { connection })
    }

    /// Writes the first texts, as its interface does it, and returns the seconds.
    pub(crate) fn write_singly(&mut self, corpus: &Corpus, size: u64) -> Outcome<f64> {
        batches(corpus, size, |batch| {
            batch.iter().try_for_each(|(at, document)| write(&self.connection, *at, document))
        })
    }

    /// Writes the first texts in one transaction and returns the seconds.
    pub(crate) fn write_at_once(&mut self, corpus: &Corpus, size: u64) -> Outcome<f64> {
        let transaction = self.connection.transaction()?;
        let seconds = batches(corpus, size, |batch| {
            batch.iter().try_for_each(|(at, document)| write(&transaction, *at, document))
        })?;
        let committing = Instant::now();
        transaction.commit()?;
        Ok(seconds + committing.elapsed().as_secs_f64())
    }

    /// Writes the journal back and returns the size of the file.
    pub(crate) fn settled_bytes(&self, file: &Path) -> Outcome<u64> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(std::fs::metadata(file)?.len())
    }

    pub(crate) fn count(&self) -> Outcome<usize> {
        Ok(storage::count(&self.connection)?)
    }

    pub(crate) fn vacuum(&self) -> Outcome<()> {
        Ok(storage::vacuum(&self.connection)?)
    }
}

impl System for Memori {
    /// Returns what looks like a random UUID.
    fn id(&self, _corpus: &Corpus, at: u64) -> Outcome<String> {
        Ok(id(at))
    }

    fn get(&mut self, id: &str) -> Outcome<Option<usize>> {
        let found =
            storage::get_raw(&self.connection, &storage::resolve_prefix(&self.connection, id)?)?;
        Ok(Some(found.map_or(0, |memory| usize::from(!memory.content.is_empty()))))
    }

    fn get_tracked(&mut self, id: &str) -> Outcome<Option<usize>> {
        let found =
            storage::get(&self.connection, &storage::resolve_prefix(&self.connection, id)?)?;
        Ok(Some(found.map_or(0, |memory| usize::from(!memory.content.is_empty()))))
    }

    fn newest(&mut self, count: usize) -> Outcome<Option<usize>> {
        let sort = SortField::Created;
        Ok(Some(storage::list(&self.connection, None, &sort, count, 0, None, None)?.len()))
    }

    fn by_prefix(&mut self, prefix: &str) -> Outcome<Option<usize>> {
        self.get(prefix)
    }

    fn search(&mut self, asked: Asked<'_>) -> Outcome<Option<Vec<String>>> {
        let hits = search::search(&self.connection, query(asked, LIMIT))?;
        Ok(Some(hits.into_iter().map(|memory| memory.id).collect()))
    }

    fn matches(&mut self, text: &str) -> Outcome<Option<usize>> {
        let hits = search::search(&self.connection, query(Asked::words(text), 1_000_000))?;
        Ok(Some(hits.len()))
    }

    fn insert(&mut self, document: &Document, likeness: Likeness) -> Outcome<Option<usize>> {
        let threshold = (likeness == Likeness::Merged).then_some(SAME);
        let vector = Some(document.vector.as_slice());
        let metadata = Some(metadata(document));
        let inserted =
            storage::insert(&self.connection, &document.text, vector, metadata, threshold, false)?;
        Ok(Some(match inserted {
            InsertResult::Created(_) => 1,
            InsertResult::Deduplicated(_) => 0,
        }))
    }
}

fn id(at: u64) -> String {
    let hex = Numbers::new(at ^ 0x5DEE_CE66).hex(32);
    let part = |from: usize, count: usize| hex.chars().skip(from).take(count).collect::<String>();
    [part(0, 8), part(8, 4), part(12, 4), part(16, 4), part(20, 12)].join("-")
}

fn query(asked: Asked<'_>, limit: usize) -> SearchQuery {
    SearchQuery {
        vector: asked.vector.map(<[f32]>::to_vec),
        text: asked.text.map(str::to_owned),
        text_only: asked.vector.is_none(),
        filter: asked.kind.map(|kind| json!({ "type": kind })),
        limit,
        ..SearchQuery::default()
    }
}

fn metadata(document: &Document) -> serde_json::Value {
    json!({ "type": document.kind, "topic": document.topic })
}

fn write(connection: &Connection, at: u64, document: &Document) -> Outcome<()> {
    let created = document.created as f64;
    let (vector, metadata) = (Some(document.vector.as_slice()), Some(metadata(document)));
    storage::insert_with_id(
        connection,
        &id(at),
        &document.text,
        vector,
        metadata,
        created,
        created,
    )?;
    Ok(())
}

/// Hands on the first texts with their numbers, and returns the seconds that this took.
fn batches(
    corpus: &Corpus,
    size: u64,
    mut work: impl FnMut(&[(u64, Document)]) -> Outcome<()>,
) -> Outcome<f64> {
    let mut seconds = 0.0;
    let mut from = 0;
    while from < size {
        let to = size.min(from + BATCH);
        let batch: Vec<(u64, Document)> = (from..to).map(|at| (at, corpus.document(at))).collect();
        let start = Instant::now();
        work(&batch)?;
        seconds += start.elapsed().as_secs_f64();
        from = to;
    }
    Ok(seconds)
}
