//! D4: why the person refused a tool. Seldom lasting, so a candidate only.

use garner_kernel::Kind;

use super::evidence;
use super::wording::{self, is_question};
use super::{Proposal, Reach, Strength, events};
use crate::paste;
use crate::session::{Event, Session};

/// Proposes the reasons that state something.
pub(crate) fn refusals(session: &Session) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, _, event) in events(session) {
        let Event::Refused { reason, trust } = event else { continue };
        let own = paste::own_words(reason);
        let stated: Vec<&str> =
            wording::sentences(&own).into_iter().filter(|s| !is_question(s)).collect();
        let statement = stated.join(" ");
        if wording::words(&statement).len() < 4 {
            continue;
        }
        proposals.push(Proposal {
            turn: index,
            evidence: None,
            kind: Kind::Correction,
            trust: *trust,
            strength: Strength::Candidate,
            reach: Reach::Project,
            statement,
            context: evidence::last_reply(session, index),
            replaces: Vec::new(),
        });
    }
    proposals
}
