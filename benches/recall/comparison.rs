//! Both systems beside each other, with what is wanted of the ratio.

use super::operations as op;
use super::sample::Sample;

/// Every sample of one size.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) size: u64,
    /// The peer, by setup.
    pub(crate) peer: Vec<(&'static str, Vec<Sample>)>,
    pub(crate) garner: Vec<Sample>,
}

/// The setups of the peer; the last one keeps nothing.
pub(crate) const SETUPS: [&str; 3] = ["file", "tuned", "memory"];

/// How a figure is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Less is better; setups without a file count where nothing is written.
    Seconds(Durable),
    /// More is better.
    Rate,
    /// Less is better.
    Bytes,
}

/// Whether an operation has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    Yes,
    No,
}

/// An operation, its unit, and the least ratio that is wanted at 1,000, 10,000 and 100,000 texts; of
/// bytes the highest.
pub(crate) type Wanted = (&'static str, Unit, [Option<f64>; 3]);

const READ: Unit = Unit::Seconds(Durable::No);
const WRITTEN: Unit = Unit::Seconds(Durable::Yes);
const NONE: [Option<f64>; 3] = [None; 3];

/// What is compared, in the order of the page.
pub(crate) const WANTED: [Wanted; 18] = [
    (op::HYBRID, READ, [Some(25.0), Some(75.0), Some(150.0)]),
    (op::PEER_HYBRID, READ, NONE),
    (op::VECTOR, READ, [Some(40.0), Some(200.0), Some(400.0)]),
    (op::FILTERED, READ, [Some(6.0), Some(45.0), Some(55.0)]),
    (op::WORDS, READ, [Some(20.0), Some(12.0), Some(10.0)]),
    (op::PAIR, READ, NONE),
    (op::PEER_WORDS, READ, NONE),
    (op::TRACKED, WRITTEN, [Some(20.0); 3]),
    (op::GET, READ, [Some(2.0), Some(1.5), Some(1.5)]),
    (op::PREFIX, READ, [Some(3.0), None, Some(100.0)]),
    (op::NEWEST, READ, [Some(50.0), None, Some(1000.0)]),
    (op::DEDUPLICATED, WRITTEN, [Some(3.0), Some(5.0), Some(7.0)]),
    (op::INSERT, WRITTEN, [Some(0.6); 3]),
    (op::BULK, Unit::Rate, NONE),
    (op::BULK_SINGLY, Unit::Rate, [Some(8.0), Some(8.0), Some(12.0)]),
    (op::SEALED, Unit::Rate, NONE),
    (op::ONE_SHOT, READ, [None, None, Some(20.0)]),
    (op::BYTES, Unit::Bytes, [Some(0.65), Some(0.6), Some(0.6)]),
];

/// The wanted share of the exact ten that a search which is not exact finds.
pub(crate) const WANTED_QUALITY: f64 = 0.99;

impl Comparison {
    /// Returns the figure of one setup of the peer.
    pub(crate) fn of_peer(&self, setup: &str, operation: &str) -> Option<&Sample> {
        let (_, samples) = self.peer.iter().find(|(name, _)| *name == setup)?;
        samples.iter().find(|sample| sample.operation == operation)
    }

    pub(crate) fn of_garner(&self, operation: &str) -> Option<&Sample> {
        self.garner.iter().find(|sample| sample.operation == operation)
    }

    /// Returns the best figure of the peer in any setup that is comparable.
    pub(crate) fn best_of_peer(&self, operation: &str, unit: Unit) -> Option<&Sample> {
        let setups = SETUPS.into_iter().filter(|setup| *setup != "memory" || unit == READ);
        let samples = setups.filter_map(|setup| self.of_peer(setup, operation));
        match unit {
            Unit::Rate => samples.max_by(|a, b| a.value.total_cmp(&b.value)),
            Unit::Seconds(_) | Unit::Bytes => samples.min_by(|a, b| a.value.total_cmp(&b.value)),
        }
    }

    /// Returns how many times better Garner is; of bytes, the share that it takes.
    pub(crate) fn ratio(&self, operation: &str, unit: Unit) -> Option<f64> {
        let peer = self.best_of_peer(operation, unit)?.value;
        // One transaction for everything is the only way that Garner has.
        let same = if operation == op::BULK_SINGLY { op::BULK } else { operation };
        let garner = self.of_garner(same)?.value;
        Some(match unit {
            Unit::Seconds(_) => peer / garner,
            Unit::Rate | Unit::Bytes => garner / peer,
        })
    }

    /// Returns which of the three sizes with a wanted ratio this one is.
    pub(crate) fn column(&self) -> Option<usize> {
        [1_000, 10_000, 100_000].iter().position(|size| *size == self.size)
    }
}
