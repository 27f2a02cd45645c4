//! The bundle format from outside: golden files, and everything that must be refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_imports,
    clippy::too_many_lines,
    clippy::format_collect,
    clippy::naive_bytecount,
    clippy::assigning_clones,
    clippy::range_plus_one,
    missing_docs,
    reason = "tests"
)]

mod cases;
#[path = "../../src/schema/committed.rs"]
mod committed;
mod forge;
mod hostile;
mod sidecar;
mod threats;
mod vectors;
