//! Exports of other systems of memories: Mem0 and Memori.
//!
//! A model extracted what they hold, from text that nobody can name any more: it is a digest, and
//! every entry waits for a person. Ids and times are kept; what a fragment has no place for is
//! counted.

use std::collections::BTreeMap;

use garner_kernel::{Kind, Moment, Text, Trust};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Input;
use super::notes::{At, Notes, note, tags};
use super::prose::moment_of;
use crate::error::Error;
use crate::session::{Layout, Session};

/// Fields that a fragment has no place for, or that say how an entry was used.
const WITHOUT_PLACE: &[&str] = &[
    "hash",
    "score",
    "user_id",
    "agent_id",
    "run_id",
    "app_id",
    "actor_id",
    "role",
    "owner",
    "organization",
    "immutable",
    "expiration_date",
    "input",
    "updated_at",
    "last_accessed",
    "access_count",
    "vector",
    "embedding",
];

/// Reads an export of Mem0: a list, an object with `results` or `memories`, or JSON lines.
pub(crate) fn mem0(input: &Input<'_>) -> Result<Session, Error> {
    read(input, "mem0", &["results", "memories"], &["memory", "text", "data"])
}

/// Reads an export of Memori: JSON lines, a list, or an object of lists.
pub(crate) fn memori(input: &Input<'_>) -> Result<Session, Error> {
    let lists = ["long_term_memory", "short_term_memory", "memories"];
    read(input, "memori", &lists, &["content", "summary", "searchable_content"])
}

fn read(input: &Input<'_>, system: &str, lists: &[&str], said: &[&str]) -> Result<Session, Error> {
    let mut notes = Notes::new(input).named(system);
    for raw in entries(input, lists, &mut notes)? {
        let line = notes.index().line_of(raw);
        let entry: Option<BTreeMap<String, Value>> = serde_json::from_str(raw.get()).ok();
        let Some(entry) = entry else {
            notes.broken(line);
            continue;
        };
        let text = said.iter().find_map(|name| entry.get(*name).and_then(Value::as_str));
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            notes.skip("entry without words");
            continue;
        };
        let metadata = entry.get("metadata");
        let word = |name: &str| {
            let inner = metadata.and_then(|m| m.get(name));
            inner.or_else(|| entry.get(name)).and_then(Value::as_str)
        };
        let mut note = note(Layout::Export, Trust::Digest, text.trim());
        let named = word("type").or_else(|| word("kind")).or_else(|| word("category_primary"));
        let labels: Vec<&str> = labels(&entry).chain(named).chain(word("topic")).collect();
        note.kind = kind(&labels);
        note.everywhere = input.place.project.is_none();
        note.tags = tags(labels.into_iter());
        note.context = Some(Text::new(format!("From an export of {system}.")));
        let id = ["id", "memory_id"].iter().find_map(|name| entry.get(*name));
        let id = id.and_then(|id| id.as_str().map(str::to_owned).or_else(|| Some(id.to_string())));
        let moment = entry.get("created_at").and_then(time);
        notes.add(At { line, moment, record: id.as_deref() }, note);
        for field in WITHOUT_PLACE.iter().filter(|field| entry.contains_key(**field)) {
            notes.skip(&format!("field `{field}`"));
        }
    }
    Ok(notes.finish())
}

/// Returns the entries of an export in the order of the file.
fn entries<'a>(
    input: &Input<'a>,
    lists: &[&str],
    notes: &mut Notes<'_>,
) -> Result<Vec<&'a RawValue>, Error> {
    let text = input.text;
    if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(text) {
        return Ok(list);
    }
    if let Ok(object) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
        && lists.iter().any(|list| object.contains_key(*list))
    {
        let mut found = Vec::new();
        for (name, value) in &object {
            let list: Option<Vec<&RawValue>> = serde_json::from_str(value.get()).ok();
            match list {
                Some(list) if lists.contains(&name.as_str()) => found.extend(list),
                Some(list) => notes.skip_many(&format!("entry of `{name}`"), list.len()),
                None => notes.skip(&format!("part `{name}`")),
            }
        }
        return Ok(found);
    }
    let lines = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let lines = lines.collect::<Result<Vec<&RawValue>, _>>();
    lines.map_err(|error| Error::Malformed { file: input.file.clone(), rule: error.to_string() })
}

fn labels(entry: &BTreeMap<String, Value>) -> impl Iterator<Item = &str> {
    let lists = ["categories", "tags", "keywords"].into_iter();
    let values = lists.filter_map(|name| entry.get(name)).filter_map(Value::as_array);
    values.flatten().filter_map(Value::as_str)
}

/// Returns the kind that the labels of an entry name.
fn kind(labels: &[&str]) -> Kind {
    let known = |label: &&str| {
        let label = label.to_lowercase();
        let label = label.trim_end_matches('s');
        label.parse().ok().or(match label {
            "personal_preference" | "user_preference" => Some(Kind::Preference),
            "debugging" | "bug" | "error" => Some(Kind::Fix),
            "workflow" | "pattern" => Some(Kind::Procedure),
            _ => None,
        })
    };
    labels.iter().find_map(known).unwrap_or(Kind::Fact)
}

/// Returns the time of an entry: seconds since 1970, or a text.
fn time(value: &Value) -> Option<Moment> {
    if let Some(text) = value.as_str() {
        return moment_of(text);
    }
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
        #[expect(clippy::cast_possible_truncation, reason = "held to a range just above")]
        Some(seconds as i64)
    })?;
    // Some write milliseconds.
    Some(Moment::from_unix(if seconds > 100_000_000_000 { seconds / 1_000 } else { seconds }))
}
