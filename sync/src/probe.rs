//! Probing: does a remote keep the promises of [`Remote`]?
//!
//! Everything rests on one of them: of any number of writers exactly one creates a name. Some stores
//! accept the condition and ignore it, others look first and write later; both lose versions when
//! two publishers meet. The probe lets writers meet on purpose.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Barrier;
use std::thread;

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{AnyRemote, Changed, Put, Remote as _};

/// How many writers meet at each name.
pub const WRITERS: usize = 8;

/// The largest file that a probe makes, in bytes.
const LIMIT: u64 = 1 << 10;

/// A promise of remotes, and how it was broken, if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The promise.
    pub name: &'static str,
    /// What was seen instead.
    pub broken: Option<String>,
}

/// Tries every promise of a remote, `rounds` times each that needs luck to be caught breaking.
///
/// `open` opens the remote once for each writer. The files of the probe are removed in the end.
///
/// # Errors
/// What the remote answers where it does not answer at all.
pub fn probe(
    open: &dyn Fn() -> Result<AnyRemote, Error>,
    rounds: usize,
) -> Result<Vec<Promise>, Error> {
    let token = RandomState::new().build_hasher().finish();
    let remotes = (0..WRITERS).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<Name> = (0..=rounds as u64).map(|round| Name::probe(token, round)).collect();
    let promises = promises(open, &remotes, &names);
    for (name, remote) in names.iter().zip(remotes.iter().cycle()) {
        // Whatever came of the probe, nothing of it should stay.
        let removed = remote.delete(name);
        if promises.is_ok() {
            removed?;
        }
    }
    promises
}

fn promises(
    open: &dyn Fn() -> Result<AnyRemote, Error>,
    remotes: &[AnyRemote],
    names: &[Name],
) -> Result<Vec<Promise>, Error> {
    let Some((alone, contested)) = names.split_first() else { return Ok(Vec::new()) };
    let mut races = Vec::new();
    for name in contested {
        races.push(race(remotes, name)?);
    }
    let broken: Vec<&String> = races.iter().flatten().collect();
    let race = broken
        .first()
        .map(|first| format!("in {} of {} races, such as: {first}", broken.len(), contested.len()));
    let (once, replaced, gone) = one_writer(open, alone)?;
    Ok(vec![
        Promise { name: "a name is created once", broken: once },
        Promise { name: "one of many writers creates a name", broken: race },
        Promise { name: "what is replaced is seen", broken: replaced },
        Promise { name: "what is removed is gone", broken: gone },
    ])
}

/// Lets every writer create the same name at once; returns what went wrong.
fn race(remotes: &[AnyRemote], name: &Name) -> Result<Option<String>, Error> {
    let start = Barrier::new(remotes.len());
    let bytes = |writer: usize| format!("writer {writer}").into_bytes();
    let puts = thread::scope(|scope| {
        let writers: Vec<_> = remotes
            .iter()
            .enumerate()
            .map(|(writer, remote)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    remote.put_new(name, &bytes(writer))
                })
            })
            .collect();
        writers.into_iter().map(join).collect::<Result<Vec<Put>, Error>>()
    })?;
    let created: Vec<usize> =
        puts.iter().enumerate().filter(|(_, put)| **put == Put::Created).map(|(n, _)| n).collect();
    let &[winner] = created.as_slice() else {
        return Ok(Some(format!("{} of {} writers created it", created.len(), remotes.len())));
    };
    for remote in remotes {
        if remote.get(name, LIMIT)? != Some(bytes(winner)) {
            return Ok(Some("it holds other bytes than those of the writer who won".to_owned()));
        }
    }
    Ok(None)
}

fn join(writer: thread::ScopedJoinHandle<'_, Result<Put, Error>>) -> Result<Put, Error> {
    writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How a promise was broken, for each of three.
type Broken = (Option<String>, Option<String>, Option<String>);

/// Creates, creates again, replaces and removes a file, each as another command would: a remote may
/// show one state for as long as it is open.
fn one_writer(open: &dyn Fn() -> Result<AnyRemote, Error>, name: &Name) -> Result<Broken, Error> {
    let unless = |holds: bool, broken: &str| (!holds).then(|| broken.to_owned());
    let created = open()?.put_new(name, b"first")? == Put::Created;
    let again = open()?.put_new(name, b"second")? == Put::Exists;
    let kept = open()?.get(name, LIMIT)?.as_deref() == Some(b"first");
    let once = unless(created && again && kept, "a second writer replaced the first one's file");
    let tag = match open()?.get_changed(name, LIMIT, None)? {
        Changed::New(_, tag) => tag,
        Changed::Gone | Changed::Same => None,
    };
    open()?.put_over(name, b"third")?;
    let seen = match open()?.get_changed(name, LIMIT, tag.as_deref())? {
        Changed::New(bytes, _) => bytes == b"third",
        Changed::Gone | Changed::Same => false,
    };
    let replaced = unless(seen, "the old file was still served");
    open()?.delete(name)?;
    let gone = unless(open()?.get(name, LIMIT)?.is_none(), "it was still served");
    Ok((once, replaced, gone))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::folder::FolderRemote;
    use crate::memory::MemoryRemote;

    /// How a store takes `put_new`.
    #[derive(Clone, Copy)]
    enum Manner {
        /// As it should.
        Atomic,
        /// As a server that ignores preconditions.
        Overwrites,
        /// As a server that looks first and writes later.
        ChecksThenWrites,
        /// As a server behind a cache that is never asked again.
        Stale,
    }

    struct Store(Arc<MemoryRemote>, Manner);

    impl crate::remote::Remote for Store {
        fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
            self.0.get(name, limit)
        }

        fn get_changed(
            &self,
            name: &Name,
            limit: u64,
            tag: Option<&str>,
        ) -> Result<Changed, Error> {
            if matches!(self.1, Manner::Stale) && tag.is_some() {
                return Ok(Changed::Same);
            }
            let found = self.get(name, limit)?;
            Ok(found.map_or(Changed::Gone, |bytes| Changed::New(bytes, Some("tag".to_owned()))))
        }

        fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
            match self.1 {
                Manner::Atomic | Manner::Stale => self.0.put_new(name, bytes),
                Manner::Overwrites => self.0.put_over(name, bytes).map(|()| Put::Created),
                Manner::ChecksThenWrites => {
                    if self.0.get(name, LIMIT)?.is_some() {
                        return Ok(Put::Exists);
                    }
                    thread::sleep(Duration::from_millis(1));
                    self.0.put_over(name, bytes).map(|()| Put::Created)
                }
            }
        }

        fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
            self.0.put_over(name, bytes)
        }

        fn delete(&self, name: &Name) -> Result<(), Error> {
            self.0.delete(name)
        }
    }

    /// Returns the places of the promises that a store breaks.
    fn broken(manner: Manner) -> Vec<usize> {
        let files = Arc::new(MemoryRemote::default());
        let open = || Ok::<AnyRemote, Error>(Box::new(Store(Arc::clone(&files), manner)));
        let promises = probe(&open, 20).unwrap();
        assert!(files.files().is_empty(), "files of the probe were left");
        let broken = promises.iter().enumerate().filter(|(_, promise)| promise.broken.is_some());
        broken.map(|(place, _)| place).collect()
    }

    #[test]
    fn probe_detects_webdav() {
        assert_eq!(broken(Manner::Overwrites), [0, 1]);
    }

    #[test]
    fn probe_detects_toctou() {
        assert_eq!(broken(Manner::ChecksThenWrites), [1]);
    }

    #[test]
    fn probe_detects_a_cache_that_is_never_asked_again() {
        assert_eq!(broken(Manner::Stale), [2]);
    }

    #[test]
    fn a_store_that_keeps_its_promises_passes() {
        assert!(broken(Manner::Atomic).is_empty());
        let folder = tempfile::tempdir().unwrap();
        let open = || Ok::<AnyRemote, Error>(Box::new(FolderRemote::open(folder.path())?));
        assert!(probe(&open, 20).unwrap().iter().all(|promise| promise.broken.is_none()));
    }
}
