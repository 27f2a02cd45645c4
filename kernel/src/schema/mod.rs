//! JSON Schemas of what is published, made from the wire types.
//!
//! They describe and decide nothing: no reader uses them, and what they cannot say (orders,
//! digests, lengths in bytes) stands in docs/format.md. Each type here stands for one definition.

mod committed;

use std::borrow::Cow;
use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::bundle::{RevocationClass, Role};
use crate::contents::{MAX_INTEGER, TombstoneReason};
use crate::record::MAX_TEXT;
use crate::words::{Kind, Trust};

pub(crate) use committed::check;

/// Declares types that stand for definitions.
macro_rules! definitions {
    ($($name:ident = $key:literal $schema:tt)+) => { $(
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $key.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+ };
}

definitions! {
    Repository = "repository" { "type": "string", "pattern": "^[0-9a-f]{32}$" }
    RepositoryOrNone = "repository_or_none" {
        "description": "Empty in root 1, whose digest makes the id.",
        "type": "string",
        "pattern": "^([0-9a-f]{32})?$"
    }
    Channel = "channel" { "type": "string", "pattern": "^[a-z0-9-]{1,32}$" }
    KeyName = "key_name" { "type": "string", "pattern": "^[!-*,-~]{1,64}$" }
    RoleName = "role" { "type": "string", "pattern": "^[a-z]{1,32}$" }
    Digest = "digest" { "type": "string", "pattern": "^[0-9a-f]{64}$" }
    Time = "time" {
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
    }
    PublicKey = "public_key" {
        "description": "Base64 of the 32 bytes of an Ed25519 key.",
        "type": "string",
        "pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"
    }
    Recipient = "recipient" {
        "description": "An age recipient: X25519, or that of a plugin.",
        "type": "string",
        "pattern": "^age1[ -~]+$",
        "maxLength": 2048
    }
    EpochKey = "epoch_key" { "type": "string", "pattern": "^AGE-SECRET-KEY-1[0-9A-Z]{58}$" }
    Number = "number" { "type": "integer", "minimum": 1, "maximum": MAX_INTEGER }
    Count = "count" { "type": "integer", "minimum": 0, "maximum": MAX_INTEGER }
    Revision = "revision" { "type": "integer", "minimum": 1, "maximum": u32::MAX }
    Percent = "percent" { "type": "integer", "minimum": 0, "maximum": 100 }
    ObjectRole = "object_role" { "enum": words(&[Role::Base, Role::Delta, Role::Index], Role::as_str) }
    FragmentKind = "kind" { "enum": words(Kind::ALL, Kind::as_str) }
    Speaker = "trust" { "enum": words(Trust::ALL, Trust::as_str) }
    Gone = "tombstone_reason" { "enum": words(&GONE, TombstoneReason::as_str) }
    Scope = "scope" {
        "description": "A name of a project has at most 64 bytes.",
        "type": "string",
        "pattern": concat!(
            "^(user|project:[^/\\\\:\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a",
            "\\u2028\\u2029\\u202f\\u205f\\u3000]{1,64})$"
        )
    }
    Statement = "text" {
        "description": "At most 16 KiB, not blank, without control characters but LF and tab.",
        "type": "string",
        "pattern": "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]+$",
        "maxLength": MAX_TEXT
    }
    Tag = "tag" { "type": "string", "pattern": "^[a-z0-9._-]{1,64}$" }
    SessionName = "session" { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$" }
    FileName = "file_name" {
        "description": "At most 255 bytes.",
        "type": "string",
        "pattern": "^[^/\\\\\\u0000-\\u001f\\u007f-\\u009f]{1,255}$"
    }
    Rule = "rule" { "type": "string", "pattern": "^[a-z0-9-]{1,64}$" }
    Class = "revocation_class" {
        "enum": words(&[RevocationClass::Yank, RevocationClass::Purge], RevocationClass::as_str)
    }
    OneWord = "reason" { "type": "string", "pattern": "^[a-z0-9-]{1,64}$" }
}

const GONE: [TombstoneReason; 4] = [
    TombstoneReason::Rejected,
    TombstoneReason::Removed,
    TombstoneReason::RolledBack,
    TombstoneReason::Revoked,
];

/// A list that ascends, so that nothing comes twice.
pub(crate) type Set<T> = BTreeSet<T>;

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|value| word(*value)).collect()
}
