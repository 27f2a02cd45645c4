//! Giving room back, and leaving no trace of what was erased.

use crate::error::{Error, Trouble};
use crate::store::Store;

/// What tidying the file did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tidied {
    /// The size of the file before, in bytes.
    pub before: u64,
    /// Its size now.
    pub after: u64,
    /// Whether the file was written anew.
    pub rewritten: bool,
    /// Whether the journal is empty: it is not where another process reads the store.
    pub journal_cleared: bool,
}

/// When the file is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// Where at least one page of so many is free.
    IfWorth,
    /// In any case: nothing is left of what was erased.
    Always,
}

/// One free page of so many makes the file worth writing anew.
const WORTH: u64 = 5;

impl Store {
    /// Returns how many bytes of the file hold nothing.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn free_bytes(&self) -> Result<u64, Error> {
        self.read(|db| {
            let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
            Ok(number("freelist_count")?.saturating_mul(number("page_size")?))
        })
    }

    /// Merges the parts of the text index, writes the file anew where that is worth it, and empties the
    /// journal.
    ///
    /// SQLite gathers no statistics: every plan is written down where its statement is.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn tidy(&mut self, rewrite: Rewrite) -> Result<Tidied, Error> {
        let before = self.counts()?.bytes;
        self.write(|db| {
            db.execute("INSERT INTO text_index (text_index) VALUES ('optimize')", [])?;
            Ok(())
        })?;
        let size = self.counts()?.bytes;
        let rewritten = rewrite == Rewrite::Always || self.free_bytes()? > size / WORTH;
        if rewritten {
            self.vacuum()?;
        }
        let journal_cleared = self.clear_journal()?;
        Ok(Tidied { before, after: self.counts()?.bytes, rewritten, journal_cleared })
    }

    fn vacuum(&self) -> Result<(), Error> {
        self.outside(|db| db.execute_batch("VACUUM").map_err(Trouble::from))
    }
}
