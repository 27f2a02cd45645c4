//! The tree digest: one digest of all live fragments (docs/format.md, "Tree digest").

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use crate::digest::{Digest, FragmentId};

/// Adds up the tree digest, fragment by fragment in the order of their ids.
#[derive(Debug, Default)]
pub struct TreeHasher {
    hasher: Sha256,
    /// The line of one fragment; kept, so that each does not allocate its own.
    line: Vec<u8>,
}

impl TreeHasher {
    /// Adds `id SP revision SP sha256(record) LF`.
    pub fn add(&mut self, id: FragmentId, revision: u32, record: &Digest) {
        self.line.clear();
        self.line.extend_from_slice(id.digest().hex().as_flattened());
        // Writing to a vector never fails.
        let _ = write!(self.line, " {revision} ");
        self.line.extend_from_slice(record.hex().as_flattened());
        self.line.push(b'\n');
        self.hasher.update(&self.line);
    }

    /// Returns the digest of all lines.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.hasher.finalize().into())
    }
}
