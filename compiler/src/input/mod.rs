//! Inputs: every file that can be compiled, told apart by where it lies and what it holds.
//!
//! A conversation becomes turns, a document becomes one turn for each of its entries; everything
//! after that is the same for both. What a format holds besides is skipped and counted, and a file
//! of no known format is an error: nothing is guessed.

mod claude;
mod conversation;
mod detect;
mod export;
mod fragments;
pub(crate) mod front_matter;
mod hook;
mod index;
mod ledger;
mod notes;
mod prose;

use garner_kernel::FileName;

use crate::error::Error;
use crate::injected;
use crate::session::{Place, Session};
use crate::transcript::read_session;

pub use detect::{Format, detect};

/// Reads a whole input of a format; a file may hold many sessions.
///
/// # Errors
/// [`Error::Empty`], [`Error::Binary`], [`Error::Malformed`] where the file is not what its format
/// says, [`Error::NoProject`] for the memory of a project that is not known, and for transcripts
/// what [`read_session`] says.
pub fn read_input(
    format: Format,
    path: &str,
    bytes: &[u8],
    place: &Place,
) -> Result<Vec<Session>, Error> {
    let file = file_name(path)?;
    if format == Format::Transcript {
        return Ok(vec![read_session(bytes, file)?.at(place.clone())]);
    }
    let text = text_of(bytes, &file)?;
    // What Garner injected is no entry of any document; lines keep their numbers without it.
    let prose = injected::blank(text);
    let input = Input { path, file, text, prose: &prose, place };
    let sessions = match format {
        Format::Transcript => Vec::new(),
        Format::Hook => hook::read(&input)?,
        Format::Instructions => vec![prose::instructions(&input)],
        Format::Memory => vec![prose::memory(&input)?],
        Format::Ledger => vec![ledger::read(&input)],
        Format::Lesson => vec![prose::lesson(&input)],
        Format::Sections => vec![prose::sections(&input)],
        Format::Fragments => vec![fragments::read(&input)?],
        Format::Mem0 => vec![export::mem0(&input)?],
        Format::Memori => vec![export::memori(&input)?],
        Format::Conversations => conversation::read(&input)?,
        Format::Projects => claude::projects(&input)?,
        Format::Memories => vec![claude::memories(&input)?],
    };
    tracing::debug!(format = format.as_str(), sessions = sessions.len(), "read an input");
    Ok(sessions)
}

/// A file with what is known of it.
pub(crate) struct Input<'a> {
    /// Its path as given, folders included.
    pub(crate) path: &'a str,
    pub(crate) file: FileName,
    pub(crate) text: &'a str,
    /// The text without what Garner itself had injected into it.
    pub(crate) prose: &'a str,
    pub(crate) place: &'a Place,
}

/// Returns the name of the file at the end of a path.
pub(crate) fn file_name(path: &str) -> Result<FileName, Error> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.parse().map_err(|_| Error::Name { path: path.to_owned() })
}

fn text_of<'a>(bytes: &'a [u8], file: &FileName) -> Result<&'a str, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Empty { file: file.clone() });
    }
    if let Some(offset) = memchr::memchr(0, bytes) {
        return Err(Error::Binary { file: file.clone(), offset });
    }
    std::str::from_utf8(bytes).map_err(|error| Error::Malformed {
        file: file.clone(),
        rule: format!("byte {} is no UTF-8", error.valid_up_to()),
    })
}
