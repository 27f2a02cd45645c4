//! L4 and L5: what makes a person's words a little more likely to last, and alone says nothing.

use garner_kernel::Trust;

use super::Proposal;
use super::wording;
use crate::session::Session;

/// Words that make a sentence sound as if it held for good.
const FOR_GOOD: &[&str] = &["always", "never", "must", "every", "forever"];

/// L4: the person said always, never or must.
pub(crate) fn for_good(_: &Session, proposal: &Proposal) -> bool {
    let words = wording::words(&proposal.statement);
    proposal.trust == Trust::Human && words.iter().any(|word| FOR_GOOD.contains(&word.as_str()))
}

/// L5: it is the first thing that the person said after they stopped the assistant.
pub(crate) fn after_interrupt(session: &Session, proposal: &Proposal) -> bool {
    let turn = session.turns.get(proposal.turn);
    proposal.trust == Trust::Human && turn.is_some_and(|turn| turn.interrupted)
}
