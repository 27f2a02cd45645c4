//! Who is trusted with what: roots as people read them, and how keys follow one another.

mod error;
mod root_table;

pub(crate) use self::error::TrustError;
pub(crate) use self::root_table::{json, rows};
