//! The store: one SQLite file that holds every loaded kernel, and the only owner of SQL.
//!
//! [`Store`] opens the file and runs transactions; the modules beside it read and write its tables.
//! It does not rank, and it does not know what a prompt is.

pub(crate) mod chain;
pub(crate) mod channel;
pub(crate) mod chunk;
pub(crate) mod code_row;
pub(crate) mod contents;
mod copy;
pub(crate) mod derived;
pub(crate) mod event;
mod expiry;
pub(crate) mod fragment_row;
pub(crate) mod membership;
mod memory;
pub(crate) mod milestone;
mod open;
pub(crate) mod operation;
pub(crate) mod standing;
pub(crate) mod status;
pub(crate) mod swap;
#[cfg(test)]
mod tests;
pub(crate) mod vector_row;
pub(crate) mod verify;
pub(crate) mod view;

use std::cell::{RefCell, RefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{Error, Trouble};
use crate::recall::QueryVector;
use crate::recall::resident::Resident;
use memory::Memory;

/// How to open a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Whether the store is only read, or made and changed as well.
    pub access: Access,
    /// How long to wait for another process that is writing.
    pub patience: Duration,
    /// What is kept in memory between queries.
    pub residency: Residency,
}

/// What a store keeps in memory between queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Residency {
    /// Nothing: for processes that ask once.
    #[default]
    Nothing,
    /// What recall reads: for processes that ask often. It is read in the background from the first
    /// query on, and until then the store is asked as if nothing were kept.
    Everything,
    /// The same, as far as it takes about so many bytes: what is known of each row in any case, then
    /// vectors, then words, then whole fragments. What does not fit is read from the store; answers are the same.
    UpTo(usize),
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To be read: a missing store is an error, and nothing is ever written.
    Read,
    /// To be read and changed: a missing store is made.
    Write,
}

impl OpenOptions {
    /// Returns the options of commands that only read.
    pub const fn read() -> Self {
        Self {
            access: Access::Read,
            patience: Duration::from_secs(5),
            residency: Residency::Nothing,
        }
    }

    /// Returns the options of commands that change the store.
    pub const fn write() -> Self {
        Self { access: Access::Write, ..Self::read() }
    }
}

/// The local store; the only owner of its connection.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    memory: RefCell<Memory>,
}

/// A read transaction; its statements are kept, since to read them again takes longer than a look-up.
struct Reading<'c> {
    connection: &'c Connection,
}

impl<'c> Reading<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, Trouble> {
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        Ok(Self { connection })
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // Where the end of a transaction fails, the next one cannot begin and says so.
        let end = self.connection.prepare_cached("ROLLBACK");
        drop(end.and_then(|mut end| end.execute([])));
    }
}

impl Store {
    /// The name of the file in the folder of the store.
    pub const FILE: &str = "store.db";

    /// Opens the store in the folder `dir`.
    ///
    /// For [`Access::Write`] the folder (mode 0700) and the file (mode 0600) are made where they are
    /// missing, and an older store is upgraded.
    ///
    /// # Errors
    /// [`Error::NoStore`], [`Error::File`], [`Error::NotAStore`], [`Error::Corrupt`],
    /// [`Error::NewerStore`], [`Error::OlderStore`] or [`Error::Locked`].
    pub fn open(dir: &Path, options: &OpenOptions) -> Result<Self, Error> {
        let path = dir.join(Self::FILE);
        let connection = match options.access {
            Access::Read => open::existing(&path, options.patience)?,
            Access::Write => open::made(dir, &path, options.patience)?,
        };
        let memory = RefCell::new(Memory::new(&path, options));
        Ok(Self { connection, path, memory })
    }

    /// Returns the path of the store's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until everything is in memory that [`Residency`] asks for.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn warm(&self) -> Result<(), Error> {
        self.read(|db| self.memory.borrow_mut().warm(db))
    }

    /// Returns about how many bytes of memory are kept between queries.
    pub fn kept_bytes(&self) -> usize {
        self.memory.borrow().resident().map_or(0, Resident::memory)
    }

    /// Returns what is kept in memory, if it is what the transaction sees.
    pub(crate) fn memory(
        &self,
        db: &Connection,
        vector: Option<&QueryVector>,
    ) -> Result<Option<RefMut<'_, Resident>>, Trouble> {
        let mut memory = self.memory.borrow_mut();
        memory.follow(db, vector)?;
        Ok(RefMut::filter_map(memory, Memory::resident_mut).ok())
    }

    /// Returns what `read` finds in memory, if nothing changed in the store since it was read; one
    /// statement tells, and a transaction around it would cost as much again.
    pub(crate) fn kept_now<T>(
        &self,
        read: impl FnOnce(&Resident) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let memory = self.memory.borrow();
        let Some(resident) = memory.resident() else { return Ok(None) };
        let current = resident.is_current(&self.connection);
        let current = current.map_err(|trouble| trouble.at(&self.path))?;
        Ok(if current { read(resident) } else { None })
    }

    /// Runs `body` in one read transaction, so that it sees one state of the store.
    pub(crate) fn read<T>(
        &self,
        body: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, Error> {
        let run = || {
            let reading = Reading::begin(&self.connection)?;
            body(reading.connection)
        };
        run().map_err(|trouble: Trouble| trouble.at(&self.path))
    }

    /// Runs `body` in one write transaction and commits it; an error leaves the store unchanged.
    pub(crate) fn write<T>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Error> {
        let connection = &mut self.connection;
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = body(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|trouble: Trouble| trouble.at(&self.path))
    }

    /// Runs a statement that SQLite wants outside any transaction.
    pub(crate) fn outside<T>(
        &self,
        body: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, Error> {
        body(&self.connection).map_err(|trouble| trouble.at(&self.path))
    }

    /// Writes the journal back into the store and empties it, and returns whether nobody was in the
    /// way: whoever reads the store needs it.
    pub(crate) fn clear_journal(&self) -> Result<bool, Error> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = self.connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        busy.map(|busy| !busy).map_err(|source| Trouble::from(source).at(&self.path))
    }

    /// Returns the connection, for tests that damage the store.
    #[cfg(test)]
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }
}
