//! Every limit of the bundle format, in one place (docs/format.md, "Limits").

/// The largest head, latest or tag note, in bytes.
pub const HEAD: usize = 4 << 10;
/// The largest root note, in bytes.
pub const ROOT: usize = 64 << 10;
/// The largest manifest note, in bytes.
pub const MANIFEST: usize = 1 << 20;
/// The largest keyring file, in bytes.
pub const KEYRING: usize = 64 << 10;
/// The largest header of an age file, in bytes; the age crate takes quadratic time over it.
pub const AGE_HEADER: usize = 8 << 10;
/// The stanzas that age may add to a header as grease.
pub const GREASE: usize = 2;
/// The most stanzas of an object's age header: the epoch's, and grease.
pub const OBJECT_STANZAS: usize = 1 + GREASE;
/// The most recipients of a keyring.
pub const RECIPIENTS: usize = 64;
/// The most records of a segment.
pub const RECORDS: u32 = 1_000_000;
/// The largest plaintext of an object, in bytes.
pub const RAW: u64 = 256 << 20;
/// The largest object file, in bytes: the plaintext limit and what encryption and padding add.
pub const OBJECT: u64 = RAW + (RAW >> 4) + (64 << 10);
/// The largest plaintext of an index, in bytes.
pub const INDEX_RAW: u64 = 1 << 20;
/// Where writers cut a base into parts, in bytes of plaintext.
pub const PART_RAW: usize = 64 << 20;
/// The most objects of a manifest.
pub const OBJECTS: usize = 4096;
/// The most deltas of a manifest; a reader merges them in one pass.
pub const DELTAS: usize = 16;
/// The largest sum of plaintexts of one kernel, in bytes.
pub const KERNEL_RAW: u64 = 4 << 30;
/// The most roots of a chain.
pub const ROOTS: usize = 1024;
/// The largest revocations note, in bytes.
pub const REVOCATIONS: usize = 1 << 20;
/// The most revocations notes of a repository.
pub const REVOCATION_NOTES: u64 = 4096;
/// The most heads of a bundle file.
pub const HEADS: usize = 256;
/// For how many days a latest note or a root is taken after it expired.
pub const GRACE_DAYS: u32 = 7;
/// The largest step of a version from one known head to the next.
pub const VERSION_STEP: u64 = 1_000_000;
/// The largest window of a zstd frame, as a power of two: what a reader needs of memory.
pub const WINDOW_LOG: u32 = 23;
