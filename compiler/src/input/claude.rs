//! Projects and memories of a claude.ai export.

use std::collections::BTreeMap;

use garner_kernel::{Kind, ProjectName, Text, Trust};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Input;
use super::notes::{At, Notes, note, only_first, plain_id, stands};
use super::prose::moment_of;
use crate::error::Error;
use crate::rules::markdown;
use crate::rules::memory_file::kind_of;
use crate::session::{Layout, Reading, Session};

#[derive(Deserialize)]
struct Project<'a> {
    uuid: Option<String>,
    name: Option<String>,
    created_at: Option<String>,
    #[serde(borrow)]
    prompt_template: Option<&'a RawValue>,
    #[serde(borrow, default)]
    docs: Option<Vec<&'a RawValue>>,
}

/// Reads the instructions that the person gave projects; documents in them are not the person's
/// words and are counted only.
pub(crate) fn projects(input: &Input<'_>) -> Result<Vec<Session>, Error> {
    let mut sessions = Vec::new();
    let mut total = Reading { bytes: input.text.len(), ..Reading::default() };
    for raw in list(input)? {
        let mut notes = Notes::new(input);
        let Ok(project) = serde_json::from_str::<Project<'_>>(raw.get()) else {
            total.broken += 1;
            continue;
        };
        if let Some(id) = &project.uuid {
            notes = notes.named(id);
        }
        notes.skip_many("document of a project", project.docs.as_ref().map_or(0, Vec::len));
        let text = project.prompt_template.and_then(string);
        let line = notes.index().line_of(project.prompt_template.unwrap_or(raw));
        let moment = project.created_at.as_deref().and_then(moment_of);
        for statement in markdown::statements(text.as_deref().unwrap_or_default()) {
            let trust = if input.place.vouched { Trust::Human } else { Trust::Assistant };
            let mut note = note(Layout::Instructions, trust, &statement.text);
            note.kind = kind_of(&statement.text);
            note.stands = !statement.weak && stands(input, &statement.text);
            note.context = project.name.as_deref().map(|name| Text::new(format!("Project {name}")));
            notes.add(At { line, moment, record: None }, note);
        }
        let mut session = notes.finish();
        session.place.project = project.name.as_deref().and_then(project_name);
        total.records += 1;
        merge(&mut total, &session.reading);
        sessions.push(session);
    }
    if sessions.is_empty() {
        sessions.push(Notes::new(input).finish());
    }
    only_first(&mut sessions, total);
    Ok(sessions)
}

#[derive(Deserialize)]
struct Memory<'a> {
    #[serde(borrow, rename = "conversations_memory")]
    conversations: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "project_memories")]
    projects: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(borrow, default, rename = "memory_files")]
    files: Option<Vec<&'a RawValue>>,
}

/// Reads what the service itself wrote down about the person: a digest, which waits for a person.
pub(crate) fn memories(input: &Input<'_>) -> Result<Session, Error> {
    let mut notes = Notes::new(input).named("claude-memories");
    for raw in list(input)? {
        let Ok(memory) = serde_json::from_str::<Memory<'_>>(raw.get()) else {
            let line = notes.index().line_of(raw);
            notes.broken(line);
            continue;
        };
        notes.skip_many("memory file", memory.files.as_ref().map_or(0, Vec::len));
        let of_projects = memory.projects.into_iter().flatten().map(|(_, raw)| raw);
        for raw in memory.conversations.into_iter().chain(of_projects) {
            let Some(text) = string(raw) else {
                notes.skip("memory that is no text");
                continue;
            };
            let line = notes.index().line_of(raw);
            for statement in markdown::statements(&text) {
                let mut note = note(Layout::Export, Trust::Digest, &statement.text);
                note.kind = Kind::Fact;
                note.everywhere = input.place.project.is_none();
                note.context = Some(Text::new("From the memory of claude.ai."));
                notes.add(At::line(line), note);
            }
        }
    }
    Ok(notes.finish())
}

/// Returns the entries of a list, or the one entry that a file is.
fn list<'a>(input: &Input<'a>) -> Result<Vec<&'a RawValue>, Error> {
    let malformed = |error: serde_json::Error| Error::Malformed {
        file: input.file.clone(),
        rule: error.to_string(),
    };
    if input.text.trim_start().starts_with('[') {
        serde_json::from_str(input.text).map_err(malformed)
    } else {
        Ok(vec![serde_json::from_str(input.text).map_err(malformed)?])
    }
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn project_name(name: &str) -> Option<ProjectName> {
    let plain = plain_id(name.trim());
    let plain: String = plain.chars().take(64).collect();
    plain.parse().ok()
}

fn merge(total: &mut Reading, part: &Reading) {
    for (name, count) in &part.skipped {
        *total.skipped.entry(name.clone()).or_default() += count;
    }
    for (trust, count) in &part.spoken {
        *total.spoken.entry(*trust).or_default() += count;
    }
}
