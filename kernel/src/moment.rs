//! Points in time, to the second, in UTC.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A point in time in whole seconds; displays as RFC 3339 in UTC (`2026-01-02T03:04:05Z`).
///
/// The kernel has no clock: whoever needs the present passes it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// Seconds in a day.
const DAY: i64 = 86_400;

impl Moment {
    /// 9999-12-30T22:00:00Z, the last second that every offset can still write in RFC 3339.
    const MAX: i64 = 253_402_207_200;

    /// Returns the point `seconds` after 1970-01-01T00:00:00Z, held to the years 1970 to 9999.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(0, Self::MAX))
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Returns the calendar day in UTC (`2026-01-02`).
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    /// Returns the calendar days in UTC from `self` to `later`; 0 when `later` is earlier.
    ///
    /// Ages count in calendar days so that recall does not drift from second to second.
    pub fn days_until(self, later: Self) -> u32 {
        let days = later.0.div_euclid(DAY) - self.0.div_euclid(DAY);
        u32::try_from(days.max(0)).unwrap_or(u32::MAX)
    }

    /// Returns the point `days` later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self::from_unix(self.0 + i64::from(days) * DAY)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range is held by `from_unix`, so the fallback is never written.
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl FromStr for Moment {
    type Err = Error;

    /// Parses RFC 3339 with any offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, Error> {
        let timestamp: jiff::Timestamp =
            text.parse().map_err(|_| Error::MalformedId { what: "time", text: text.to_owned() })?;
        Ok(Self::from_unix(timestamp.as_second()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_what_it_writes() {
        for text in ["1970-01-01T00:00:00Z", "2026-02-28T23:59:59Z", "9999-12-30T22:00:00Z"] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        assert_eq!("2026-01-01T01:00:00.9+01:00".parse::<Moment>().unwrap().unix(), 1_767_225_600);
        assert!("yesterday".parse::<Moment>().is_err());
    }

    #[test]
    fn ages_count_calendar_days() {
        let day = |text: &str| text.parse::<Moment>().unwrap();
        let late = day("2026-01-01T23:59:59Z");
        assert_eq!(late.days_until(day("2026-01-02T00:00:00Z")), 1);
        assert_eq!(late.days_until(day("2025-01-01T00:00:00Z")), 0);
        assert_eq!(late.plus_days(2).date(), "2026-01-03");
    }
}
