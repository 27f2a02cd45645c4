//! How many tokens an injection may take.

use crate::inject::tokens::Tokens;

/// The most tokens of an injection, whatever the context holds.
const MOST: usize = 1_000;
/// The share of the context that an injection may take, in percent.
const CONTEXT_PERCENT: usize = 15;
/// The share of the budget that the core may take, in percent.
const CORE_PERCENT: usize = 40;
/// Below this many tokens nothing is injected.
const LEAST: usize = 60;
/// What is kept for the answer when the request does not say.
const RESERVE: usize = 1_024;

/// How many tokens an injection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    total: Tokens,
}

impl Budget {
    /// Injects nothing.
    pub const NOTHING: Self = Self { total: Tokens::new(0) };

    /// Returns a budget of this many tokens, or [`NOTHING`](Self::NOTHING) below 60.
    pub const fn of(total: Tokens) -> Self {
        if total.get() < LEAST { Self::NOTHING } else { Self { total } }
    }

    /// Returns what fits into a context of `num_ctx` tokens beside a request of `request` tokens.
    ///
    /// The least of 1,000 tokens, 15 % of the context, and what request and answer (`num_predict`,
    /// else 1,024) leave; an injection never makes a request that fits one that is cut.
    pub fn for_context(num_ctx: Tokens, request: Tokens, num_predict: Option<Tokens>) -> Self {
        let reserve = num_predict.map_or(RESERVE, Tokens::get);
        let room = num_ctx.get().saturating_sub(request.get()).saturating_sub(reserve);
        let share = num_ctx.get().saturating_mul(CONTEXT_PERCENT) / 100;
        Self::of(Tokens::new(MOST.min(share).min(room)))
    }

    /// Returns the tokens of core and hits together.
    pub const fn total(self) -> Tokens {
        self.total
    }

    /// Returns the most tokens of the core.
    pub const fn core(self) -> Tokens {
        Tokens::new(self.total.get().saturating_mul(CORE_PERCENT) / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(num_ctx: usize, request: usize, num_predict: Option<usize>, expected: usize) {
        let budget = Budget::for_context(
            Tokens::new(num_ctx),
            Tokens::new(request),
            num_predict.map(Tokens::new),
        );
        assert_eq!(budget.total().get(), expected, "{num_ctx} {request} {num_predict:?}");
        assert!(budget.core().get() * 10 <= budget.total().get() * 4);
    }

    #[test]
    fn the_budget_is_the_least_of_three() {
        check(4096, 100, None, 614);
        check(32_768, 100, None, 1000);
        check(4096, 2900, None, 172);
        check(4096, 3020, None, 0);
        check(4096, 5000, None, 0);
        check(2048, 500, Some(128), 307);
        check(300, 0, Some(0), 0);
        check(usize::MAX, usize::MAX, None, 0);
    }
}
