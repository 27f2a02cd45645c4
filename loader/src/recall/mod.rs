//! Recall: from a query to the fragments that matter, with every signal that ranked them.
//!
//! Two halves. `visible`, `postings` and `nearness` read candidates from the store in one read
//! transaction; `bm25`, `ranking` and `diversity` are pure functions of query, candidates and the
//! time. Scores depend on the *visible* fragments only, never on the rest of the table, and ages
//! count in whole days: rolling a channel back gives the same hits with the same scores, bit for
//! bit. That is why how often a fragment was read does not count.

mod bm25;
mod core;
mod diversity;
mod gather;
mod nearness;
#[cfg(test)]
mod policy_tests;
mod postings;
mod query;
mod question;
mod ranking;
mod signals;
#[cfg(test)]
mod tests;
pub(crate) mod visible;

pub use query::{Filters, Query, QueryVector, Ranking};
pub use signals::{Hit, Recall, Score, Signals, TermSignal, TermUse, TextSignals};
