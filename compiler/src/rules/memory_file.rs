//! D1: what this session wrote into a memory file (CLAUDE.md, AGENTS.md, a rules file).
//!
//! Only what was added counts. A changed bullet replaces the bullet that it was.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{Kind, Trust, normalize};

use super::evidence;
use super::markdown::{self, Statement};
use super::wording;
use super::{Proposal, Reach, Strength, events};
use crate::session::{Event, MemoryEdit, Session};

/// Two statements that share this part of their words are versions of one.
pub(crate) const SAME: f64 = 0.5;

/// A new file with more statements than this is an overview of the code, written by the assistant
/// in one go: what it describes stands in the code, and only what it demands is worth knowing.
pub(crate) const OVERVIEW: usize = 8;

/// Proposes what edits of memory files added.
pub(crate) fn edits(session: &Session) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut written: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (index, turn, event) in events(session) {
        let Event::Edited { edit } = event else { continue };
        let (added, withdrawn) = compare(edit);
        for text in withdrawn {
            // What this session wrote and took back again does not stand on its own.
            let earlier = written.get(&(edit.path.as_str(), normalize(&text)));
            if let Some(proposal) = earlier.and_then(|at| proposals.get_mut(*at)) {
                proposal.strength = Strength::Candidate;
            }
        }
        let evidence = evidence::asked_for_memory(session, index);
        // What came from outside may have dictated the edit, unless the person asked for it.
        let vouched = !turn.tainted || evidence.is_some();
        let overview = edit.before.as_str().trim().is_empty() && added.len() > OVERVIEW;
        for (statement, replaced) in added {
            written.insert((&edit.path, normalize(&statement.text)), proposals.len());
            let kind = kind_of(&statement.text);
            let strong = vouched && !statement.weak && !(overview && kind == Kind::Fact);
            proposals.push(Proposal {
                turn: index,
                evidence,
                kind,
                trust: Trust::Assistant,
                strength: if strong { Strength::Active } else { Strength::Candidate },
                reach: reach(&edit.path),
                context: context(edit, &statement),
                statement: statement.text,
                replaces: replaced.map(|old| (kind_of(&old), old)).into_iter().collect(),
            });
        }
    }
    proposals
}

/// Proposes what the person wrote into the memory file with `#`.
pub(crate) fn inputs(session: &Session) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, _, event) in events(session) {
        let Event::Memorized { text } = event else { continue };
        proposals.push(Proposal {
            turn: index,
            evidence: None,
            kind: kind_of(text.as_str()),
            trust: Trust::Human,
            strength: Strength::Active,
            reach: Reach::Project,
            statement: text.as_str().to_owned(),
            context: None,
            replaces: Vec::new(),
        });
    }
    proposals
}

/// Returns the kind of a statement of a memory file: an instruction is a rule.
pub(crate) fn kind_of(statement: &str) -> Kind {
    if wording::is_directive(statement) { Kind::Rule } else { Kind::Fact }
}

/// Returns where a memory file applies: the one in the person's own `.claude` folder everywhere.
fn reach(path: &str) -> Reach {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        // Below `projects` lie the notes about one project each.
        ["~" | "root", ".claude", rest @ ..]
        | ["Users" | "home", _, ".claude", rest @ ..]
        | [_, "Users", _, ".claude", rest @ ..]
            if rest.first() != Some(&"projects") =>
        {
            Reach::User
        }
        _ => Reach::Project,
    }
}

/// Returns whether a memory file is the person's own, which applies in every project.
pub(crate) fn applies_everywhere(path: &str) -> bool {
    reach(path) == Reach::User
}

fn context(edit: &MemoryEdit, statement: &Statement) -> Option<String> {
    let name = edit.path.rsplit(['/', '\\']).next()?;
    let path: Vec<&str> =
        std::iter::once(name).chain(statement.headings.iter().map(String::as_str)).collect();
    Some(path.join(" > "))
}

/// Returns the statements that are new after the edit, each with the one that it replaces, and
/// those that are gone without a replacement.
fn compare(edit: &MemoryEdit) -> (Vec<(Statement, Option<String>)>, Vec<String>) {
    let before = markdown::statements(edit.before.as_str());
    let after = markdown::statements(edit.after.as_str());
    let texts = |list: &[Statement]| -> BTreeSet<String> {
        list.iter().map(|statement| normalize(&statement.text)).collect()
    };
    let (known, kept) = (texts(&before), texts(&after));
    let mut gone: Vec<&Statement> =
        before.iter().filter(|old| !kept.contains(&normalize(&old.text))).collect();
    let mut added: Vec<(Statement, Option<String>)> = Vec::new();
    for statement in &after {
        let is_known = known.contains(&normalize(&statement.text));
        if is_known || added.iter().any(|(other, _)| other.says_the_same(statement)) {
            continue;
        }
        let nearest = gone
            .iter()
            .enumerate()
            .map(|(at, old)| (at, likeness(&old.text, &statement.text)))
            .filter(|(_, likeness)| *likeness >= SAME)
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let replaced = nearest.map(|(at, _)| gone.remove(at).text.clone());
        added.push((statement.clone(), replaced));
    }
    (added, gone.into_iter().map(|statement| statement.text.clone()).collect())
}

/// Returns the part of the words of two texts that both have.
pub(crate) fn likeness(one: &str, other: &str) -> f64 {
    let set = |text: &str| wording::words(text).into_iter().collect::<BTreeSet<_>>();
    let (one, other) = (set(one), set(other));
    let shared = u32::try_from(one.intersection(&other).count()).unwrap_or(u32::MAX);
    let all = u32::try_from(one.union(&other).count()).unwrap_or(u32::MAX);
    if all == 0 { 0.0 } else { f64::from(shared) / f64::from(all) }
}
