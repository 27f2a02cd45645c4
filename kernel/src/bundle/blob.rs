//! Blobs: sealed bytes that are read from the start, again and again, wherever they lie.

use std::io::Read;

/// The bytes of one object file, in memory or on a disk.
pub trait Blob {
    /// Returns how many bytes there are.
    fn size(&self) -> u64;

    /// Returns a reader that starts at the first byte.
    fn reader(&self) -> Box<dyn Read + '_>;
}

impl Blob for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn reader(&self) -> Box<dyn Read + '_> {
        Box::new(self.as_slice())
    }
}
