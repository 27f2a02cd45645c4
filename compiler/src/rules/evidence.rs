//! What stood before a turn: the person's last prompt, and what the assistant had said.

use garner_kernel::Trust;

use crate::session::{Event, Session};

/// How much of the assistant's preceding words is kept as context, in characters.
const CONTEXT: usize = 1_200;

/// Returns the index and the words of the last thing a person said before turn `at`.
pub(crate) fn last_prompt(session: &Session, at: usize) -> Option<(usize, &str)> {
    let before = session.turns.get(..at)?;
    before.iter().enumerate().rev().filter(|(_, turn)| !turn.abandoned).find_map(|(index, turn)| {
        turn.events.iter().rev().find_map(|event| match event {
            Event::Spoke { trust: Trust::Human, text } => Some((index, text.as_str())),
            _ => None,
        })
    })
}

/// Returns the end of what the assistant said last before turn `at`.
pub(crate) fn last_reply(session: &Session, at: usize) -> Option<String> {
    let before = session.turns.get(..at)?;
    let text = before.iter().rev().filter(|turn| !turn.sidechain).find_map(|turn| {
        turn.events.iter().rev().find_map(|event| match event {
            Event::Spoke { trust: Trust::Assistant, text } => Some(text.as_str()),
            _ => None,
        })
    })?;
    let skipped = text.chars().count().saturating_sub(CONTEXT);
    Some(text.chars().skip(skipped).collect())
}

/// Returns the human turn that asked for a change of the memory file made in turn `at`.
pub(crate) fn asked_for_memory(session: &Session, at: usize) -> Option<usize> {
    let (index, prompt) = last_prompt(session, at)?;
    let prompt = prompt.to_lowercase();
    let names = ["claude.md", "agents.md", "memory.md", ".claude/rules", "remember", "memory file"];
    names.iter().any(|name| prompt.contains(name)).then_some(index)
}
