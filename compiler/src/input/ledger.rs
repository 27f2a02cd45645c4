//! Ledgers: STATE, DECISIONS, CORRECTIONS, HANDOFF, BLINDSPOTS.
//!
//! A heading or a bullet is an entry, a leading date is its time, and the name of the file its kind.
//! Below a heading that says something after its date, everything belongs to that one entry; below
//! any other, each bullet stands for itself.

use garner_kernel::{Kind, Moment, Text, Trust};

use super::Input;
use super::front_matter;
use super::notes::{At, Notes, note, stands, tags};
use super::prose::moment_of;
use crate::rules::markdown::{bullet, heading, is_rule, plain};
use crate::session::{Layout, Session};

/// Reads a ledger.
pub(crate) fn read(input: &Input<'_>) -> Session {
    let mut notes = Notes::new(input);
    let (matter, body, before) = front_matter::split(input.prose);
    let default = matter.as_ref().and_then(|m| m.first(&["date", "updated"])).and_then(moment_of);
    let stem = input.file.as_str().split('.').next().unwrap_or_default();
    let kind = kind_of(stem);
    for entry in entries(body) {
        if entry.done {
            notes.skip("entry that is done");
            continue;
        }
        let text = plain(&entry.text);
        if text.split_whitespace().count() < 2 {
            notes.skip("entry without words");
            continue;
        }
        let mut note = note(Layout::Ledger, Trust::Assistant, &text);
        note.kind = kind;
        note.stands = stands(input, &text);
        note.tags = tags(std::iter::once(stem));
        let context = if entry.title.is_empty() {
            input.file.to_string()
        } else {
            format!("{} > {}", input.file, entry.title)
        };
        note.context = Some(Text::new(context));
        let line = entry.line.saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
        notes.add(At { moment: entry.at.or(default), ..At::line(line) }, note);
    }
    notes.finish()
}

fn kind_of(stem: &str) -> Kind {
    match stem {
        "STATE" => Kind::State,
        "DECISIONS" => Kind::Decision,
        "CORRECTIONS" => Kind::Correction,
        "HANDOFF" => Kind::Handoff,
        // What is not known is a fact about the one who does not know it.
        _ => Kind::Fact,
    }
}

/// One entry of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Entry {
    line: u32,
    at: Option<Moment>,
    text: String,
    /// The heading that it stands under.
    title: String,
    done: bool,
}

fn entries(text: &str) -> Vec<Entry> {
    let mut reader = Reader::default();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            reader.line(line, number);
        }
    }
    reader.flush();
    reader.entries
}

/// Where the reader of a ledger stands.
#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    open: Option<Entry>,
    /// Whether everything up to the next heading belongs to the open entry.
    whole: bool,
    title: String,
    date: Option<Moment>,
    /// A heading that has said nothing yet: it is an entry if nothing follows.
    bare: Option<Entry>,
}

impl Reader {
    fn line(&mut self, line: &str, number: u32) {
        let start = line.trim_start();
        let indent = line.len() - start.len();
        if start.is_empty() {
            if !self.whole {
                self.flush_open();
            }
        } else if let Some((level, title)) = heading(start) {
            self.heading(level, title, number);
        } else if is_rule(start) {
            self.flush_open();
        } else if let Some(item) = bullet(start) {
            self.bullet(indent, (start, item), number);
        } else if start.starts_with('|') {
            self.row(start, number);
        } else {
            self.text(start, number);
        }
    }

    fn heading(&mut self, level: usize, title: &str, number: u32) {
        self.flush();
        let (at, rest) = dated(title);
        self.whole = at.is_some() && !rest.is_empty();
        let entry = Entry { line: number, at, text: rest.to_owned(), ..Entry::default() };
        if self.whole {
            self.open = Some(Entry { title: self.title.clone(), ..entry });
            self.date = at;
            return;
        }
        // The first heading names the file.
        if level > 1 && at.is_none() && rest.split_whitespace().count() > 2 {
            self.bare = Some(entry);
        }
        self.title = if at.is_some() { self.title.clone() } else { rest.to_owned() };
        self.date = at.or(if level == 1 { None } else { self.date.filter(|_| at.is_some()) });
    }

    fn bullet(&mut self, indent: usize, (line, item): (&str, &str), number: u32) {
        self.bare = None;
        if let Some(open) = self.open.as_mut().filter(|_| self.whole || indent > 1) {
            open.text.push_str(if open.text.ends_with(['.', ':', ';']) { " " } else { "; " });
            open.text.push_str(item);
            return;
        }
        self.flush_open();
        let (at, text) = dated(item);
        let done = ["[x]", "[X]"].iter().any(|mark| line.contains(mark));
        let (at, title) = (at.or(self.date), self.title.clone());
        self.open = Some(Entry { line: number, at, text: text.to_owned(), title, done });
    }

    /// The first row names the columns; the one below separates.
    fn row(&mut self, row: &str, number: u32) {
        self.bare = None;
        self.flush_open();
        let cells: Vec<&str> =
            row.trim_matches('|').split('|').map(str::trim).filter(|c| !c.is_empty()).collect();
        let separator = row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
        if separator {
            // The row above it was the header.
            self.entries.pop_if(|entry| entry.line + 1 == number);
            return;
        }
        let (at, first) = dated(cells.first().copied().unwrap_or_default());
        let rest = cells.iter().skip(1).copied();
        let text: Vec<&str> =
            std::iter::once(first).filter(|c| !c.is_empty()).chain(rest).collect();
        let (at, title) = (at.or(self.date), self.title.clone());
        let text = text.join(" — ");
        self.entries.push(Entry { line: number, at, text, title, done: false });
    }

    fn text(&mut self, text: &str, number: u32) {
        let text = text.trim_start_matches("> ");
        if let Some(open) = &mut self.open {
            open.text.push_str(if self.whole && open.line + 1 >= number { " — " } else { " " });
            open.text.push_str(text);
            return;
        }
        // A line that ends in a colon leads what follows.
        if text.ends_with(':') {
            self.bare = None;
            return;
        }
        let bare = self.bare.take();
        let (at, rest) = dated(text);
        let text = match &bare {
            Some(heading) => format!("{} — {rest}", heading.text),
            None => rest.to_owned(),
        };
        let line = bare.map_or(number, |heading| heading.line);
        let (at, title) = (at.or(self.date), self.title.clone());
        self.open = Some(Entry { line, at, text, title, done: false });
    }

    fn flush_open(&mut self) {
        self.entries.extend(self.open.take());
    }

    fn flush(&mut self) {
        self.flush_open();
        self.entries.extend(self.bare.take());
        self.whole = false;
    }
}

/// Returns the date that a text starts with, in brackets or not, and what follows it.
fn dated(text: &str) -> (Option<Moment>, &str) {
    let text = text.trim().trim_start_matches("**");
    let inner = text.trim_start_matches(['[', '(', '`']);
    let end = inner
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | 'Z' | '.' | '+')))
        .unwrap_or(inner.len());
    let head = inner.get(..end).unwrap_or_default().trim_end_matches([':', '.', '-']);
    match head.get(..10).and(moment_of(head)) {
        Some(at) => {
            let rest = inner.get(head.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches(|c: char| {
                c.is_whitespace()
                    || matches!(c, ']' | ')' | '`' | ':' | '-' | '–' | '—' | '*' | '.')
            });
            (Some(at), rest.trim())
        }
        None => (None, text.trim()),
    }
}

/// Checks what holds for every text.
#[cfg(test)]
fn probe(text: &str) {
    let lines = text.lines().count();
    for entry in entries(text) {
        assert!((1..=lines).contains(&(entry.line as usize)), "an entry without a line");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the entries as `line date text`.
    fn found(text: &str) -> Vec<String> {
        let show = |entry: Entry| {
            let at = entry.at.map_or_else(|| "-".to_owned(), Moment::date);
            let done = if entry.done { " (done)" } else { "" };
            format!("{} {at} {}{done}", entry.line, entry.text)
        };
        entries(text).into_iter().map(show).collect()
    }

    #[test]
    fn headings_and_bullets_are_entries_and_dates_are_their_time() {
        let rows: [(&str, &[&str]); 9] = [
            (
                "# Decisions\n\n- 2026-01-02: Use slate.\n- Use oak.\n",
                &["3 2026-01-02 Use slate.", "4 - Use oak."],
            ),
            (
                "## 2026-01-02\n- Use slate.\n- [2026-01-03] Use oak.\n  for the door\n",
                &["2 2026-01-02 Use slate.", "3 2026-01-03 Use oak. for the door"],
            ),
            (
                "## 2026-01-02 — Use slate\nIt is cheap.\n\n- Why: no rust\n- Who: Dana\n",
                &["1 2026-01-02 Use slate — It is cheap. Why: no rust; Who: Dana"],
            ),
            (
                "## The roof is of slate\n\n## The door is of oak\nIt came late.\n",
                &["1 - The roof is of slate", "3 - The door is of oak — It came late."],
            ),
            (
                "# State\n\nThe roof is done.\n\nOpen:\n\n- the door\n- [x] the gate\n",
                &["3 - The roof is done.", "7 - the door", "8 - the gate (done)"],
            ),
            ("| date | what |\n|---|---|\n| 2026-01-02 | slate |\n", &["3 2026-01-02 slate"]),
            ("- one\n  - deeper\n- two\n```\n- code\n```\n", &["1 - one; deeper", "3 - two"]),
            ("- **2026-01-02T10:00:00Z** done late\n", &["1 2026-01-02 done late"]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_entries_with_lines(text in "([-#*|>2026: \\[\\]a-z]{0,24}\n){0,10}") {
            probe(&text);
        }
    }
}
