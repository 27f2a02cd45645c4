//! Models that propose what to remember, behind the compiler's [`Distiller`]: Anthropic's Messages
//! API ([`Anthropic`]) and its batches ([`Batch`]), Claude Code as a program ([`ClaudeCli`]), and
//! Ollama ([`Ollama`]).
//!
//! They carry text to a model and back, and count what that took. What is sent was cut and masked
//! by the compiler; what comes back is compared with the transcript by the compiler. No key is read
//! from the environment here, and none is ever printed.
//!
//! [`Distiller`]: garner_compiler::distil::Distiller

mod anthropic;
mod batch;
mod claude;
mod error;
mod http;
mod key;
mod listing;
mod ollama;
mod patience;
mod state;
mod wire;

pub use anthropic::{Anthropic, Connection};
pub use batch::{Batch, BatchProgress};
pub use claude::{ClaudeCli, Program};
pub use error::Error;
pub use key::Key;
pub use ollama::Ollama;
pub use patience::Patience;
