//! What recall can see, as a list.

use std::collections::BTreeMap;

use garner_kernel::{Fragment, Moment};

use crate::error::Error;
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::query::Filters;
use crate::recall::stored::Stored;
use crate::store::view::View;
use crate::store::{Store, fragment_row};

impl Store {
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
