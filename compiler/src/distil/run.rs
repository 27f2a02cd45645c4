//! Asks a model about a plan, and keeps of its answers what the record bears out.

use std::collections::BTreeMap;

use super::answer;
use super::budget::Purse;
use super::claim::Claim;
use super::evidence;
use super::propose::Proposals;
use super::{Answer, Budget, DistilError, Distiller, Nonce, Pace, Plan, Prompt, Usage};
use super::{Window, WindowId};

/// How to ask.
pub struct Run<'a> {
    /// Whom.
    pub distiller: &'a dyn Distiller,
    /// For how much.
    pub budget: Budget,
    /// What marks where a record begins and ends.
    pub nonce: Nonce,
    /// Called after each window, with how many are done.
    pub progress: &'a mut dyn FnMut(usize),
}

/// What a run brought.
#[derive(Debug)]
pub struct Distilled {
    /// What may be compiled.
    pub proposals: Proposals,
    /// Windows that need not be asked about again, whatever their answer was.
    pub answered: Vec<WindowId>,
    /// The numbers.
    pub tally: Tally,
    /// Why the run ended before the plan did, other than for its budget.
    pub stopped: Option<DistilError>,
}

/// The numbers of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Windows of the plan.
    pub windows: usize,
    /// Windows that were asked about.
    pub asked: usize,
    /// Windows that the budget did not cover.
    pub left_out: usize,
    /// Requests, those asked a second time included.
    pub requests: u32,
    /// What all replies say that they took.
    pub usage: Usage,
    /// Proposals in usable answers.
    pub proposed: u32,
    /// Proposals that their evidence bears out.
    pub kept: u32,
    /// Proposals that were dropped, by reason.
    pub dropped: BTreeMap<&'static str, u32>,
    /// Answers that were not usable, by reason; one that was right the second time counts too.
    pub faults: BTreeMap<&'static str, u32>,
}

impl Run<'_> {
    /// Asks about the windows of `plan` in their order, as far as the budget reaches.
    ///
    /// Never fails: what went wrong is counted, and what stopped the run is told beside what it
    /// brought until then.
    pub fn distil(mut self, plan: &Plan) -> Distilled {
        let mut sink = Distilled {
            proposals: Proposals::default(),
            answered: Vec::new(),
            tally: Tally { windows: plan.windows().len(), ..Tally::default() },
            stopped: None,
        };
        let mut purse = Purse::new(self.budget, self.distiller.room());
        let windows: Vec<(&Window, Prompt)> =
            plan.windows().iter().map(|window| (window, window.prompt(&self.nonce))).collect();
        let windows = match self.distiller.pace() {
            Pace::OneByOne => windows,
            Pace::AllAtOnce => match self.announce(windows, &mut purse) {
                Ok(windows) => windows,
                Err(stopped) => {
                    sink.stopped = Some(stopped);
                    return sink;
                }
            },
        };
        for (window, prompt) in &windows {
            if self.distiller.pace() == Pace::AllAtOnce {
                purse.refund(prompt.bytes());
            } else if !purse.covers(prompt.bytes()) {
                break;
            }
            sink.tally.asked += 1;
            if let Err(stopped) = self.window(window, prompt, &mut purse, &mut sink) {
                sink.stopped = Some(stopped);
                break;
            }
            (self.progress)(sink.tally.asked);
        }
        if sink.stopped.is_none() {
            sink.tally.left_out = sink.tally.windows - sink.tally.asked;
        }
        tracing::debug!(
            asked = sink.tally.asked,
            kept = sink.tally.kept,
            tokens = sink.tally.usage.tokens(),
            "asked a model"
        );
        sink
    }

    /// Sends all windows that the budget covers, and returns them.
    fn announce<'w>(
        &self,
        mut windows: Vec<(&'w Window, Prompt)>,
        purse: &mut Purse,
    ) -> Result<Vec<(&'w Window, Prompt)>, DistilError> {
        let covered =
            windows.iter().take_while(|(_, prompt)| purse.reserve(prompt.bytes())).count();
        windows.truncate(covered);
        let prompts: Vec<Prompt> = windows.iter().map(|(_, prompt)| prompt.clone()).collect();
        self.distiller.announce(&prompts)?;
        Ok(windows)
    }

    /// Asks about one window, a second time where the answer cannot be read.
    fn window(
        &mut self,
        window: &Window,
        prompt: &Prompt,
        purse: &mut Purse,
        sink: &mut Distilled,
    ) -> Result<(), DistilError> {
        for again in [false, true] {
            if again && !purse.covers(prompt.bytes()) {
                return Ok(());
            }
            sink.tally.requests += 1;
            let (usage, fault) = match self.distiller.ask(prompt) {
                Ok(Answer { text, usage }) => match answer::proposals(text.as_str()) {
                    Ok(proposals) => {
                        take(window, &proposals, sink);
                        (usage, None)
                    }
                    Err(malformed) => (usage, Some((malformed.as_str(), true))),
                },
                Err(stopped @ DistilError::Stopped { .. }) => return Err(stopped),
                Err(error) => {
                    if error.is_final() {
                        sink.answered.push(window.id());
                    }
                    (error.usage(), Some((error.as_str(), false)))
                }
            };
            purse.spend(prompt.bytes(), usage);
            sink.tally.usage.add(usage);
            let Some((fault, once_more)) = fault else { return Ok(()) };
            *sink.tally.faults.entry(fault).or_default() += 1;
            if !once_more {
                return Ok(());
            }
        }
        // Twice is enough: it would be a third time.
        sink.answered.push(window.id());
        Ok(())
    }
}

/// Keeps of an answer what its window bears out, and counts the rest.
fn take(window: &Window, (list, more): &(Vec<serde_json::Value>, usize), sink: &mut Distilled) {
    sink.answered.push(window.id());
    if *more > 0 {
        *sink.tally.dropped.entry("more than were asked for").or_default() += count(*more);
    }
    sink.tally.proposed += count(list.len() + more);
    for value in list {
        match Claim::read(value).and_then(|claim| evidence::check(claim, window)) {
            Ok(proposed) => {
                sink.tally.kept += 1;
                sink.proposals.push(proposed);
            }
            Err(reason) => *sink.tally.dropped.entry(reason).or_default() += 1,
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Tally {
    /// Returns the numbers as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "windows": self.windows,
            "asked": self.asked,
            "left out": self.left_out,
            "requests": self.requests,
            "input tokens": self.usage.input,
            "output tokens": self.usage.output,
            "dollars": self.usage.dollars,
            "proposed": self.proposed,
            "kept": self.kept,
            "dropped": self.dropped,
            "faults": self.faults,
        })
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("budget", &self.budget).finish_non_exhaustive()
    }
}
