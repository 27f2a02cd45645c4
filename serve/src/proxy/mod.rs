//! The transparent proxy: every request goes to the server and every answer comes back as it is, but
//! for the text that is put into prompts.
//!
//! The network part moves bytes and decides nothing: [`crate::edit`] says which bytes change and
//! [`crate::inject`] what comes in. No body is ever logged.

mod access;
mod aligned;
mod answer;
mod body;
mod considered;
mod expectation;
mod headers;
mod last_line;
mod server;
mod socket;
mod upstream;

pub(crate) use headers::{SWITCH, SWITCH_OFF};
pub use server::{Injecting, Proxy, Settings};
