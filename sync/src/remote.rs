//! The seam to where a channel's files live.

use garner_kernel::bundle::limits;

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

/// What [`Remote::get_changed`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// There is no file of that name.
    Gone,
    /// The file is the one that had the tag.
    Same,
    /// Another file, and the tag that asks for it again, where the place has tags.
    New(Vec<u8>, Option<String>),
}

/// A place that keeps files by name.
///
/// `put_new` must be atomic: of any number of writers exactly one creates a name. Nothing else is
/// asked for. What it returns must be there for whoever asks later.
pub trait Remote {
    /// Returns the bytes of a file of at most `limit` bytes, or `None` if there is none.
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error>;

    /// Returns a file unless it is still the one of `tag`; a place without tags returns it again.
    ///
    /// # Errors
    /// As [`Self::get`].
    fn get_changed(&self, name: &Name, limit: u64, _tag: Option<&str>) -> Result<Changed, Error> {
        let found = self.get(name, limit)?;
        Ok(found.map_or(Changed::Gone, |bytes| Changed::New(bytes, None)))
    }

    /// Returns how many bytes a file has, or `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::get`].
    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        // What a stranger put there is not read into memory, however large it is.
        match self.get(name, limits::OBJECT) {
            Err(Error::TooLarge { got, .. }) => Ok(Some(got)),
            found => Ok(found?.map(|bytes| bytes.len() as u64)),
        }
    }

    /// Creates a file unless it exists.
    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error>;

    /// Creates or replaces a file.
    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error>;

    /// Removes a file; one that is not there is removed already.
    fn delete(&self, name: &Name) -> Result<(), Error>;

    /// Removes files, each after those before it; a place that can does it in one step.
    ///
    /// # Errors
    /// As [`Self::delete`].
    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        names.iter().try_for_each(|name| self.delete(name))
    }

    /// Says which files will be asked for or written next, with their sizes: whoever shows progress
    /// then knows how far it goes.
    fn announce(&self, _files: &[(Name, u64)]) {}
}

/// A remote of any kind.
pub type AnyRemote = Box<dyn Remote + Send + Sync>;

impl<R: Remote + ?Sized> Remote for Box<R> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        (**self).get(name, limit)
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        (**self).get_changed(name, limit, tag)
    }

    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        (**self).size(name)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        (**self).put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        (**self).put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        (**self).delete(name)
    }

    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        (**self).delete_all(names)
    }

    fn announce(&self, files: &[(Name, u64)]) {
        (**self).announce(files);
    }
}

/// Returns a file that must be there.
pub(crate) fn required(remote: &impl Remote, name: &Name, limit: u64) -> Result<Vec<u8>, Error> {
    remote.get(name, limit)?.ok_or_else(|| Error::MissingFile { name: name.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A remote whose files are all too large.
    struct Huge;

    impl Remote for Huge {
        fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
            Err(Error::TooLarge { name: name.to_string(), got: limit + 1, max: limit })
        }

        fn put_new(&self, _: &Name, _: &[u8]) -> Result<Put, Error> {
            Ok(Put::Exists)
        }

        fn put_over(&self, _: &Name, _: &[u8]) -> Result<(), Error> {
            Ok(())
        }

        fn delete(&self, _: &Name) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn the_size_of_a_file_that_is_too_large_is_told() {
        assert_eq!(Huge.size(&Name::root(1)).unwrap(), Some(limits::OBJECT + 1));
    }
}
