//! Tokens: how many a prompt takes, how many may be spent, how many were.

use super::{Plan, Room, Usage};

/// How many tokens may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most tokens, in and out together.
    pub tokens: u64,
}

/// What asking about a plan would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Windows of the plan.
    pub windows: usize,
    /// Bytes of all prompts.
    pub bytes: usize,
    /// Tokens of all prompts, estimated high.
    pub input: u64,
    /// Tokens of all answers if each is as long as it may be.
    pub output: u64,
    /// How many of the windows the budget is sure to cover.
    pub covered: usize,
}

impl Forecast {
    /// Estimates what a plan takes.
    pub fn of(plan: &Plan, room: Room, budget: Budget) -> Self {
        let gauge = Gauge::default();
        let mut forecast = Self { windows: 0, bytes: 0, input: 0, output: 0, covered: 0 };
        for window in plan.windows() {
            let bytes = window.bytes();
            forecast.windows += 1;
            forecast.bytes += bytes;
            forecast.input += gauge.input(bytes);
            forecast.output += u64::from(room.answer);
            if forecast.input + forecast.output <= budget.tokens {
                forecast.covered = forecast.windows;
            }
        }
        forecast
    }
}

/// Learns from replies how many tokens a byte makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    /// Tokens for a thousand bytes.
    rate: u64,
    measured: bool,
}

impl Default for Gauge {
    /// One token for every two bytes. English takes half as many, hexadecimal digits a little more.
    fn default() -> Self {
        Self { rate: 500, measured: false }
    }
}

impl Gauge {
    /// Returns how many tokens a prompt may take.
    pub(super) fn input(&self, bytes: usize) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        bytes.saturating_mul(self.rate).div_ceil(1_000)
    }

    /// Learns from what a reply says; the most that was seen counts, and a tenth on top.
    pub(super) fn learn(&mut self, bytes: usize, usage: Usage) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
        // A server that counts only what was not in its cache says less than the next may take.
        if usage.input == 0 {
            return;
        }
        let seen = usage.input.saturating_mul(1_100).div_ceil(bytes);
        self.rate = if self.measured { self.rate.max(seen) } else { seen.max(200) };
        self.measured = true;
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purse {
    left: u64,
    gauge: Gauge,
    answer: u32,
}

impl Purse {
    pub(super) fn new(budget: Budget, room: Room) -> Self {
        Self { left: budget.tokens, gauge: Gauge::default(), answer: room.answer }
    }

    /// Returns whether a prompt and the longest answer to it are covered.
    pub(super) fn covers(&self, bytes: usize) -> bool {
        self.cost(bytes) <= self.left
    }

    /// Takes out what a prompt costs at most, for prompts that are sent together.
    pub(super) fn reserve(&mut self, bytes: usize) -> bool {
        let covered = self.covers(bytes);
        if covered {
            self.left -= self.cost(bytes);
        }
        covered
    }

    /// Puts back what was taken out for a prompt that is answered now.
    pub(super) fn refund(&mut self, bytes: usize) {
        let reserved = Gauge::default().input(bytes).saturating_add(u64::from(self.answer));
        self.left = self.left.saturating_add(reserved);
    }

    /// Takes out what a reply says that it took.
    pub(super) fn spend(&mut self, bytes: usize, usage: Usage) {
        self.left = self.left.saturating_sub(usage.tokens());
        self.gauge.learn(bytes, usage);
    }

    fn cost(&self, bytes: usize) -> u64 {
        self.gauge.input(bytes).saturating_add(u64::from(self.answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { window: 10_000, answer: 100 };

    #[test]
    fn a_prompt_is_covered_with_its_longest_answer_or_not_sent() {
        let mut purse = Purse::new(Budget { tokens: 700 }, ROOM);
        assert!(purse.covers(1_200) && !purse.covers(1_202));
        // A byte turns out to make a quarter of a token, and a tenth more is kept back.
        purse.spend(1_000, Usage { input: 250, output: 50, dollars: None });
        assert!(purse.covers(1_090) && !purse.covers(1_100));
        purse.spend(1_000, Usage { input: 500, output: 0, dollars: None });
        assert!(!purse.covers(1));
    }

    #[test]
    fn the_most_that_was_seen_counts() {
        let mut gauge = Gauge::default();
        for (input, expected) in [(0, 500), (100, 200), (300, 330), (250, 330)] {
            gauge.learn(1_000, Usage { input, output: 9, dollars: None });
            assert_eq!(gauge.input(1_000), expected, "{input}");
        }
    }

    #[test]
    fn prompts_that_go_together_are_paid_for_beforehand() {
        let mut purse = Purse::new(Budget { tokens: 700 }, ROOM);
        assert_eq!([400, 400, 400].map(|bytes| purse.reserve(bytes)), [true, true, false]);
        purse.refund(400);
        purse.spend(400, Usage { input: 100, output: 100, dollars: None });
        assert!(purse.covers(300) && !purse.covers(400));
    }
}
