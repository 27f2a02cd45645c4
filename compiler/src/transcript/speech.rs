//! What is said in a record, without what machines and Garner itself put there.

use garner_kernel::{Text, Trust};

use super::wire::{self, Attachment, Record};
use crate::injected;
use crate::session::{Event, Happening, Turn};
use crate::speaker;

/// Adds what was said to the turn, without what machines and Garner itself put there.
pub(super) fn say(turn: &mut Turn, trust: Trust, text: &str) {
    let text = injected::strip(text);
    if trust == Trust::Digest {
        turn.events.push(Event::Compacted { summary: Text::new(text) });
        return;
    }
    if trust == Trust::Human {
        if let Some(memory) = speaker::memory_input(&text) {
            turn.events.push(Event::Memorized { text: Text::new(memory) });
            return;
        }
        let own = speaker::without_machine_tags(&text);
        if !speaker::is_machine_text(&own) && !own.trim().is_empty() {
            turn.events.push(Event::Spoke { trust, text: Text::new(own.trim()) });
        }
    } else if trust == Trust::Assistant && !text.trim().is_empty() {
        turn.events.push(Event::Spoke { trust, text: Text::new(text.trim()) });
    }
}

/// A prompt that was typed while the assistant worked.
pub(super) fn attachment(record: &Record<'_>, turn: &mut Turn) {
    let Some(attachment) = record.attachment.and_then(wire::read::<Attachment<'_>>) else { return };
    let human = attachment.origin.and_then(wire::origin_kind).as_deref() == Some("human");
    if attachment.kind.as_deref() == Some("queued_command")
        && human
        && !record.is_sidechain
        && let Some(text) = attachment.prompt.and_then(wire::flat_text)
    {
        say(turn, Trust::Human, &text);
    }
}

/// A summary that the harness wrote about the time the person was away.
pub(super) fn digest(record: &Record<'_>, turn: &mut Turn) {
    if let Some(text) = record.content.and_then(wire::flat_text) {
        say(turn, Trust::Digest, &text);
    }
}

/// A title or a link that the harness or the person gave the session.
pub(super) fn happened(record: &Record<'_>, what: Happening, turn: &mut Turn) {
    let names = [&record.custom_title, &record.ai_title, &record.summary, &record.title];
    let title = || names.into_iter().flatten().next();
    let text = match what {
        Happening::PullRequest => record.pr_url.as_ref(),
        Happening::Title | Happening::Commit => title(),
    };
    if let Some(text) = text.map(|text| injected::strip(text)).filter(|t| !t.trim().is_empty()) {
        turn.events.push(Event::Happened { what, text: Text::new(text.trim()) });
    }
}

/// Returns who stands behind an event.
pub(super) fn speaker_of(event: &Event) -> Trust {
    match event {
        Event::Spoke { trust, .. } | Event::Refused { trust, .. } => *trust,
        Event::Noted { note } => note.trust,
        Event::Imported { fragment } => fragment.trust,
        Event::Memorized { .. } | Event::Answered { .. } => Trust::Human,
        Event::Compacted { .. } | Event::Happened { what: Happening::Title, .. } => Trust::Digest,
        Event::Happened { .. } => Trust::Tool,
        Event::Edited { .. } | Event::Attempted | Event::Cured { .. } => Trust::Assistant,
    }
}
