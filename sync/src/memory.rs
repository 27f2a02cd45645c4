//! A remote in memory: for trials, and for tests that inject faults.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Put, Remote};

/// Keeps files until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryRemote {
    files: Mutex<BTreeMap<Name, Vec<u8>>>,
}

impl MemoryRemote {
    /// Returns every file by name.
    pub fn files(&self) -> BTreeMap<Name, Vec<u8>> {
        self.lock().clone()
    }

    /// Removes a file.
    pub fn remove(&self, name: &Name) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Vec<u8>>> {
        // Each operation leaves the map whole, so a panic elsewhere cannot have broken it.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote for MemoryRemote {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.lock().get(name) {
            Some(bytes) if bytes.len() as u64 > limit => {
                let got = bytes.len() as u64;
                Err(Error::TooLarge { name: name.to_string(), got, max: limit })
            }
            found => Ok(found.cloned()),
        }
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        let mut files = self.lock();
        if files.contains_key(name) {
            return Ok(Put::Exists);
        }
        files.insert(name.clone(), bytes.to_vec());
        Ok(Put::Created)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.lock().insert(name.clone(), bytes.to_vec());
        Ok(())
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.remove(name);
        Ok(())
    }
}
