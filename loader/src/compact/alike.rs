//! Fragments that say the same in other words.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use garner_kernel::{FragmentId, Moment};

use super::Away;
use crate::error::{Error, Trouble};
use crate::recall::visible::Entry;
use crate::recall::{Filters, Query, QueryVector, Search};
use crate::store::{Store, fragment_row, vector_row};

/// The cosine above which two statements may say the same; the compiler's, too.
const SAME: f64 = 0.92;
/// How many of the nearest are looked at.
const NEAREST: usize = 9;
/// Progress is told after so many.
const TELL: usize = 64;

/// Returns what others say as well that are believed at least as much.
pub(super) fn duplicates(
    store: &Store,
    entries: &[Entry],
    same: &dyn Fn(&str, &str) -> bool,
    now: Moment,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Away, Error> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| {
        let belief = (entry.precedence, entry.trust, entry.confidence, entry.created);
        (Reverse(belief), entry.id)
    });
    // What stays, with its place in the order.
    let mut stays: BTreeMap<FragmentId, &Entry> = BTreeMap::new();
    let mut away = Away::new();
    for (at, entry) in order.iter().enumerate() {
        if at % TELL == 0 {
            progress(at, order.len());
        }
        match standing_in(store, entry, &stays, same, now)? {
            Some(by) => away.push((entry.id, Some(by))),
            None => drop(stays.insert(entry.id, entry)),
        }
    }
    progress(order.len(), order.len());
    Ok(away)
}

/// Returns the nearest of those that stay which says the same.
fn standing_in(
    store: &Store,
    entry: &Entry,
    stays: &BTreeMap<FragmentId, &Entry>,
    same: &dyn Fn(&str, &str) -> bool,
    now: Moment,
) -> Result<Option<FragmentId>, Error> {
    let Some(vector) = store.read(|db| vector_of(db, entry.row))? else { return Ok(None) };
    let filters = Filters {
        kinds: vec![entry.kind],
        scopes: vec![(*entry.scope).clone()],
        ..Filters::default()
    };
    let query = Query { vector: Some(vector), filters, ..Query::new("", now) };
    let nearest = store.nearest_of(&query, NEAREST, Search::Auto)?;
    let text = |row| store.read(|db| Ok(fragment_row::get(db, row)?.statement));
    for (id, cosine) in nearest {
        if cosine.get() <= SAME {
            break;
        }
        let Some(other) = stays.get(&id) else { continue };
        let believed = other.trust >= entry.trust && other.precedence >= entry.precedence;
        if id != entry.id && believed && same(text(other.row)?.as_str(), text(entry.row)?.as_str())
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Returns the vector of a row by the embedder that has most of them.
fn vector_of(db: &rusqlite::Connection, row: i64) -> Result<Option<QueryVector>, Trouble> {
    let Some(embedder) = vector_row::largest(db)? else { return Ok(None) };
    let Some(in_row) = vector_row::embedder_row(db, embedder)? else { return Ok(None) };
    let vector = vector_row::vector(db, in_row, row)?;
    Ok(vector.map(|vector| QueryVector { embedder, vector }))
}
