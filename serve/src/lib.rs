//! The faces that listen, and the client of the Ollama server behind them.
//!
//! `ollama` talks to a server that answers slowly and fails in odd ways: an error may arrive as the
//! last line of a stream whose status was 200, and a line may be cut anywhere.

mod error;
mod lines;
mod ollama;

pub use error::Error;
pub use lines::Lines;
pub use ollama::{ModelFacts, Ollama, Summary};
