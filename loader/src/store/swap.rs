//! Putting one store in the place of another: the old one is kept, and at no moment is there none.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Trouble};
use crate::store::{Store, copy, open};

/// What became of the store that was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// There was none.
    Nothing,
    /// It was whole as far as SQLite needs, and is kept.
    Kept,
    /// SQLite could not read it; it is kept as it was, with its journal.
    KeptDamaged,
}

impl Store {
    /// Puts the store in folder `new` in the place of the one in folder `dir`, and keeps that one in
    /// folder `kept`, which is made; until the name changes hands, in one step, the old one serves.
    ///
    /// The new store must be closed ([`Store::close_whole`]) and on the same file system.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has the old one open; [`Error::File`].
    pub fn replace(
        dir: &Path,
        new: &Path,
        kept: &Path,
        patience: Duration,
    ) -> Result<Replaced, Error> {
        let (path, fresh) = (dir.join(Self::FILE), new.join(Self::FILE));
        open::make_dir(dir).map_err(at(dir))?;
        File::open(&fresh).and_then(|file| file.sync_all()).map_err(at(&fresh))?;
        let is_there = path.try_exists().map_err(at(&path))?;
        let mut lock = None;
        let replaced = if is_there {
            match hold(&path, patience) {
                Ok(held) => {
                    lock = Some(held);
                    Replaced::Kept
                }
                Err(trouble) => match trouble.at(&path) {
                    Error::Corrupt { .. } | Error::NotAStore { .. } => Replaced::KeptDamaged,
                    other => return Err(other),
                },
            }
        } else {
            Replaced::Nothing
        };
        keep(&path, kept, replaced)?;
        fs::rename(&fresh, &path).map_err(at(&path))?;
        open::sync_dir(dir).map_err(at(dir))?;
        drop(lock);
        Ok(replaced)
    }

    /// Removes from `folder` the kept stores that are still the one in `dir`: those of a replacement
    /// that was stopped before its end.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn tidy_kept(dir: &Path, folder: &Path) -> Result<(), Error> {
        let entries = match fs::read_dir(folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(at(folder))?,
        };
        for entry in entries {
            let kept = entry.map_err(at(folder))?.path();
            if is_same(&kept.join(Self::FILE), &dir.join(Self::FILE)) {
                fs::remove_dir_all(&kept).map_err(at(&kept))?;
            }
            // One that is empty goes as well, and no other does.
            drop(fs::remove_dir(&kept));
        }
        Ok(())
    }
}

/// Returns a connection that keeps every other process from reading and writing, after the journal
/// is written back: a journal left behind would be taken for one of the new store.
fn hold(path: &Path, patience: Duration) -> Result<Connection, Trouble> {
    // SQLite takes a short file for an empty database, and would throw its journal away.
    open::check_magic(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    copy::leave_journal(&connection)?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(connection)
}

/// Gives the old store a second name in `kept`.
fn keep(path: &Path, kept: &Path, replaced: Replaced) -> Result<(), Error> {
    let journals = ["-wal", "-shm", "-journal"].map(|end| beside(path, end));
    let journals: Vec<_> = journals.iter().filter(|path| path.exists()).collect();
    if replaced == Replaced::Nothing && journals.is_empty() {
        return Ok(());
    }
    open::make_dir(kept).map_err(at(kept))?;
    if replaced != Replaced::Nothing {
        let name = kept.join(Store::FILE);
        // Where a file system knows no links, a copy serves: nobody writes meanwhile.
        let linked = fs::hard_link(path, &name).or_else(|_| fs::copy(path, &name).map(drop));
        linked.map_err(at(&name))?;
    }
    if replaced != Replaced::Kept {
        for journal in journals {
            let name = kept.join(journal.file_name().unwrap_or_default());
            fs::rename(journal, &name).map_err(at(&name))?;
        }
    }
    open::sync_dir(kept).map_err(at(kept))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File { path: path.clone(), source }
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let inode = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    inode(one).is_some_and(|one| Some(one) == inode(other))
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;
    use crate::test_support::{contents, fact, kernel, load, stamp, store};

    const SOON: Duration = Duration::from_millis(50);

    #[test]
    fn a_copy_is_one_state_and_whoever_writes_meanwhile_is_not_held_up() {
        let (dir, mut live) = store();
        load(&mut live, &kernel("team", 1, contents(&[&fact("The cache is warm.")])));
        let mut writer = Store::open(dir.path(), &OpenOptions::write()).unwrap();
        let target = tempfile::tempdir().unwrap();
        let mut version = 1;
        let bytes = live.copy_to(&target.path().join(Store::FILE), &mut |done, all| {
            assert!(done <= all);
            version += 1;
            let more = fact(&format!("The cache is warm on day {version}."));
            load(&mut writer, &kernel("team", version, contents(&[&more])));
        });
        assert!(version > 1, "nothing was written meanwhile");
        assert_eq!(bytes.unwrap(), fs::metadata(target.path().join(Store::FILE)).unwrap().len());
        let copied = Store::open(target.path(), &OpenOptions::read()).unwrap();
        assert!(copied.verify().unwrap().is_sound());
        assert_eq!(copied.operations(9).unwrap().len(), 1);
        assert_eq!(live.operations(9).unwrap().len() as u64, version);
        let again = live.copy_to(&target.path().join("absent/store.db"), &mut |_, _| {});
        assert!(matches!(again, Err(Error::File { .. })));
    }

    /// Makes a store to put in the place of another one, and closes it.
    fn fresh() -> tempfile::TempDir {
        let (dir, mut store) = store();
        load(&mut store, &kernel("team", 1, contents(&[&fact("This one is fresh.")])));
        store.recover(garner_kernel::Digest::of(b"backup"), &stamp()).unwrap();
        store.close_whole().unwrap();
        dir
    }

    fn operations(dir: &Path) -> usize {
        Store::open(dir, &OpenOptions::read()).unwrap().operations(99).unwrap().len()
    }

    #[test]
    fn the_old_store_is_kept_and_the_new_one_serves() {
        let (dir, mut old) = store();
        for version in 1..=3 {
            load(&mut old, &kernel("team", version, contents(&[&fact("This one is old.")])));
        }
        let kept = dir.path().join("kept/1");
        // Whoever has it open would go on in a file without a name.
        let open = Store::replace(dir.path(), fresh().path(), &kept, SOON);
        assert!(matches!(open, Err(Error::Locked { .. })), "{open:?}");
        assert_eq!(operations(dir.path()), 3);
        drop(old);
        let replaced = Store::replace(dir.path(), fresh().path(), &kept, SOON).unwrap();
        assert_eq!(replaced, Replaced::Kept);
        assert_eq!((operations(dir.path()), operations(&kept)), (2, 3));
        for dir in [dir.path(), &kept] {
            let store = Store::open(dir, &OpenOptions::write()).unwrap();
            assert!(store.verify().unwrap().is_sound());
        }
        Store::tidy_kept(dir.path(), &dir.path().join("kept")).unwrap();
        assert!(kept.exists(), "a kept store is not half of anything");
    }

    #[test]
    fn a_damaged_store_and_an_absent_one_are_replaced_too() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("kept");
        let replaced = Store::replace(dir.path(), fresh().path(), &kept, SOON).unwrap();
        assert_eq!((replaced, kept.exists()), (Replaced::Nothing, false));
        fs::write(dir.path().join(Store::FILE), "no database at all, but long enough").unwrap();
        fs::write(dir.path().join("store.db-wal"), "frames of the old one").unwrap();
        let replaced = Store::replace(dir.path(), fresh().path(), &kept, SOON).unwrap();
        assert_eq!(replaced, Replaced::KeptDamaged);
        assert!(kept.join("store.db-wal").exists() && !dir.path().join("store.db-wal").exists());
        assert_eq!(operations(dir.path()), 2);
    }

    #[test]
    fn a_replacement_that_was_stopped_is_tidied_up() {
        let (dir, mut old) = store();
        load(&mut old, &kernel("team", 1, contents(&[&fact("This one is old.")])));
        drop(old);
        let kept = dir.path().join("kept/1");
        drop(hold(&dir.path().join(Store::FILE), SOON).unwrap());
        keep(&dir.path().join(Store::FILE), &kept, Replaced::Kept).unwrap();
        assert_eq!(operations(dir.path()), 1);
        fs::create_dir(dir.path().join("kept/2")).unwrap();
        Store::tidy_kept(dir.path(), &dir.path().join("kept")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("kept")).unwrap().count(), 0);
        assert_eq!(operations(dir.path()), 1);
    }
}
