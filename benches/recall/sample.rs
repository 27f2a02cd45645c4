//! What was measured, as lines between processes.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

/// One figure of one operation: seconds, unless the operation says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) operation: String,
    /// The middle one of the rounds.
    pub(crate) value: f64,
    /// A tenth of the rounds was below this.
    pub(crate) low: f64,
    /// A tenth of the rounds was above this.
    pub(crate) high: f64,
    pub(crate) rounds: usize,
    /// How many texts were found or changed, on average.
    pub(crate) found: f64,
}

impl Sample {
    /// Returns a figure that was taken once.
    pub(crate) fn once(operation: &str, value: f64, found: f64) -> Self {
        Self { operation: operation.to_owned(), value, low: value, high: value, rounds: 1, found }
    }

    fn of(operation: &str, mut seconds: Vec<f64>, found: f64) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |share: usize| {
            let last = seconds.len().saturating_sub(1);
            seconds.get(last * share / 10).copied().unwrap_or_default()
        };
        let [low, value, high] = [1, 5, 9].map(at);
        Self { operation: operation.to_owned(), value, low, high, rounds: seconds.len(), found }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, value, low, high, rounds, found } = self;
        write!(f, "{operation}\t{value:e}\t{low:e}\t{high:e}\t{rounds}\t{found}")
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let malformed = || format!("a malformed line: `{line}`");
        let words: Vec<&str> = line.split('\t').collect();
        let [operation, value, low, high, rounds, found] = words.as_slice() else {
            return Err(malformed());
        };
        let number = |word: &str| word.parse::<f64>().map_err(|_| malformed());
        Ok(Self {
            operation: (*operation).to_owned(),
            value: number(value)?,
            low: number(low)?,
            high: number(high)?,
            rounds: rounds.parse().map_err(|_| malformed())?,
            found: number(found)?,
        })
    }
}

/// How long one operation may take: rounds of it are repeated until then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Rounds that do not count, until a quarter of the seconds is over.
    pub(crate) warm: usize,
    /// Seconds after which no further round begins.
    pub(crate) seconds: f64,
    /// Rounds before which none ends.
    pub(crate) least: usize,
    /// Rounds after which none begins.
    pub(crate) most: usize,
}

/// Times rounds of `work`, after some that do not count; `None` where it returns that.
///
/// # Errors
/// The first error of a round.
pub(crate) fn timed<E>(
    operation: &str,
    patience: Patience,
    mut work: impl FnMut(usize) -> Result<Option<usize>, E>,
) -> Result<Option<Sample>, E> {
    let warming = Instant::now();
    for round in 0..patience.warm {
        if work(round)?.is_none() {
            return Ok(None);
        }
        if warming.elapsed().as_secs_f64() > patience.seconds / 4.0 {
            break;
        }
    }
    let (mut seconds, mut found) = (Vec::new(), 0);
    let start = Instant::now();
    while seconds.len() < patience.least
        || (seconds.len() < patience.most && start.elapsed().as_secs_f64() < patience.seconds)
    {
        let before = Instant::now();
        let Some(count) = work(patience.warm + seconds.len())? else { return Ok(None) };
        seconds.push(before.elapsed().as_secs_f64());
        found += count;
    }
    let found = found as f64 / seconds.len() as f64;
    Ok(Some(Sample::of(operation, seconds, found)))
}
