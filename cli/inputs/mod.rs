//! Inputs on disk: which files there are, what of them is new, and how they are read.

mod archive;
mod memory;
mod place;
mod reading;
mod search;

use std::path::{Path, PathBuf};

use garner_compiler::{KnownSession, Session};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::table;

pub(crate) use memory::Memory;
pub(crate) use reading::{bytes_of, read};
pub(crate) use search::find;

/// A file to compile, or one in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The file on disk.
    pub(crate) path: PathBuf,
    /// The name within it, where it is an archive.
    pub(crate) member: Option<String>,
    /// Whether a person named this file or archive.
    pub(crate) named: bool,
}

impl Found {
    /// Returns the path, with the name within an archive behind it.
    pub(crate) fn whole(&self) -> PathBuf {
        self.member.as_ref().map_or_else(|| self.path.clone(), |member| self.path.join(member))
    }

    /// Returns the whole path as text.
    pub(crate) fn text(&self) -> String {
        self.whole().to_string_lossy().into_owned()
    }
}

/// What a search brought.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) found: Vec<Found>,
    /// Files of a kind that could be an input, and are none that a search takes along.
    pub(crate) left_out: usize,
    /// Files that are never read.
    pub(crate) never_read: usize,
}

/// What is new in the inputs.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) sessions: Vec<Session>,
    /// What is known of files that were read before and are not read now.
    pub(crate) known: Vec<KnownSession>,
    /// Files that have not changed since they were read.
    pub(crate) unchanged: usize,
    /// Files of which only new bytes were read.
    pub(crate) read_on: usize,
    /// Files that were read before and had to be read anew.
    pub(crate) shrunk: usize,
    pub(crate) moved: usize,
    pub(crate) rewritten: usize,
    pub(crate) left_out: usize,
    pub(crate) never_read: usize,
}

impl News {
    /// Returns what is worth a line each, besides what was read.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        if self.unchanged > 0 {
            let files = table::count(self.unchanged, "file");
            let verb = if self.unchanged == 1 { "has" } else { "have" };
            lines.push_str(&format!("Passed over {files} that {verb} not changed.\n"));
        }
        let anew = [(self.shrunk, "shrunk"), (self.moved, "moved"), (self.rewritten, "rewritten")];
        let anew: Vec<_> = anew
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, how)| format!("{count} {how}"))
            .collect();
        if !anew.is_empty() {
            lines.push_str(&format!("Read from the start again: {}.\n", anew.join(", ")));
        }
        if self.left_out > 0 {
            let files = table::count(self.left_out, "file");
            lines.push_str(&format!("Left out {files} of no layout that a search takes along.\n"));
        }
        if self.never_read > 0 {
            let files = table::count(self.never_read, "file");
            lines.push_str(&format!("Did not open {files} of personal details.\n"));
        }
        lines
    }

    /// Returns the same as JSON.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "unchanged": self.unchanged,
            "read on": self.read_on,
            "shrunk": self.shrunk,
            "moved": self.moved,
            "rewritten": self.rewritten,
            "left out": self.left_out,
            "never read": self.never_read,
        })
    }
}

/// Returns a path that does not depend on the working folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Says why an input that a search found is passed over; what was named is an error.
fn pass_over(
    found: &Found,
    source: garner_compiler::Error,
    context: &Context,
) -> Result<(), Error> {
    let error = Error::Transcript { path: found.whole(), source };
    if found.named && found.member.is_none() {
        return Err(error);
    }
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    context.output.warn(&format!("{error}: {}", cause.unwrap_or_default()));
    Ok(())
}
