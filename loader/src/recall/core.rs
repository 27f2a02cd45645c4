//! The core: rules and pinned fragments, which apply whatever is asked.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use garner_kernel::{Fragment, FragmentId, Kind, Moment, Trust};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::recall::facts::{Facts, Shown};
use crate::recall::query::{Filters, Query};
use crate::store::view::{self, View};
use crate::store::{Store, chunk, fragment_row};

impl Store {
    /// Returns the rules and pinned fragments of a view, `None` being the store's present one.
    ///
    /// Their order depends on nothing but the fragments: by kind, then the most trusted, then the
    /// oldest, so that the core is the same text until a kernel changes it.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn core(
        &self,
        at: Option<&View>,
        filters: &Filters,
        now: Moment,
    ) -> Result<Vec<Fragment>, Error> {
        let asked = Query { at: at.cloned(), filters: filters.clone(), ..Query::new("", now) };
        self.ask(&asked, |db, index, ground| {
            let view = at.cloned().map_or_else(|| view::current(db), Ok)?;
            let mut core = Vec::new();
            for row in standing_rows(db, &view)?.into_iter().filter(|row| ground.shows(*row)) {
                let fragment = index.fragment(row)?;
                let facts = Facts::of(&fragment);
                let place = filters.ask_place().then(|| ground.place(db, row)).transpose()?;
                if filters.pass(Shown { facts: &facts, place }) {
                    core.push((order(&facts), fragment));
                }
            }
            core.sort_unstable_by_key(|(order, _)| *order);
            Ok(core.into_iter().map(|(_, fragment)| Fragment::clone(&fragment)).collect())
        })
    }
}

/// Returns the rows of all rules and of what is pinned, shown or not.
fn standing_rows(db: &Connection, view: &View) -> Result<BTreeSet<u32>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row FROM fragment WHERE kind = ?1")?;
    let rules = statement.query_map([Kind::Rule.as_str()], |row| row.get::<_, i64>(0))?;
    let mut rows: Vec<i64> = rules.collect::<Result<_, _>>()?;
    for id in &view.pinned {
        rows.extend(fragment_row::revisions(db, id)?.into_iter().map(|(row, _)| row));
    }
    rows.into_iter().map(chunk::number).collect()
}

fn order(facts: &Facts) -> (Kind, Reverse<Trust>, Moment, FragmentId) {
    (facts.kind, Reverse(facts.trust), facts.created, facts.id)
}
