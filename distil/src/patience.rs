//! How often and how soon a server is asked again.

use std::fmt;
use std::time::Duration;

/// How long to wait for a server that is busy; waiting itself is an argument.
pub struct Patience {
    /// How many tries there are.
    pub tries: u32,
    /// The first pause; every next one is twice as long.
    pub first: Duration,
    /// The longest pause, also where the server asks for more: then it is not asked again.
    pub longest: Duration,
    /// Waits.
    pub wait: Box<dyn Fn(Duration)>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 6,
            first: Duration::from_secs(2),
            longest: Duration::from_mins(2),
            wait: Box::new(std::thread::sleep),
        }
    }
}

impl Patience {
    /// Returns how long to wait after so many failed tries; `None` if that was the last.
    pub(crate) fn pause(&self, failed: u32, asked: Option<Duration>) -> Option<Duration> {
        if failed >= self.tries || asked.is_some_and(|asked| asked > self.longest) {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let own = self.first.saturating_mul(doubled).min(self.longest);
        Some(own.max(asked.unwrap_or_default()))
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("tries", &self.tries).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_a_server_may_ask_for_more() {
        let patience = Patience { tries: 5, ..Patience::default() };
        let pause = |failed, asked: Option<u64>| {
            patience.pause(failed, asked.map(Duration::from_secs)).map(|pause| pause.as_secs())
        };
        assert_eq!(
            [1, 2, 3, 4, 5].map(|n| pause(n, None)),
            [Some(2), Some(4), Some(8), Some(16), None]
        );
        assert_eq!([1, 60, 121].map(|s| pause(1, Some(s))), [Some(2), Some(60), None]);
    }
}
