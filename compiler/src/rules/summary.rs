//! D3: what a compaction summary says about errors and their cures, requests and open tasks.
//!
//! A summary is a model's digest: it never instructs. Only a described cure of an untainted
//! session stands on its own.

use garner_kernel::{Kind, Trust};

use super::wording;
use super::{Proposal, Reach, Strength, events, is_directive};
use crate::session::{Event, Session};

/// Words that tell that something was cured.
const CURES: &[&str] = &[
    "fix",
    "fixed",
    "fixes",
    "resolved",
    "solved",
    "solution",
    "changed",
    "replaced",
    "added",
    "removed",
    "updated",
    "switched",
    "corrected",
    "reverted",
    "renamed",
    "moved",
    "cause",
    "caused",
    "because",
    "by",
];

/// Proposes the cured errors.
pub(crate) fn fixes(session: &Session) -> Vec<Proposal> {
    propose(session, "errors and fixes", |item, tainted| {
        let cured = wording::words(item).iter().any(|word| CURES.contains(&word.as_str()));
        let stands = cured && !tainted && !is_directive(item);
        (Kind::Fix, if stands { Strength::Active } else { Strength::Candidate })
    })
}

/// Proposes what the person wanted of the session.
pub(crate) fn requests(session: &Session) -> Vec<Proposal> {
    propose(session, "primary request", |_, _| (Kind::State, Strength::Candidate))
}

/// Proposes what was left open.
pub(crate) fn pending(session: &Session) -> Vec<Proposal> {
    propose(session, "pending tasks", |_, _| (Kind::Handoff, Strength::Candidate))
}

fn propose(
    session: &Session,
    heading: &str,
    judge: fn(&str, bool) -> (Kind, Strength),
) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, turn, event) in events(session) {
        let Event::Compacted { summary } = event else { continue };
        for item in items(summary.as_str(), heading) {
            let (kind, strength) = judge(&item, turn.tainted);
            proposals.push(Proposal {
                turn: index,
                evidence: None,
                kind,
                trust: Trust::Digest,
                strength,
                reach: Reach::Project,
                statement: item,
                context: Some(format!("From a summary of the session, section \"{heading}\".")),
                replaces: Vec::new(),
            });
        }
    }
    proposals
}

/// Returns the items of the section whose heading starts with `heading`, details joined to the
/// item that they belong to.
fn items(summary: &str, heading: &str) -> Vec<String> {
    let mut items: Vec<(usize, String)> = Vec::new();
    let (mut inside, mut fenced) = (false, false);
    for line in summary.lines() {
        let start = line.trim_start();
        if start.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced || start.is_empty() {
            continue;
        }
        let indent = line.len() - start.len();
        if let Some(title) = section(start).filter(|_| indent <= 3) {
            inside = title.to_lowercase().starts_with(heading);
            continue;
        }
        if inside {
            take(&mut items, indent, start);
        }
    }
    let says = |item: &String| {
        let words = wording::words(item);
        let nothing = words.first().is_some_and(|first| matches!(first.as_str(), "no" | "none"));
        words.len() >= 5 && !nothing && !item.ends_with(':')
    };
    items.into_iter().map(|(_, text)| text.replace("**", "")).filter(says).collect()
}

/// Adds a line to the items: a bullet no deeper than the first one starts an item.
fn take(items: &mut Vec<(usize, String)>, indent: usize, line: &str) {
    let bullet = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
    let text = bullet.unwrap_or(line).trim();
    let first = items.first().map(|(indent, _)| *indent);
    match items.last_mut() {
        Some((_, item)) if bullet.is_none() || first.is_some_and(|first| indent > first) => {
            item.push(' ');
            item.push_str(text);
        }
        _ => items.push((indent, text.to_owned())),
    }
}

/// Returns the title of a numbered heading such as `4. Errors and fixes:`.
fn section(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['#', '*', ' ']);
    let title = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let title = title.strip_prefix(". ").filter(|_| title.len() < line.len())?;
    let title = title.trim_matches(['*', ' ']);
    NINE.iter().any(|known| title.to_lowercase().starts_with(known)).then_some(title)
}

/// The nine headings that compaction summaries have.
const NINE: &[&str] = &[
    "primary request",
    "key technical concepts",
    "files and code",
    "errors and fixes",
    "problem solving",
    "all user messages",
    "pending tasks",
    "current work",
    "optional next step",
];
