//! The bodies of the fuzz targets: one function for each, from bytes to nothing.
//!
//! A body panics where Garner breaks a promise, and says nothing about inputs that are refused as
//! they should be. `targets/` hands the bodies to libFuzzer, `tests/` to the corpus and to
//! proptest. Nothing here knows how inputs are made, and nothing
//! but `query` touches files: it asks a store in a temporary folder.

mod answer;
mod container;
pub mod example;
mod input;
pub mod json;
pub mod mutation;
mod note;
mod payload;
mod query;
mod record;
mod redaction;
mod settings;
mod signed;
mod statement;
mod transcript;

pub use answer::answer;
pub use container::{closed, container};
pub use input::input;
pub use note::note;
pub use payload::payload;
pub use query::query;
pub use record::record;
pub use redaction::redaction;
pub use settings::settings;
pub use signed::signed;
pub use statement::{Kind, statement};
pub use transcript::transcript;
