//! Backups of a store: a signed note that names encrypted parts (docs/format.md, "Backups").
//!
//! What is inside is one stream of bytes, which the binary makes and reads; here it is compressed,
//! encrypted, cut into parts and signed for, and the way back.

mod listing;
mod manifest;
mod open;
mod seal;
#[cfg(test)]
mod tests;

pub use listing::{Listed, Listing};
pub use manifest::{Manifest, Part};
pub use open::{Opened, open};
pub use seal::{Sealed, Sealer};

/// Every limit of the format of backups.
pub mod limits {
    /// The largest note of a backup, in bytes.
    pub const NOTE: usize = 1 << 20;
    /// The largest list of backups, in bytes.
    pub const LISTING: usize = 1 << 20;
    /// The most backups of a list.
    pub const BACKUPS: usize = 4096;
    /// How many bytes every part has but the last, and so what a reader needs of memory.
    pub const PART: u64 = 16 << 20;
    /// The most parts of a backup.
    pub const PARTS: usize = 4096;
    /// The largest plaintext of a backup, in bytes.
    pub const RAW: u64 = 64 << 30;
    /// The most recipients of a backup.
    pub const RECIPIENTS: usize = 16;
}
