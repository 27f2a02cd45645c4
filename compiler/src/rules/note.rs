//! What documents say: one rule for each way in which they are laid out.

use super::{Proposal, Reach, Strength, events};
use crate::session::{Event, Layout, Session};

/// Proposes what files say that a person keeps for an assistant to read.
pub(crate) fn instructions(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Instructions)
}

/// Proposes what an assistant wrote into its own memory.
pub(crate) fn memories(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Memory)
}

/// Proposes the entries of STATE, DECISIONS, CORRECTIONS, HANDOFF and BLINDSPOTS.
pub(crate) fn ledgers(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Ledger)
}

/// Proposes statements that have front matter.
pub(crate) fn lessons(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Lesson)
}

/// Proposes the sections of a text whose layout is not known.
pub(crate) fn sections(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Sections)
}

/// Proposes what another system of memories exported.
pub(crate) fn exports(session: &Session) -> Vec<Proposal> {
    notes(session, Layout::Export)
}

fn notes(session: &Session, layout: Layout) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, _, event) in events(session) {
        let Event::Noted { note } = event else { continue };
        if note.layout != layout {
            continue;
        }
        proposals.push(Proposal {
            turn: index,
            evidence: None,
            kind: note.kind,
            trust: note.trust,
            strength: if note.stands { Strength::Active } else { Strength::Candidate },
            reach: if note.everywhere { Reach::User } else { Reach::Project },
            statement: note.statement.as_str().to_owned(),
            context: note.context.as_ref().map(|context| context.as_str().to_owned()),
            replaces: Vec::new(),
        });
    }
    proposals
}
