//! How often and how soon a server is asked again.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use super::download::number;

/// Bounds of what is spent on one file.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// The longest first pause; every next one may be twice as long.
    pub(super) first: Duration,
    /// The longest pause, unless the server asks for more.
    pub(super) longest: Duration,
    /// No try starts later than this after the first, or after the last one that brought bytes.
    pub(super) in_all: Duration,
    /// How many tries there are.
    pub(super) tries: u32,
    /// How long a connection may take.
    pub(super) connect: Duration,
    /// How long the server may be silent.
    pub(super) silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_mins(1),
            in_all: Duration::from_mins(10),
            tries: 8,
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
        }
    }
}

/// The tries for one file.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    patience: &'a Patience,
    since: Instant,
    made: u32,
}

impl<'a> Attempts<'a> {
    /// Starts to count.
    pub(super) fn new(patience: &'a Patience) -> Self {
        Self { patience, since: Instant::now(), made: 0 }
    }

    /// Returns how many tries failed.
    pub(super) const fn made(&self) -> u32 {
        self.made
    }

    /// Starts the time anew: a large file over a bad line takes as long as it takes.
    pub(super) fn saw_progress(&mut self) {
        self.since = Instant::now();
    }

    /// Counts a try that failed, and returns how long to wait before the next; `None` if there is
    /// none, also if the server asks for more time than there is.
    pub(super) fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        if self.made >= self.patience.tries {
            return None;
        }
        // A random part of the pause keeps many readers of one server apart.
        let pause = self.ceiling().mul_f64(fraction()).max(asked.unwrap_or_default());
        let spent = self.since.elapsed().checked_add(pause)?;
        (spent <= self.patience.in_all).then_some(pause)
    }

    /// Returns the longest pause after the tries that were made.
    fn ceiling(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.made.saturating_sub(1));
        self.patience.first.saturating_mul(doubled).min(self.patience.longest)
    }
}

/// Returns a random number from 0 to 1; 1 where the system has no random numbers.
fn fraction() -> f64 {
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

/// Returns how long the server asks us to wait, as seconds or as a time by its own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs(seconds));
    }
    let (at, now) = (time(headers, &RETRY_AFTER)?, time(headers, &DATE)?);
    Some(Duration::from_secs(u64::try_from(at.as_second() - now.as_second()).unwrap_or(0)))
}

fn time(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(name)?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_end() {
        let patience = Patience::default();
        let mut attempts = Attempts::new(&patience);
        let mut ceilings = Vec::new();
        while let Some(pause) = attempts.pause(None) {
            assert!(pause <= attempts.ceiling());
            ceilings.push(attempts.ceiling().as_millis());
        }
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
        attempts.made = 60;
        assert_eq!(attempts.ceiling(), patience.longest);
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_more_than_there_is() {
        let patience = Patience::default();
        let asked = |seconds| {
            Attempts::new(&patience).pause(Some(Duration::from_secs(seconds))).map(|p| p.as_secs())
        };
        assert_eq!(
            [0, 90, 599, 601, u64::MAX].map(asked),
            [Some(0), Some(90), Some(599), None, None]
        );
    }

    #[test]
    fn the_wish_of_a_server_is_seconds_or_a_time() {
        for (wish, now, expected) in [
            ("7", None, Some(7)),
            ("+7", None, None),
            ("-7", None, None),
            ("soon", None, None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None, None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 08:49:30 GMT"), Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 09:00:00 GMT"), Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, wish.parse().unwrap());
            now.map(|now| headers.insert(DATE, now.parse().unwrap()));
            assert_eq!(retry_after(&headers).map(|d| d.as_secs()), expected, "{wish}, {now:?}");
        }
    }
}
