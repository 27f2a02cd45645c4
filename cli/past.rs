//! Which moment of the store a question is put to: the present, or one that is past.

use std::str::FromStr;

use garner_kernel::Moment;
use garner_loader::{Store, View};

use crate::context::Context;
use crate::error::Error;

/// A moment that a person names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Right after the operation with this number; 0 is before the first.
    Operation(u64),
    /// After the last operation that was not later.
    Time(Moment),
}

impl FromStr for Past {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Operation(number));
        }
        // A day is meant with all that was done in it.
        let time = text.parse().or_else(|_| format!("{text}T23:59:59Z").parse());
        time.map(Self::Time).map_err(|_| {
            "expected the number of an operation, a day such as 2026-03-31, or a time such as \
             2026-03-31T08:00:00Z"
                .to_owned()
        })
    }
}

/// What is asked: which view of the store, and when.
#[derive(Debug, Clone)]
pub(crate) struct When {
    /// The view; `None` is the present one.
    pub(crate) view: Option<View>,
    /// The time, which decides what has expired and how old a fragment is.
    pub(crate) now: Moment,
}

impl When {
    /// Returns the present.
    pub(crate) fn now(context: &Context) -> Self {
        Self { view: None, now: context.now() }
    }

    /// Returns the moment that a person named; the present where nobody named one.
    pub(crate) fn of(past: Option<Past>, store: &Store, context: &Context) -> Result<Self, Error> {
        let Some(past) = past else { return Ok(Self::now(context)) };
        let (number, time) = match past {
            Past::Operation(number) => (number, None),
            Past::Time(time) => (store.last_operation_at(time)?, Some(time)),
        };
        if number == 0 {
            let now = time.unwrap_or_else(|| context.now());
            return Ok(Self { view: Some(View::default()), now });
        }
        let operation = store.operation(number)?;
        Ok(Self { view: Some(operation.after), now: time.unwrap_or(operation.at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_named_by_an_operation_a_day_or_a_time() {
        let time = |text: &str| Past::Time(text.parse().unwrap());
        assert_eq!("0".parse(), Ok(Past::Operation(0)));
        assert_eq!("42".parse(), Ok(Past::Operation(42)));
        assert_eq!("2026-03-31".parse(), Ok(time("2026-03-31T23:59:59Z")));
        assert_eq!("2026-03-31T08:00:00Z".parse(), Ok(time("2026-03-31T08:00:00Z")));
        for text in ["", "yesterday", "-1", "2026-13-01"] {
            assert!(text.parse::<Past>().is_err(), "{text}");
        }
    }
}
