//! Recall: from a query to the fragments that matter, with every signal that ranked them.
//!
//! `ground` says what is shown; an `index` answers what is asked about rows, from the store
//! (`stored`) or from memory; `words` and `nearest` say what is looked for; `bm25`, `ranking` and
//! `diversity` are pure functions of query, candidates and the time. Scores depend on the *visible*
//! fragments only, never on the rest of the table, and ages count in whole days: rolling a channel
//! back gives the same hits with the same scores, bit for bit. That is why how often a fragment was
//! read does not count.

mod beside;
mod bm25;
pub(crate) mod condition;
mod core;
mod diversity;
pub(crate) mod facts;
mod gather;
mod ground;
mod index;
mod listing;
mod nearest;
#[cfg(test)]
mod policy_tests;
mod postings;
mod query;
mod question;
mod ranking;
#[cfg(test)]
mod residency_tests;
pub(crate) mod resident;
mod signals;
mod stored;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod visible;
mod words;

pub use condition::Condition;
pub use listing::{Approximation, ShownFragment};
pub use query::{Filters, Query, QueryVector, Ranking, Search, Weights};
pub use signals::{Hit, Recall, Score, Signals, TermSignal, TermUse, TextSignals};
