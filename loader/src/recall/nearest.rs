//! How the nearest vectors are looked for.
//!
//! Below [`code_row::FROM`] vectors every one of them is compared, and the answer is exact. Above,
//! one bit for each dimension chooses which are compared; see `benches/results/recall.md` for how
//! much of the exact answer that finds.

use crate::recall::query::{QueryVector, Search};
use crate::store::code_row;
use crate::vectors::best::Scored;

/// At least so many rows are compared after their codes chose them.
const FEWEST: usize = 1_600;
/// And one of so many.
const SHARE: usize = 64;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near<'q> {
    pub(super) vector: &'q QueryVector,
    /// Above 0 for the rows that may be found.
    pub(super) allowed: &'q [u32],
    /// How many rows to find.
    pub(super) want: usize,
    pub(super) search: Search,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Nearest {
    /// The nearest rows, the nearest first.
    pub(super) rows: Vec<Scored>,
    /// How many rows were looked at.
    pub(super) compared: usize,
}

impl Near<'_> {
    /// Returns how many rows may be found.
    pub(super) fn candidates(&self) -> usize {
        self.allowed.iter().filter(|length| **length > 0).count()
    }

    /// Returns whether a row may be found.
    #[inline]
    pub(super) fn allows(&self, row: u32) -> bool {
        self.allowed.get(row as usize).is_some_and(|length| *length > 0)
    }

    /// Returns how many rows to compare after their codes chose them; `None` compares all.
    pub(super) fn looks(&self) -> Option<usize> {
        let candidates = self.candidates();
        let few = u64::try_from(candidates).is_ok_and(|candidates| candidates < code_row::FROM);
        match self.search {
            Search::Exact => None,
            Search::Auto if few => None,
            Search::Auto | Search::Approximate => {
                Some((candidates / SHARE).max(FEWEST).max(self.want))
            }
        }
    }
}
