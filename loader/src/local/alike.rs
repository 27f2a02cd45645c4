//! What the store says already that a new statement may only repeat.

use garner_kernel::{Fragment, FragmentId, Moment};

use crate::error::Error;
use crate::recall::{Filters, Query, QueryVector, Score, Search};
use crate::store::Store;

impl Store {
    /// Returns the fragment of the same kind in the same scope that recall sees and whose vector is
    /// nearest to that of a new one, with the cosine; `None` where that is below `least`.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn alike(
        &self,
        fragment: &Fragment,
        vector: &QueryVector,
        least: Score,
        now: Moment,
    ) -> Result<Option<(FragmentId, Score)>, Error> {
        let filters = Filters {
            kinds: vec![fragment.kind],
            scopes: vec![fragment.scope.clone()],
            ..Filters::default()
        };
        let query = Query { vector: Some(vector.clone()), filters, ..Query::new("", now) };
        let nearest = self.nearest_of(&query, 1, Search::Auto)?;
        Ok(nearest.into_iter().find(|(_, cosine)| *cosine >= least))
    }
}
