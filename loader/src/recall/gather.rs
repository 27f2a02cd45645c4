//! One read transaction from query to hits.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::recall::diversity::{self, Look};
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
use crate::store::{Store, vector_row};
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
        let mut pool: BTreeSet<u32> = by_words(&words, &allowed, size).collect();
        pool.extend(nearest.rows.iter().map(|near| near.row));
        let candidates = self.candidates(&pool, &words, &nearest, &allowed)?;
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
            None => vector_row::largest(self.db)?,
        };
        let looks = ranked
            .into_iter()
            .map(|ranked| Ok((self.index.look(embedder, ranked.row)?, ranked)))
            .map(|looked| looked.map(|(look, ranked)| (ranked, look)));
        let looks: Vec<(Ranked, Look)> = looks.collect::<Result<_, Trouble>>()?;
        let chosen = diversity::diversify(looks, limit);
        let hits = chosen.into_iter().map(|ranked| self.hit(ranked, &words));
        Ok(Recall { hits: hits.collect::<Result<_, _>>()?, signals })
    }

    fn nearest(&self, allowed: &[u32], want: usize) -> Result<Nearest, Trouble> {
        let Some(vector) = &self.query.vector else { return Ok(Nearest::default()) };
        self.index.nearest(&Near { vector, allowed, want, search: self.query.search })
    }

    /// Returns the pool as candidates, with what stands near the best of them.
    fn candidates(
        &self,
        pool: &BTreeSet<u32>,
        words: &Words,
        nearest: &Nearest,
        allowed: &[u32],
    ) -> Result<Vec<Candidate>, Trouble> {
        let known: HashMap<u32, f32> =
            nearest.rows.iter().map(|near| (near.row, near.score)).collect();
        let candidate = |row: u32| self.candidate(row, words, known.get(&row).copied());
        let mut candidates: Vec<Candidate> =
            pool.iter().map(|row| candidate(*row)).collect::<Result<_, _>>()?;
        let mut places: HashMap<u32, usize> = pool.iter().copied().zip(0..).collect();
        let mut edge = self.best(&candidates);
        for _ in 0..DISTANCE {
            let beside = |row: u32| places.get(&row).and_then(|place| candidates.get(*place));
            let beside: BTreeSet<u32> = edge
                .iter()
                .filter_map(|row| beside(*row))
                .flat_map(|candidate| candidate.beside.into_iter().flatten())
                .filter(|row| allowed.get(*row as usize).is_some_and(|length| *length > 0))
                .collect();
            for row in &beside {
                if !places.contains_key(row) {
                    places.insert(*row, candidates.len());
                    candidates.push(candidate(*row)?);
                }
            }
            edge = beside;
        }
        Ok(candidates)
    }

    /// Returns the rows of the candidates that are most relevant alone.
    fn best(&self, candidates: &[Candidate]) -> BTreeSet<u32> {
        let relevances = ranking::relevances(candidates, self.query);
        #[expect(clippy::cast_possible_truncation, reason = "only the order counts")]
        let scored = |(candidate, score): (&Candidate, f64)| Scored {
            row: candidate.row,
            score: score as f32,
        };
        let list = candidates.iter().zip(relevances).map(scored);
        let best = best::best(list.collect(), WITH_NEIGHBOURS);
        best.into_iter().map(|scored| scored.row).collect()
    }

    fn candidate(
        &self,
        row: u32,
        words: &Words,
        cosine: Option<f32>,
    ) -> Result<Candidate, Trouble> {
        let Merits { id, kind, trust, confidence, created } = self.index.merits(row)?;
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

    fn hit(&self, ranked: Ranked, words: &Words) -> Result<Hit, Trouble> {
        let Ranked { row, mut signals, .. } = ranked;
        let (coverage, matched) = words.matched(row);
        (signals.coverage, signals.matched) = (Score::new(coverage), matched);
        let (channel, version, _) = self.ground.shown_by(self.db, row)?;
        Ok(Hit { fragment: self.index.fragment(row)?, channel: channel.clone(), version, signals })
    }
}

/// Returns the rows with the highest scores by words.
fn by_words(words: &Words, allowed: &[u32], most: usize) -> impl Iterator<Item = u32> {
    #[expect(clippy::cast_possible_truncation, reason = "only the order of the pool depends on it")]
    let scored = words
        .found
        .iter()
        .filter(|row| allowed.get(**row as usize).is_some_and(|length| *length > 0))
        .map(|row| Scored { row: *row, score: words.score(*row) as f32 });
    best::best(scored.collect(), most).into_iter().map(|scored| scored.row)
}
