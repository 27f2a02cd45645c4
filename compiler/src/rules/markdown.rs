//! Markdown to statements: bullets, table rows and paragraphs that can stand on their own.
//!
//! Code, headings alone, separators and link lists say nothing. A short bullet takes its heading
//! along; a bullet below a line that ends in a colon takes that line along.

use crate::input::front_matter;

/// A statement and the headings above it.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// The line on which it starts, from 1.
    pub(crate) line: u32,
    pub(crate) headings: Vec<String>,
    /// Whether it lists what is there (a path, a name, a feature) or tells how far the work is,
    /// rather than says how things are.
    pub(crate) weak: bool,
}

impl Statement {
    /// Returns whether another one says the same under the same headings.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.text == other.text && self.headings == other.headings
    }
}

/// A bullet with fewer words needs its heading to be understood.
const SHORT: usize = 8;
/// A paragraph is split at sentences so that no statement is longer, in bytes.
const LONG: usize = 500;

/// Returns the statements of a Markdown text in order.
pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let mut outline = Outline::default();
    for_prose(text, |line, number| match line {
        Some(line) => outline.line(line, number),
        None => {
            outline.flush();
            outline.leads.clear();
        }
    });
    outline.flush();
    outline.statements
}

/// Returns the sections of a text: what stands below each heading, as one statement, which starts
/// with the heading.
pub(crate) fn sections(text: &str) -> Vec<Statement> {
    let mut sections: Vec<Statement> = Vec::new();
    let mut headings: Vec<(usize, String)> = Vec::new();
    for_prose(text, |line, number| {
        let Some(line) = line.map(str::trim).filter(|line| !line.is_empty()) else { return };
        if let Some((level, title)) = heading(line) {
            headings.retain(|(other, _)| *other < level);
            headings.push((level, title.to_owned()));
            let headings = headings.iter().map(|(_, title)| title.clone()).collect();
            let text = String::new();
            sections.push(Statement { text, line: number, headings, weak: true });
            return;
        }
        if is_rule(line) || line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')) {
            return;
        }
        if sections.is_empty() {
            let (text, headings) = (String::new(), Vec::new());
            sections.push(Statement { text, line: number, headings, weak: true });
        }
        if let Some(section) = sections.last_mut() {
            if section.text.is_empty() {
                section.line = number;
            } else {
                section.text.push(' ');
            }
            section.text.push_str(bullet(line).unwrap_or(line));
        }
    });
    sections.retain_mut(|section| {
        let body = plain(&section.text);
        section.text = match section.headings.last() {
            Some(title) => format!("{title}: {body}"),
            None => body.clone(),
        };
        says_something(&body)
    });
    sections
}

/// Hands every line that is prose, with its number from 1, to `take`, and `None` where code opens.
fn for_prose(text: &str, mut take: impl FnMut(Option<&str>, u32)) {
    let text = without_comments(text);
    let (_, body, before) = front_matter::split(&text);
    let mut fence: Option<&str> = None;
    for (index, line) in body.lines().enumerate() {
        let number = u32::try_from(before + index + 1).unwrap_or(u32::MAX);
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, Some(mark)) => {
                take(None, number);
                fence = Some(mark);
            }
            (None, None) => take(Some(line), number),
        }
    }
}

/// Where the reader of an outline stands.
#[derive(Default)]
struct Outline {
    headings: Vec<(usize, String)>,
    /// Lines that end in a colon, with the least indent of what they lead.
    leads: Vec<(usize, String)>,
    block: Option<Block>,
    table: Table,
    statements: Vec<Statement>,
}

/// The lines of one paragraph or bullet.
struct Block {
    line: u32,
    indent: usize,
    bullet: bool,
    text: String,
}

/// Whether the last line was a row of a table, and which.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Table {
    #[default]
    Outside,
    Body,
}

impl Outline {
    fn line(&mut self, line: &str, number: u32) {
        let start = line.trim_start();
        let indent = line.len() - start.len();
        if start.is_empty() {
            self.flush();
            self.table = Table::Outside;
        } else if let Some((level, title)) = heading(start) {
            self.flush();
            self.leads.clear();
            self.headings.retain(|(other, _)| *other < level);
            self.headings.push((level, title.to_owned()));
        } else if start.starts_with('|') {
            self.row(start, number);
        } else if let Some(item) = bullet(start) {
            self.flush();
            self.block = Some(Block { line: number, indent, bullet: true, text: item.to_owned() });
        } else if is_rule(start) {
            self.flush();
        } else if let Some(block) = &mut self.block {
            block.text.push(' ');
            block.text.push_str(start);
        } else {
            let text = start.trim_start_matches("> ").to_owned();
            self.block = Some(Block { line: number, indent, bullet: false, text });
        }
    }

    /// A row says something only below the separator; the header names columns.
    fn row(&mut self, row: &str, number: u32) {
        self.flush();
        if row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')) {
            self.table = Table::Body;
        } else if self.table == Table::Body {
            let cells = row.trim_matches('|').split('|').map(str::trim).filter(|c| !c.is_empty());
            let text = cells.collect::<Vec<_>>().join(" — ");
            self.block = Some(Block { line: number, indent: 0, bullet: true, text });
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Some(block) = self.block.take() else { return };
        let text = plain(&block.text);
        if block.bullet {
            self.leads.retain(|(from, _)| *from <= block.indent);
        } else {
            self.leads.clear();
        }
        if let Some(lead) = text.strip_suffix(':') {
            // A paragraph leads every bullet below it, a bullet the deeper ones.
            let from = if block.bullet { block.indent + 1 } else { 0 };
            self.leads.push((from, lead.to_owned()));
            return;
        }
        if block.bullet {
            let listing = is_listing(&block.text);
            let text = self.complete(&text);
            self.push(text, block.line, listing);
        } else {
            for part in parts(&text) {
                self.push(part, block.line, false);
            }
        }
    }

    /// Returns a bullet with the lead or heading that it needs.
    fn complete(&self, text: &str) -> String {
        if let Some((_, lead)) = self.leads.last() {
            return format!("{lead}: {text}");
        }
        match self.headings.last() {
            Some((_, heading)) if text.split_whitespace().count() < SHORT => {
                format!("{heading}: {text}")
            }
            _ => text.to_owned(),
        }
    }

    fn push(&mut self, text: String, line: u32, listing: bool) {
        if says_something(&text) {
            let headings = self.headings.iter().map(|(_, title)| title.clone()).collect();
            let weak = listing || self.headings.iter().any(|(_, title)| is_passing(title));
            self.statements.push(Statement { text, line, headings, weak });
        }
    }
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        let (inside, after) = comment.split_once("-->").unwrap_or((comment, ""));
        // The lines behind it keep their numbers.
        kept.extend(inside.matches('\n'));
        rest = after;
    }
    kept + rest
}

pub(crate) fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?.trim().trim_end_matches(['#', ':', ' ']);
    (1..=6).contains(&level).then_some((level, title))
}

pub(crate) fn bullet(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix(['-', '*', '+']) {
        Some(rest) => rest,
        None => line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(['.', ')'])?,
    };
    let numbered = line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '*' | '+'));
    let item = rest.strip_prefix(' ')?.trim();
    let item = ["[ ] ", "[x] ", "[X] "].iter().find_map(|b| item.strip_prefix(b)).unwrap_or(item);
    (numbered && !item.is_empty() && !is_rule(line)).then_some(item)
}

pub(crate) fn is_rule(line: &str) -> bool {
    let signs = line.chars().filter(|c| !c.is_whitespace());
    line.len() >= 3
        && signs.clone().all(|c| matches!(c, '-' | '*' | '_' | '='))
        && signs.count() >= 3
}

/// Returns the text without emphasis, with its spaces collapsed.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace("**", "").replace("__", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Splits a long paragraph at its sentences into parts of at most [`LONG`] bytes where it can.
fn parts(text: &str) -> Vec<String> {
    if text.len() <= LONG {
        return vec![text.to_owned()];
    }
    let mut parts: Vec<String> = Vec::new();
    for sentence in super::wording::sentences(text) {
        match parts.last_mut() {
            Some(part) if part.len() + sentence.len() < LONG => {
                part.push(' ');
                part.push_str(sentence);
            }
            _ => parts.push(sentence.to_owned()),
        }
    }
    parts
}

/// Returns whether a statement has words of its own beside links, names and boilerplate.
fn says_something(text: &str) -> bool {
    let own: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !word.contains("](") && !word.contains("://") && !word.starts_with('@'))
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1)
        .collect();
    own.len() >= 3 && !text.starts_with("This file provides guidance to")
}

/// Headings whose contents are out of date soon, or restate the tree of files.
const PASSING: &[&str] = &[
    "status",
    "progress",
    "todo",
    "to do",
    "changelog",
    "recent changes",
    "completed",
    "done",
    "next steps",
    "roadmap",
    "history",
    "session",
    "sessions",
    "current work",
    "last updated",
    "project structure",
    "directory structure",
    "file structure",
    "folder structure",
    "key files",
    "files",
    "file tree",
    "features",
    "key features",
    "table of contents",
    "server info",
];

/// Returns whether what stands below a heading does not last.
fn is_passing(heading: &str) -> bool {
    let words = super::wording::words(heading).join(" ");
    PASSING.iter().any(|passing| {
        words == *passing
            || words.strip_prefix("current ").is_some_and(|rest| rest == *passing)
            || words.strip_suffix(passing).is_some_and(|rest| rest.ends_with("project "))
    })
}

/// Returns whether a bullet names a thing and describes it in a few words, as listings do.
fn is_listing(text: &str) -> bool {
    let lower = text.to_lowercase();
    if text.starts_with(['✅', '❌', '☑', '✓', '✔']) || lower.starts_with("last updated") {
        return true;
    }
    let text = text.replace("**", "");
    let (name, description) = match text.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((name, rest)) => (name, rest),
        None => match text.split_once(':') {
            Some((name, rest)) if is_identifier(name) => (name, rest),
            _ => return false,
        },
    };
    let words = description.trim_start_matches([' ', ':', '-', '–', '—']);
    !name.is_empty() && words.len() < description.len() && words.split_whitespace().count() <= 8
}

/// Returns whether a word is a name from code, such as `readLine`, `ReadLine` or `read_line`.
fn is_identifier(word: &str) -> bool {
    let mut humps = word.chars().skip(1).filter(char::is_ascii_uppercase);
    word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '(' | ')'))
        && (word.contains(['_', '/', '(']) || humps.next().is_some())
        && word.chars().any(|c| c.is_ascii_lowercase())
}
