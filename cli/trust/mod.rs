//! Who is trusted with what: roots as people read them, and how keys follow one another.

mod error;
mod repositories;
mod root_note;
mod root_table;
mod rotation;

pub(crate) use self::error::TrustError;
pub(crate) use self::repositories::{Published, Signing, check_root_key};
pub(crate) use self::root_note::{RootNote, Signed, signature_json, signature_rows};
pub(crate) use self::root_table::{end_of, json, rows};
pub(crate) use self::rotation::{Outcome, Request, Rotation};
