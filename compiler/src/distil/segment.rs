//! What of a session a model is shown: who said what, masked and cut to what may matter.
//!
//! Text of tools was never kept by the reader; of what a person pasted only the start goes along.

use std::collections::BTreeSet;

use garner_kernel::{Digest, Text, Trust};

use crate::paste;
use crate::redact::Redactor;
use crate::rules::standing_answers;
use crate::session::{Answer, Event, Session, Turn};

/// Who says a segment, in the word that stands before each of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The person, in their own words.
    Human,
    /// The person, answering a question that stands beside it.
    Answer,
    /// The person, refusing a tool.
    Refusal,
    /// A summary by a model.
    Summary,
    /// The assistant.
    Assistant,
    /// What the person pasted or quoted.
    Paste,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Answer => "answer",
            Self::Refusal => "refusal",
            Self::Summary => "summary",
            Self::Assistant => "assistant",
            Self::Paste => "paste",
        }
    }

    /// Returns the trust of what stands in a segment.
    pub(super) const fn trust(self) -> Trust {
        match self {
            Self::Human | Self::Answer | Self::Refusal => Trust::Human,
            Self::Assistant => Trust::Assistant,
            Self::Summary => Trust::Digest,
            Self::Paste => Trust::Tool,
        }
    }

    /// Returns how many characters at the start and at the end of a text are shown.
    const fn shown(self) -> (usize, usize) {
        match self {
            Self::Human | Self::Summary => (5_000, 1_000),
            Self::Answer | Self::Refusal => (1_500, 500),
            Self::Assistant => (1_000, 500),
            Self::Paste => (300, 0),
        }
    }
}

/// What stands where a text was cut; no quotation goes over it.
pub(super) const CUT: &str = "[…]";

/// A part of a record that one speaker stands behind.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The line of the record in its file: the number that a model cites.
    pub(super) line: u32,
    pub(super) digest: Digest,
    pub(super) role: Role,
    pub(super) tainted: bool,
    /// What may be quoted, as it is shown.
    pub(super) text: Text,
    /// The question that it answers, as it is shown.
    pub(super) aside: Option<Text>,
    /// Whether a rule makes the same of it, and better.
    pub(super) settled: bool,
}

/// Returns what is shown of a session, and how many texts are not because a credential stays
/// visible in them.
pub(super) fn segments(session: &Session, redactor: &Redactor) -> (Vec<Segment>, u32) {
    let settled = standing_answers(session);
    let mut slim = Slim { redactor, settled, segments: Vec::new(), unsendable: 0 };
    for (index, turn) in session.turns.iter().enumerate().filter(|(_, turn)| !turn.abandoned) {
        for event in &turn.events {
            slim.event(index, turn, event);
        }
    }
    (slim.segments, slim.unsendable)
}

struct Slim<'a> {
    redactor: &'a Redactor,
    settled: BTreeSet<usize>,
    segments: Vec<Segment>,
    unsendable: u32,
}

impl Slim<'_> {
    fn event(&mut self, index: usize, turn: &Turn, event: &Event) {
        match event {
            Event::Spoke { trust: Trust::Human, text } => {
                let (own, quoted) = paste::parted(text);
                self.say(turn, Role::Human, &own);
                self.say(turn, Role::Paste, &quoted);
            }
            Event::Spoke { trust: Trust::Assistant, text } => {
                self.say(turn, Role::Assistant, text.as_str());
            }
            Event::Spoke { text, .. } => self.say(turn, Role::Paste, text.as_str()),
            Event::Compacted { summary } => self.say(turn, Role::Summary, summary.as_str()),
            Event::Refused { reason, trust: Trust::Human } => {
                self.say(turn, Role::Refusal, &paste::own_words(reason));
            }
            Event::Answered { answers } if !turn.sidechain => {
                for answer in answers {
                    self.answer(index, turn, answer);
                }
            }
            // What rules read by its form is theirs.
            _ => {}
        }
    }

    fn say(&mut self, turn: &Turn, role: Role, text: &str) {
        let Some(text) = self.shown(role, text) else { return };
        self.push(turn, role, (text, None));
    }

    fn answer(&mut self, index: usize, turn: &Turn, answer: &Answer) {
        let mut given = answer.given.as_str().to_owned();
        if let Some(notes) = &answer.notes {
            given.push('\n');
            given.push_str(notes.as_str());
        }
        let question = self.shown(Role::Assistant, answer.question.text.as_str());
        let (Some(question), Some(given)) = (question, self.shown(Role::Answer, &given)) else {
            return;
        };
        self.push(turn, Role::Answer, (given, Some(question)));
        if let Some(segment) = self.segments.last_mut() {
            segment.settled = self.settled.contains(&index);
        }
    }

    fn push(&mut self, turn: &Turn, role: Role, (text, aside): (String, Option<String>)) {
        self.segments.push(Segment {
            line: turn.line,
            digest: turn.digest,
            role,
            tainted: turn.tainted,
            text: Text::new(text),
            aside: aside.map(Text::new),
            settled: false,
        });
    }

    /// Returns a text masked and cut; `None` where nothing is left of it to show.
    fn shown(&mut self, role: Role, text: &str) -> Option<String> {
        if !text.chars().any(char::is_alphanumeric) {
            return None;
        }
        // Cutting comes after masking: half a credential has no pattern.
        let Some(redacted) = self.redactor.redact(text) else {
            self.unsendable += 1;
            return None;
        };
        let plain: String =
            redacted.text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        Some(cut(plain.trim(), role.shown())).filter(|text| !text.is_empty())
    }
}

/// Returns the start and the end of a text that is longer than both.
fn cut(text: &str, (start, end): (usize, usize)) -> String {
    let length = text.chars().count();
    if length <= start + end {
        return text.to_owned();
    }
    let first: String = text.chars().take(start).collect();
    let last: String = text.chars().skip(length - end).collect();
    if last.is_empty() { format!("{first} {CUT}") } else { format!("{first} {CUT} {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_start_and_its_end() {
        let rows = [
            ("short", (3, 2), "short"),
            ("longer than that", (3, 2), "lon […] at"),
            ("pasted text", (6, 0), "pasted […]"),
            ("grüße", (2, 1), "gr […] e"),
        ];
        for (text, shown, expected) in rows {
            assert_eq!(cut(text, shown), expected);
        }
    }
}
