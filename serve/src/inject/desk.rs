//! The thread that owns the store's reader and the ledger, and the one that writes events.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use garner_kernel::{Digest, Moment};
use garner_loader::InjectionEvent;
use garner_loader::inject::{Injection, Ledger};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::edit::Insertion;
use crate::error::Error;
use crate::inject::Recaller;
use crate::inject::decide::{self, Request};
use crate::inject::report::{Reason, Report};

/// How many requests may wait.
const QUEUE: usize = 256;
/// How many events may wait to be written; more are dropped, and counted.
const EVENTS: usize = 1_024;
/// How many turns the ledger remembers.
const TURNS: usize = 8_192;

/// Makes the recaller on the thread on which it lives.
pub type MakeRecaller = Box<dyn FnOnce() -> Box<dyn Recaller> + Send>;
/// Writes an event, on a thread of its own; returns whether it was written.
pub type Record = Box<dyn FnMut(&InjectionEvent) -> bool + Send>;

/// What goes into a request, and what is told about it.
pub(crate) type Outcome = Result<(Vec<Insertion>, Report), Reason>;

struct Job {
    request: Request,
    deadline: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct Desk {
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Desk {
    /// Starts both threads; `patience` is how long a request waits in all.
    ///
    /// # Errors
    /// [`Error::Thread`] if the system has no thread left.
    pub(crate) fn start(
        make: MakeRecaller,
        mut record: Record,
        on_lost: impl Fn() + Send + Clone + 'static,
        patience: Duration,
    ) -> Result<Self, Error> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let (events, unwritten) = sync_channel::<InjectionEvent>(EVENTS);
        let lost = on_lost.clone();
        let writer = thread::Builder::new().name("garner-events".to_owned()).spawn(move || {
            while let Ok(event) = unwritten.recv() {
                if !record(&event) {
                    lost();
                }
            }
        });
        let owner = thread::Builder::new().name("garner-desk".to_owned()).spawn(move || {
            work(&waiting, make, &events, &on_lost, patience);
        });
        let threads = vec![writer.map_err(Error::Thread)?, owner.map_err(Error::Thread)?];
        Ok(Self { jobs, threads })
    }

    /// Asks what goes into a request.
    ///
    /// # Errors
    /// Why nothing does; [`Reason::Deadline`] where the answer does not come in time.
    pub(crate) async fn ask(&self, request: Request, deadline: Instant) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        self.jobs.try_send(Job { request, deadline, reply }).map_err(|error| match error {
            TrySendError::Full(_) => Reason::Busy,
            TrySendError::Disconnected(_) => Reason::Store,
        })?;
        match timeout_at(deadline, outcome).await {
            Err(_) => Err(Reason::Deadline),
            Ok(Err(_)) => Err(Reason::Store),
            Ok(Ok(outcome)) => outcome,
        }
    }

    /// Lets both threads finish what waits, and waits for them.
    pub(crate) fn finish(self) {
        drop(self.jobs);
        for thread in self.threads.into_iter().rev() {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn work(
    waiting: &Receiver<Job>,
    make: MakeRecaller,
    events: &SyncSender<InjectionEvent>,
    on_lost: &dyn Fn(),
    patience: Duration,
) {
    let mut recaller = make();
    let mut ledger = Ledger::new(TURNS);
    let secret = secret();
    while let Ok(mut job) = waiting.recv() {
        // Whoever asked went on without an answer.
        if job.reply.is_closed() {
            continue;
        }
        let left = job.deadline.saturating_duration_since(Instant::now());
        job.request.is_urgent = left < patience / 3;
        let decided = decide::decide(&job.request, &mut *recaller, &mut ledger, &secret);
        let model = job.request.asked.model;
        match decided {
            Err(reason) => drop(job.reply.send(Err(reason))),
            Ok(decision) => {
                if job.reply.send(Ok((decision.insertions, decision.report))).is_err() {
                    continue;
                }
                if let Some((turn, given)) = decision.given {
                    ledger.remember(turn, given);
                }
                let Some((injection, prompt)) = decision.placed else { continue };
                let event = event(&injection, model, &prompt, recaller.now());
                if !event.placed.is_empty() && events.try_send(event).is_err() {
                    on_lost();
                }
            }
        }
    }
}

fn event(injection: &Injection, model: String, prompt: &str, at: Moment) -> InjectionEvent {
    InjectionEvent {
        at,
        model,
        prompt: Digest::of(prompt.as_bytes()),
        placed: injection.placed.iter().map(|placed| (placed.id, placed.score)).collect(),
        tokens: injection.tokens(),
        left_out: injection.left_out.clone(),
    }
}

/// Returns what nobody who wrote a fragment could know.
fn secret() -> [u8; 16] {
    // Every process draws new hash keys from the operating system: they serve as its secret.
    let state = std::hash::RandomState::new();
    let half = |word: &str| std::hash::BuildHasher::hash_one(&state, word).to_le_bytes();
    let mut secret = [0; 16];
    for (to, from) in secret.iter_mut().zip([half("one"), half("two")].concat()) {
        *to = from;
    }
    secret
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::edit::{Route, read};
    use crate::inject::models::Model;
    use crate::inject::{Known, Question};

    /// Tells of each question whether it was urgent.
    struct Watching(std::sync::mpsc::Sender<bool>);

    impl Recaller for Watching {
        fn recall(&mut self, question: &Question<'_>) -> Result<Known, garner_loader::Error> {
            self.0.send(question.is_urgent).unwrap();
            Ok(Known::default())
        }

        fn count(&self, text: &str) -> usize {
            text.len()
        }

        fn now(&self) -> Moment {
            Moment::from_unix(0)
        }
    }

    #[tokio::test]
    async fn who_waited_long_is_in_a_hurry() {
        let (tell, told) = channel();
        let patience = Duration::from_mins(10);
        let make: MakeRecaller = Box::new(|| Box::new(Watching(tell)));
        let desk = Desk::start(make, Box::new(|_| true), || (), patience).unwrap();
        for (left, is_urgent) in [(patience, false), (patience / 4, true)] {
            let asked = read(Route::Generate, br#"{"model":"m","prompt":"Which?"}"#).unwrap();
            let request = Request {
                asked,
                model: Model::default(),
                channel: None,
                channels: Vec::new(),
                is_urgent: false,
            };
            let _ = desk.ask(request, Instant::now() + left).await;
            assert_eq!(told.recv().unwrap(), is_urgent, "{left:?}");
        }
        desk.finish();
    }
}
