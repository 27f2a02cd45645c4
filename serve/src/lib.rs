//! The faces that listen, and the client of the Ollama server behind them.
//!
//! [`Ollama`] talks to a server that answers slowly and fails in odd ways: an error may arrive as the
//! last line of a stream whose status was 200, and a line may be cut anywhere. [`Proxy`] stands
//! between such a server and its clients and puts fragments into prompts; [`edit`] says which bytes
//! of a request that changes.

mod console;
pub mod edit;
mod error;
mod facts;
mod inject;
mod learn;
mod lines;
pub mod mcp;
mod metrics;
mod ollama;
mod proxy;

pub use error::Error;
pub use facts::ModelFacts;
pub use inject::desk::{MakeRecaller, Record};
pub use inject::{Known, Question, Recaller};
pub use learn::{Keep, Said, Speaker};
pub use lines::Lines;
pub use ollama::{NewModel, Ollama, Summary};
pub use proxy::{Injecting, Proxy, Settings};
pub(crate) use proxy::{SWITCH, SWITCH_OFF};
