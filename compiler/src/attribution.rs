//! Which turns count, when they were, which project they belong to, and what a proposal cites.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use garner_kernel::{Moment, ProjectName, RuleName, SessionId, Source, Trust};

use crate::report::Report;
use crate::rules::{Label, Proposal};
use crate::session::{Session, Turn};
use crate::transcript::{KnownSession, key};

/// Returns the sessions in a fixed order, each record once, with taint carried over the files of
/// one session. `known` sessions were compiled before: their records do not count again.
pub(crate) fn prepared<'s>(
    sessions: &'s [Session],
    known: &[&KnownSession],
    report: &mut Report,
) -> Vec<Cow<'s, Session>> {
    let mut ordered: Vec<&Session> = sessions.iter().collect();
    ordered.sort_by_key(|session| (session.started(), session.file.clone()));
    let outside = outside(sessions, known);
    let mut seen: HashSet<u64> = known.iter().flat_map(|known| &known.records).copied().collect();
    let mut prepared = Vec::with_capacity(ordered.len());
    for session in ordered {
        report.add(&session.reading);
        let mut session = Cow::Borrowed(session);
        for index in 0..session.turns.len() {
            let Some(turn) = session.turns.get(index) else { continue };
            // Records without an id of their own are told apart by file.
            let numbered = turn.record.as_str() == turn.line.to_string();
            let repeated = !numbered && !seen.insert(key(turn.record.as_str()));
            let since = outside.get(&turn.session);
            let tainted = since.zip(turn.at).is_some_and(|(since, at)| at > *since);
            report.repeated += u32::from(repeated);
            if !repeated && (!tainted || turn.tainted) {
                continue;
            }
            // Most sessions stay as they are, and a large one is not there twice.
            if let Some(turn) = session.to_mut().turns.get_mut(index) {
                turn.tainted |= tainted;
                if repeated {
                    turn.events.clear();
                }
            }
        }
        prepared.push(session);
    }
    prepared
}

/// Returns since when text from outside is in each session, over all of its files.
fn outside(sessions: &[Session], known: &[&KnownSession]) -> BTreeMap<SessionId, Moment> {
    let here = sessions.iter().map(|session| (&session.id, session.external_since));
    let before = known.iter().map(|known| (&known.id, known.external_since));
    let mut outside: BTreeMap<SessionId, Moment> = BTreeMap::new();
    for (id, since) in here.chain(before) {
        let Some(since) = since else { continue };
        let first = outside.entry(id.clone()).or_insert(since);
        *first = (*first).min(since);
    }
    outside
}

/// Returns the turn and when it was recorded; an undated record was written after the one before,
/// and a file without any time when it was last changed.
pub(crate) fn dated(session: &Session, index: usize) -> Option<(&Turn, Moment)> {
    let turn = session.turns.get(index)?;
    let before = session.turns.get(..=index)?;
    let at = before.iter().rev().find_map(|turn| turn.at).or(session.place.modified)?;
    Some((turn, at))
}

/// Returns the project that a folder belongs to: its last part, or the one above a work tree.
///
/// `None` for a home folder, which is no project, and for a path without a usable name.
pub fn project(cwd: &str) -> Option<ProjectName> {
    let parts: Vec<&str> = cwd.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    // A home folder is no project, and its name is the person's.
    if matches!(parts.as_slice(), ["home" | "Users", _] | [_, "Users", _] | ["root"]) {
        return None;
    }
    let tree =
        parts.iter().position(|part| matches!(*part, ".worktrees" | "worktrees" | ".claude"));
    let end = tree.filter(|at| *at > 0).unwrap_or(parts.len());
    let name = parts.get(..end)?.last()?;
    let clean: String = name
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() || c == ':' { '-' } else { c })
        .take(64)
        .collect();
    let fits = clean.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 64);
    clean.get(..fits.last()?)?.parse().ok()
}

/// Returns the sources of a proposal: the record that says it and the one that asked for it.
pub(crate) fn sources(label: Label, session: &Session, proposal: &Proposal) -> Vec<Source> {
    let Ok(name) = label.name.parse::<RuleName>() else { return Vec::new() };
    let source = |index: usize, speaker: Trust| {
        session.turns.get(index).map(|turn| Source {
            session: turn.session.clone(),
            file: session.file.clone(),
            record: turn.record.clone(),
            line: turn.line,
            digest: turn.digest,
            speaker,
            rule: name.clone(),
        })
    };
    let mut sources: Vec<Source> = source(proposal.turn, proposal.trust).into_iter().collect();
    sources.extend(proposal.evidence.and_then(|index| source(index, Trust::Human)));
    sources.sort();
    sources.dedup();
    sources
}
