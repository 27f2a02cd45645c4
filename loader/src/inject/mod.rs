//! From hits to the text that stands in a prompt.
//!
//! [`block`] fills a [`Budget`] with the core and the hits and returns an [`Injection`]; [`place`]
//! puts it into the messages of a chat. Both are pure: no clock, counter or score gets into a
//! block, so that the same fragments make the same bytes and a model's prefix cache holds. A
//! [`Ledger`] remembers which block each turn of a conversation was given.

mod block;
mod budget;
mod ledger;
mod neutral;
mod nonce;
mod placement;
#[cfg(test)]
mod tests;
mod tokens;

pub use block::{
    Block, BlockOptions, Floor, Injection, LeftOut, Placed, Reason, Section, block, without_blocks,
};
pub use budget::Budget;
pub use ledger::{Given, Ledger, Prefix};
pub use neutral::{neutralize, neutralize_for};
pub use nonce::Nonce;
pub use placement::{Message, Role, place};
pub use tokens::{Tokens, estimate};
