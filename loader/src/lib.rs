//! Kernel to store to recall to injection.
//!
//! Takes verified kernels only, owns all SQL, and never reads a clock, the environment or a
//! network: time, folders and embedders are arguments.
//!
//! Everything is synchronous, and a [`Store`] can be sent to another thread. To ask a store:
//!
//! ```
//! use garner_loader::{OpenOptions, Query, Residency, Store};
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # drop(Store::open(folder, &OpenOptions::write())?);
//! let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
//! let store = Store::open(folder, &options)?;
//! let now = "2026-03-10T12:00:00Z".parse()?;
//! for hit in store.recall(&Query::new("how are heights stored?", now))?.hits {
//!     println!("{} {}", hit.signals.total, hit.fragment.statement.as_str());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/recall.rs` asks by meaning as well.

mod ahead;
mod analysis;
mod compact;
#[cfg(test)]
mod endurance;
mod error;
mod history;
pub mod inject;
mod load;
mod local;
mod recall;
mod replay;
mod stamp;
mod store;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod vectors;

pub use compact::{Compaction, CompactionStep, PutAway, Retention, Rewrite, Tidied};
pub use error::Error;
pub use load::{
    Effect, Erasure, LoadOptions, LoadPlan, LoadReport, OrderRule, PlannedText, Progress, Summary,
    Vectors,
};
pub use local::{Imported, Remembered};
pub use recall::{
    Approximation, Condition, Filters, Hit, Query, QueryVector, Ranking, Recall, Score, Search,
    ShownFragment, Signals, TermSignal, TermUse, TextSignals, Weights,
};
pub use replay::{Open, Replayed};
pub use stamp::Stamp;
pub use store::channel::LoadedKernel;
pub use store::event::{Event, InjectionEvent};
pub use store::milestone::{BackupEvent, DrillEvent, Loss};
pub use store::operation::{Action, Actor, Archived, Operation, Step};
pub use store::status::{ChannelStatus, Counts, Membership, ReadFrom, StoredFragment};
pub use store::swap::Replaced;
pub use store::vector_row::EmbedderInfo;
pub use store::verify::{Check, StoreReport};
pub use store::view::{Policy, Reading, View};
pub use store::{Access, OpenOptions, Residency, Store};
