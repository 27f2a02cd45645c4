//! Anthropic's Message Batches: many windows at once, answered within a day, at a lower price.
//!
//! Wraps [`Anthropic`]: prompts that were announced go out as batches and are waited for; one that
//! is asked about again, because its answer could not be read, is asked directly.
//!
//! A batch is paid for when it is taken, so none is sent that may have been taken before. What is
//! about to be sent is noted first; where no answer came, or none was noted, the server's batches are
//! searched for it, and it is sent again only if it is not among them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use garner_compiler::distil::{Answer, DistilError, Distiller, Pace, Prompt, Room};
use garner_kernel::FieldHasher;

use crate::anthropic::{Anthropic, WHO, read, window};
use crate::error::Error;
use crate::http::{Repeat, clipped};
use crate::listing;
use crate::state::{self, Intent, State};
use crate::wire::{BatchReply, BatchRequest, BatchResult, RequestCounts, ResultLine};

/// The first pause between two looks at a batch; each next one is half as long again.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// The longest pause between two looks.
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// The most requests of one batch, well below the 100,000 that the API takes.
const MAX_REQUESTS: usize = 5_000;
/// The most bytes of one batch, below the 256 MB that the API takes.
const MAX_BYTES: usize = 200 << 20;
/// How often a batch is sent that the server does not have afterwards.
const MAX_SENDS: u32 = 3;
/// How long a mark is, in hexadecimal digits: with the name of a window and a dash, 61 of the 64
/// characters that the name of a request may have.
const MARK: usize = 20;

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
        if let Some(intent) = state.intent.clone() {
            let batch = self.find(&intent)?;
            self.note(&mut state, batch, intent.windows)?;
        }
        loop {
            let known = self.known();
            let missing: Vec<&Prompt> =
                prompts.iter().filter(|prompt| !known.contains(&window(prompt))).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let windows = self.submit(&missing, &mut state)?;
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

    /// Sends as many prompts as one batch takes, and collects them; returns their windows.
    fn submit(&self, prompts: &[&Prompt], state: &mut State) -> Result<BTreeSet<String>, Error> {
        let mut bytes = 0;
        let fits = |prompt: &&&Prompt| {
            // Text grows a little when it is written as JSON, and the schema comes on top.
            bytes += prompt.bytes() * 2 + 4_096;
            bytes <= MAX_BYTES
        };
        let part: Vec<&Prompt> =
            prompts.iter().take(MAX_REQUESTS).take_while(fits).copied().collect();
        let mark = self.mark(&part);
        let requests: Vec<_> = part.iter().map(|prompt| self.direct.item(prompt, &mark)).collect();
        let windows: BTreeSet<String> = part.iter().map(|prompt| window(prompt)).collect();
        let body = serde_json::to_vec(&BatchRequest { requests })
            .map_err(|e| Error::Protocol { who: WHO, reason: clipped(&e.to_string()) })?;
        let after = listing::newest(&self.direct)?;
        let intent = Intent { mark, windows: windows.clone(), after };
        state.intent = Some(intent.clone());
        state.save(&self.state)?;
        let batch = self.send(&body, &intent, state)?;
        self.note(state, Some(batch.clone()), windows.clone())?;
        if !self.known().is_superset(&windows) {
            self.collect(&batch)?;
        }
        Ok(windows)
    }

    /// Sends a batch until it is certain that the server took it; returns its id. What is refused is
    /// no intent any more.
    fn send(&self, body: &[u8], intent: &Intent, state: &mut State) -> Result<String, Error> {
        let mut sent = 0;
        loop {
            let reply = self.direct.post("v1/messages/batches", Repeat::Refused, body);
            sent += 1;
            let error = match reply.and_then(|body| read::<BatchReply>(&body)) {
                Ok(reply) => return Ok(reply.id),
                Err(error) if error.is_open() => error,
                Err(error) => {
                    self.note(state, None, BTreeSet::new())?;
                    return Err(error);
                }
            };
            self.direct.wait(FIRST_LOOK);
            if let Some(batch) = self.find(intent)? {
                return Ok(batch);
            }
            if sent == MAX_SENDS {
                return Err(error);
            }
            tracing::info!("the batch was not taken, and is sent again");
        }
    }

    /// Looks for a batch that was sent, waits for it, and takes its results; `None` where the server
    /// has none with its mark.
    fn find(&self, intent: &Intent) -> Result<Option<String>, Error> {
        for candidate in listing::candidates(&self.direct, intent)? {
            let Some(lines) = self.results_of(&candidate.id)? else { continue };
            if lines.iter().any(|line| line.mark() == Some(&intent.mark)) {
                self.take(lines);
                return Ok(Some(candidate.id));
            }
        }
        Ok(None)
    }

    /// Notes what became of an intent.
    fn note(
        &self,
        state: &mut State,
        batch: Option<String>,
        windows: BTreeSet<String>,
    ) -> Result<(), Error> {
        state.intent = None;
        state.batches.extend(batch.map(|batch| (batch, windows)));
        if state.batches.is_empty() { self.collected() } else { state.save(&self.state) }
    }

    /// Returns what marks the requests about these prompts. Prompts hold a number that is new in every
    /// run, so no other run has it.
    fn mark(&self, prompts: &[&Prompt]) -> String {
        let mut hasher = FieldHasher::new("garner.batch-mark.v1");
        hasher.field(self.direct.model().as_bytes());
        for prompt in prompts {
            hasher.field(window(prompt).as_bytes()).field(prompt.text.as_str().as_bytes());
        }
        hasher.finish().to_string().chars().take(MARK).collect()
    }

    /// Waits until a batch has ended, and takes its results.
    fn collect(&self, batch: &str) -> Result<(), Error> {
        // It is not kept for ever: what it brought was lost, and is asked about again.
        let lines = self.results_of(batch)?.unwrap_or_default();
        self.take(lines);
        Ok(())
    }

    fn take(&self, lines: Vec<ResultLine>) {
        let lines = lines.into_iter().map(|line| (line.window().to_owned(), line.result));
        self.results.borrow_mut().extend(lines);
    }

    /// Waits until a batch has ended, and returns its results; `None` where it is not kept any more.
    fn results_of(&self, batch: &str) -> Result<Option<Vec<ResultLine>>, Error> {
        let path = format!("v1/messages/batches/{}", escaped(batch));
        let mut pause = FIRST_LOOK;
        let ended = loop {
            let Some(body) = there(self.direct.get(&path))? else { return Ok(None) };
            let reply: BatchReply = read(&body)?;
            (self.progress)(progress(reply.request_counts));
            if reply.has_ended() {
                break reply;
            }
            self.direct.wait(pause);
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        };
        tracing::debug!(succeeded = ended.request_counts.succeeded, "a batch has ended");
        let Some(lines) = there(self.direct.get(&format!("{path}/results")))? else {
            return Ok(None);
        };
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        lines.map(read).collect::<Result<_, _>>().map(Some)
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
        let result = self.results.borrow_mut().remove(&window(prompt));
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

/// Returns a reply unless what it was asked about is not there.
fn there(reply: Result<Vec<u8>, Error>) -> Result<Option<Vec<u8>>, Error> {
    match reply {
        Err(Error::Said { status: 404, .. }) => Ok(None),
        reply => reply.map(Some),
    }
}

fn progress(counts: RequestCounts) -> BatchProgress {
    BatchProgress { done: counts.done(), all: counts.all() }
}

/// Returns an id as part of a path: what a server or a file says is no path of its own.
pub(crate) fn escaped(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(128).collect()
}
