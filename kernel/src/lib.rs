//! What a memory is, and the bundle format.
//!
//! Pure: no files, no network, no clock, no environment, no async. Time, keys and bytes are
//! arguments. The one impurity is the operating system's random source, which sealing and key
//! generation need.

pub mod backup;
pub mod bundle;
mod contents;
mod diff;
mod digest;
mod draft;
mod embedder;
mod error;
mod explain;
mod fragment;
mod moment;
mod rebase;
pub mod record;
mod rivals;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod test_support;
mod tree;
mod words;

pub use bundle::Verified;
#[cfg(feature = "probe")]
#[doc(hidden)]
pub use bundle::probe;
pub use contents::{
    Change, Contents, Kernel, Lineage, MAX_INTEGER, Tombstone, TombstoneReason, Version,
};
pub use diff::{Difference, Shown, diff, diff_over_time, pair};
pub use digest::{Digest, FieldHasher, FragmentId};
pub use draft::{Draft, Entry, Merged, Status};
pub use embedder::{EmbedError, Embedder, EmbedderId, Vector};
pub use error::Error;
pub use explain::{Explain, Fault};
pub use fragment::{Confidence, Fragment, Source, Text, normalize};
pub use moment::Moment;
pub use rebase::{Conflict, Rebased, Side, rebase};
pub use rivals::{Rivals, rivals};
pub use tree::TreeHasher;
pub use words::{
    ChannelName, Class, FileName, KeyName, Kind, ProjectName, RecordId, RevocationReason, RuleName,
    Scope, SessionId, Tag, TagName, Trust,
};
