//! Reading conditions.
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

use std::str::FromStr;

use garner_kernel::{Kind, Moment, ProjectName, Scope, Trust, Version};

use super::{Condition, Equality, Expression, Operator, Span, Test};
use crate::error::Error;

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 32;
/// How many characters a condition may have.
const MAX_TEXT: usize = 4_096;

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

impl Operator {
    fn equality(self, at: usize) -> Result<Equality, Broken> {
        match self {
            Self::Equal => Ok(Equality::Equal),
            Self::Different => Ok(Equality::Different),
            _ => Err(Broken { at, expected: "`=` or `!=`: it has no order".to_owned() }),
        }
    }
}

impl Span {
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
