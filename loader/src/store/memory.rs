//! What a store keeps in memory between queries, and the thread that reads it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::QueryVector;
use crate::recall::resident::{Kept, Resident};
use crate::store::{OpenOptions, Residency, open};

/// What is kept, or where it comes from.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    patience: Duration,
    /// How many bytes may be kept.
    budget: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is to be kept.
    Off,
    /// Nothing is kept yet.
    Empty,
    /// A thread reads it.
    Reading(Receiver<Option<Resident>>),
    /// It is here.
    Ready(Box<Resident>),
}

impl Memory {
    /// Returns a memory that keeps what the options ask for.
    pub(super) fn new(path: &Path, options: &OpenOptions) -> Self {
        let (state, budget) = match options.residency {
            Residency::Nothing => (State::Off, 0),
            Residency::Everything => (State::Empty, usize::MAX),
            Residency::UpTo(bytes) => (State::Empty, bytes),
        };
        Self { path: path.to_owned(), patience: options.patience, budget, state }
    }

    /// Returns what is kept.
    pub(super) fn resident(&self) -> Option<&Resident> {
        match &self.state {
            State::Ready(resident) => Some(resident),
            _ => None,
        }
    }

    /// Returns what is kept.
    pub(super) fn resident_mut(&mut self) -> Option<&mut Resident> {
        match &mut self.state {
            State::Ready(resident) => Some(resident),
            _ => None,
        }
    }

    /// Makes what is kept what `db` sees; starts to read it aside where that takes long.
    pub(super) fn follow(
        &mut self,
        db: &Connection,
        vector: Option<&QueryVector>,
    ) -> Result<(), Trouble> {
        self.receive();
        if matches!(self.state, State::Empty) {
            self.start();
        }
        let State::Ready(resident) = &mut self.state else { return Ok(()) };
        let kept = resident.follow(db, vector);
        // What was read halfway is not kept.
        if !matches!(kept, Ok(Kept::Current)) {
            self.state = State::Empty;
            self.start();
        }
        kept.map(|_| ())
    }

    /// Reads everything now.
    pub(super) fn warm(&mut self, db: &Connection) -> Result<(), Trouble> {
        if matches!(self.state, State::Off) {
            return Ok(());
        }
        let followed = self.resident_mut().map(|resident| resident.follow(db, None));
        if !matches!(followed, Some(Ok(Kept::Current))) {
            // What was read halfway is not kept, also where reading it anew fails.
            self.state = State::Empty;
            let resident = Resident::read(db, self.budget)?;
            self.state = resident.map_or(State::Off, |resident| State::Ready(Box::new(resident)));
        }
        Ok(())
    }

    /// Takes what the thread has read.
    fn receive(&mut self) {
        let State::Reading(receiver) = &self.state else { return };
        self.state = match receiver.try_recv() {
            Ok(Some(resident)) => State::Ready(Box::new(resident)),
            // There are more rows than can be kept.
            Ok(None) => State::Off,
            Err(TryRecvError::Empty) => return,
            // It failed, and will fail where the store is read as well.
            Err(TryRecvError::Disconnected) => State::Empty,
        };
    }

    /// Starts a thread that reads everything through a connection of its own.
    fn start(&mut self) {
        let (path, patience, budget) = (self.path.clone(), self.patience, self.budget);
        let (sender, receiver) = mpsc::sync_channel(1);
        let read = move || {
            let resident = open::existing(&path, patience).ok().and_then(|connection| {
                let transaction = connection.unchecked_transaction().ok()?;
                Resident::read(&transaction, budget).ok()
            });
            if let Some(resident) = resident {
                // Whoever asked may be gone.
                let _ = sender.send(resident);
            }
        };
        let started = thread::Builder::new().name("garner-memory".to_owned()).spawn(read);
        if started.is_ok() {
            self.state = State::Reading(receiver);
        }
    }
}
