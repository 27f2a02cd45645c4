//! From a verified kernel to rows: a plan that only reads, then one transaction that applies it.
//!
//! Texts become vectors between the two, outside any transaction. Nothing here verifies signatures:
//! [`garner_kernel::Verified`] proves that it was done.

mod apply;
mod plan;
mod projection;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use apply::put;
pub use apply::{LoadReport, Vectors};
pub(crate) use plan::decide;
pub use plan::{Effect, LoadOptions, LoadPlan, OrderRule, PlannedText, Summary};
pub use projection::Progress;
pub use revoke::Erasure;
pub(crate) use revoke::bury_revoked;
