//! Sessions to draft kernel: reads transcripts, decides who spoke, and distils what is worth
//! knowing later with deterministic rules.
//!
//! Pure: bytes in, values out. No files, clock, environment or terminal. The stages are reading
//! ([`read_session`]), rules, redaction ([`Redactor`]), poison lint ([`PoisonLint`]) and merging
//! ([`Compiler`]); [`provenance`] checks afterwards that every source still holds.

mod attribution;
mod compile;
mod error;
mod heard;
pub mod injected;
mod junk;
mod merge;
mod passing;
mod paste;
mod poison;
pub mod provenance;
mod redact;
mod report;
mod rules;
mod session;
mod speaker;
mod supersede;
mod transcript;

pub use compile::{Compiler, Options};
pub use error::Error;
pub use merge::Known;
pub use poison::PoisonLint;
pub use redact::{Finding, Redacted, Redactor};
pub use report::{Outcome, Report, Row};
pub use session::{Reading, Session};
pub use transcript::{Limits, MAX_LINE, read_session, read_session_within};
