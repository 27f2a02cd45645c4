//! Operations: the append-only, hash-chained log of every change to the store.

mod action;

use std::fmt;
use std::str::FromStr;

use garner_kernel::{Digest, Moment};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::chain::{self, Follower};
use crate::store::fragment_row::digest_from;
use crate::store::standing::Touched;
use crate::store::view::{self, View};

use action::{action_from, payload_json};

pub use action::{Action, Archived, Step};

/// Who acts on the store: a local user or the name of a key; 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);

impl Actor {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Actor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return Err(Error::MalformedActor { text: text.chars().take(80).collect() });
        }
        Ok(Self(text.to_owned()))
    }
}

/// One change to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its place in the log, from 1.
    pub number: u64,
    /// When it was done.
    pub at: Moment,
    /// Who did it.
    pub who: Actor,
    /// What it did.
    pub action: Action,
    /// The view before it.
    pub before: View,
    /// The view after it.
    pub after: View,
    /// The digest of the view before it.
    pub digest_before: Digest,
    /// The digest of the view after it.
    pub digest_after: Digest,
    /// Its own hash, which covers the hash of the operation before it.
    pub hash: Digest,
}

/// The columns of a row as they are stored and hashed.
struct Stored {
    number: u64,
    at: i64,
    who: String,
    kind: String,
    payload: String,
    view_before: String,
    view_after: String,
    digest_before: Vec<u8>,
    digest_after: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

const COLUMNS: &str = "n, at, who, kind, payload, view_before, view_after, digest_before, \
                       digest_after, previous, hash";

/// Who does what, and when, and which fragments that may show or hide.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) stamp: Stamp,
    pub(crate) action: Action,
    pub(crate) touched: Touched,
}

/// Returns the number that the next operation will have.
pub(crate) fn next_number(db: &Connection) -> Result<u64, Trouble> {
    Ok(db.query_row("SELECT coalesce(max(n), 0) + 1 FROM operation", [], |row| row.get(0))?)
}

/// The view before an operation, and what it held then.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) view: View,
    digest: Digest,
}

/// Returns the store's view, before anything is changed.
pub(crate) fn before(db: &Connection) -> Result<Before, Trouble> {
    let view = view::current(db)?;
    let digest = view::digest(db, &view)?;
    Ok(Before { view, digest })
}

/// Makes `after` the store's view and appends the operation.
pub(crate) fn commit(
    db: &Connection,
    act: Act,
    before: Before,
    after: View,
) -> Result<Operation, Trouble> {
    let Before { view: before, digest: digest_before } = before;
    let digest_after = view::digest(db, &after)?;
    view::store(db, &before, &after)?;
    act.touched.refresh(db, &after)?;
    let previous = last_hash(db)?;
    let mut operation = Operation {
        number: next_number(db)?,
        at: act.stamp.at,
        who: act.stamp.who,
        action: act.action,
        before,
        after,
        digest_before,
        digest_after,
        hash: chain::START,
    };
    let mut stored = stored_of(&operation)?;
    operation.hash = computed(&stored, &previous);
    stored.previous = previous.as_bytes().to_vec();
    stored.hash = operation.hash.as_bytes().to_vec();
    insert(db, &stored)?;
    tracing::info!(operation = stored.number, kind = stored.kind, "changed the store");
    Ok(operation)
}

/// Appends an operation of another log as it is there.
pub(crate) fn copy(db: &Connection, operation: &Operation) -> Result<(), Trouble> {
    let previous = last_hash(db)?;
    let mut stored = stored_of(operation)?;
    stored.previous = previous.as_bytes().to_vec();
    stored.hash = operation.hash.as_bytes().to_vec();
    if computed(&stored, &previous) != operation.hash {
        let number = operation.number;
        return Err(Trouble::row("operation", format!("{number} breaks the chain of its log")));
    }
    insert(db, &stored)
}

fn stored_of(operation: &Operation) -> Result<Stored, Trouble> {
    Ok(Stored {
        number: operation.number,
        at: operation.at.unix(),
        who: operation.who.to_string(),
        kind: operation.action.as_str().to_owned(),
        payload: payload_json(&operation.action)?,
        view_before: view::to_json(&operation.before)?,
        view_after: view::to_json(&operation.after)?,
        digest_before: operation.digest_before.as_bytes().to_vec(),
        digest_after: operation.digest_after.as_bytes().to_vec(),
        previous: Vec::new(),
        hash: Vec::new(),
    })
}

/// Returns the operations, the newest first, at most `limit`.
pub(crate) fn list(db: &Connection, limit: usize) -> Result<Vec<Operation>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n DESC LIMIT ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], stored_from)?;
    rows.map(|row| operation_from(&row?)).collect()
}

/// Returns the newest operation that is `wanted`, having read none that is older.
pub(crate) fn find_last(
    db: &Connection,
    mut wanted: impl FnMut(&Operation) -> bool,
) -> Result<Option<Operation>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n DESC");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let operation = operation_from(&stored_from(row)?)?;
        if wanted(&operation) {
            return Ok(Some(operation));
        }
    }
    Ok(None)
}

/// Returns the operation with this number.
pub(crate) fn get(db: &Connection, number: u64) -> Result<Operation, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation WHERE n = ?1");
    let row = db.prepare_cached(&sql)?.query_row([number], stored_from).optional()?;
    operation_from(&row.ok_or(Error::UnknownOperation { number })?)
}

/// Returns what is wrong with the chain, one line per broken link.
pub(crate) fn broken_links(db: &Connection) -> Result<Vec<String>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM operation ORDER BY n");
    let mut statement = db.prepare_cached(&sql)?;
    let mut broken = Vec::new();
    let mut follower = Follower::new();
    for row in statement.query_map([], stored_from)? {
        let row = row?;
        let previous = digest_from("operation", &row.previous)?;
        let hash = digest_from("operation", &row.hash)?;
        let computed = computed(&row, &previous);
        if let Some(wrong) = follower.step(row.number, previous, hash, computed) {
            broken.push(format!("operation {}: {wrong}", row.number));
        }
    }
    Ok(broken)
}

/// Returns the hash of the newest operation, or the start of the chain.
fn last_hash(db: &Connection) -> Result<Digest, Trouble> {
    let sql = "SELECT hash FROM operation ORDER BY n DESC LIMIT 1";
    let last = db.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    last.map_or(Ok(chain::START), |hash| digest_from("operation", &hash))
}

fn insert(db: &Connection, row: &Stored) -> Result<(), Trouble> {
    let sql = format!("INSERT INTO operation ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)");
    db.prepare_cached(&sql)?.execute(params![
        row.number,
        row.at,
        row.who,
        row.kind,
        row.payload,
        row.view_before,
        row.view_after,
        row.digest_before,
        row.digest_after,
        row.previous,
        row.hash,
    ])?;
    Ok(())
}

fn computed(row: &Stored, previous: &Digest) -> Digest {
    let fields: [&[u8]; 8] = [
        &row.at.to_le_bytes(),
        row.who.as_bytes(),
        row.kind.as_bytes(),
        row.payload.as_bytes(),
        row.view_before.as_bytes(),
        row.view_after.as_bytes(),
        &row.digest_before,
        &row.digest_after,
    ];
    chain::link("garner.operation.v1", row.number, &fields, previous)
}

fn stored_from(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        number: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        kind: row.get(3)?,
        payload: row.get(4)?,
        view_before: row.get(5)?,
        view_after: row.get(6)?,
        digest_before: row.get(7)?,
        digest_after: row.get(8)?,
        previous: row.get(9)?,
        hash: row.get(10)?,
    })
}

fn operation_from(row: &Stored) -> Result<Operation, Trouble> {
    Ok(Operation {
        number: row.number,
        at: Moment::from_unix(row.at),
        who: row.who.parse()?,
        action: action_from(&row.kind, &row.payload)?,
        before: view::from_json(&row.view_before)?,
        after: view::from_json(&row.view_after)?,
        digest_before: digest_from("operation", &row.digest_before)?,
        digest_after: digest_from("operation", &row.digest_after)?,
        hash: digest_from("operation", &row.hash)?,
    })
}
