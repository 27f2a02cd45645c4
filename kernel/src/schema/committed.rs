//! Committed schemas: each is what its type gives, byte for byte.
//!
//! The tests of golden files in `kernel/tests` use this file too, so it names nothing of the crate.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Compares the schema of `T` with the committed one, which is written anew when the test runs
/// with `GARNER_WRITE_SCHEMAS=1`.
pub(crate) fn check<T: JsonSchema>(file: &str, title: &str, committed: &str) {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("https://garner.invalid/schemas/{file}").into());
    schema.insert("title".to_owned(), title.into());
    let written = serde_json::to_string_pretty(&ordered(schema.to_value())).unwrap() + "\n";
    #[expect(clippy::disallowed_methods, reason = "a switch for people who change a wire type")]
    let write = std::env::var_os("GARNER_WRITE_SCHEMAS").is_some();
    if write {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/json");
        return std::fs::write(folder.join(file), written).unwrap();
    }
    assert!(
        written == committed,
        "schemas/json/{file} is not that of its type: run with GARNER_WRITE_SCHEMAS=1"
    );
}

/// Returns the value with its keys in order, whatever order the JSON library keeps, without
/// defaults (what is absent has no value) and without the sizes of Rust's integers.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(ordered).collect(),
        Value::Object(map) => {
            let sorted: BTreeMap<String, Value> = map.into_iter().collect();
            let kept = sorted.into_iter().filter(|(key, _)| key != "default" && key != "format");
            Value::Object(kept.map(|(key, value)| (key, ordered(value))).collect())
        }
        other => other,
    }
}
