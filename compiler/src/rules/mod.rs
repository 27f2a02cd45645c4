//! The deterministic rules: each is data and one small function over a session.
//!
//! A rule proposes; whether the proposal is redacted, quarantined, merged or dropped is decided
//! later, by the same code for all of them.

mod answer;
mod evidence;
mod markdown;
mod memory_file;
mod phrases;
mod process;
mod refusal;
mod summary;
mod wording;

use garner_kernel::{Kind, Trust};

use crate::session::{Event, Session, Turn};

pub(crate) use wording::{is_directive, words};

/// A rule of the compiler.
pub(crate) struct Rule {
    /// The name that provenance carries.
    pub(crate) name: &'static str,
    /// How many of its proposals were worth knowing, in percent of those judged by hand.
    pub(crate) precision: u8,
    pub(crate) propose: fn(&Session) -> Vec<Proposal>,
}

/// What a rule proposes to remember.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    /// The index of the turn that says it.
    pub(crate) turn: usize,
    /// The index of a human turn that asked for it.
    pub(crate) evidence: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) trust: Trust,
    pub(crate) strength: Strength,
    pub(crate) reach: Reach,
    pub(crate) statement: String,
    pub(crate) context: Option<String>,
    /// The statements, with their kinds, that this one replaces in the same scope.
    pub(crate) replaces: Vec<(Kind, String)>,
}

/// Whether a proposal stands on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    Active,
    Candidate,
}

/// Where a proposal applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Project,
    User,
}

/// Every rule, in the order in which they run.
pub(crate) const RULES: &[Rule] = &[
    Rule { name: "d1-memory-edit", precision: 87, propose: memory_file::edits },
    Rule { name: "d1-memory-input", precision: 87, propose: memory_file::inputs },
    Rule { name: "d2-answer", precision: 82, propose: answer::answers },
    // The design says "high"; 80 stands for it until it is measured.
    Rule { name: "d3-fix", precision: 80, propose: summary::fixes },
    Rule { name: "d3-request", precision: 30, propose: summary::requests },
    Rule { name: "d3-pending", precision: 30, propose: summary::pending },
    Rule { name: "d4-refusal", precision: 23, propose: refusal::refusals },
    Rule { name: "l1-remember", precision: 43, propose: phrases::remembers },
    Rule { name: "l2-correction", precision: 20, propose: phrases::corrections },
    Rule { name: "l3-choice", precision: 30, propose: phrases::choices },
];

/// Returns the turns that rules may look at, with their indexes and events.
fn events(session: &Session) -> impl Iterator<Item = (usize, &Turn, &Event)> {
    session
        .turns
        .iter()
        .enumerate()
        .filter(|(_, turn)| !turn.abandoned)
        .flat_map(|(index, turn)| turn.events.iter().map(move |event| (index, turn, event)))
}
