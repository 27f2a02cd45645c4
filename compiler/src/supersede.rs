//! Which answers replace which, over all sessions of a draft.
//!
//! Recency cannot do this: a stale answer is as close to a question as its successor. The link is
//! made where the evidence is, and ranking only has to follow it.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{
    Draft, Entry, FragmentId, Kind, Moment, RecordId, Scope, SessionId, Source, Status, Trust,
    normalize,
};

use crate::merge::replace;
use crate::rules::memory_file::{SAME, likeness};
use crate::rules::{is_for_documents, words};
use crate::session::{Event, Session};

/// How the context of an answer opens; the question follows on the same line.
pub(crate) const ASKED: &str = "Asked: ";

/// Lets each answer replace the earlier answers to the same question in the same scope.
///
/// Only what is part of the next kernel replaces anything: a candidate waits for a person. What a
/// later session took back is not linked again, so that no two answers replace each other.
pub(crate) fn answers(draft: &mut Draft) {
    let mut asked: BTreeMap<(Scope, String), Vec<(Moment, FragmentId)>> = BTreeMap::new();
    for (id, entry) in &draft.entries {
        let fragment = &entry.fragment;
        let question = fragment.context.as_ref().and_then(|context| question(context.as_str()));
        if let Some(question) = question
            && fragment.kind == Kind::Decision
            && entry.status == Status::Active
        {
            let key = (fragment.scope.clone(), question);
            asked.entry(key).or_default().push((fragment.created, *id));
        }
    }
    for mut same in asked.into_values() {
        same.sort();
        for (older, newer) in same.iter().zip(same.iter().skip(1)) {
            replace(draft, newer.1, older.1);
        }
    }
}

/// Lets each entry of a document replace the one that it was before the document was edited.
///
/// What is gone without a successor stays: that a line was deleted does not say that it was wrong.
pub(crate) fn entries(draft: &mut Draft, session: &Session) {
    let noted = |event: &Event| matches!(event, Event::Noted { .. });
    if !session.turns.iter().flat_map(|turn| &turn.events).any(noted) {
        return;
    }
    let current: BTreeSet<&RecordId> = session.turns.iter().map(|turn| &turn.record).collect();
    let from_here = |source: &&Source| {
        source.session == session.id
            && source.file == session.file
            && is_for_documents(source.rule.as_str())
    };
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for (id, entry) in &draft.entries {
        let mut sources = entry.fragment.sources.iter().filter(from_here).peekable();
        if sources.peek().is_none() {
            continue;
        }
        if sources.any(|source| current.contains(&source.record)) {
            here.push((*id, entry));
        } else {
            gone.push((*id, entry));
        }
    }
    let mut links = Vec::new();
    for (older, old) in gone {
        let alike = |(_, new): &&(FragmentId, &Entry)| {
            let (old, new) = (&old.fragment, &new.fragment);
            (old.kind, &old.scope) == (new.kind, &new.scope)
        };
        let nearest = here
            .iter()
            .filter(alike)
            .filter(|(_, new)| new.status == Status::Active)
            .map(|(id, new)| {
                let new = new.fragment.statement.as_str();
                (likeness(old.fragment.statement.as_str(), new), *id)
            })
            .filter(|(likeness, _)| *likeness >= SAME)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        links.extend(nearest.map(|(_, newer)| (newer, older)));
    }
    for (newer, older) in links {
        replace(draft, newer, older);
    }
}

/// Lets a person's withdrawal replace what the same session had announced.
///
/// A withdrawal says so ("forget", "no longer", "actually"), comes later, and shares its subject
/// with what it withdraws: the last word of a session counts. It stands as strongly as what it
/// withdraws, since two statements of one session about one thing are evidence for each other.
pub(crate) fn withdrawals(draft: &mut Draft, fresh: &BTreeSet<FragmentId>) {
    let spoken: Vec<Spoken> = draft.entries.values().flat_map(Spoken::of).collect();
    let withdraws = |spoken: &&Spoken| spoken.withdraws && fresh.contains(&spoken.id);
    let mut found: Vec<(FragmentId, FragmentId)> = Vec::new();
    for later in spoken.iter().filter(withdraws) {
        let before = spoken.iter().filter(|earlier| earlier.is_before(later));
        let nearest = before.clone().map(|earlier| earlier.line).max();
        let earlier = before.filter(|earlier| {
            let pointed = later.points_back && Some(earlier.line) == nearest;
            earlier.is_about(later) || pointed && earlier.touches(later)
        });
        found.extend(earlier.map(|earlier| (later.id, earlier.id)));
    }
    for (later, earlier) in found {
        replace(draft, later, earlier);
        let stands =
            draft.entries.get(&earlier).is_some_and(|entry| entry.status == Status::Active);
        if let Some(entry) = draft.entries.get_mut(&later).filter(|_| stands)
            && entry.status == Status::Candidate
        {
            entry.status = Status::Active;
        }
    }
}

/// What was said where, for finding what takes it back.
struct Spoken {
    id: FragmentId,
    scope: Scope,
    session: SessionId,
    line: u32,
    subject: BTreeSet<String>,
    withdraws: bool,
    /// Whether it takes back what was said right before it ("scrap that").
    points_back: bool,
}

impl Spoken {
    /// Returns a fragment at each of its places; what is quarantined counts nowhere.
    fn of(entry: &Entry) -> Vec<Self> {
        let fragment = &entry.fragment;
        let normative = matches!(
            fragment.kind,
            Kind::Decision | Kind::Correction | Kind::Rule | Kind::Preference
        );
        if !normative || matches!(entry.status, Status::Quarantined { .. }) {
            return Vec::new();
        }
        let statement = fragment.statement.as_str();
        let joined = format!(" {} ", words(statement).join(" "));
        let has = |list: &[&str]| list.iter().any(|word| joined.contains(&format!(" {word} ")));
        let (says, points_back) = (has(WITHDRAWS) || has(POINTS_BACK), has(POINTS_BACK));
        let spoken = |source: &Source| Self {
            id: fragment.id,
            scope: fragment.scope.clone(),
            session: source.session.clone(),
            line: source.line,
            subject: subject(statement),
            points_back,
            withdraws: says && source.speaker == Trust::Human && fragment.trust == Trust::Human,
        };
        fragment.sources.iter().map(spoken).collect()
    }

    /// Returns whether `later` was said after it, in the same session and scope.
    fn is_before(&self, later: &Self) -> bool {
        self.id != later.id
            && self.session == later.session
            && self.scope == later.scope
            && self.line < later.line
    }

    /// Returns whether both are about the same thing.
    fn is_about(&self, other: &Self) -> bool {
        let shared = self.subject.intersection(&other.subject).count();
        shared >= 2 && shared * 2 >= self.subject.len().min(other.subject.len())
    }

    /// Returns whether they have any word of a subject in common.
    fn touches(&self, other: &Self) -> bool {
        !self.subject.is_disjoint(&other.subject)
    }
}

/// How what was said right before is taken back.
const POINTS_BACK: &[&str] = &[
    "scrap that",
    "forget that",
    "drop that",
    "undo that",
    "cancel that",
    "never mind that",
    "take that back",
    "not that",
    "scratch that",
    "forget it",
    "scrap it",
];

/// How a statement is taken back.
const WITHDRAWS: &[&str] = &[
    "no longer",
    "not any more",
    "not anymore",
    "instead",
    "instead of",
    "forget",
    "scrap",
    "drop",
    "never mind",
    "nevermind",
    "changed my mind",
    "on second thought",
    "on second thoughts",
    "actually",
    "let's not",
    "lets not",
    "don't",
    "do not",
    "rather than",
    "back to",
    "withdraw",
    "cancel",
    "cancelled",
    "revert",
    "undo",
    "stop using",
    "after all",
    "abandon",
    "abandoned",
    "was wrong",
    "i was wrong",
    "we won't",
    "won't",
];

/// Returns the words of a statement that say what it is about.
fn subject(statement: &str) -> BTreeSet<String> {
    let aside = [
        "with", "that", "this", "from", "have", "will", "should", "would", "there", "their",
        "then", "than", "them", "they", "when", "what", "which", "instead", "actually", "forget",
        "longer", "after", "don't", "let's", "rather", "mind", "never", "always", "enough",
        "anymore", "just",
    ];
    let content = words(statement).into_iter().filter(|word| word.chars().count() > 3);
    content
        .filter(|word| !aside.contains(&word.as_str()))
        .map(|word| word.trim_end_matches('s').to_owned())
        .collect()
}

/// Returns the question that the context of an answer opens with, normalised.
fn question(context: &str) -> Option<String> {
    context.lines().next()?.strip_prefix(ASKED).map(normalize)
}
