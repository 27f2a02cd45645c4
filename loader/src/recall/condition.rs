//! Conditions on fragments, as people write them:
//! `kind=decision and project=api and created>2026-01-01`.
//!
//! ```text
//! condition  = all { "or" all }
//! all        = one { "and" one }
//! one        = "not" one | "(" condition ")" | field operator value
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">="
//! value      = word | "'" text "'" | '"' text '"'
//! ```
//! Of `kind`, `scope`, `project`, `tag` and `channel` only equality can be asked; `trust`,
//! `confidence`, `since`, `created` and `expires` have an order. A day stands for all of its seconds.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use garner_kernel::{ChannelName, Kind, Moment, ProjectName, Scope, Tag, Trust, Version};

use crate::error::Error;
use crate::recall::facts::Shown;

/// What has to hold for a fragment to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    expression: Expression,
    text: String,
}

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 32;
/// How many characters a condition may have.
const MAX_TEXT: usize = 4_096;

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

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let broken = |at: usize, expected: &str| Error::Condition {
            text: text.chars().take(MAX_TEXT).collect(),
            at: at + 1,
            expected: expected.to_owned(),
        };
        if text.chars().count() > MAX_TEXT {
            return Err(broken(MAX_TEXT, "a shorter condition"));
        }
        let mut parser = Parser { tokens: tokens(text), next: 0, end: text.chars().count() };
        let parsed = parser.condition(0).and_then(|expression| match parser.peek() {
            None => Ok(expression),
            Some(token) => Err(Broken { at: token.at, expected: "`and`, `or` or the end".into() }),
        });
        let expression = parsed.map_err(|e| broken(e.at, &e.expected))?;
        Ok(Self { expression, text: text.to_owned() })
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

    fn equality(self, at: usize) -> Result<Equality, Broken> {
        match self {
            Self::Equal => Ok(Equality::Equal),
            Self::Different => Ok(Equality::Different),
            _ => Err(Broken { at, expected: "`=` or `!=`: it has no order".to_owned() }),
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

    fn parse(text: &str) -> Option<Self> {
        if let Ok(from) = format!("{text}T00:00:00Z").parse::<Moment>() {
            return Some(Self { from, to: from.plus_days(1) });
        }
        let from: Moment = text.parse().ok()?;
        Some(Self { from, to: Moment::from_unix(from.unix() + 1) })
    }
}

/// Where a condition is broken, and what would be right there.
struct Broken {
    at: usize,
    expected: String,
}

#[derive(Debug, Clone)]
struct Token {
    at: usize,
    text: String,
    quoted: bool,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }
}

/// Divides a text into words, quoted texts, operators and parentheses.
fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(first) = characters.get(at).copied() {
        let rest = characters.get(at..).unwrap_or_default();
        let (length, quoted) = match first {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '\'' | '"' => (1 + rest.iter().skip(1).take_while(|c| **c != first).count(), true),
            '(' | ')' => (1, false),
            c if is_operator(c) => (rest.iter().take_while(|c| is_operator(**c)).count(), false),
            _ => (rest.iter().take_while(|c| is_word(**c)).count(), false),
        };
        let skip = usize::from(quoted);
        let text = rest.iter().take(length).skip(skip).collect();
        tokens.push(Token { at, text, quoted });
        // The closing quote.
        at += length + skip;
    }
    tokens
}

const fn is_operator(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>')
}

const fn is_word(c: char) -> bool {
    !(c.is_whitespace() || is_operator(c) || matches!(c, '(' | ')'))
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// The number of characters.
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, expected: &str) -> Result<Token, Broken> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token.ok_or_else(|| Broken { at: self.end, expected: expected.to_owned() })
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(word));
        self.next += usize::from(found);
        found
    }

    fn condition(&mut self, depth: usize) -> Result<Expression, Broken> {
        let mut any = vec![self.all(depth)?];
        while self.skip("or") {
            any.push(self.all(depth)?);
        }
        Ok(only(any, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Broken> {
        let mut all = vec![self.one(depth)?];
        while self.skip("and") {
            all.push(self.one(depth)?);
        }
        Ok(only(all, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, Broken> {
        if depth > MAX_DEPTH {
            let at = self.peek().map_or(self.end, |token| token.at);
            return Err(Broken { at, expected: "fewer parentheses".to_owned() });
        }
        if self.skip("not") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.skip("(") {
            let inner = self.condition(depth + 1)?;
            let close = self.take("`)`")?;
            return if close.is(")") {
                Ok(inner)
            } else {
                Err(Broken { at: close.at, expected: "`)`, `and` or `or`".to_owned() })
            };
        }
        self.test().map(Expression::Is)
    }

    fn test(&mut self) -> Result<Test, Broken> {
        let field = self.take(FIELDS)?;
        let operator = self.operator()?;
        let value = self.take("a value")?;
        let named = |word| field.is(word);
        let text = value.text.as_str();
        let wrong = |expected: &str| Broken { at: value.at, expected: expected.to_owned() };
        let equality = || operator.equality(field.at);
        Ok(if named("kind") {
            Test::Kind(equality()?, text.parse().map_err(|_| wrong(&kinds()))?)
        } else if named("scope") {
            Test::Scope(equality()?, text.parse().map_err(|_| wrong("`user` or `project:NAME`"))?)
        } else if named("project") {
            let name: ProjectName = text.parse().map_err(|_| wrong("the name of a project"))?;
            Test::Scope(equality()?, Scope::Project(name))
        } else if named("tag") {
            Test::Tag(equality()?, text.parse().map_err(|_| wrong("a tag"))?)
        } else if named("channel") {
            Test::Channel(equality()?, text.parse().map_err(|_| wrong("the name of a channel"))?)
        } else if named("trust") {
            Test::Trust(operator, text.parse().map_err(|_| wrong(&trusts()))?)
        } else if named("confidence") {
            let percent = text.trim_end_matches('%').parse();
            Test::Confidence(operator, percent.map_err(|_| wrong("a percentage"))?)
        } else if named("since") {
            let version = text.trim_start_matches('v').parse().ok().and_then(Version::new);
            Test::Since(operator, version.ok_or_else(|| wrong("a version, such as 3"))?)
        } else if named("created") {
            Test::Created(operator, Span::parse(text).ok_or_else(|| wrong(TIMES))?)
        } else if named("expires") {
            let span = (!value.is("never")).then(|| Span::parse(text));
            let span =
                span.map(|span| span.ok_or_else(|| wrong("`never` or a time"))).transpose()?;
            Test::Expires(operator, span)
        } else {
            return Err(Broken { at: field.at, expected: FIELDS.to_owned() });
        })
    }

    fn operator(&mut self) -> Result<Operator, Broken> {
        let expected = "one of `=`, `!=`, `<`, `<=`, `>`, `>=`";
        let token = self.take(expected)?;
        Ok(match token.text.as_str() {
            "=" | "==" => Operator::Equal,
            "!=" => Operator::Different,
            "<" => Operator::Less,
            "<=" => Operator::AtMost,
            ">" => Operator::Greater,
            ">=" => Operator::AtLeast,
            _ => return Err(Broken { at: token.at, expected: expected.to_owned() }),
        })
    }
}

const FIELDS: &str = "one of `kind`, `scope`, `project`, `tag`, `channel`, `trust`, `confidence`, \
                      `since`, `created`, `expires`";
const TIMES: &str = "a day (2026-01-31) or a time (2026-01-31T12:00:00Z)";

fn kinds() -> String {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
    format!("one of {}", kinds.join(", "))
}

fn trusts() -> String {
    let trusts: Vec<_> = Trust::ALL.iter().map(|trust| format!("`{trust}`")).collect();
    format!("one of {}", trusts.join(", "))
}

/// Returns the only one of a list, or all of them joined.
fn only(mut list: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (list.pop(), list.is_empty()) {
        (Some(one), true) => one,
        (popped, _) => {
            list.extend(popped);
            join(list)
        }
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::{Confidence, Digest, FragmentId};
    use proptest::prelude::*;

    use super::*;
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
