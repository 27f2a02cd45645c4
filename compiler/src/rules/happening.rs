//! D5: commits, links of pull requests and titles. They are logged, and never remembered.

use super::events;
use crate::session::{Event, Happening, Session};

/// Something that happened in a turn.
pub(crate) struct Happened<'a> {
    pub(crate) turn: usize,
    pub(crate) what: Happening,
    pub(crate) text: &'a str,
}

/// Returns what happened in a session, in the order of the file.
pub(crate) fn happenings(session: &Session) -> Vec<Happened<'_>> {
    let mut found = Vec::new();
    for (turn, _, event) in events(session) {
        if let Event::Happened { what, text } = event {
            found.push(Happened { turn, what: *what, text: text.as_str() });
        }
    }
    found
}
