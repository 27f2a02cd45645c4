//! What a model proposed and the checks let through, on its way to the gates of all proposals.

use garner_kernel::{Digest, FileName, Kind, Trust};

use crate::rules::{Label, Proposal, Reach, Strength};
use crate::session::Session;

/// The label of what a model proposed.
///
/// How much of it is worth knowing depends on the model and was never measured: it stands behind
/// what rules find with a precision that was.
pub(crate) const MODEL: Label = Label { name: "m-model", precision: 40 };

/// One proposal of a model that its evidence bears out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    pub(super) file: FileName,
    pub(super) line: u32,
    pub(super) digest: Digest,
    pub(super) kind: Kind,
    pub(super) trust: Trust,
    pub(super) strength: Strength,
    pub(super) statement: String,
    pub(super) context: String,
}

/// What a model proposed about some sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposals(Vec<Proposed>);

impl Proposals {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, proposed: Proposed) {
        self.0.push(proposed);
    }

    /// Returns those about a session, in an order that does not depend on which window was asked
    /// about first.
    pub(crate) fn about(&self, session: &Session) -> Vec<Proposal> {
        let mut here: Vec<(usize, &Proposed)> = self
            .0
            .iter()
            .filter(|proposed| proposed.file == session.file)
            .filter_map(|proposed| Some((turn(session, proposed)?, proposed)))
            .collect();
        here.sort_by(|(a, one), (b, other)| {
            (a, one.kind, &one.statement).cmp(&(b, other.kind, &other.statement))
        });
        here.into_iter().map(|(turn, proposed)| proposal(turn, proposed)).collect()
    }
}

/// Returns the turn whose record was cited; `None` for another file of the same name.
fn turn(session: &Session, proposed: &Proposed) -> Option<usize> {
    session
        .turns
        .iter()
        .position(|turn| turn.line == proposed.line && turn.digest == proposed.digest)
}

fn proposal(turn: usize, proposed: &Proposed) -> Proposal {
    Proposal {
        turn,
        evidence: None,
        kind: proposed.kind,
        trust: proposed.trust,
        strength: proposed.strength,
        reach: Reach::Project,
        statement: proposed.statement.clone(),
        context: Some(proposed.context.clone()),
        replaces: Vec::new(),
    }
}
