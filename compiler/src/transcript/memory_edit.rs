//! Changes of memory files: what the file held before and after a successful tool use.

use std::collections::BTreeMap;

use garner_kernel::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire;
use crate::injected;
use crate::session::MemoryEdit;

/// What the tool was asked to do.
#[derive(Debug)]
pub(crate) struct Request {
    path: String,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Whole(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    old_string: String,
    new_string: String,
    #[serde(default)]
    replace_all: bool,
}

#[derive(Deserialize)]
struct Input {
    file_path: String,
    content: Option<String>,
    old_string: Option<String>,
    new_string: Option<String>,
    #[serde(default)]
    replace_all: Option<bool>,
    edits: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    original_file: Option<String>,
}

/// Returns the request of a tool use that changes a memory file; `None` for every other use.
pub(crate) fn request(tool: &str, input: &RawValue) -> Option<Request> {
    if !matches!(tool, "Edit" | "Write" | "MultiEdit") || !names_markdown(input.get()) {
        return None;
    }
    let input: Input = wire::read(input)?;
    if !is_memory_file(&input.file_path) {
        return None;
    }
    let change = match (tool, input.content, input.edits, input.old_string, input.new_string) {
        ("Write", Some(content), ..) => Change::Whole(content),
        ("MultiEdit", _, Some(parts), ..) => Change::Parts(parts),
        ("Edit", _, _, Some(old_string), Some(new_string)) => {
            let replace_all = input.replace_all.unwrap_or_default();
            Change::Parts(vec![Part { old_string, new_string, replace_all }])
        }
        _ => return None,
    };
    Some(Request { path: input.file_path, change })
}

/// Returns what the request did, given the tool's result and the contents known from this session.
pub(crate) fn outcome(
    request: &Request,
    result: Option<&RawValue>,
    known: &mut BTreeMap<String, String>,
) -> MemoryEdit {
    let original = result
        .and_then(wire::read::<Outcome>)
        .and_then(|outcome| outcome.original_file)
        .or_else(|| known.get(&request.path).cloned());
    let (before, after) = match (&request.change, original) {
        (Change::Whole(content), original) => (original.unwrap_or_default(), content.clone()),
        (Change::Parts(parts), Some(original)) => {
            let after = parts.iter().fold(original.clone(), |text, part| part.apply(&text));
            (original, after)
        }
        (Change::Parts(parts), None) => {
            let side =
                |pick: fn(&Part) -> &str| parts.iter().map(pick).collect::<Vec<_>>().join("\n\n");
            let (before, after) = (side(|p| &p.old_string), side(|p| &p.new_string));
            let path = request.path.clone();
            return memory_edit(path, &before, &after);
        }
    };
    known.insert(request.path.clone(), after.clone());
    memory_edit(request.path.clone(), &before, &after)
}

fn memory_edit(path: String, before: &str, after: &str) -> MemoryEdit {
    let text = |text| Text::new(injected::strip(text));
    MemoryEdit { path, before: text(before), after: text(after) }
}

impl Part {
    fn apply(&self, text: &str) -> String {
        if self.old_string.is_empty() {
            format!("{text}\n{}", self.new_string)
        } else if self.replace_all {
            text.replace(&self.old_string, &self.new_string)
        } else {
            text.replacen(&self.old_string, &self.new_string, 1)
        }
    }
}

/// A cheap look before the input of a tool is parsed.
fn names_markdown(json: &str) -> bool {
    memchr::memmem::find(json.as_bytes(), b".md\"").is_some()
}

/// Returns whether a path names a file that Claude reads as memory, and not a copy of one that
/// a project keeps as test data or template.
pub(crate) fn is_memory_file(path: &str) -> bool {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|p| !p.is_empty()).collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    let lower: Vec<String> = folders.iter().map(|f| f.to_ascii_lowercase()).collect();
    let scratch = ["tmp", "temp", "fixtures", "fixture", "testdata", "__tests__", "node_modules"];
    let copies = ["test", "tests", "examples", "templates", "template", "samples", "__mocks__"];
    if lower.iter().any(|f| scratch.contains(&f.as_str()) || copies.contains(&f.as_str())) {
        return false;
    }
    let claude = lower.iter().rposition(|f| f == ".claude");
    let below_claude = |folder: &str| {
        claude.is_some_and(|at| lower.iter().skip(at).any(|f| f == folder))
            && name.to_ascii_lowercase().ends_with(".md")
    };
    matches!(*name, "CLAUDE.md" | "CLAUDE.local.md" | "AGENTS.md" | "MEMORY.md")
        || below_claude("rules")
        || below_claude("memory")
}
