//! Whose turn it is to change the store: one process at a time.

use super::Store;
use crate::error::Error;

impl Store {
    /// Waits until no other process changes the store, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Locked`] where that takes longer than the patience that the store was opened with,
    /// and those of writing.
    pub fn wait_for_turn(&mut self) -> Result<(), Error> {
        self.write(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::error::Error;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn a_store_that_another_process_changes_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let holder = Store::open(dir.path(), &OpenOptions::write()).unwrap();
        let options = OpenOptions { patience: Duration::from_millis(1), ..OpenOptions::write() };
        let mut other = Store::open(dir.path(), &options).unwrap();
        other.wait_for_turn().unwrap();
        holder.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = other.wait_for_turn().unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error:?}");
        holder.connection().execute_batch("ROLLBACK").unwrap();
        other.wait_for_turn().unwrap();
        assert_eq!(other.operations(9).unwrap(), []);
    }
}
