//! Conditions on fragments, as people write them:
//! `kind=decision and project=api and created>2026-01-01`.
//!
//! [`parse`] reads them; here they are compared with what is known of a fragment.

mod parse;

use std::cmp::Ordering;
use std::fmt;

use garner_kernel::{ChannelName, Kind, Moment, Scope, Tag, Trust, Version};

use crate::recall::facts::Shown;

/// What has to hold for a fragment to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    expression: Expression,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Test),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Kind(Equality, Kind),
    Scope(Equality, Scope),
    Tag(Equality, Tag),
    Channel(Equality, ChannelName),
    Trust(Operator, Trust),
    Confidence(Operator, u8),
    Since(Operator, Version),
    Created(Operator, Span),
    Expires(Operator, Option<Span>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Equality {
    Equal,
    Different,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A stretch of time: its first second, and the first one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Moment,
    to: Moment,
}

impl Condition {
    /// Returns whether the condition holds for a row.
    pub(crate) fn holds(&self, shown: Shown<'_>) -> bool {
        self.expression.holds(shown)
    }

    /// Returns whether it asks which channel shows a fragment.
    pub(crate) fn asks_place(&self) -> bool {
        self.expression.any(&|test| matches!(test, Test::Channel(..) | Test::Since(..)))
    }

    /// Returns whether it asks for tags.
    pub(crate) fn asks_tags(&self) -> bool {
        self.expression.any(&|test| matches!(test, Test::Tag(..)))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Expression {
    fn holds(&self, shown: Shown<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.holds(shown)),
            Self::Any(any) => any.iter().any(|one| one.holds(shown)),
            Self::Not(one) => !one.holds(shown),
            Self::Is(test) => test.holds(shown),
        }
    }

    fn any(&self, wanted: &dyn Fn(&Test) -> bool) -> bool {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().any(|one| one.any(wanted)),
            Self::Not(one) => one.any(wanted),
            Self::Is(test) => wanted(test),
        }
    }
}

impl Test {
    fn holds(&self, Shown { facts, place }: Shown<'_>) -> bool {
        match self {
            Self::Kind(equality, kind) => equality.holds(facts.kind == *kind),
            Self::Scope(equality, scope) => equality.holds(facts.scope == *scope),
            Self::Tag(equality, tag) => equality.holds(facts.tags.contains(tag)),
            Self::Channel(equality, channel) => {
                equality.holds(place.is_some_and(|(name, _)| name == channel))
            }
            Self::Trust(operator, trust) => operator.holds(facts.trust.cmp(trust)),
            Self::Confidence(operator, percent) => {
                operator.holds(facts.confidence.as_percent().cmp(percent))
            }
            Self::Since(operator, version) => {
                place.is_some_and(|(_, since)| operator.holds(since.cmp(version)))
            }
            Self::Created(operator, span) => operator.holds(span.order(facts.created)),
            Self::Expires(operator, span) => operator.holds(match (facts.valid_to, span) {
                (Some(end), Some(span)) => span.order(end),
                (None, None) => Ordering::Equal,
                // What never expires does so after everything else.
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
            }),
        }
    }
}

impl Equality {
    const fn holds(self, equal: bool) -> bool {
        match self {
            Self::Equal => equal,
            Self::Different => !equal,
        }
    }
}

impl Operator {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Different => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Span {
    /// Returns where a moment lies: before, in or after the stretch.
    fn order(self, moment: Moment) -> Ordering {
        if moment < self.from {
            Ordering::Less
        } else if moment < self.to {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::{Confidence, Digest, FragmentId};
    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;
    use crate::recall::facts::Facts;

    fn facts() -> Facts {
        Facts {
            id: FragmentId::new(Digest::of(b"a")),
            kind: Kind::Decision,
            scope: "project:api".parse().unwrap(),
            trust: Trust::Human,
            confidence: Confidence::percent(80),
            created: "2026-01-31T12:00:00Z".parse().unwrap(),
            valid_to: None,
            tags: vec!["db".parse().unwrap()],
        }
    }

    fn holds(text: &str) -> bool {
        let channel = "team".parse().unwrap();
        let place = Some((&channel, Version::new(3).unwrap()));
        let condition: Condition = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        condition.holds(Shown { facts: &facts(), place })
    }

    #[test]
    fn conditions_hold_for_what_they_describe() {
        for text in [
            "kind=decision and project=api and created>2026-01-01",
            "kind = 'decision'",
            "KIND=decision AND NOT kind=fact",
            "kind=fact or kind=decision",
            "kind=fact and kind=fact or tag=db",
            "not (kind=fact or tag!=db)",
            "scope=project:api and scope!=user",
            "trust>=human and trust<=operator and trust>tool",
            "confidence>=80% and confidence<81",
            "created=2026-01-31 and created>=2026-01-31 and created<=2026-01-31",
            "created<2026-02-01 and created!=2026-01-30",
            "created=2026-01-31T12:00:00Z and created>2026-01-31T11:59:59Z",
            "expires=never and expires>2999-01-01",
            "channel=team and since=3 and since>v2",
        ] {
            assert!(holds(text), "{text}");
            assert!(!holds(&format!("not ({text})")), "not {text}");
        }
    }

    #[test]
    fn a_broken_condition_says_where_and_what_is_right() {
        for (text, at, expected) in [
            ("", 1, "one of `kind`"),
            ("kind", 5, "one of `=`"),
            ("kind=", 6, "a value"),
            ("kind=colour", 6, "`decision`"),
            ("color=red", 1, "one of `kind`"),
            ("kind>fact", 1, "no order"),
            ("kind=fact kind=rule", 11, "`and`"),
            ("(kind=fact", 11, "`)`"),
            ("kind=fact)", 10, "the end"),
            ("created>soon", 9, "a day"),
            ("since=0", 7, "a version"),
            ("trust=>human", 6, "`>=`"),
            (&"not ".repeat(99), 133, "fewer"),
        ] {
            let error = text.parse::<Condition>().unwrap_err();
            let Error::Condition { at: found, expected: says, .. } = &error else { panic!() };
            assert_eq!(*found, at, "{text}: {error}");
            assert!(says.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn only_what_is_asked_has_to_be_read() {
        let condition = |text: &str| text.parse::<Condition>().unwrap();
        assert!(condition("kind=fact or not since>2").asks_place());
        assert!(condition("(tag=a)").asks_tags());
        let plain = condition("kind=fact");
        assert!(!plain.asks_place() && !plain.asks_tags());
        assert_eq!(plain.to_string(), "kind=fact");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "([a-z=<>!()'\" ]|and|or|not|kind|fact){0,40}") {
            let _ = text.parse::<Condition>();
        }
    }
}
