//! Kernel to store to recall to injection.
//!
//! Takes verified kernels only, owns all SQL, and never reads a clock, the environment or a
//! network: time, folders and embedders are arguments.

mod analysis;
mod error;
mod history;
pub mod inject;
mod load;
mod recall;
mod stamp;
mod store;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod vectors;

pub use error::Error;
pub use load::{
    Effect, Erasure, LoadOptions, LoadPlan, LoadReport, OrderRule, PlannedText, Progress, Summary,
    Vectors,
};
pub use recall::{
    Condition, Filters, Hit, Query, QueryVector, Ranking, Recall, Score, Search, Signals,
    TermSignal, TermUse, TextSignals,
};
pub use stamp::Stamp;
pub use store::channel::LoadedKernel;
pub use store::event::{Event, InjectionEvent};
pub use store::operation::{Action, Actor, Operation};
pub use store::status::{ChannelStatus, Counts, Membership, ReadFrom, StoredFragment};
pub use store::vector_row::EmbedderInfo;
pub use store::verify::{Check, StoreReport};
pub use store::view::{Policy, Reading, View};
pub use store::{Access, OpenOptions, Residency, Store};
