//! Members of JSON objects, and where in a body they stand.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value and its place in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    body: &'a [u8],
    raw: &'a RawValue,
}

/// An object of a body; its members are found as the server finds them.
#[derive(Debug)]
pub(super) struct Object<'a> {
    body: &'a [u8],
    /// Where its first member starts.
    start: usize,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// A string of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quoted {
    /// What it says.
    pub(super) text: String,
    /// The offset of its first character.
    pub(super) start: usize,
    /// The offset of its closing quote.
    pub(super) end: usize,
}

impl<'a> Object<'a> {
    /// Reads the object at the start of a body; `None` if there is none.
    pub(super) fn of_body(body: &'a [u8]) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let raw = <&RawValue>::deserialize(&mut reader).ok()?;
        Value { body, raw }.object()
    }

    /// Returns where a member can be put before all others.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Returns a member; `None` where it is absent or `null`.
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let mut named = self.members.iter().rev().filter(|(key, _)| folded(key) == name);
        let raw = named.find(|(_, raw)| raw.get() != "null").map(|(_, raw)| *raw)?;
        Some(Value { body: self.body, raw })
    }

    /// Returns a member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<Quoted> {
        self.get(name)?.text()
    }

    /// Returns a member that is a number above zero, without its fraction.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        let number: f64 = serde_json::from_str(self.get(name)?.raw.get()).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        (1.0..1e15).contains(&number).then_some(number as usize)
    }

    /// Returns whether a member is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.raw.get() == "true")
    }
}

impl<'a> Value<'a> {
    /// Returns the text of the value as it was sent.
    pub(super) fn raw(self) -> &'a str {
        self.raw.get()
    }

    /// Returns the object that the value is.
    pub(super) fn object(self) -> Option<Object<'a>> {
        let members: Members<'a> = serde_json::from_str(self.raw.get()).ok()?;
        Some(Object { body: self.body, start: self.offset() + 1, members: members.0 })
    }

    /// Returns the elements of the list that the value is.
    pub(super) fn list(self) -> Option<Vec<Self>> {
        let list: Vec<&'a RawValue> = serde_json::from_str(self.raw.get()).ok()?;
        Some(list.into_iter().map(|raw| Self { body: self.body, raw }).collect())
    }

    /// Returns the string that the value is.
    pub(super) fn text(self) -> Option<Quoted> {
        let raw = self.raw.get();
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        let start = self.offset() + 1;
        // Half a surrogate pair is text to the server; what stands beside it is told apart all the same.
        let text = serde_json::from_str(raw).unwrap_or_else(|_| inner.to_owned());
        Some(Quoted { text, start, end: start + inner.len() })
    }

    /// Returns where the value starts in the body, of which it is a part.
    pub(super) fn offset(self) -> usize {
        self.raw.get().as_ptr().addr() - self.body.as_ptr().addr()
    }
}

/// Spells a key as the server compares it: two signs outside ASCII count as the letters that they
/// fold to.
fn folded(key: &str) -> String {
    let fold = |c: char| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).collect()
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(Members(members))
    }
}
