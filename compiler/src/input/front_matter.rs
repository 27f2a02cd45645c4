//! Front matter: the fields between two `---` at the start of a Markdown file.
//!
//! Reads the part of YAML that such files use: scalars, quoted or not, lists in one line or several,
//! and blocks of text. What is nested deeper is skipped and counted.

use std::collections::BTreeMap;

/// How many lines front matter may have.
const MAX_LINES: usize = 200;

/// The fields at the start of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    fields: BTreeMap<String, Vec<String>>,
    /// Lines that are not understood.
    pub(crate) skipped: usize,
}

impl FrontMatter {
    /// Returns the first value of the first of these fields that there is.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        let values = names.iter().find_map(|name| self.fields.get(*name))?;
        values.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns all values of a field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.get(name).into_iter().flatten().map(String::as_str)
    }

    fn add(&mut self, name: &str, values: Vec<String>) {
        self.fields.entry(name.to_owned()).or_default().extend(values);
    }
}

/// Returns the front matter of a text, the rest, and the number of lines before the rest.
pub(crate) fn split(text: &str) -> (Option<FrontMatter>, &str, usize) {
    let mut offset = 0;
    let mut lines: Vec<&str> = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        offset += line.len();
        match (number, bare) {
            (0, "---") => {}
            (0, _) => return (None, text, 0),
            (_, "---" | "...") => {
                let rest = text.get(offset..).unwrap_or_default();
                return (Some(parse(&lines)), rest, number + 1);
            }
            _ if number > MAX_LINES => return (None, text, 0),
            _ => lines.push(bare),
        }
    }
    (None, text, 0)
}

fn parse(lines: &[&str]) -> FrontMatter {
    let mut matter = FrontMatter::default();
    let mut open: Option<String> = None;
    let mut block: Option<String> = None;
    for line in lines {
        let indented = line.starts_with([' ', '\t']);
        let start = line.trim_start();
        if indented && let (Some(name), Some(text)) = (&open, &mut block) {
            let _ = name;
            text.push_str(start);
            text.push('\n');
            continue;
        }
        close(&mut matter, open.as_deref(), block.take());
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        if let (Some(item), Some(name)) = (start.strip_prefix("- "), &open) {
            matter.add(name, vec![scalar(item)]);
            continue;
        }
        open = None;
        match field(start).filter(|_| !indented) {
            None => matter.skipped += 1,
            Some((name, "")) => open = Some(name),
            Some((name, "|" | ">" | "|-" | ">-" | "|+" | ">+")) => {
                open = Some(name);
                block = Some(String::new());
            }
            Some((name, value)) => matter.add(&name, values(value)),
        }
    }
    close(&mut matter, open.as_deref(), block);
    matter
}

/// Ends a block of text.
fn close(matter: &mut FrontMatter, name: Option<&str>, block: Option<String>) {
    if let (Some(name), Some(text)) = (name, block) {
        matter.add(name, vec![text.trim_end().to_owned()]);
    }
}

/// Returns the name and the value of `name: value`; names in lower case.
fn field(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    let starts = value.is_empty() || value.starts_with([' ', '\t']);
    let name = name.trim().trim_matches(['"', '\'']);
    (starts && !name.is_empty() && name.chars().all(plain))
        .then(|| (name.to_lowercase().replace([' ', '-'], "_"), value.trim()))
}

/// Returns the values of a list in one line, or the one value.
fn values(value: &str) -> Vec<String> {
    match value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(list) => list.split(',').map(scalar).filter(|item| !item.is_empty()).collect(),
        None => vec![scalar(value)],
    }
}

/// Returns a scalar without quotes and without a comment behind it.
fn scalar(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.rfind(quote)
        {
            return rest.get(..end).unwrap_or_default().replace("\\\"", "\"").replace("''", "'");
        }
    }
    value.split_once(" #").map_or(value, |(value, _)| value).trim_end().to_owned()
}

/// Checks what holds for every text.
#[cfg(test)]
fn probe(text: &str) {
    let (matter, rest, lines) = split(text);
    assert!(text.ends_with(rest), "the rest is no end of the text");
    let before = text.strip_suffix(rest).unwrap_or_default();
    assert!(before.matches('\n').count() <= lines && (matter.is_some() || before.is_empty()));
    if let Some(matter) = matter {
        let fields: usize = matter.fields.values().map(Vec::len).sum();
        assert!(fields + matter.skipped <= before.len(), "more fields than bytes");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_and_the_rest_is_counted() {
        let text = "---\nname: \"Roofs: how\"\nkind: rule # of thumb\ntags: [Barn, 'wet tiles']\n\
            more:\n  - one\n  - two\nlong: |\n  first\n  second\nnested:\n  a: b\n# comment\n\
            odd line\nempty:\n---\nThe body.\n---\n";
        let (matter, rest, lines) = split(text);
        let matter = matter.unwrap();
        assert_eq!((rest, lines), ("The body.\n---\n", 16));
        assert_eq!(matter.first(&["title", "name"]), Some("Roofs: how"));
        assert_eq!(matter.first(&["kind"]), Some("rule"));
        assert_eq!(matter.all("tags").collect::<Vec<_>>(), ["Barn", "wet tiles"]);
        assert_eq!(matter.all("more").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(matter.first(&["long"]), Some("first\nsecond"));
        assert_eq!(matter.first(&["empty", "nested"]), None);
        assert_eq!(matter.skipped, 2);
    }

    #[test]
    fn what_has_no_front_matter_is_left_as_it_is() {
        for text in ["", "# Title\n", "---\nnever: closed\n", "text\n---\na: b\n---\n", "----\n"] {
            assert_eq!(split(text), (None, text, 0), "{text:?}");
        }
        let windows = "---\r\nkind: fact\r\n---\r\nBody.\r\n";
        let (matter, rest, lines) = split(windows);
        assert_eq!((matter.unwrap().first(&["kind"]), rest, lines), (Some("fact"), "Body.\r\n", 3));
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_loss(text in "(---\n)?([a-z\"'\\[\\]:|># -]{0,12}\n){0,12}(---\n)?.{0,20}") {
            probe(&text);
        }
    }
}
