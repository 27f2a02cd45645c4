//! The seam to where a channel's files live.

use crate::error::Error;
use crate::layout::Name;

/// What [`Remote::put_new`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The file is new.
    Created,
    /// A file of that name was there; it is unchanged.
    Exists,
}

/// A place that keeps files by name.
///
/// `put_new` must be atomic: of any number of writers exactly one creates a name. Nothing else is
/// asked for.
pub trait Remote {
    /// Returns the bytes of a file of at most `limit` bytes, or `None` if there is none.
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error>;

    /// Creates a file unless it exists.
    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error>;

    /// Creates or replaces a file.
    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error>;
}

/// Returns a file that must be there.
pub(crate) fn required(remote: &impl Remote, name: &Name, limit: u64) -> Result<Vec<u8>, Error> {
    remote.get(name, limit)?.ok_or_else(|| Error::MissingFile { name: name.to_string() })
}
