//! What recall can see, as a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use garner_kernel::{Fragment, FragmentId, Kind, Moment, Vector};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Trouble};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::Near;
use crate::recall::query::{Filters, Query, QueryVector, Search};
use crate::recall::signals::Score;
use crate::recall::stored::Stored;
use crate::store::fragment_row::digest_from;
use crate::store::vector_row::EmbedderInfo;
use crate::store::view::View;
use crate::store::{Store, chunk, code_row, fragment_row, vector_row};
use crate::vectors::best::Scored;
use crate::vectors::half;

/// How many of the nearest are looked for to see what an approximate search finds.
const TEN: usize = 10;

/// What a search that is approximate finds of the exact answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Approximation {
    /// Whose vectors were asked with.
    pub embedder: String,
    /// How many of them.
    pub queries: usize,
    /// The share that was found, from 0 to 1.
    pub found: Score,
}

/// A fragment that recall can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownFragment {
    /// Which.
    pub id: FragmentId,
    /// The revision that is read.
    pub revision: u32,
    /// What it says.
    pub kind: Kind,
}

impl Store {
    /// Returns the newest fragments that recall can see in the present view, the newest first.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn newest(&self, most: usize, now: Moment) -> Result<Vec<Arc<Fragment>>, Error> {
        self.ask(&Query::new("", now), |db, index, ground| {
            let sql = "SELECT row FROM fragment ORDER BY created DESC, row";
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut newest = Vec::new();
            while newest.len() < most
                && let Some(found) = rows.next()?
            {
                let row = chunk::number(found.get(0)?)?;
                if ground.shows(row) {
                    newest.push(index.fragment(row)?);
                }
            }
            Ok(newest)
        })
    }

    /// Returns which share of the exact ten nearest the search that is approximate finds, by asking
    /// with up to `most` stored vectors; `None` where every search is exact.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn approximation(&self, most: usize, now: Moment) -> Result<Option<Approximation>, Error> {
        let mut asked =
            Approximation { embedder: String::new(), queries: 0, found: Score::new(1.0) };
        let mut counts = (0.0, 0.0);
        for (info, vector) in self.read(|db| sampled(db, most))? {
            let exact = self.nearest(&vector, TEN, Search::Exact, now)?;
            let found = self.nearest(&vector, TEN, Search::Approximate, now)?;
            let Some((_, last)) = exact.last() else { continue };
            // Of those that are as near as the last, any are right.
            let right = found.iter().filter(|(_, score)| score >= last).count();
            counts = (counts.0 + count(right.min(exact.len())), counts.1 + count(exact.len()));
            asked.embedder = info.name;
            asked.queries += 1;
        }
        asked.found = Score::new(counts.0 / f64::max(counts.1, 1.0));
        Ok((asked.queries > 0).then_some(asked))
    }

    /// Returns the visible fragments whose vectors are nearest to a query's, the nearest first, with
    /// the cosines and no other signal.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn nearest(
        &self,
        vector: &QueryVector,
        most: usize,
        search: Search,
        now: Moment,
    ) -> Result<Vec<(FragmentId, Score)>, Error> {
        let query = Query { vector: Some(vector.clone()), ..Query::new("", now) };
        self.nearest_of(&query, most, search)
    }

    /// Returns the same among what the filters of a query let through.
    pub(crate) fn nearest_of(
        &self,
        query: &Query,
        most: usize,
        search: Search,
    ) -> Result<Vec<(FragmentId, Score)>, Error> {
        let Some(vector) = &query.vector else { return Ok(Vec::new()) };
        self.ask(query, |_, index, ground| {
            let allowed = index.allowed(&query.filters, ground)?;
            let near = Near { vector, allowed: &allowed, want: most, search };
            let scored = index.nearest(&near)?.rows.into_iter();
            let with_id =
                |near: Scored| Ok((index.merits(near.row)?.id, Score::new(f64::from(near.score))));
            scored.map(with_id).collect()
        })
    }

    /// Returns what recall can see in the present view, without its texts, in the order of ids.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn shown(&self, now: Moment) -> Result<Vec<ShownFragment>, Error> {
        self.read(|db| {
            let filters = Filters::default();
            let ground = Ground::read(db, None, &filters, now)?;
            let allowed = Stored { db }.allowed(&filters, &ground)?;
            let mut statement =
                db.prepare_cached("SELECT id, revision, kind FROM fragment WHERE row = ?1")?;
            let mut shown = Vec::new();
            for (row, _) in (0_u32..).zip(&*allowed).filter(|(_, length)| **length > 0) {
                let (id, revision, kind) = statement.query_row([row], |found| {
                    Ok((found.get::<_, Vec<u8>>(0)?, found.get(1)?, found.get::<_, String>(2)?))
                })?;
                let id = FragmentId::new(digest_from("fragment", &id)?);
                shown.push(ShownFragment { id, revision, kind: kind.parse()? });
            }
            shown.sort_by_key(|fragment| fragment.id);
            Ok(shown)
        })
    }

    /// Returns the fragments that recall can see in a view, `None` being the present one, in the
    /// order of kind, scope and id.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn fragments(
        &self,
        at: Option<&View>,
        filters: &Filters,
        now: Moment,
    ) -> Result<Vec<Fragment>, Error> {
        self.read(|db| {
            let ground = Ground::read(db, at, filters, now)?;
            let index = Stored { db };
            let allowed = index.allowed(filters, &ground)?;
            let mut rows = BTreeMap::new();
            for (row, _) in (0..).zip(&*allowed).filter(|(_, length)| **length > 0) {
                let facts = index.facts(row)?;
                rows.insert((facts.kind, facts.scope, facts.id), row);
            }
            rows.values().map(|row| fragment_row::get(db, i64::from(*row))).collect()
        })
    }
}

/// Returns vectors of every embedder that has codes, spread over its rows.
fn sampled(db: &Connection, most: usize) -> Result<Vec<(EmbedderInfo, QueryVector)>, Trouble> {
    let mut sampled = Vec::new();
    for (row, info) in vector_row::embedders(db)? {
        let codes = code_row::codes(db, row)?;
        if codes.mean.is_none() {
            continue;
        }
        let step = (codes.vectors / (most as u64).max(1)).max(1);
        for at in (0..codes.vectors).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let sql = "SELECT components FROM vector \
                       WHERE place >= (?1 << 32) + ?2 AND place < (?1 + 1) << 32 LIMIT 1";
            let mut statement = db.prepare_cached(sql)?;
            let blob = statement.query_row(params![row, at], |found| found.get::<_, Vec<u8>>(0));
            let vector = blob.optional()?.and_then(|blob| Vector::normalized(half::decode(&blob)));
            let query = |vector| QueryVector { embedder: info.id, vector };
            sampled.extend(vector.map(|vector| (info.clone(), query(vector))));
        }
    }
    sampled.truncate(most);
    Ok(sampled)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a sample")]
const fn count(number: usize) -> f64 {
    number as f64
}
