//! Markdown: instructions that a person keeps, an assistant's memory, lessons, and any other text.

use garner_kernel::{Kind, Moment, Text, Trust};

use super::Input;
use super::front_matter::{self, FrontMatter};
use super::notes::{At, Notes, note, stands, tags};
use crate::error::Error;
use crate::rules::is_directive;
use crate::rules::markdown::{self, Statement};
use crate::rules::memory_file::{OVERVIEW, applies_everywhere, kind_of};
use crate::session::{Layout, Session};

/// CLAUDE.md, AGENTS.md and files of rules. Who names such a file answers for it; one that a search
/// found may be anybody's.
pub(crate) fn instructions(input: &Input<'_>) -> Session {
    let mut notes = Notes::new(input);
    let trust = if input.place.vouched { Trust::Human } else { Trust::Assistant };
    let statements = markdown::statements(input.prose);
    let overview = statements.len() > OVERVIEW;
    for statement in &statements {
        let kind = kind_of(&statement.text);
        let mut note = note(Layout::Instructions, trust, &statement.text);
        note.kind = kind;
        note.context = Some(context(input, statement));
        note.everywhere = applies_everywhere(input.path);
        let passing = statement.weak || overview && kind == Kind::Fact;
        note.stands = !passing && stands(input, &statement.text);
        notes.add(At::line(statement.line), note);
    }
    notes.finish()
}

/// A file of the memory that an assistant keeps for itself: of one project, or of one user of the
/// memory tool.
pub(crate) fn memory(input: &Input<'_>) -> Result<Session, Error> {
    if input.place.project.is_none() && is_of_a_project(input.path) {
        return Err(Error::NoProject { file: input.file.clone() });
    }
    let mut notes = Notes::new(input);
    let (matter, _, before) = front_matter::split(input.prose);
    if let Some(matter) = matter.filter(|m| m.first(&["type", "kind", "description"]).is_some()) {
        with_front_matter(input, &mut notes, (&matter, before), Layout::Memory);
        return Ok(notes.finish());
    }
    for statement in markdown::statements(input.prose) {
        if statement.text.contains("](") && statement.text.contains(".md)") {
            notes.skip("line of an index");
            continue;
        }
        let mut note = note(Layout::Memory, Trust::Assistant, &statement.text);
        note.kind = kind_of(&statement.text);
        note.context = Some(context(input, &statement));
        note.stands = !statement.weak && stands(input, &statement.text);
        note.everywhere = input.place.project.is_none();
        notes.add(At::line(statement.line), note);
    }
    Ok(notes.finish())
}

/// One statement with front matter.
pub(crate) fn lesson(input: &Input<'_>) -> Session {
    let mut notes = Notes::new(input);
    let (matter, _, before) = front_matter::split(input.prose);
    if let Some(matter) = matter {
        with_front_matter(input, &mut notes, (&matter, before), Layout::Lesson);
    }
    notes.finish()
}

/// Text of no known layout: each section is a candidate of low confidence.
pub(crate) fn sections(input: &Input<'_>) -> Session {
    let mut notes = Notes::new(input);
    for section in markdown::sections(input.prose) {
        let mut note = note(Layout::Sections, Trust::Assistant, &section.text);
        note.context = Some(context(input, &section));
        notes.add(At::line(section.line), note);
    }
    notes.finish()
}

/// Adds the one entry of a file with front matter.
fn with_front_matter(
    input: &Input<'_>,
    notes: &mut Notes<'_>,
    (matter, before): (&FrontMatter, usize),
    layout: Layout,
) {
    notes.skip_many("line of front matter", matter.skipped);
    let body = input.prose.lines().skip(before);
    let title = |line: &&str| line.starts_with('#');
    let kept: Vec<&str> = body.clone().filter(|line| !title(line)).collect();
    let said = ["statement", "lesson", "description", "title", "name"];
    let body_text = markdown::plain(&kept.join(" "));
    let own = matter.first(&["statement", "lesson"]).map(str::to_owned);
    let statement = own.or_else(|| Some(body_text.clone()).filter(|text| !text.is_empty()));
    let Some(statement) = statement.or_else(|| matter.first(&said).map(str::to_owned)) else {
        notes.skip("entry without words");
        return;
    };
    let first = body.clone().position(|line| !line.trim().is_empty() && !title(&line));
    let line = first.map_or(1, |at| u32::try_from(before + at + 1).unwrap_or(u32::MAX));
    let (kind, everywhere, known) = kind_of_word(matter.first(&["kind", "type", "category"]));
    if !known {
        notes.skip(&format!("unknown kind `{}`", matter.first(&["kind", "type"]).unwrap_or("")));
    }
    let mut note = note(layout, Trust::Assistant, &statement);
    note.kind = kind;
    note.everywhere = everywhere || input.place.project.is_none();
    note.stands =
        known && (input.place.vouched || !kind.is_directive() && !is_directive(&statement));
    note.tags = tags(matter.all("tags").chain(matter.all("topics")));
    let heading = matter.first(&["title", "name", "description"]).unwrap_or_default();
    note.context = Some(Text::new(format!("{} > {heading}", input.file)));
    let moment = matter.first(&["date", "created", "created_at", "timestamp", "updated"]);
    let moment = moment.and_then(moment_of);
    notes.add(At { moment, ..At::line(line) }, note);
}

/// Returns the kind that a word stands for, whether it is about the person, and whether the word
/// is known.
fn kind_of_word(word: Option<&str>) -> (Kind, bool, bool) {
    let Some(word) = word.map(str::to_lowercase) else { return (Kind::Fact, false, true) };
    if let Ok(kind) = word.parse() {
        return (kind, false, true);
    }
    match word.as_str() {
        "user" => (Kind::Preference, true, true),
        "feedback" | "mistake" => (Kind::Correction, false, true),
        "project" => (Kind::State, false, true),
        "reference" | "insight" | "knowledge" | "blindspot" => (Kind::Fact, false, true),
        "lesson" | "teaching" | "pattern" | "principle" | "workflow" => {
            (Kind::Procedure, false, true)
        }
        "bug" | "error" | "debugging" => (Kind::Fix, false, true),
        _ => (Kind::Fact, false, false),
    }
}

/// Returns the time that a date or a time in RFC 3339 stands for; a date is its first second.
pub(crate) fn moment_of(text: &str) -> Option<Moment> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let date = text.get(..10)?;
        let rest = text.get(10..)?;
        // `2026-01-02 10:20:30`, as databases write it, is in UTC.
        let time = rest.trim_start_matches(['T', ' ']).split(['.', '+', 'Z']).next()?;
        let time = if time.len() == 8 { time } else { "00:00:00" };
        format!("{date}T{time}Z").parse().ok()
    })
}

/// Returns whether a memory file is one of those that are kept by project.
fn is_of_a_project(path: &str) -> bool {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    parts.contains(&"projects") && parts.contains(&"memory")
}

fn context(input: &Input<'_>, statement: &Statement) -> Text {
    let headings = statement.headings.iter().map(String::as_str);
    let path: Vec<&str> = std::iter::once(input.file.as_str()).chain(headings).collect();
    Text::new(path.join(" > "))
}
