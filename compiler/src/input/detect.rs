//! Which format a file has: by its name and folders where these say it, else by what it holds.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::front_matter;
use crate::error::Error;

/// A format that can be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// A Claude Code transcript, or the stream of a headless run: JSON lines.
    Transcript,
    /// What Claude Code hands to a hook: JSON objects.
    Hook,
    /// CLAUDE.md, AGENTS.md, files of rules.
    Instructions,
    /// A file of an assistant's own memory.
    Memory,
    /// STATE, DECISIONS, CORRECTIONS, HANDOFF, BLINDSPOTS.
    Ledger,
    /// One statement with front matter.
    Lesson,
    /// Markdown of another layout.
    Sections,
    /// Fragments as Garner writes them: records, or a draft.
    Fragments,
    /// An export of Mem0.
    Mem0,
    /// An export of Memori.
    Memori,
    /// The conversations of a claude.ai export.
    Conversations,
    /// The projects of a claude.ai export.
    Projects,
    /// The memories of a claude.ai export.
    Memories,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 13] = [
        Self::Transcript,
        Self::Hook,
        Self::Instructions,
        Self::Memory,
        Self::Ledger,
        Self::Lesson,
        Self::Sections,
        Self::Fragments,
        Self::Mem0,
        Self::Memori,
        Self::Conversations,
        Self::Projects,
        Self::Memories,
    ];

    /// Returns the words that stand for the format on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transcript => "transcript",
            Self::Hook => "hook payload",
            Self::Instructions => "instructions",
            Self::Memory => "assistant memory",
            Self::Ledger => "ledger",
            Self::Lesson => "lesson",
            Self::Sections => "other Markdown",
            Self::Fragments => "fragments",
            Self::Mem0 => "Mem0 export",
            Self::Memori => "Memori export",
            Self::Conversations => "claude.ai conversations",
            Self::Projects => "claude.ai projects",
            Self::Memories => "claude.ai memories",
        }
    }

    /// Returns whether a search takes such files along; the others are read where they are named.
    pub const fn is_searched_for(self) -> bool {
        !matches!(self, Self::Sections)
    }
}

/// Names of files that hold only personal details, and are never read.
const NEVER_READ: &[&str] = &["users.json"];

/// Names of ledgers, without their ending.
pub(crate) const LEDGERS: &[&str] =
    &["STATE", "DECISIONS", "CORRECTIONS", "HANDOFF", "BLINDSPOTS", "BLIND_SPOTS"];

/// Returns the format of a file, from its path as given and from all of its bytes; of JSON lines
/// the first ones are enough.
///
/// # Errors
/// [`Error::Unrecognized`] for what is of no known format, [`Error::NeverRead`] for files of
/// personal details, which need not be read to be refused.
pub fn detect(path: &str, bytes: &[u8]) -> Result<Format, Error> {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let name = parts.last().copied().unwrap_or(path);
    if NEVER_READ.contains(&name) {
        return Err(Error::NeverRead { file: super::file_name(path)? });
    }
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let folders = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
    let found = match ending.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" | "log" => Some(of_lines(bytes)),
        "json" => of_json(bytes),
        _ if folders.contains(&"memories") => Some(Format::Memory),
        "md" | "markdown" | "mdc" => Some(of_markdown(name, stem, folders, bytes)),
        _ if first_object(bytes).is_some() => of_json(bytes).or(Some(of_lines(bytes))),
        _ => None,
    };
    found.ok_or_else(|| match super::file_name(path) {
        Ok(file) => Error::Unrecognized { file, holds: holds(bytes) },
        Err(error) => error,
    })
}

fn of_markdown(name: &str, stem: &str, folders: &[&str], bytes: &[u8]) -> Format {
    let below = |outer: &str, inner: &str| {
        let outer = folders.iter().position(|folder| *folder == outer);
        outer.is_some_and(|at| folders.iter().skip(at).any(|folder| *folder == inner))
    };
    if matches!(name, "CLAUDE.md" | "CLAUDE.local.md" | "AGENTS.md") || below(".claude", "rules") {
        return Format::Instructions;
    }
    if name == "MEMORY.md" || below("projects", "memory") || folders.contains(&"memories") {
        return Format::Memory;
    }
    if LEDGERS.contains(&stem) {
        return Format::Ledger;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    match front_matter::split(text).0 {
        Some(matter) if matter.first(&["kind", "type", "lesson", "statement"]).is_some() => {
            Format::Lesson
        }
        _ => Format::Sections,
    }
}

/// JSON lines are transcripts unless their first object says otherwise.
fn of_lines(bytes: &[u8]) -> Format {
    let Some(keys) = first_object(bytes) else { return Format::Transcript };
    let has = |name: &str| keys.iter().any(|key| key == name);
    if has("hook_event_name") {
        Format::Hook
    } else if has("op") && (has("id") && has("rev")) || keys.as_slice() == ["format"] {
        Format::Fragments
    } else if has("memory") && has("id") {
        Format::Mem0
    } else if has("content") && has("metadata") && !has("type") {
        Format::Memori
    } else {
        Format::Transcript
    }
}

fn of_json(bytes: &[u8]) -> Option<Format> {
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    let has = |name: &str| shape.keys.iter().any(|key| key == name);
    let listed = |name: &str| shape.listed.iter().any(|key| key == name);
    let format = if has("hook_event_name") {
        Format::Hook
    } else if has("chat_messages") {
        Format::Conversations
    } else if has("conversations_memory") || has("project_memories") {
        Format::Memories
    } else if has("prompt_template") || has("docs") && has("uuid") {
        Format::Projects
    } else if has("memory") && has("id") || listed("memory") {
        Format::Mem0
    } else if has("long_term_memory")
        || has("short_term_memory")
        || has("content") && (has("metadata") || has("created_at")) && !has("type")
    {
        Format::Memori
    } else {
        return None;
    };
    Some(format)
}

/// Returns the keys of the first JSON object among the first lines.
fn first_object(bytes: &[u8]) -> Option<Vec<String>> {
    let lines = bytes.split(|byte| *byte == b'\n').take(20);
    let mut objects = lines.filter(|line| line.trim_ascii_start().starts_with(b"{"));
    objects.find_map(|line| serde_json::from_slice::<Shape>(line).ok()).map(|shape| shape.keys)
}

/// Returns what a file seems to hold, in a few words.
fn holds(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii_start().first() {
        None => "nothing",
        Some(b'{' | b'[') if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
            "JSON of no known layout"
        }
        Some(_) if bytes.starts_with(b"PK\x03\x04") => "a zip archive",
        Some(_) if memchr::memchr(0, bytes).is_some() => "no text",
        Some(_) => "text of no known layout",
    }
}

/// The keys of a JSON object, or of the first object of an array.
#[derive(Debug, Default)]
struct Shape {
    keys: Vec<String>,
    /// The keys of the first object in a list of `results` or `memories`.
    listed: Vec<String>,
}

impl<'de> serde::Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Shape::default();
        while let Some(key) = map.next_key::<String>()? {
            if matches!(key.as_str(), "results" | "memories") {
                let inner: Loose = map.next_value()?;
                shape.listed = inner.0.keys;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if shape.keys.len() < 64 {
                shape.keys.push(key);
            }
        }
        Ok(shape)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let first: Option<Loose> = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.map(|first| first.0).unwrap_or_default())
    }
}

/// The shape of any value; scalars have none.
struct Loose(Shape);

impl<'de> serde::Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let raw = <&'de serde_json::value::RawValue>::deserialize(source)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}
