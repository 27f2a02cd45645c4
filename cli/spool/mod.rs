//! The spool: what hooks noticed, one line each, until it is compiled.
//!
//! A hook has milliseconds and may never fail a session, so it appends a [`Notice`] and is gone;
//! [`catch_up`] reads the notices later, compiles the sessions that they name, and takes them away.
//! What a session is told at its start is made then as well, in [`briefing`]. Conversations with local
//! models lie beside it, where a proxy was asked to keep them, in [`conversations`].

mod backlog;
pub(crate) mod briefing;
pub(crate) mod catch_up;
mod conversations;
mod file;
mod notice;
mod summary;

pub(crate) use backlog::{Backlog, Last};
pub(crate) use conversations::keep_conversations;
pub(crate) use file::{append, is_waiting};
pub(crate) use notice::{Event, Notice};

use std::path::PathBuf;

use crate::places::Places;

/// The file for what catching up said, when a session's start began it.
pub(crate) const LOG: &str = "catch-up.log";

/// Returns the folder of the spool.
pub(crate) fn folder(places: &Places) -> PathBuf {
    places.state.join("spool")
}
