//! Events: the append-only, hash-chained record of what was placed into which prompt.
//!
//! An event never holds a prompt, only its digest.

use std::collections::BTreeMap;

use garner_kernel::{Digest, FragmentId, Moment};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Trouble};
use crate::inject::{Injection, LeftOut, Reason, Tokens};
use crate::recall::Score;
use crate::store::chain::{self, Follower};
use crate::store::fragment_row::digest_from;
use crate::store::{Store, expiry};

/// What was placed into one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct InjectionEvent {
    /// When.
    pub at: Moment,
    /// The model that was asked.
    pub model: String,
    /// The digest of the prompt.
    pub prompt: Digest,
    /// The fragments that were placed, in order; those of the core have no score.
    pub placed: Vec<(FragmentId, Option<Score>)>,
    /// How many tokens they took.
    pub tokens: Tokens,
    /// What was left out, and why.
    pub left_out: Vec<LeftOut>,
}

impl InjectionEvent {
    /// Returns the event of an injection into `prompt`, of which only the digest is kept.
    pub fn of(injection: &Injection, model: &str, prompt: &str, at: Moment) -> Self {
        Self {
            at,
            model: model.to_owned(),
            prompt: Digest::of(prompt.as_bytes()),
            placed: injection.placed.iter().map(|p| (p.id, p.score)).collect(),
            tokens: injection.tokens(),
            left_out: injection.left_out.clone(),
        }
    }
}

/// An event and its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the log, from 1.
    pub number: u64,
    /// What happened.
    pub injection: InjectionEvent,
    /// Its own hash, which covers the hash of the event before it.
    pub hash: Digest,
}

impl Store {
    /// Appends an injection to the event log and returns its number.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn record_injection(&mut self, injection: &InjectionEvent) -> Result<u64, Error> {
        let payload = payload_json(injection);
        self.write(|db| append(db, injection.at, INJECTION, payload?))
    }

    /// Returns the injections, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::BrokenRow`].
    pub fn injections(&self, limit: usize) -> Result<Vec<Event>, Error> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT n, at, kind, payload, previous, hash FROM event WHERE kind = ?1 \
                 ORDER BY n DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![INJECTION, limit], stored_from)?;
            rows.map(|row| event_from(&row?)).collect()
        })
    }
}

/// The kind of an injection in the event log.
pub(crate) const INJECTION: &str = "injection";

struct Stored {
    number: u64,
    at: i64,
    kind: String,
    payload: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePayload {
    model: String,
    prompt: String,
    placed: Vec<WirePlaced>,
    tokens: usize,
    left_out: Vec<WireLeftOut>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlaced {
    fragment: String,
    score: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLeftOut {
    fragment: String,
    reason: String,
}

/// Appends an event and returns its number.
pub(crate) fn append(
    db: &Connection,
    at: Moment,
    kind: &str,
    payload: String,
) -> Result<u64, Trouble> {
    let last: Option<(u64, Vec<u8>)> = db
        .query_row("SELECT n, hash FROM event ORDER BY n DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (number, previous) = match last {
        Some((number, hash)) => (number + 1, digest_from("event", &hash)?),
        None => (1, chain::START),
    };
    let row = Stored {
        number,
        at: at.unix(),
        kind: kind.to_owned(),
        payload,
        previous: previous.as_bytes().to_vec(),
        hash: Vec::new(),
    };
    let hash = computed(&row, &previous);
    db.prepare_cached(
        "INSERT INTO event (n, at, kind, payload, previous, hash) VALUES (?,?,?,?,?,?)",
    )?
    .execute(params![
        row.number,
        row.at,
        row.kind,
        row.payload,
        row.previous,
        hash.as_bytes()
    ])?;
    Ok(number)
}

/// Returns when each fragment was last injected.
pub(crate) fn injected(db: &Connection) -> Result<BTreeMap<FragmentId, Moment>, Trouble> {
    let sql = "SELECT at, payload FROM event WHERE kind = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([INJECTION])?;
    let mut injected = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let at = Moment::from_unix(row.get(0)?);
        let payload = row.get_ref(1)?.as_str().unwrap_or_default();
        let wire: WirePayload =
            serde_json::from_str(payload).map_err(|e| Trouble::row("event", e))?;
        for placed in wire.placed {
            let last = injected.entry(placed.fragment.parse()?).or_insert(at);
            *last = at.max(*last);
        }
    }
    Ok(injected)
}

/// Returns when the last event of a kind was, and what it says.
pub(crate) fn last(db: &Connection, kind: &str) -> Result<Option<(Moment, String)>, Trouble> {
    let sql = "SELECT at, payload FROM event WHERE kind = ?1 ORDER BY n DESC LIMIT 1";
    let row = db.prepare_cached(sql)?.query_row([kind], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.map(|(at, payload)| (Moment::from_unix(at), payload)))
}

/// Returns what is wrong with the chain, one line per broken link.
pub(crate) fn broken_links(db: &Connection) -> Result<Vec<String>, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT n, at, kind, payload, previous, hash FROM event ORDER BY n")?;
    let mut broken = Vec::new();
    let checkpoint = expiry::checkpoint(db)?;
    let mut follower = checkpoint.map_or_else(Follower::new, |c| Follower::at(c.through, c.hash));
    for row in statement.query_map([], stored_from)? {
        let row = row?;
        let previous = digest_from("event", &row.previous)?;
        let hash = digest_from("event", &row.hash)?;
        if let Some(wrong) = follower.step(row.number, previous, hash, computed(&row, &previous)) {
            broken.push(format!("event {}: {wrong}", row.number));
        }
    }
    Ok(broken)
}

fn computed(row: &Stored, previous: &Digest) -> Digest {
    let fields: [&[u8]; 3] = [&row.at.to_le_bytes(), row.kind.as_bytes(), row.payload.as_bytes()];
    chain::link("garner.event.v1", row.number, &fields, previous)
}

fn stored_from(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        number: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        payload: row.get(3)?,
        previous: row.get(4)?,
        hash: row.get(5)?,
    })
}

fn payload_json(injection: &InjectionEvent) -> Result<String, Trouble> {
    let placed = |(id, score): &(FragmentId, Option<Score>)| WirePlaced {
        fragment: id.to_string(),
        score: score.map(Score::get),
    };
    let left_out = |left: &LeftOut| WireLeftOut {
        fragment: left.id.to_string(),
        reason: left.reason.as_str().to_owned(),
    };
    let wire = WirePayload {
        model: injection.model.clone(),
        prompt: injection.prompt.to_string(),
        placed: injection.placed.iter().map(placed).collect(),
        tokens: injection.tokens.get(),
        left_out: injection.left_out.iter().map(left_out).collect(),
    };
    serde_json::to_string(&wire).map_err(|e| Trouble::row("event", e))
}

fn event_from(row: &Stored) -> Result<Event, Trouble> {
    if row.kind != INJECTION {
        return Err(Trouble::row("event", format!("unknown kind `{}`", row.kind)));
    }
    let wire: WirePayload =
        serde_json::from_str(&row.payload).map_err(|e| Trouble::row("event", e))?;
    let placed = |p: WirePlaced| -> Result<_, Trouble> {
        Ok((p.fragment.parse()?, p.score.map(Score::new)))
    };
    let left_out = |left: WireLeftOut| -> Result<_, Trouble> {
        let reason = Reason::from_word(&left.reason)
            .ok_or_else(|| Trouble::row("event", format!("unknown reason `{}`", left.reason)))?;
        Ok(LeftOut { id: left.fragment.parse()?, reason })
    };
    Ok(Event {
        number: row.number,
        injection: InjectionEvent {
            at: Moment::from_unix(row.at),
            model: wire.model,
            prompt: wire.prompt.parse()?,
            placed: wire.placed.into_iter().map(placed).collect::<Result<_, _>>()?,
            tokens: Tokens::new(wire.tokens),
            left_out: wire.left_out.into_iter().map(left_out).collect::<Result<_, _>>()?,
        },
        hash: digest_from("event", &row.hash)?,
    })
}
