//! One read transaction from query to hits.

use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::recall::diversity;
use crate::recall::facts::Merits;
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::{Near, Nearest};
use crate::recall::query::{Query, Weights};
use crate::recall::ranking::{self, Candidate, Ranked};
use crate::recall::resident::InMemory;
use crate::recall::signals::{Hit, Recall, Score, TextSignals};
use crate::recall::stored::Stored;
use crate::recall::words::Words;
use crate::store::Store;
use crate::vectors::best::{self, Scored};

/// How many candidates words and vectors contribute each, at least.
const POOL: usize = 100;
/// How many of the best candidates bring those that stand near them.
const WITH_NEIGHBOURS: usize = 25;
/// How far from the best candidates others become candidates as well.
const DISTANCE: usize = 2;
/// How many hits are compared with each other for every one that is returned.
const DIVERSITY_POOL: usize = 3;

impl Store {
    /// Returns the visible fragments that matter most to a query.
    ///
    /// No text is an error: words and vectors that match nothing give no hits.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] when `query.at` names a version that is not loaded, and those of
    /// reading, such as [`Error::Corrupt`].
    pub fn recall(&self, query: &Query) -> Result<Recall, Error> {
        self.ask(query, |db, index, ground| Gathering { db, index, ground, query }.recall())
    }

    /// Runs `body` on what a query's view shows, with what is kept in memory where something is.
    pub(super) fn ask<T>(
        &self,
        query: &Query,
        body: impl FnOnce(&Connection, &dyn Index, &Ground) -> Result<T, Trouble>,
    ) -> Result<T, Error> {
        self.read(|db| {
            let mut memory = self.memory(db, query.vector.as_ref())?;
            let present = query.at.is_none() && query.filters.channels.is_empty();
            let ground = match memory.as_mut().filter(|_| present) {
                Some(resident) => resident.ground(query.now),
                None => Ground::read(db, query.at.as_ref(), &query.filters, query.now)?,
            };
            let index: &dyn Index = match memory.as_deref() {
                Some(resident) => &InMemory { db, resident },
                None => &Stored { db },
            };
            body(db, index, &ground)
        })
    }
}

/// Everything that the steps of one recall share.
struct Gathering<'r> {
    db: &'r Connection,
    index: &'r dyn Index,
    ground: &'r Ground,
    query: &'r Query,
}

impl Gathering<'_> {
    fn recall(&self) -> Result<Recall, Trouble> {
        let limit = self.query.limit;
        let words = Words::search(self.index, self.ground, self.query.text.as_str())?;
        let allowed = self.index.allowed(&self.query.filters, self.ground)?;
        let size = POOL.max(limit.saturating_mul(4));
        let nearest = self.nearest(&allowed, size)?;
        let candidates = self.candidates(&words, &nearest, &allowed, size)?;
        let signals = TextSignals {
            terms: words.signals(),
            visible: self.ground.documents,
            candidates: candidates.len(),
            vectors: nearest.compared,
        };
        let pool = limit.saturating_mul(DIVERSITY_POOL);
        let ranked = ranking::rank(&candidates, self.query, pool);
        let embedder = match &self.query.vector {
            Some(vector) => Some(vector.embedder),
            None => self.index.largest()?,
        };
        let look = |row| self.index.look(embedder, row);
        let chosen = diversity::diversify(ranked, limit, look)?;
        let mut hits = Vec::with_capacity(chosen.len());
        for ranked in chosen {
            hits.push(self.hit(ranked, &words)?);
        }
        Ok(Recall { hits, signals })
    }

    fn nearest(&self, allowed: &[u32], want: usize) -> Result<Nearest, Trouble> {
        let Some(vector) = &self.query.vector else { return Ok(Nearest::default()) };
        self.index.nearest(&Near { vector, allowed, want, search: self.query.search })
    }

    /// Returns the best by words and by vectors as candidates, with what stands near the best of them.
    fn candidates(
        &self,
        words: &Words<'_>,
        nearest: &Nearest,
        allowed: &[u32],
        size: usize,
    ) -> Result<Vec<Candidate>, Trouble> {
        let mut cosines: Vec<(u32, f32)> =
            nearest.rows.iter().map(|near| (near.row, near.score)).collect();
        cosines.sort_unstable_by_key(|(row, _)| *row);
        let known = |row: u32| {
            let place = cosines.binary_search_by_key(&row, |(row, _)| *row).ok()?;
            cosines.get(place).map(|(_, cosine)| *cosine)
        };
        let mut pool: Vec<u32> = self.by_words(words, allowed, size);
        pool.extend(nearest.rows.iter().map(|near| near.row));
        ascending(&mut pool);
        // Read one right after the other, they are on their way from memory together.
        let mut merits: Vec<Merits> = Vec::with_capacity(pool.len());
        for row in &pool {
            merits.push(self.index.merits(*row)?);
        }
        let candidate = |row: u32, merits| self.candidate((row, merits), words, known(row));
        let mut candidates: Vec<Candidate> = Vec::with_capacity(pool.len() + WITH_NEIGHBOURS);
        for (row, merits) in pool.iter().zip(merits) {
            candidates.push(candidate(*row, merits)?);
        }
        let mut edge = self.best(&candidates);
        for _ in 0..DISTANCE {
            let mut beside: Vec<u32> = edge
                .iter()
                .filter_map(|place| candidates.get(*place))
                .flat_map(|candidate| candidate.beside.into_iter().flatten())
                .filter(|row| allowed.get(*row as usize).is_some_and(|length| *length > 0))
                .collect();
            ascending(&mut beside);
            edge.clear();
            for row in beside {
                // The pool is in order, and few are added to it.
                let added = || candidates.iter().skip(pool.len()).position(|c| c.row == row);
                let place = pool.binary_search(&row).ok();
                let place = place.or_else(|| added().map(|place| pool.len() + place));
                edge.push(place.unwrap_or(candidates.len()));
                if place.is_none() {
                    candidates.push(candidate(row, self.index.merits(row)?)?);
                }
            }
        }
        Ok(candidates)
    }

    /// Returns the places of the candidates that are most relevant alone.
    fn best(&self, candidates: &[Candidate]) -> Vec<usize> {
        if candidates.iter().all(|candidate| candidate.beside == [None; 2]) {
            return Vec::new();
        }
        let relevances = ranking::relevances(candidates, self.query);
        #[expect(clippy::cast_possible_truncation, reason = "only the order counts")]
        let scored = |(candidate, score): (&Candidate, f64)| Scored {
            row: candidate.row,
            score: score as f32,
        };
        let list = candidates.iter().zip(relevances).map(scored);
        let best = best::best(list, WITH_NEIGHBOURS);
        let place = |scored: Scored| candidates.binary_search_by_key(&scored.row, |c| c.row).ok();
        best.into_iter().filter_map(place).collect()
    }

    fn candidate(
        &self,
        (row, merits): (u32, Merits),
        words: &Words<'_>,
        cosine: Option<f32>,
    ) -> Result<Candidate, Trouble> {
        let Merits { id, kind, trust, confidence, created } = merits;
        let cosine = match (&self.query.vector, cosine) {
            (Some(vector), None) => self.index.cosine(vector, row)?,
            (_, cosine) => cosine,
        };
        let Weights { beside, short, .. } = self.query.weights;
        let short = self.ground.length(row).is_some_and(|terms| terms <= short);
        let beside =
            if short && beside > 0.0 { self.index.beside(row, self.ground)? } else { [None; 2] };
        Ok(Candidate {
            row,
            id,
            kind,
            trust,
            confidence,
            created,
            bm25: words.score(row),
            cosine: cosine.map(f64::from),
            beside,
        })
    }

    /// Returns the rows with the highest scores by words.
    fn by_words(&self, words: &Words<'_>, allowed: &[u32], most: usize) -> Vec<u32> {
        // What words find is shown, so that where nothing is filtered nothing has to be looked up.
        let all = std::ptr::eq(allowed, self.ground.lengths.as_slice());
        let passes = |row: u32| all || allowed.get(row as usize).is_some_and(|length| *length > 0);
        #[expect(clippy::cast_possible_truncation, reason = "only the pool's order depends on it")]
        let scored = words
            .found()
            .iter()
            .filter(|row| passes(**row))
            .map(|row| Scored { row: *row, score: words.score(*row) as f32 });
        best::best(scored, most).into_iter().map(|scored| scored.row).collect()
    }

    fn hit(&self, ranked: Ranked, words: &Words<'_>) -> Result<Hit, Trouble> {
        let Ranked { row, mut signals, .. } = ranked;
        let (coverage, matched) = words.matched(row);
        (signals.coverage, signals.matched) = (Score::new(coverage), matched);
        let (channel, version, _) = self.ground.shown_by(self.db, row)?;
        Ok(Hit { fragment: self.index.fragment(row)?, channel: channel.clone(), version, signals })
    }
}

/// Sorts rows and leaves each of them once.
fn ascending(rows: &mut Vec<u32>) {
    rows.sort_unstable();
    rows.dedup();
}
