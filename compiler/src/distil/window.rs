//! Windows: runs of a session that fit into one prompt.

use std::fmt;

use garner_kernel::{Digest, FieldHasher, FileName, Moment};

use super::prompt::{self, Nonce, Prompt, prompt_edition};
use super::segment::{Role, Segment};
use crate::session::Session;

/// The digest of what a window shows, and of how it is asked about.
///
/// The same part of the same session has the same id in every run, whatever the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(Digest);

impl WindowId {
    /// Returns the digest.
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of a session that fits into one prompt.
#[derive(Debug, Clone)]
pub struct Window {
    id: WindowId,
    file: FileName,
    started: Option<Moment>,
    /// Its place among the windows of its session.
    place: usize,
    pub(super) segments: Vec<Segment>,
}

impl Window {
    /// Returns what tells the window from all others.
    pub const fn id(&self) -> WindowId {
        self.id
    }

    /// Returns the file that it is from.
    pub const fn file(&self) -> &FileName {
        &self.file
    }

    /// Returns how many bytes a prompt about it has, instructions included.
    pub fn bytes(&self) -> usize {
        self.prompt(&Nonce::from_bytes([0; 8])).bytes()
    }

    /// Returns the prompt about it; `nonce` marks where its text begins and ends.
    pub fn prompt(&self, nonce: &Nonce) -> Prompt {
        prompt::render(self, nonce)
    }

    /// Returns the segments of a record.
    pub(super) fn record(&self, line: u32) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(move |segment| segment.line == line)
    }

    /// Returns what decides which window is asked about first: those in which a person speaks,
    /// then the newest session, then the order of the file.
    pub(super) fn priority(&self) -> impl Ord + use<> {
        let spoken = self.segments.iter().any(|segment| speaks(segment.role));
        let started = std::cmp::Reverse(self.started);
        (!spoken, started, self.file.clone(), self.place)
    }
}

/// Cuts what is shown of a session into windows of at most `limit` bytes.
pub(super) fn windows(session: &Session, segments: Vec<Segment>, limit: usize) -> Vec<Window> {
    let mut runs: Vec<Vec<Segment>> = Vec::new();
    let mut run: Vec<Segment> = Vec::new();
    let mut bytes = 0;
    for segment in segments {
        let size = prompt::size(&segment);
        if bytes + size > limit && !run.is_empty() {
            let rest = run.split_off(turning_point(&run));
            bytes = rest.iter().map(prompt::size).sum();
            runs.push(std::mem::replace(&mut run, rest));
            if bytes + size > limit {
                runs.push(std::mem::take(&mut run));
                bytes = 0;
            }
        }
        bytes += size;
        run.push(segment);
    }
    runs.push(run);
    let runs = runs.into_iter().filter(|run| says_enough(run));
    let window = |(place, segments): (usize, Vec<Segment>)| Window {
        id: id(&segments),
        file: session.file.clone(),
        started: session.started(),
        place,
        segments,
    };
    runs.enumerate().map(window).collect()
}

/// Returns where a run that is full ends: before the last time that a person begins to speak, where
/// that is in its second half; else at its end.
fn turning_point(run: &[Segment]) -> usize {
    let begins = |at: &usize| run.get(*at).is_some_and(|segment| speaks(segment.role));
    (run.len() / 2..run.len()).rev().find(begins).filter(|at| *at > 0).unwrap_or(run.len())
}

/// Returns whether a run is worth a prompt: somebody speaks, and not only a few words.
fn says_enough(run: &[Segment]) -> bool {
    const ENOUGH: usize = 30;
    run.iter().map(|segment| segment.text.as_str().len()).sum::<usize>() >= ENOUGH
        && run.iter().any(|segment| segment.role != Role::Paste)
}

const fn speaks(role: Role) -> bool {
    matches!(role, Role::Human | Role::Answer | Role::Refusal)
}

fn id(segments: &[Segment]) -> WindowId {
    let mut hasher = FieldHasher::new("garner.window.v1");
    hasher.field(prompt_edition().as_bytes());
    for segment in segments {
        hasher.field(prompt::lines(segment).as_bytes());
    }
    WindowId(hasher.finish())
}
