//! One entry as a person reads it: what was said, by whom, where, and what it would replace.

use std::collections::BTreeMap;

use garner_kernel::{Entry, Fragment, FragmentId, Status};

use crate::output::{self, styled};
use crate::table;

/// How many lines of a statement a list shows.
const SHORT: usize = 4;
/// How many lines of a statement a person sees who decides.
const LONG: usize = 24;

/// Returns an entry as a list shows it.
pub(super) fn short(entry: &Entry, known: &BTreeMap<FragmentId, Fragment>) -> String {
    let fragment = &entry.fragment;
    let mut text = head(entry, "", &table::fragment_lines(fragment, SHORT));
    if let Some(context) = &fragment.context {
        text.push_str(&dim(&table::one_line(context.as_str(), table::WIDTH - 4)));
    }
    for source in &fragment.sources {
        text.push_str(&dim(&format!(
            "{} said it in {} line {} (rule {})",
            source.speaker, source.file, source.line, source.rule
        )));
    }
    text + &replaced(fragment, known)
}

/// Returns an entry as a person sees it who decides, in lines of `width` characters.
pub(super) fn long(
    entry: &Entry,
    place: &str,
    known: &BTreeMap<FragmentId, Fragment>,
    width: usize,
) -> String {
    let fragment = &entry.fragment;
    let (id, date) = (fragment.id.short(), fragment.created.date());
    let facts =
        format!("{id}  {}  {}  {date}  {}\n", fragment.kind, fragment.trust, fragment.scope);
    let beside = |head: &str, text: &str, lines| table::beside_within(head, text, lines, width);
    let statement = beside("  ", fragment.statement.as_str(), LONG);
    let mut text = head(entry, place, &format!("{facts}\n{}\n", styled(&statement, output::BOLD)));
    if let Some(context) = &fragment.context {
        text.push_str(&beside("    before it: ", context.as_str(), SHORT));
    }
    for source in &fragment.sources {
        let said = format!(
            "{} line {} of session {} (rule {}: {} of 100 like it are worth keeping)",
            source.file,
            source.line,
            source.session,
            source.rule,
            fragment.confidence.as_percent()
        );
        text.push_str(&beside(&format!("    {} said it: ", source.speaker), &said, SHORT));
    }
    text + &replaced(fragment, known)
}

fn head(entry: &Entry, place: &str, lines: &str) -> String {
    let status = styled(entry.status.as_str(), output::YELLOW);
    let mut text = format!("{status}{place}\n{lines}");
    if let Status::Quarantined { reason } = &entry.status {
        text.push_str(&format!("    why: {reason}\n"));
    }
    text
}

/// Returns what an entry would replace.
fn replaced(fragment: &Fragment, known: &BTreeMap<FragmentId, Fragment>) -> String {
    let line = |id: &FragmentId| match known.get(id) {
        Some(older) => table::beside(
            &format!("    would replace {}: ", id.short()),
            older.statement.as_str(),
            SHORT,
        ),
        None => format!("    would replace {}, which is not here\n", id.short()),
    };
    fragment.supersedes.iter().map(line).collect()
}

fn dim(line: &str) -> String {
    styled(&format!("    {line}\n"), output::DIM)
}
