//! L1 to L3: what the person said in so many words. Rarely lasting, so candidates only.

use garner_kernel::{Kind, Trust};

use super::evidence;
use super::wording::{self, is_directive, is_question};
use super::{Proposal, Reach, Strength, events};
use crate::paste;
use crate::session::{Event, Session};

/// "Keep this in mind."
const REMEMBER: &[&str] = &[
    "remember that",
    "remember to",
    "please remember",
    "always remember",
    "from now on",
    "keep in mind",
    "for future reference",
    "going forward",
    "in future",
    "in the future",
    "for next time",
    "make a note",
    "take note",
];

/// Verbs and names that together ask to write something down for later sessions.
const WRITE_DOWN: &[&str] =
    &["add", "put", "write", "document", "save", "update", "note", "record"];
const MEMORY_NAMES: &[&str] = &["claude.md", "agents.md", "memory.md"];

/// How a correction starts.
const CORRECTION: &[&str] = &[
    "no ",
    "nope",
    "actually",
    "wrong",
    "incorrect",
    "not quite",
    "that's not",
    "that is not",
    "that's wrong",
    "this is not",
    "this isn't",
    "it's not",
    "it is not",
    "you're wrong",
    "you should not",
    "you shouldn't",
    "don't",
    "do not",
    "i said",
    "i meant",
    "i didn't",
    "we don't",
    "we no longer",
    "stop ",
    "instead",
    "rather than",
    "i forgot to tell",
];

/// How a choice is said.
const CHOICE: &[&str] = &[
    "let's go with",
    "lets go with",
    "we'll go with",
    "i'll go with",
    "go with option",
    "go with the",
    "let's use",
    "lets use",
    "we'll use",
    "i prefer",
    "i'd prefer",
    "i would prefer",
    "i'd rather",
    "let's keep",
    "let's stick",
    "we should use",
];

/// Proposes what the person asked to keep in mind.
pub(crate) fn remembers(session: &Session) -> Vec<Proposal> {
    propose(session, |sentence| {
        let lower = sentence.to_lowercase();
        let words = wording::words(sentence);
        let written = words.iter().any(|w| WRITE_DOWN.contains(&w.as_str()))
            && MEMORY_NAMES.iter().any(|name| lower.contains(name));
        let asked = REMEMBER.iter().any(|phrase| lower.contains(phrase));
        let kind = if is_directive(sentence) { Kind::Rule } else { Kind::Preference };
        (asked || written).then_some(if written { Kind::Preference } else { kind })
    })
}

/// Proposes what the person set right.
pub(crate) fn corrections(session: &Session) -> Vec<Proposal> {
    propose(session, |sentence| {
        let joined = format!("{} ", wording::words(sentence).join(" "));
        CORRECTION.iter().any(|start| joined.starts_with(start)).then_some(Kind::Correction)
    })
}

/// Proposes what the person chose.
pub(crate) fn choices(session: &Session) -> Vec<Proposal> {
    propose(session, |sentence| {
        let joined = wording::words(sentence).join(" ");
        CHOICE.iter().any(|phrase| joined.contains(phrase)).then_some(Kind::Decision)
    })
}

/// Proposes the first sentence of each human turn that `kind` accepts, with the one before and
/// after it, and what the assistant had said as context.
fn propose(session: &Session, kind: impl Fn(&str) -> Option<Kind>) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, _, event) in events(session) {
        let Event::Spoke { trust: Trust::Human, text } = event else { continue };
        let own = paste::own_words(text);
        let sentences = wording::sentences(&own);
        let hit = sentences.iter().enumerate().find_map(|(at, sentence)| {
            (!is_question(sentence)).then(|| kind(sentence)).flatten().map(|kind| (at, kind))
        });
        let Some((at, kind)) = hit else { continue };
        let around: Vec<&str> = sentences
            .iter()
            .skip(at.saturating_sub(1))
            .take(if at == 0 { 2 } else { 3 })
            .filter(|sentence| !is_question(sentence))
            .copied()
            .collect();
        let statement = around.join(" ");
        if wording::words(&statement).len() < 4 {
            continue;
        }
        proposals.push(Proposal {
            turn: index,
            evidence: None,
            kind,
            trust: Trust::Human,
            strength: Strength::Candidate,
            reach: Reach::Project,
            statement,
            context: evidence::last_reply(session, index),
            replaces: Vec::new(),
        });
    }
    proposals
}
