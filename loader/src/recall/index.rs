//! The seam between ranking and where things are kept: in the store, or in memory as well.

use std::sync::Arc;

use garner_kernel::{EmbedderId, Fragment};

use crate::error::Trouble;
use crate::recall::beside::Beside;
use crate::recall::bm25::Postings;
use crate::recall::diversity::Look;
use crate::recall::facts::Merits;
use crate::recall::ground::Ground;
use crate::recall::nearest::{Near, Nearest};
use crate::recall::query::{Filters, QueryVector};
use crate::recall::question::Term;

/// Answers what ranking asks about rows. Every answer is the same whatever answers, to the bit.
pub(super) trait Index {
    /// Returns a number of rows, shown or not, that hold a term; not always all of them.
    fn at_least(&self, term: &Term) -> Result<usize, Trouble>;

    /// Returns how many shown rows hold a term.
    fn frequency(&self, term: &Term, ground: &Ground) -> Result<usize, Trouble>;

    /// Returns which shown rows hold a term.
    fn postings(&self, term: &Term, ground: &Ground) -> Result<Postings<'_>, Trouble>;

    /// Returns the rows nearest to a vector.
    fn nearest(&self, near: &Near<'_>) -> Result<Nearest, Trouble>;

    /// Returns the product of a row's vector and the query's; `None` where it has no vector.
    fn cosine(&self, vector: &QueryVector, row: u32) -> Result<Option<f32>, Trouble>;

    /// Returns the embedder with the most vectors.
    fn largest(&self) -> Result<Option<EmbedderId>, Trouble>;

    /// Returns what a hit is compared with others by: its vector of `embedder`, else its words.
    fn look(&self, embedder: Option<EmbedderId>, row: u32) -> Result<Look, Trouble>;

    /// Returns the fragment of a row.
    fn fragment(&self, row: u32) -> Result<Arc<Fragment>, Trouble>;

    /// Returns what ranking knows of a row beside its words and its vector.
    fn merits(&self, row: u32) -> Result<Merits, Trouble>;

    /// Returns the lengths of the shown rows, with 0 for those that the filters keep out.
    fn allowed(&self, filters: &Filters, ground: &Ground) -> Result<Arc<Vec<u32>>, Trouble>;

    /// Returns the shown rows that stand beside a row in its session.
    fn beside(&self, row: u32, ground: &Ground) -> Result<Beside, Trouble>;
}
