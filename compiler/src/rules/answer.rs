//! D2: what the person answered to the assistant's questions.
//!
//! An answer alone ("Yes") says nothing, so the statement is question and answer together; the
//! options that were not taken are its context.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{Kind, Text, Trust, normalize};

use super::process;
use super::wording::{self, is_question};
use super::{Proposal, Reach, Strength, events};
use crate::session::{Answer, Event, Question, Session};
use crate::supersede::ASKED;

/// A free answer with this many words can stand without its question.
const OWN_WORDS: usize = 6;

/// Proposes the answers that decide something beyond the next step.
pub(crate) fn answers(session: &Session) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut latest: BTreeMap<String, usize> = BTreeMap::new();
    for (index, turn, event) in events(session) {
        let Event::Answered { answers } = event else { continue };
        // A subagent has nobody to ask.
        if turn.sidechain {
            continue;
        }
        for answer in answers {
            let Some(mut proposal) = proposal(index, answer) else { continue };
            let asked = normalize(answer.question.text.as_str());
            if let Some(earlier) =
                latest.insert(asked, proposals.len()).and_then(|at| proposals.get(at))
                && normalize(&earlier.statement) != normalize(&proposal.statement)
            {
                proposal.replaces.push((earlier.kind, earlier.statement.clone()));
            }
            proposals.push(proposal);
        }
    }
    proposals
}

/// Returns the turns whose answers stand without anybody looking at them.
pub(crate) fn standing(session: &Session) -> BTreeSet<usize> {
    let answers = answers(session).into_iter();
    answers.filter(|p| p.strength == Strength::Active).map(|proposal| proposal.turn).collect()
}

/// Returns whether an answer to a question leaves the choice open, or is about the next step alone.
pub(crate) fn leaves_to_assistant(question: &str, answer: &str) -> bool {
    process::is_empty_answer(answer)
        || process::is_process_question(question, "")
        || process::is_delivery_question(question, "")
}

fn proposal(turn: usize, answer: &Answer) -> Option<Proposal> {
    let question = answer.question.text.as_str().trim();
    let (picked, own) = split(&answer.question, answer.given.as_str());
    let text = if own { statement_part(answer.given.as_str())? } else { picked };
    if text.is_empty() || process::is_empty_answer(&text) {
        return None;
    }
    let process = process::is_process_question(question, answer.question.header.as_str());
    let long = wording::words(&text).len() >= OWN_WORDS;
    let statement = match (process, own && long) {
        (true, false) => return None,
        // The person used the dialog to say something else: their words stand alone.
        (true, true) => text,
        (false, _) => format!("{question} — {text}"),
    };
    let notes = answer.notes.as_ref().map(Text::as_str).filter(|n| !is_question(n));
    let statement = notes.map_or(statement.clone(), |notes| format!("{statement} ({notes})"));
    let weak = (own && mostly_questions(answer.given.as_str()))
        || process::is_delivery_question(question, answer.question.header.as_str());
    Some(Proposal {
        turn,
        evidence: None,
        kind: Kind::Decision,
        trust: Trust::Human,
        strength: if weak { Strength::Candidate } else { Strength::Active },
        reach: Reach::Project,
        statement,
        context: Some(context(&answer.question)),
        replaces: Vec::new(),
    })
}

/// Returns the answer without marks of recommendation, and whether it is the person's own words.
fn split(question: &Question, answer: &str) -> (String, bool) {
    let clean = |label: &str| {
        label.replace(" (Recommended)", "").replace(" (recommended)", "").trim().to_owned()
    };
    let labels: Vec<String> =
        question.options.iter().map(|o| o.label.as_str().trim().to_owned()).collect();
    if labels.iter().any(|label| label == answer.trim()) {
        return (clean(answer), false);
    }
    // Several labels may be picked; labels may hold commas themselves.
    let mut rest = answer.trim().to_owned();
    for label in &labels {
        if !label.is_empty() {
            rest = rest.replace(label.as_str(), "");
        }
    }
    let own = rest.chars().any(char::is_alphanumeric);
    (clean(answer), own)
}

/// Returns the sentences of a free answer that state something; `None` where it only asks.
fn statement_part(answer: &str) -> Option<String> {
    let stated: Vec<&str> =
        wording::sentences(answer).into_iter().filter(|s| !is_question(s)).collect();
    (!stated.is_empty()).then(|| stated.join(" "))
}

/// Returns whether half of the sentences of an answer are questions themselves.
fn mostly_questions(answer: &str) -> bool {
    let sentences = wording::sentences(answer);
    let asking = sentences.iter().filter(|s| is_question(s)).count();
    asking * 2 >= sentences.len().max(1)
}

fn context(question: &Question) -> String {
    let mut lines = vec![format!("{ASKED}{}", question.text.as_str().trim())];
    for option in &question.options {
        let (label, description) =
            (option.label.as_str().trim(), option.description.as_str().trim());
        lines.push(match description {
            "" => format!("- {label}"),
            _ => format!("- {label}: {description}"),
        });
    }
    lines.join("\n")
}
