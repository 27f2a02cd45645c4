//! Tool uses and what came of them: answers, refusals, edits of memory files, commands.

use garner_kernel::{Text, Trust};
use serde_json::value::RawValue;

use super::checkpoint::Mark;
use super::commands::{self, Run};
use super::lines::Line;
use super::memory_edit::{self, Request};
use super::record::Records;
use super::tools;
use super::wire::{self, Block, Record};
use crate::injected;
use crate::session::{Cured, Event, Happening, Question, Turn};

/// A tool use whose result has not come yet.
#[derive(Debug)]
pub(crate) enum Pending {
    Asked(Vec<Question>),
    Edits { request: Request, place: Slot },
    Remote,
    Ran { run: Run, place: Option<Slot> },
}

/// An event that waits for its result: the number of the turn and of the event in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    turn: usize,
    event: usize,
}

impl Pending {
    /// Returns the command, if it is one.
    pub(super) fn run(&self) -> Option<&Run> {
        match self {
            Self::Ran { run, .. } => Some(run),
            _ => None,
        }
    }
}

impl Records {
    pub(super) fn tool_use(&mut self, block: &Block<'_>, (turn, line): (&mut Turn, &Line<'_>)) {
        let name = block.name.as_deref().unwrap_or_default();
        if tools::reads_outside(name, block.input) {
            self.taint(turn.at, line);
        }
        let (Some(id), Some(input)) = (block.id.as_deref(), block.input) else { return };
        let mark = Mark::of(line);
        let pending = if name == "AskUserQuestion" {
            Pending::Asked(tools::questions(input))
        } else if let Some(request) = memory_edit::request(name, input) {
            Pending::Edits { request, place: self.attempt(turn) }
        } else if tools::is_remote(name) {
            Pending::Remote
        } else if name == "Bash" {
            let Some(run) = self.commands.call(input, mark) else { return };
            let place = run.may_cure().then(|| self.attempt(turn));
            Pending::Ran { run, place }
        } else {
            return;
        };
        self.pending.insert(id.to_owned(), (pending, mark));
    }

    /// Leaves a place in the turn for what the result will say.
    fn attempt(&self, turn: &mut Turn) -> Slot {
        turn.events.push(Event::Attempted);
        Slot { turn: self.turns.len(), event: turn.events.len() - 1 }
    }

    pub(super) fn result(
        &mut self,
        record: &Record<'_>,
        block: &Block<'_>,
        (turn, line): (&mut Turn, &Line<'_>),
    ) {
        let known = block.tool_use_id.as_deref().and_then(|id| self.pending.remove(id));
        let error = block.is_error || failed(record.tool_use_result);
        match known {
            Some((Pending::Asked(questions), call)) if !error => {
                let answers = tools::answers(&questions, record.tool_use_result, block.content);
                if !answers.is_empty() {
                    self.marks.push(call);
                    turn.events.push(Event::Answered { answers });
                }
            }
            Some((Pending::Edits { request, place }, _)) if !error => {
                let result = record.tool_use_result;
                let edit = memory_edit::outcome(&request, result, &mut self.contents);
                if self.fill(place, Event::Edited { edit }) {
                    self.marks.push(Mark::of(line));
                }
            }
            Some((Pending::Ran { run, place }, call)) if !refused(block) => {
                let marks = [call, Mark::of(line)];
                if error {
                    let text = block.content.and_then(wire::flat_text).unwrap_or_default();
                    self.commands.failed(run, &text, marks);
                } else {
                    self.worked(&run, (place, marks), (block, turn));
                }
            }
            known => self.refused(record, block, (known, turn)),
        }
    }

    /// A command worked: it may have committed something, or be the cure of one that failed.
    fn worked(
        &mut self,
        run: &Run,
        (place, marks): (Option<Slot>, [Mark; 2]),
        (block, turn): (&Block<'_>, &mut Turn),
    ) {
        if run.command().contains("commit") {
            let text = block.content.and_then(wire::flat_text).unwrap_or_default();
            if let Some(subject) = commands::commit_subject(run.command(), &text) {
                let text = Text::new(subject);
                turn.events.push(Event::Happened { what: Happening::Commit, text });
                self.marks.extend(marks);
            }
        }
        let Some((cure, place)) = self.commands.worked(run).zip(place) else { return };
        let cured = Cured { failed: cure.failed, worked: cure.worked, error: cure.error };
        if self.fill(place, Event::Cured { cured }) {
            self.marks.extend(cure.marks);
            self.marks.extend(marks);
        }
    }

    /// Puts what a result says into the place that was left for it.
    fn fill(&mut self, place: Slot, event: Event) -> bool {
        let slot = self.turns.get_mut(place.turn).and_then(|t| t.events.get_mut(place.event));
        slot.is_some_and(|slot| {
            *slot = event;
            true
        })
    }

    /// A result that may be a refusal with the person's reason.
    fn refused(
        &mut self,
        record: &Record<'_>,
        block: &Block<'_>,
        (known, turn): (Option<(Pending, Mark)>, &mut Turn),
    ) {
        let content = block.content.filter(|_| block.is_error).and_then(wire::flat_text);
        let Some(reason) = content.as_deref().and_then(tools::refusal) else { return };
        // A remote tool can write anything into its result, a refusal too.
        let remote = matches!(known, Some((Pending::Remote, _)));
        let trust =
            if remote || turn.sidechain || record.is_stream() { Trust::Tool } else { Trust::Human };
        self.marks.extend(known.map(|(_, call)| call));
        let reason = Text::new(injected::strip(reason));
        turn.events.push(Event::Refused { reason, trust });
    }
}

/// Returns whether a result says that the person refused the tool.
fn refused(block: &Block<'_>) -> bool {
    let content = block.content.filter(|_| block.is_error).and_then(wire::flat_text);
    content.as_deref().is_some_and(tools::is_refusal)
}

/// Returns whether a structured result reports an error; those are plain strings.
fn failed(result: Option<&RawValue>) -> bool {
    result.is_some_and(|raw| raw.get().starts_with("\"Error"))
}
