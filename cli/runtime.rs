//! The runtime of commands that wait for a network: one thread, since nothing else runs beside it.

use crate::error::Error;

/// Makes a runtime.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}
