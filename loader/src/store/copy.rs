//! A consistent copy of the store, also while other processes read and write it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Trouble};
use crate::store::{Store, open};

/// How many pages are copied between two reports of progress: 8 MB.
const PAGES: i32 = 1024;

impl Store {
    /// Copies the store, as it is now, to a new file at `path` (mode 0600) and returns its size.
    ///
    /// All of it is one state of the store: who writes meanwhile is neither held up nor seen.
    /// `progress` is told how many bytes are copied, and how many there are.
    ///
    /// # Errors
    /// Those of reading, or of writing the copy, such as [`Error::DiskFull`].
    pub fn copy_to(&self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, Error> {
        if path.exists() {
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(Error::File { path: path.to_owned(), source });
        }
        open::make_file(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        self.read(|db| copy(db, path, progress).map_err(|e| at_copy(e, path)))
    }

    /// Closes the store so that its file is all of it, without a journal beside it.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has it open.
    pub fn close_whole(self) -> Result<(), Error> {
        let path = self.path.clone();
        leave_journal(&self.connection).map_err(|trouble| trouble.at(&path))
    }
}

/// Writes the journal back and removes it; nobody else may have the store open.
pub(super) fn leave_journal(db: &Connection) -> Result<(), Trouble> {
    let mode: String =
        db.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(busy()) }
}

/// What SQLite says where somebody else has the store open.
fn busy() -> Trouble {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    rusqlite::Error::SqliteFailure(code, None).into()
}

/// Copies what the read transaction of `db` sees.
fn copy(db: &Connection, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, Trouble> {
    // A transaction sees one state from its first read on, and the copy is made within it.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let page: u64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copied = Connection::open_with_flags(path, flags)?;
    // It is read once and thrown away; what is kept of it is written to the disk elsewhere.
    copied.pragma_update(None, "synchronous", "off")?;
    copied.pragma_update(None, "journal_mode", "off")?;
    let pages = {
        let backup = Backup::new(db, &mut copied)?;
        loop {
            let step = backup.step(PAGES)?;
            let seen = backup.progress();
            let bytes = |pages: i32| u64::try_from(pages).unwrap_or_default() * page;
            progress(bytes(seen.pagecount - seen.remaining), bytes(seen.pagecount));
            match step {
                StepResult::Done => break seen.pagecount,
                StepResult::More => {}
                // Nobody else knows the copy, and the source is held by the transaction.
                _ => return Err(busy()),
            }
        }
    };
    Ok(u64::try_from(pages).unwrap_or_default() * page)
}

/// Names the copy where the copy is what failed.
fn at_copy(trouble: Trouble, path: &Path) -> Trouble {
    match trouble.at(path) {
        full @ (Error::DiskFull { .. } | Error::Locked { .. }) => full.into(),
        Error::Sqlite { source, .. } | Error::Corrupt { source, .. } => source.into(),
        other => other.into(),
    }
}
