//! Working memory: which blocks the turns of a conversation were given.
//!
//! A client sends the whole conversation again with every turn, without our blocks. The ledger knows
//! each turn by everything said up to it, gives the same block back byte for byte, so that a model's
//! prefix cache holds, and tells what a conversation has received, so that nothing is placed twice.
//! It lives in memory only: when it forgets, blocks are missing from old turns and nothing is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use garner_kernel::{Digest, FieldHasher, FragmentId, Text};

/// Everything said up to a turn, as the client sent it; turns of different conversations are equal
/// only where everything before them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix(Digest);

impl Prefix {
    /// Returns the start of every conversation with a model.
    pub fn start(model: &str) -> Self {
        let mut hasher = FieldHasher::new("garner.conversation.v1");
        hasher.field(model.as_bytes());
        Self(hasher.finish())
    }

    /// Returns the bytes that stand for it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the prefix that a message makes longer.
    #[must_use]
    pub fn then(&self, role: &str, content: &str) -> Self {
        let mut hasher = FieldHasher::new("garner.turn.v1");
        hasher.field(self.0.as_bytes()).field(role.as_bytes()).field(content.as_bytes());
        Self(hasher.finish())
    }
}

/// What a turn was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The block, byte for byte.
    pub block: Text,
    /// The fragments in it.
    pub fragments: Vec<FragmentId>,
}

/// The blocks of many conversations; the turns that were asked for least recently are forgotten.
#[derive(Debug)]
pub struct Ledger {
    most: usize,
    turns: HashMap<Prefix, (u64, Given)>,
    /// The same turns by when they were asked for last.
    by_age: BTreeMap<u64, Prefix>,
    clock: u64,
}

impl Ledger {
    /// Returns a ledger that remembers at most so many turns.
    pub fn new(most: usize) -> Self {
        Self { most, turns: HashMap::new(), by_age: BTreeMap::new(), clock: 0 }
    }

    /// Returns what a turn was given; `None` if it was given nothing or it is forgotten.
    ///
    /// A turn that was given an empty block has one: it is not to be given another.
    pub fn given(&mut self, turn: Prefix) -> Option<&Given> {
        self.clock += 1;
        let (age, given) = self.turns.get_mut(&turn)?;
        self.by_age.remove(age);
        *age = self.clock;
        self.by_age.insert(self.clock, turn);
        Some(given)
    }

    /// Returns the fragments that the turns of a conversation received.
    pub fn received(&self, turns: &[Prefix]) -> BTreeSet<FragmentId> {
        let given = turns.iter().filter_map(|turn| self.turns.get(turn));
        given.flat_map(|(_, given)| given.fragments.iter().copied()).collect()
    }

    /// Remembers what a turn was given. What it was given first stays: a turn that two requests ask
    /// for at once has one block.
    pub fn remember(&mut self, turn: Prefix, given: Given) -> &Given {
        self.clock += 1;
        let clock = self.clock;
        if !self.turns.contains_key(&turn) {
            self.by_age.insert(clock, turn);
            while self.turns.len() >= self.most.max(1) {
                let Some((_, oldest)) = self.by_age.pop_first() else { break };
                self.turns.remove(&oldest);
            }
        }
        &self.turns.entry(turn).or_insert((clock, given)).1
    }

    /// Returns how many turns are remembered.
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(number: u8) -> Given {
        let fragments = vec![FragmentId::new(Digest::of(&[number]))];
        Given { block: Text::new(format!("block {number}")), fragments }
    }

    fn turn(words: &[&str]) -> Prefix {
        words.iter().fold(Prefix::start("model"), |prefix, word| prefix.then("user", word))
    }

    #[test]
    fn a_turn_keeps_its_block() {
        let mut ledger = Ledger::new(9);
        let (first, second) = (turn(&["a"]), turn(&["a", "b"]));
        assert_eq!(ledger.given(first), None);
        ledger.remember(first, given(1));
        assert_eq!(ledger.remember(first, given(2)), &given(1));
        ledger.remember(second, given(3));
        assert_eq!(ledger.given(first), Some(&given(1)));
        let received = ledger.received(&[first, second, turn(&["c"])]);
        assert_eq!(received.into_iter().collect::<BTreeSet<_>>().len(), 2);
        assert_eq!(ledger.received(&[]).len(), 0);
    }

    #[test]
    fn a_turn_is_all_that_was_said_before_it() {
        let start = Prefix::start("model");
        assert_ne!(start, Prefix::start("other"));
        assert_ne!(start.then("user", "a"), start.then("assistant", "a"));
        assert_ne!(turn(&["ab"]), turn(&["a", "b"]));
        assert_ne!(turn(&["a", "b"]), turn(&["b", "a"]));
        assert_eq!(turn(&["a", "b"]), turn(&["a"]).then("user", "b"));
    }

    #[test]
    fn the_turn_that_was_asked_for_least_recently_is_forgotten() {
        let mut ledger = Ledger::new(2);
        let [a, b, c] = ["a", "b", "c"].map(|word| turn(&[word]));
        ledger.remember(a, given(1));
        ledger.remember(b, given(2));
        assert!(ledger.given(a).is_some());
        ledger.remember(c, given(3));
        assert!(ledger.given(b).is_none());
        assert!(ledger.given(a).is_some() && ledger.given(c).is_some());
    }

    proptest! {
        #[test]
        fn a_ledger_stays_small_and_never_mixes_turns(
            most in 0usize..6, steps in proptest::collection::vec((any::<bool>(), 0u8..9), 0..60),
        ) {
            let mut ledger = Ledger::new(most);
            for (remember, number) in steps {
                let prefix = turn(&[&number.to_string()]);
                if remember {
                    prop_assert_eq!(ledger.remember(prefix, given(number)), &given(number));
                } else if let Some(found) = ledger.given(prefix) {
                    prop_assert_eq!(found, &given(number));
                }
                prop_assert!(ledger.len() <= most.max(1));
                prop_assert_eq!(ledger.len(), ledger.by_age.len());
                prop_assert_eq!(ledger.is_empty(), ledger.turns.is_empty());
            }
        }
    }
}
