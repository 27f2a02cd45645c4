//! Sessions to draft kernel: reads transcripts, decides who spoke, and distils what is worth
//! knowing later with deterministic rules.
//!
//! Pure: bytes in, values out. No files, clock, environment or terminal. The stages are reading
//! ([`read_input`], or [`TranscriptReader`] for what is large and grows), rules, redaction
//! ([`Redactor`]), poison lint ([`PoisonLint`]) and merging ([`Compiler`]); a model may propose more
//! ([`distil`]), and [`provenance`] checks afterwards that every source still holds.

mod attribution;
mod compile;
pub mod distil;
mod error;
mod heard;
pub mod injected;
mod input;
mod junk;
mod merge;
mod passing;
mod paste;
mod poison;
pub mod provenance;
mod recurrence;
mod redact;
mod report;
mod rules;
mod session;
mod speaker;
mod standing;
mod supersede;
mod transcript;

pub use attribution::project as project_of;
pub use compile::{Compiler, Options};
pub use error::Error;
pub use input::{Format, detect, read_input};
pub use merge::{Known, name_the_same};
pub use poison::PoisonLint;
pub use redact::{Finding, Redacted, Redactor};
pub use report::{Logged, Outcome, Report, Row};
pub use rules::is_for_documents;
pub use session::{Happening, Place, Reading, Session};
pub use transcript::{
    Checkpoint, KnownSession, Limits, MAX_LINE, Mark, TranscriptReader, read_session,
    read_session_within,
};
