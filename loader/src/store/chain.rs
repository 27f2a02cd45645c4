//! Hash chains: each link covers its fields and the hash of the link before it.

use garner_kernel::{Digest, FieldHasher};

/// The hash that stands before the first link.
pub(crate) const START: Digest = Digest::from_bytes([0; 32]);

/// Returns the hash of a link in the chain named by `domain`.
pub(crate) fn link(domain: &str, number: u64, fields: &[&[u8]], previous: &Digest) -> Digest {
    let mut hasher = FieldHasher::new(domain);
    hasher.field(&number.to_le_bytes());
    for field in fields {
        hasher.field(field);
    }
    hasher.field(previous.as_bytes());
    hasher.finish()
}

/// Follows a chain and says where it breaks.
#[derive(Debug)]
pub(crate) struct Follower {
    number: u64,
    hash: Digest,
}

impl Follower {
    /// Starts before the first link.
    pub(crate) const fn new() -> Self {
        Self { number: 0, hash: START }
    }

    /// Starts after the link with this number and hash: of those up to it some may be gone.
    pub(crate) const fn at(number: u64, hash: Digest) -> Self {
        Self { number, hash }
    }

    /// Takes the next link; returns what is wrong with it, if anything.
    pub(crate) fn step(
        &mut self,
        number: u64,
        previous: Digest,
        stored: Digest,
        computed: Digest,
    ) -> Option<&'static str> {
        if number <= self.number {
            // What was before the start hangs together with nothing any more.
            return (stored != computed).then_some("its fields were changed");
        }
        let wrong = if number != self.number + 1 {
            Some("a link is missing before it")
        } else if previous != self.hash {
            Some("it does not name the link before it")
        } else if stored != computed {
            Some("its fields were changed")
        } else {
            None
        };
        (self.number, self.hash) = (number, stored);
        wrong
    }
}
