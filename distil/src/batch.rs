//! Anthropic's Message Batches: many windows at once, answered within a day, at a lower price.
//!
//! Wraps [`Anthropic`]: prompts that were announced go out as batches and are waited for; one that
//! is asked about again, because its answer could not be read, is asked directly.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use garner_compiler::distil::{Answer, DistilError, Distiller, Pace, Prompt, Room};

use crate::anthropic::{Anthropic, WHO, custom_id, read};
use crate::error::Error;
use crate::http::clipped;
use crate::state::{self, State};
use crate::wire::{BatchReply, BatchRequest, BatchResult, RequestCounts, ResultLine};

/// The first pause between two looks at a batch; each next one is half as long again.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// The longest pause between two looks.
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// The most requests of one batch, well below the 100,000 that the API takes.
const MAX_REQUESTS: usize = 5_000;
/// The most bytes of one batch, below the 256 MB that the API takes.
const MAX_BYTES: usize = 200 << 20;

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchProgress {
    /// Requests that are done, however they ended.
    pub done: u64,
    /// All requests of the batch.
    pub all: u64,
}

/// A model of Anthropic's API that is asked in batches.
pub struct Batch {
    direct: Anthropic,
    state: PathBuf,
    progress: Box<dyn Fn(BatchProgress)>,
    results: RefCell<BTreeMap<String, BatchResult>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("direct", &self.direct).finish_non_exhaustive()
    }
}

impl Batch {
    /// Wraps a client; `state` is the file that says which batch is under way.
    pub fn new(direct: Anthropic, state: PathBuf, progress: Box<dyn Fn(BatchProgress)>) -> Self {
        Self { direct, state, progress, results: RefCell::default() }
    }

    /// Forgets the batch: what it brought is kept elsewhere now.
    ///
    /// # Errors
    /// [`Error::State`] if the file cannot be removed.
    pub fn collected(&self) -> Result<(), Error> {
        state::remove(&self.state)
    }

    fn run(&self, prompts: &[Prompt]) -> Result<(), Error> {
        let fresh = || State::new(self.direct.model(), self.direct.server());
        let mut state = self.under_way()?.unwrap_or_else(fresh);
        for batch in state.batches.keys() {
            self.collect(batch)?;
        }
        loop {
            let known = self.known();
            let missing: Vec<&Prompt> =
                prompts.iter().filter(|prompt| !known.contains(&custom_id(prompt))).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let (batch, windows) = self.submit(&missing)?;
            state.batches.insert(batch.clone(), windows.clone());
            state.save(&self.state)?;
            self.collect(&batch)?;
            // What a batch does not mention will not come.
            let lost: Vec<String> = windows.difference(&self.known()).cloned().collect();
            self.results.borrow_mut().extend(lost.into_iter().map(|id| (id, BatchResult::Expired)));
        }
    }

    /// Returns the batches that an earlier run sent.
    fn under_way(&self) -> Result<Option<State>, Error> {
        let Some(state) = State::open(&self.state)? else { return Ok(None) };
        if state.model != self.direct.model() || state.server != self.direct.server() {
            let State { model, server, .. } = state;
            return Err(Error::OtherBatch { model, server });
        }
        Ok(Some(state))
    }

    /// Sends as many prompts as one batch takes; returns its id and its windows.
    fn submit(&self, prompts: &[&Prompt]) -> Result<(String, BTreeSet<String>), Error> {
        let mut bytes = 0;
        let fits = |prompt: &&&Prompt| {
            // Text grows a little when it is written as JSON, and the schema comes on top.
            bytes += prompt.bytes() * 2 + 4_096;
            bytes <= MAX_BYTES
        };
        let part = prompts.iter().take(MAX_REQUESTS).take_while(fits);
        let requests: Vec<_> = part.map(|prompt| self.direct.item(prompt)).collect();
        let windows: BTreeSet<String> =
            requests.iter().map(|item| item.custom_id.clone()).collect();
        let body = serde_json::to_vec(&BatchRequest { requests })
            .map_err(|e| Error::Protocol { who: WHO, reason: clipped(&e.to_string()) })?;
        let reply: BatchReply = read(&self.direct.post("v1/messages/batches", &body)?)?;
        Ok((reply.id, windows))
    }

    /// Waits until a batch has ended, and takes its results.
    fn collect(&self, batch: &str) -> Result<(), Error> {
        let path = format!("v1/messages/batches/{}", escaped(batch));
        let mut pause = FIRST_LOOK;
        let ended = loop {
            let reply: Result<BatchReply, Error> = self.direct.get(&path).and_then(|b| read(&b));
            let reply = match reply {
                Ok(reply) => reply,
                // It is not kept for ever: what it brought was lost, and is asked about again.
                Err(Error::Said { status: 404, .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            (self.progress)(progress(reply.request_counts));
            if reply.processing_status == "ended" {
                break reply;
            }
            self.direct.wait(pause);
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        };
        tracing::debug!(succeeded = ended.request_counts.succeeded, "a batch has ended");
        let lines = self.direct.get(&format!("{path}/results"))?;
        let mut results = self.results.borrow_mut();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
        {
            let line: ResultLine = read(line)?;
            results.insert(line.custom_id, line.result);
        }
        Ok(())
    }

    fn known(&self) -> BTreeSet<String> {
        self.results.borrow().keys().cloned().collect()
    }
}

impl Distiller for Batch {
    fn model(&self) -> &str {
        self.direct.model()
    }

    fn room(&self) -> Room {
        self.direct.room()
    }

    fn pace(&self) -> Pace {
        Pace::AllAtOnce
    }

    fn announce(&self, prompts: &[Prompt]) -> Result<(), DistilError> {
        self.run(prompts).map_err(Error::stopped)
    }

    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError> {
        let result = self.results.borrow_mut().remove(&custom_id(prompt));
        let unanswered = |reason: String| Err(DistilError::Unanswered { reason });
        match result {
            None => self.direct.ask(prompt),
            Some(BatchResult::Succeeded { message }) => message.answer(),
            Some(BatchResult::Errored { error }) => {
                let said = clipped(&error.error.message);
                if said.contains("prompt is too long") {
                    return Err(DistilError::TooLong);
                }
                unanswered(format!("{said} ({})", clipped(&error.error.kind)))
            }
            Some(BatchResult::Canceled) => unanswered("the batch was canceled".to_owned()),
            Some(BatchResult::Expired) => unanswered("the batch took too long".to_owned()),
        }
    }
}

fn progress(counts: RequestCounts) -> BatchProgress {
    let RequestCounts { processing, succeeded, errored, canceled, expired } = counts;
    let done = succeeded + errored + canceled + expired;
    BatchProgress { done, all: done + processing }
}

/// Returns an id as part of a path: what a server or a file says is no path of its own.
fn escaped(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(128).collect()
}
