//! Every limit of the bundle format, in one place (docs/format.md, "Limits").

/// The largest head or latest note, in bytes.
pub const HEAD: usize = 4 << 10;
/// The largest root note, in bytes.
pub const ROOT: usize = 64 << 10;
/// The largest manifest note, in bytes.
pub const MANIFEST: usize = 1 << 20;
/// The largest keyring file, in bytes.
pub const KEYRING: usize = 64 << 10;
/// The largest header of an age file, in bytes; the age crate takes quadratic time over it.
pub const AGE_HEADER: usize = 8 << 10;
/// The most stanzas of an object's age header: the epoch's, and two that age adds as grease.
pub const OBJECT_STANZAS: usize = 3;
/// The most recipients of a keyring.
pub const RECIPIENTS: usize = 64;
/// The most records of a segment.
pub const RECORDS: u32 = 1_000_000;
/// The largest plaintext of an object, in bytes.
pub const RAW: u64 = 256 << 20;
/// The largest object file, in bytes: the plaintext limit and what encryption and padding add.
pub const OBJECT: u64 = RAW + (RAW >> 4);
/// The most objects of a manifest.
pub const OBJECTS: usize = 4096;
/// The largest sum of plaintexts of one kernel, in bytes.
pub const KERNEL_RAW: u64 = 4 << 30;
/// The most roots of a chain.
pub const ROOTS: usize = 1024;
/// The largest step of a version from one known head to the next.
pub const VERSION_STEP: u64 = 1_000_000;
/// The largest window that decompression may use, as a power of two.
pub const WINDOW_LOG: u32 = 27;
