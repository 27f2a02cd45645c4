//! What the people of a session said, for judging what others say in it.

use std::collections::BTreeSet;

use garner_kernel::{Kind, Trust};

use crate::paste;
use crate::poison::{Domains, PoisonLint};
use crate::rules::{Proposal, words};
use crate::session::{Event, Session, Turn};

/// The part of a statement's words that a person must have said to vouch for it.
const VOUCHED: f64 = 0.5;

/// Words that permit or recommend: such a statement instructs whatever its form.
const PERMITS: &[&str] = &[
    "allowed",
    "approved",
    "exempt",
    "fine",
    "free",
    "harmless",
    "needless",
    "official",
    "ok",
    "okay",
    "optional",
    "permitted",
    "pre-approved",
    "prefer",
    "preferred",
    "recommend",
    "recommended",
    "recommends",
    "safe",
    "trust",
    "trusted",
    "unneeded",
    "unnecessary",
];

/// A session and what its people said.
pub(crate) struct Heard<'s> {
    pub(crate) session: &'s Session,
    domains: Domains,
    said: BTreeSet<String>,
}

impl<'s> Heard<'s> {
    /// Listens to a session.
    pub(crate) fn of(session: &'s Session) -> Self {
        let mut said = BTreeSet::new();
        for event in session.turns.iter().flat_map(|turn| &turn.events) {
            match event {
                Event::Spoke { trust: Trust::Human, text } => {
                    said.extend(content_words(&paste::own_words(text)));
                }
                Event::Memorized { text } => said.extend(content_words(text.as_str())),
                Event::Answered { answers } => {
                    said.extend(
                        answers.iter().flat_map(|answer| content_words(answer.given.as_str())),
                    );
                }
                _ => {}
            }
        }
        Self { session, domains: Domains::named_in(session), said }
    }

    /// Returns whether a proposal would instruct with words that came after a read from outside and
    /// that no person said: somebody has to accept it, whoever asked for the edit.
    pub(crate) fn is_dictated(&self, proposal: &Proposal, turn: &Turn) -> bool {
        turn.tainted
            && proposal.trust <= Trust::Assistant
            && (matches!(proposal.kind, Kind::Rule | Kind::Preference | Kind::Procedure)
                || permits(&proposal.statement).next().is_some())
            && !self.vouches(&proposal.statement)
    }

    /// Returns why a proposal looks like an attack; its context counts too.
    pub(crate) fn poison(
        &self,
        lint: &PoisonLint,
        proposal: &Proposal,
        turn: &Turn,
    ) -> Option<&'static str> {
        let (text, trust) = (&proposal.statement, proposal.trust);
        let tainted = turn.tainted && trust == Trust::Assistant && !self.vouches(text);
        lint.reason(text, trust)
            .or_else(|| tainted.then(|| lint.tainted_reason(text)).flatten())
            .or_else(|| {
                let new = (tainted || trust <= Trust::Digest) && self.domains.is_new(text);
                new.then_some("points to a place that no person named")
            })
            // What the assistant had said around a person's words is context of lower trust, but
            // nothing follows it, so only what no text may hold counts.
            .or_else(|| lint.reason(proposal.context.as_deref()?, Trust::Operator))
    }

    /// Returns whether people said at least half of the words of a statement.
    pub(crate) fn vouches(&self, statement: &str) -> bool {
        let words: BTreeSet<String> = content_words(statement).collect();
        let shared = u32::try_from(words.intersection(&self.said).count()).unwrap_or(u32::MAX);
        let all = u32::try_from(words.len()).unwrap_or(u32::MAX);
        all > 0 && f64::from(shared) >= VOUCHED * f64::from(all)
    }
}

/// Returns the words of a text that permit or recommend.
pub(crate) fn permits(text: &str) -> impl Iterator<Item = String> {
    words(text).into_iter().filter(|word| PERMITS.contains(&word.as_str()))
}

/// Returns the words of a text that carry meaning, by their length.
fn content_words(text: &str) -> impl Iterator<Item = String> {
    words(text).into_iter().filter(|word| word.chars().count() > 3)
}
