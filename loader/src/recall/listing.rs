//! What recall can see, as a list.

use std::collections::BTreeMap;

use garner_kernel::{Fragment, FragmentId, Moment};

use crate::error::Error;
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::nearest::Near;
use crate::recall::query::{Filters, QueryVector, Search};
use crate::recall::resident::InMemory;
use crate::recall::signals::Score;
use crate::recall::stored::Stored;
use crate::store::view::View;
use crate::store::{Store, chunk, fragment_row};
use crate::vectors::best::Scored;

impl Store {
    /// Returns the newest fragments that recall can see in the present view, the newest first.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn newest(&self, most: usize, now: Moment) -> Result<Vec<Fragment>, Error> {
        self.read(|db| {
            let mut memory = self.memory(db, None)?;
            let ground = match memory.as_mut() {
                Some(resident) => resident.ground(now),
                None => Ground::read(db, None, &Filters::default(), now)?,
            };
            let sql = "SELECT row FROM fragment ORDER BY created DESC, row";
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut newest = Vec::new();
            while newest.len() < most
                && let Some(found) = rows.next()?
            {
                let row = found.get(0)?;
                if ground.shows(chunk::number(row)?) {
                    newest.push(fragment_row::get(db, row)?);
                }
            }
            Ok(newest)
        })
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
        self.read(|db| {
            let mut memory = self.memory(db, Some(vector))?;
            let ground = match memory.as_mut() {
                Some(resident) => resident.ground(now),
                None => Ground::read(db, None, &Filters::default(), now)?,
            };
            let index: &dyn Index = match memory.as_deref() {
                Some(resident) => &InMemory { db, resident },
                None => &Stored { db },
            };
            let near = Near { vector, allowed: &ground.lengths, want: most, search };
            let scored = index.nearest(&near)?.rows.into_iter();
            let with_id =
                |near: Scored| Ok((index.facts(near.row)?.id, Score::new(f64::from(near.score))));
            scored.map(with_id).collect()
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
