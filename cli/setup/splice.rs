//! Our hooks in the text of a settings file: put in, found, and taken out, byte by byte.
//!
//! Everything else in the file stays as it is: comments, spacing, order, line ends.

use std::ops::Range;

use serde_json::{Value, json};

use super::jsonc::{self, Item, Node};

/// How the commands of our hooks end: a comment to the shell, and how they are found again.
pub(super) const MARK: &str = " # garner";

/// What is white space in JSON; the rest of what Unicode calls so is not.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A hook: the event, and the command that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hook {
    pub(super) event: &'static str,
    pub(super) command: String,
}

/// Why hooks cannot be put into a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is no JSON from this line on.
    Syntax(usize),
    /// This part should be an object or a list, and is not.
    Shape(&'static str, &'static str),
}

/// Returns the group of a settings file that holds one hook.
pub(super) fn group(hook: &Hook) -> Value {
    json!({ "hooks": [{ "type": "command", "command": hook.command, "timeout": 5 }] })
}

/// Returns `text` with exactly these hooks of ours; the same text where they are there already.
///
/// # Errors
/// [`Misfit`] where there is no place for them.
pub(super) fn put(text: &str, hooks: &[Hook]) -> Result<String, Misfit> {
    if text.strip_prefix('\u{FEFF}').unwrap_or(text).trim_start_matches(SPACE).is_empty() {
        let mut events = serde_json::Map::new();
        for hook in hooks {
            events.insert(hook.event.to_owned(), json!([group(hook)]));
        }
        return Ok(format!("{text}{:#}\n", json!({ "hooks": events })));
    }
    let root = jsonc::parse(text).map_err(Misfit::Syntax)?;
    let mut found = ours(&root);
    found.sort();
    let mut wanted: Vec<_> = hooks.iter().map(|hook| (hook.event, hook.command.as_str())).collect();
    wanted.sort_unstable();
    let found: Vec<_> = found.iter().map(|(event, command)| (&**event, &**command)).collect();
    if found == wanted {
        return Ok(text.to_owned());
    }
    hooks.iter().try_fold(take_out(text), |text, hook| put_one(&text, hook))
}

/// Returns `text` without any hook of ours, and without the empty parts that they leave.
pub(super) fn take_out(text: &str) -> String {
    let mut text = text.to_owned();
    // Each round takes one part out; a hook of ours is never left alone, so this ends.
    while let Some(shorter) = jsonc::parse(&text).ok().and_then(|root| without_one(&text, &root)) {
        text = shorter;
    }
    text
}

/// Returns whether nothing but an empty object is left.
pub(super) fn is_empty(text: &str) -> bool {
    jsonc::parse(text).is_ok_and(|root| root.members().is_some_and(<[Item]>::is_empty))
}

/// Returns event and command of each hook of ours.
fn ours(root: &Node) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let events = root.member("hooks").and_then(|hooks| hooks.value.members()).unwrap_or_default();
    for event in events {
        for group in event.value.elements().unwrap_or_default() {
            let commands = commands(group).iter().filter_map(our_command);
            found.extend(commands.map(|command| (event.name.clone(), command.to_owned())));
        }
    }
    found
}

/// Returns the hooks of a group.
fn commands(group: &Item) -> &[Item] {
    let hooks = group.value.member("hooks").and_then(|hooks| hooks.value.elements());
    hooks.unwrap_or_default()
}

fn our_command(hook: &Item) -> Option<&str> {
    let command = hook.value.member("command")?.value.text()?;
    command.ends_with(MARK).then_some(command)
}

fn without_one(text: &str, root: &Node) -> Option<String> {
    let hooks = root.member("hooks")?;
    let events = hooks.value.members()?;
    for event in events {
        let groups = event.value.elements().unwrap_or_default();
        for group in groups {
            let all = commands(group);
            let Some(our) = all.iter().position(|hook| our_command(hook).is_some()) else {
                continue;
            };
            let (items, gone) = if all.len() > 1 {
                (all, all.get(our)?)
            } else if groups.len() > 1 {
                (groups, group)
            } else if events.len() > 1 {
                (events, event)
            } else {
                (root.members()?, hooks)
            };
            return Some(cut(text, items, gone));
        }
    }
    None
}

/// Takes an item out of its list, with the line that it stands in and one comma.
fn cut(text: &str, items: &[Item], gone: &Item) -> String {
    let at = items.iter().position(|item| item.span == gone.span).unwrap_or_default();
    let head = text.get(..gone.span.start).unwrap_or_default();
    let tail = text.get(gone.comma.map_or(gone.span.end, |comma| comma + 1)..).unwrap_or_default();
    // The line feed before it may end a comment, and goes only where another one follows.
    let ends_line = tail.trim_start_matches([' ', '\t']).starts_with(['\r', '\n']);
    let head = if ends_line { head.trim_end_matches(SPACE) } else { head };
    let before = at.checked_sub(1).and_then(|before| items.get(before)?.comma);
    let mut text = text.to_owned();
    // What stands later is taken out first, so that the other place stays where it is.
    if let Some(comma) = gone.comma {
        text.replace_range(comma..=comma, "");
    }
    text.replace_range(head.len()..gone.span.end, "");
    if let Some(comma) = before.filter(|_| gone.comma.is_none()) {
        text.replace_range(comma..=comma, "");
    }
    text
}

fn put_one(text: &str, hook: &Hook) -> Result<String, Misfit> {
    let root = jsonc::parse(text).map_err(Misfit::Syntax)?;
    let members = root.members().ok_or(Misfit::Shape("the file", "an object"))?;
    let look = Look::of(text, &root, members);
    let group = group(hook);
    let Some(hooks) = root.member("hooks") else {
        let value = json!({ hook.event: [group] });
        return Ok(append(text, &root, members, &look.member("hooks", &value, 1)));
    };
    let events = hooks.value.members().ok_or(Misfit::Shape("`hooks`", "an object"))?;
    let Some(event) = hooks.value.member(hook.event) else {
        let added = look.member(hook.event, &json!([group]), 2);
        return Ok(append(text, &hooks.value, events, &added));
    };
    let groups = event.value.elements().ok_or(Misfit::Shape(hook.event, "a list"))?;
    Ok(append(text, &event.value, groups, &look.element(&group, 3)))
}

/// What is put at the end of a list.
struct Added {
    /// What stands before it, and before the bracket that closes an empty list.
    before: String,
    text: String,
    after: String,
}

/// Puts something at the end of an object or a list.
fn append(text: &str, whole: &Node, items: &[Item], added: &Added) -> String {
    let close = whole.span.end.saturating_sub(1);
    let inside = text.get(..close).unwrap_or_default().trim_end_matches(SPACE).len();
    let end: Range<usize> = match items.last() {
        // In one line, what stood behind a comment would be a part of it.
        Some(last) if added.before.is_empty() => {
            let at = last.comma.map_or(last.span.end, |comma| comma + 1);
            at..at
        }
        None if added.before.is_empty() => whole.span.start + 1..whole.span.start + 1,
        Some(_) => inside..inside,
        // Between the brackets of an empty list there may be comments, which stay.
        None => inside..close,
    };
    // A list that ends with a comma goes on doing so.
    let after = match items.last() {
        None => &*added.after,
        Some(last) if last.comma.is_some() => ",",
        Some(_) => "",
    };
    let mut new = text.to_owned();
    new.replace_range(end, &format!("{}{}{after}", added.before, added.text));
    if let Some(last) = items.last().filter(|last| last.comma.is_none()) {
        new.insert(last.span.end, ',');
    }
    new
}

/// How a file is written: its indent and line ends, or everything in one line.
struct Look {
    indent: Option<String>,
    line_end: &'static str,
}

impl Look {
    fn of(text: &str, root: &Node, members: &[Item]) -> Self {
        let line_end = match text.find('\n') {
            Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
            _ => "\n",
        };
        let indent = match members.first() {
            None => Some("  ".to_owned()),
            Some(first) => {
                let between = text.get(root.span.start..first.span.start).unwrap_or_default();
                let line = between.rsplit_once('\n').map(|(_, line)| line);
                line.map(|line| line.chars().take_while(|c| c.is_whitespace()).collect())
            }
        };
        Self { indent, line_end }
    }

    fn member(&self, name: &str, value: &Value, depth: usize) -> Added {
        let name = Value::from(name);
        let colon = if self.indent.is_some() { ": " } else { ":" };
        let mut added = self.element(value, depth);
        added.text = format!("{name}{colon}{}", added.text);
        added
    }

    fn element(&self, value: &Value, depth: usize) -> Added {
        let Some(indent) = &self.indent else {
            return Added { before: String::new(), text: value.to_string(), after: String::new() };
        };
        let start = |depth: usize| format!("{}{}", self.line_end, indent.repeat(depth));
        let pretty = format!("{value:#}");
        let mut lines = pretty.lines();
        let mut text = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let content = line.trim_start();
            let deeper = (line.len() - content.len()) / 2;
            text.push_str(&start(depth + deeper));
            text.push_str(content);
        }
        Added { before: start(depth), text, after: start(depth.saturating_sub(1)) }
    }
}

#[cfg(test)]
#[path = "splice/tests.rs"]
mod tests;
