//! The deterministic rules: each is data and one small function over a session.
//!
//! A rule proposes; whether the proposal is redacted, quarantined, merged or dropped is decided
//! later, by the same code for all of them.

mod answer;
mod cure;
mod emphasis;
mod evidence;
mod happening;
pub(crate) mod markdown;
pub(crate) mod memory_file;
mod note;
mod phrases;
mod process;
mod refusal;
mod request;
mod summary;
mod wording;

use garner_kernel::{Kind, Trust};

use crate::session::{Event, Session, Turn};

pub(crate) use answer::{leaves_to_assistant, standing as standing_answers};
pub(crate) use happening::{Happened, happenings};
pub(crate) use request::{is_request, passes_soon};
pub(crate) use wording::{is_directive, is_question, words};

/// A rule of the compiler.
pub(crate) struct Rule {
    /// The name that provenance carries.
    pub(crate) name: &'static str,
    /// How many of its proposals were worth knowing, in percent of those judged by hand.
    pub(crate) precision: u8,
    pub(crate) propose: fn(&Session) -> Vec<Proposal>,
}

impl Rule {
    /// Returns what its proposals are known by.
    pub(crate) const fn label(&self) -> Label {
        Label { name: self.name, precision: self.precision }
    }
}

/// What proposals are known by: a rule, or the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// The name that provenance carries.
    pub(crate) name: &'static str,
    /// How many of the proposals are taken to be worth knowing, in percent.
    pub(crate) precision: u8,
}

/// Something that says little alone, and moves a candidate up among its kind.
pub(crate) struct Feature {
    /// The tag that a fragment gets.
    pub(crate) name: &'static str,
    /// How many of the statements with this feature alone were worth knowing, in percent; half of
    /// it is added to the confidence of a candidate.
    pub(crate) precision: u8,
    pub(crate) holds: fn(&Session, &Proposal) -> bool,
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

/// Every rule, in the order in which they run; d5 ([`happenings`]) logs and proposes nothing.
pub(crate) const RULES: &[Rule] = &[
    Rule { name: EDIT, precision: 87, propose: memory_file::edits },
    Rule { name: "d1-memory-input", precision: 87, propose: memory_file::inputs },
    Rule { name: "d2-answer", precision: 82, propose: answer::answers },
    // The design says "high"; 80 stands for it until it is measured.
    Rule { name: "d3-fix", precision: 80, propose: summary::fixes },
    Rule { name: "d3-request", precision: 30, propose: summary::requests },
    Rule { name: "d3-pending", precision: 30, propose: summary::pending },
    Rule { name: "d4-refusal", precision: 23, propose: refusal::refusals },
    Rule { name: CURE, precision: 56, propose: cure::cures },
    // The same rule; that a source has another name keeps it from counting as a recurrence.
    Rule { name: "d6-tainted-cure", precision: 40, propose: cure::tainted_cures },
    Rule { name: "l1-remember", precision: 43, propose: phrases::remembers },
    Rule { name: "l2-correction", precision: 20, propose: phrases::corrections },
    Rule { name: "l3-choice", precision: 30, propose: phrases::choices },
    // Documents. What a person keeps says what the same edits (d1) say; the others were never
    // measured, and stand behind everything that was.
    Rule { name: INSTRUCTIONS, precision: 87, propose: note::instructions },
    Rule { name: "n2-memory", precision: 60, propose: note::memories },
    Rule { name: "n3-ledger", precision: 60, propose: note::ledgers },
    Rule { name: "n4-lesson", precision: 60, propose: note::lessons },
    Rule { name: "n5-sections", precision: 20, propose: note::sections },
    Rule { name: "n6-export", precision: 40, propose: note::exports },
];

/// The rule for what an assistant wrote into a memory file.
pub(crate) const EDIT: &str = "d1-memory-edit";

/// The rule for what stands in a file that a person keeps.
pub(crate) const INSTRUCTIONS: &str = "n1-instructions";

/// Returns whether a rule is one for documents, which state what they say.
pub fn is_for_documents(rule: &str) -> bool {
    rule.starts_with('n')
}

/// The rule whose candidates become active when a second session finds the same.
pub(crate) const CURE: &str = "d6-cure";

/// What only ranks candidates: measured alone, one in ten such statements was worth knowing.
pub(crate) const FEATURES: &[Feature] = &[
    Feature { name: "for-good", precision: 10, holds: emphasis::for_good },
    Feature { name: "after-interrupt", precision: 10, holds: emphasis::after_interrupt },
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
