//! Points in time, to the second, in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::Offset;

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

    /// Reads the form that `Display` writes; `None` for every other way to write a time.
    pub(crate) fn from_spelling(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let mut number = |length: usize, end: u8| {
            let (digits, after) = rest.split_at_checked(length)?;
            rest = after.strip_prefix(&[end])?;
            digits.iter().try_fold(0_i16, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0'))
            })
        };
        let (year, month, day) = (number(4, b'-')?, number(2, b'-')?, number(2, b'T')?);
        let (hour, minute, second) = (number(2, b':')?, number(2, b':')?, number(2, b'Z')?);
        let [month, day, hour, minute, second] =
            [month, day, hour, minute, second].map(|number| i8::try_from(number).unwrap_or(-1));
        let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let unix = Offset::UTC.to_timestamp(time).ok()?.as_second();
        (rest.is_empty() && (0..=Self::MAX).contains(&unix)).then_some(Self(unix))
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

    /// Returns the point `days` earlier.
    #[must_use]
    pub fn minus_days(self, days: u32) -> Self {
        Self::from_unix(self.0 - i64::from(days) * DAY)
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
        if let Some(moment) = Self::from_spelling(text) {
            return Ok(moment);
        }
        let timestamp: jiff::Timestamp =
            text.parse().map_err(|_| Error::MalformedId { what: "time", text: text.to_owned() })?;
        Ok(Self::from_unix(timestamp.as_second()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn only_what_would_be_written_is_a_spelling() {
        for text in [
            "1969-12-31T23:59:59Z",
            "9999-12-30T22:00:01Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00.0Z",
            "2026-01-01T00:00:00+00:00",
            "+026-01-01T00:00:00Z",
            "2026-01-0\u{661}T00:0:00Z",
        ] {
            assert_eq!(Moment::from_spelling(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_has_one_spelling(seconds in 0..=Moment::MAX) {
            let text = Moment(seconds).to_string();
            prop_assert_eq!(Moment::from_spelling(&text), Some(Moment(seconds)));
        }

        #[test]
        fn a_spelling_means_what_rfc_3339_says(
            text in "(19|20|[0-9]{2})[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z"
        ) {
            if let Some(moment) = Moment::from_spelling(&text) {
                prop_assert_eq!(moment.to_string(), text.clone());
                let seconds = text.parse::<jiff::Timestamp>().unwrap().as_second();
                prop_assert_eq!(moment.unix(), seconds);
            } else if let Ok(moment) = text.parse::<Moment>() {
                prop_assert_ne!(moment.to_string(), text);
            }
        }
    }
}
