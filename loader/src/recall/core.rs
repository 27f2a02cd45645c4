//! The core: rules and pinned fragments, which apply whatever is asked.

use garner_kernel::{Fragment, Kind, Moment};

use crate::error::Error;
use crate::recall::query::Filters;
use crate::recall::visible::{self, Entry};
use crate::store::view::{self, View};
use crate::store::{Store, fragment_row};

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
        self.read(|db| {
            let view = at.cloned().map_or_else(|| view::current(db), Ok)?;
            let mut entries = visible::visible(db, &view, filters, now)?;
            entries.retain(|e| e.kind == Kind::Rule || view.pinned.contains(&e.id));
            entries.retain(|e| filters.pass(e.kind, &e.scope, e.trust));
            entries.sort_by_key(order);
            entries.iter().map(|entry| fragment_row::get(db, entry.row)).collect()
        })
    }
}

fn order(
    entry: &Entry,
) -> (Kind, std::cmp::Reverse<garner_kernel::Trust>, Moment, garner_kernel::FragmentId) {
    (entry.kind, std::cmp::Reverse(entry.trust), entry.created, entry.id)
}
