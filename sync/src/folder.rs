//! A folder as a remote: a USB stick, a network drive, or the local mirror.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::atomic;
use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Put, Remote};

/// Keeps each file under a folder.
#[derive(Debug, Clone)]
pub struct FolderRemote {
    folder: PathBuf,
}

impl FolderRemote {
    /// Uses `folder`, which must exist, and removes what a stopped process left in it half written.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if it does not: a medium that is not plugged in must not become an
    /// empty remote.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        if folder.is_dir() {
            let remote = Self { folder: folder.to_owned() };
            atomic::sweep(&remote.scratch());
            return Ok(remote);
        }
        Err(Error::Unreachable { path: folder.to_owned() })
    }

    /// Uses `folder`, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        atomic::make_folder(folder)?;
        Self::open(folder)
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Returns where files are written until they are whole: one folder for all of them, so that
    /// what a stopped process left is found.
    fn scratch(&self) -> PathBuf {
        self.folder.join(".tmp")
    }
}

impl Remote for FolderRemote {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", path, e)),
        };
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file that is too large from one that fits.
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", &path, e))?;
        if bytes.len() as u64 > limit {
            let got = bytes.len() as u64;
            return Err(Error::TooLarge { name: name.to_string(), got, max: limit });
        }
        Ok(Some(bytes))
    }

    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        let path = self.path(name);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", path, e)),
        }
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        atomic::write_new_from(&self.scratch(), &self.path(name), bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        atomic::write_over_from(&self.scratch(), &self.path(name), bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.delete_all(std::slice::from_ref(name))
    }

    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        let mut folders = BTreeSet::new();
        for path in names.iter().map(|name| self.path(name)) {
            match std::fs::remove_file(&path) {
                Ok(()) => folders.extend(path.parent().map(Path::to_owned)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("remove", path, e)),
            }
        }
        // What was revoked must not come back with the power.
        folders.iter().try_for_each(|folder| atomic::sync_folder(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_many_writers_creates_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let remote = FolderRemote::open(folder.path()).unwrap();
        let name = Name::root(1);
        let created = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..16_u8)
                .map(|n| {
                    let (remote, name) = (&remote, &name);
                    scope.spawn(move || remote.put_new(name, &[n; 64]).unwrap())
                })
                .collect();
            writers.into_iter().map(|w| w.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(created.iter().filter(|put| **put == Put::Created).count(), 1);
        assert_eq!(remote.get(&name, 64).unwrap().unwrap().len(), 64);
        let left: Vec<_> = std::fs::read_dir(folder.path().join("root")).unwrap().collect();
        assert_eq!(left.len(), 1, "a temporary file was left");
    }

    #[test]
    fn a_missing_medium_is_not_an_empty_remote() {
        let folder = tempfile::tempdir().unwrap();
        let refused = FolderRemote::open(&folder.path().join("usb"));
        assert!(matches!(refused, Err(Error::Unreachable { .. })));
    }

    #[test]
    fn files_above_their_limit_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let remote = FolderRemote::open(folder.path()).unwrap();
        remote.put_over(&Name::root(1), &[0; 65]).unwrap();
        assert!(matches!(remote.get(&Name::root(1), 64), Err(Error::TooLarge { max: 64, .. })));
        assert!(remote.get(&Name::root(2), 64).unwrap().is_none());
    }
}
