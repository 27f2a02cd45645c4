//! What keeps a store small and honest: retention, compaction, and doing its log again.

mod error;
mod retention;

pub(crate) use error::UpkeepError;
pub(crate) use retention::RetentionPolicy;
