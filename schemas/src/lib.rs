//! JSON Schemas of everything that leaves the process, and SQL migrations.
//!
//! Constants only: nothing here parses, checks or runs them. A migration is never edited after
//! release; a change is a new file with the next number.

/// One step of the store's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version of the store after the step, from 1 without gaps.
    pub version: u32,
    /// The statements.
    pub sql: &'static str,
}

/// The steps that build a store, in order.
pub const STORE_MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: STORE_0001 },
    Migration { version: 2, sql: STORE_0002 },
    Migration { version: 3, sql: STORE_0003 },
    Migration { version: 4, sql: STORE_0004 },
    Migration { version: 5, sql: STORE_0005 },
    Migration { version: 6, sql: STORE_0006 },
];

/// The statements of the first store.
pub const STORE_0001: &str = include_str!("../sql/0001_initial.sql");

/// Policies of channels.
pub const STORE_0002: &str = include_str!("../sql/0002_policy.sql");

/// What recall reads of a store instead of every row: shown rows, codes of vectors, indexes.
pub const STORE_0003: &str = include_str!("../sql/0003_standing.sql");

/// Sources and vectors in fewer bytes.
pub const STORE_0004: &str = include_str!("../sql/0004_places.sql");

/// Kernels that name their operation without a reference, and sums of what no digest covers.
pub const STORE_0005: &str = include_str!("../sql/0005_kernel.sql");

/// The sixth schema: fewer indexes, and chunks that say when they changed.
pub const STORE_0006: &str = include_str!("../sql/0006_indexes.sql");

/// The version of the store that this program writes.
pub const STORE_VERSION: u32 = 6;

/// Marks an SQLite file as a store of Garner: `garn` in ASCII.
pub const STORE_APPLICATION_ID: u32 = 0x6761_726E;

/// JSON Schema of the payloads and views in the operation log.
pub const OPERATION_SCHEMA: &str = include_str!("../json/operation.v1.json");

/// JSON Schema of the payloads in the event log.
pub const EVENT_SCHEMA: &str = include_str!("../json/event.v1.json");

/// JSON Schema of the JSON in root notes.
pub const ROOT_SCHEMA: &str = include_str!("../json/root.v1.json");

/// JSON Schema of the JSON in revocations notes.
pub const REVOCATIONS_SCHEMA: &str = include_str!("../json/revocations.v1.json");

/// JSON Schema of the JSON in manifest notes.
pub const MANIFEST_SCHEMA: &str = include_str!("../json/manifest.v1.json");

/// JSON Schema of the plaintext of keyrings.
pub const KEYRING_SCHEMA: &str = include_str!("../json/keyring.v1.json");

/// JSON Schema of the plaintext of indexes.
pub const INDEX_SCHEMA: &str = include_str!("../json/index.v1.json");

/// JSON Schema of records, the lines of bases and deltas.
pub const RECORD_SCHEMA: &str = include_str!("../json/record.v1.json");

/// JSON Schema of what stands beside a golden file of the bundle format.
pub const BUNDLE_VECTOR_SCHEMA: &str = include_str!("../json/bundle-vector.v1.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_count_up_to_the_version_of_the_store() {
        let versions: Vec<u32> = STORE_MIGRATIONS.iter().map(|m| m.version).collect();
        assert_eq!(versions, (1..=STORE_VERSION).collect::<Vec<_>>());
        assert_eq!(STORE_APPLICATION_ID.to_be_bytes(), *b"garn");
    }
}
