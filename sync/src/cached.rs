//! A remote behind the local mirror: what is here already is not fetched again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use garner_kernel::Digest;

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Changed, Put, Remote};
use crate::repository::Trust;
use crate::survey::linked;

/// Reads from the mirror what never changes, and the rest from the remote; writes to the remote.
///
/// Files that are named by their digest are kept as they arrive, so that a pull that was cut short
/// goes on where it stopped. Notes are kept by whoever verified them.
pub struct Cached<'a, R: Remote, M: Remote> {
    far: &'a R,
    mirror: &'a M,
    /// Whether the notes of the mirror hold together; otherwise the remote's are read.
    sound: bool,
    /// The names that the remote is asked for all the same: the newest of each kind that is known,
    /// so that a remote that lost or replaced them is caught, and what it has under our names.
    ask: RefCell<BTreeSet<Name>>,
    fetched: Cell<u64>,
}

impl<'a, R: Remote, M: Remote> Cached<'a, R, M> {
    /// Puts `mirror` before `far`, for a channel of which `trust` is known.
    pub fn new(far: &'a R, mirror: &'a M, trust: &Trust) -> Self {
        let known = &trust.known;
        let channel = &trust.repository.channel;
        let newest = [
            (known.roots > 0).then(|| Name::root(known.roots)),
            known.revocations.map(|reference| Name::revocations(reference.number)),
            known.floor.map(|floor| Name::head(channel, floor.version)),
        ];
        let sound = linked(mirror, trust).is_ok();
        let ask = RefCell::new(newest.into_iter().flatten().collect());
        Self { far, mirror, sound, ask, fetched: Cell::new(0) }
    }

    /// Returns how many bytes came from the remote that the mirror did not have.
    pub const fn fetched(&self) -> u64 {
        self.fetched.get()
    }

    /// Returns the mirror's file, if it may stand for the remote's.
    fn kept(&self, name: &Name, limit: u64) -> Option<Vec<u8>> {
        if self.ask.borrow().contains(name) {
            return None;
        }
        match name.digest() {
            Some(digest) => intact(self.mirror, name, limit, &digest),
            None if self.sound && name.is_permanent() => {
                self.mirror.get(name, limit).ok().flatten()
            }
            None => None,
        }
    }
}

/// Returns a file that has the digest in its name.
fn intact<M: Remote>(mirror: &M, name: &Name, limit: u64, digest: &Digest) -> Option<Vec<u8>> {
    mirror.get(name, limit).ok().flatten().filter(|bytes| Digest::of(bytes) == *digest)
}

impl<R: Remote, M: Remote> Remote for Cached<'_, R, M> {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.kept(name, limit) {
            return Ok(Some(bytes));
        }
        let found = self.far.get(name, limit)?;
        let Some(bytes) = found.as_ref().filter(|_| name.is_permanent()) else { return Ok(found) };
        if self.mirror.get(name, limit).ok().flatten().as_ref() != Some(bytes) {
            self.fetched.set(self.fetched.get() + bytes.len() as u64);
            if name.digest().is_some_and(|digest| Digest::of(bytes) == digest) {
                self.mirror.put_over(name, bytes)?;
            }
        }
        Ok(found)
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        self.far.get_changed(name, limit, tag)
    }

    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        self.far.size(name)
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        // Whoever asks for it next wants to know what the remote has.
        self.ask.borrow_mut().insert(name.clone());
        self.far.put_new(name, bytes)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.far.put_over(name, bytes)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.ask.borrow_mut().insert(name.clone());
        self.far.delete(name)
    }

    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        self.ask.borrow_mut().extend(names.iter().cloned());
        self.far.delete_all(names)
    }

    fn announce(&self, files: &[(Name, u64)]) {
        let here =
            |(name, size): &&(Name, u64)| self.mirror.size(name).ok().flatten() == Some(*size);
        let missing: Vec<_> = files.iter().filter(|file| !here(file)).cloned().collect();
        self.far.announce(&missing);
    }
}
