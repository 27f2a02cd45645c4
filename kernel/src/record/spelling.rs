//! Reads the one spelling of a record, key after key, as docs/format.md writes them.
//!
//! Lines are read by the hundred thousand, and nearly all are spelled as they must be. For those
//! this is several times faster than reading JSON of any form and writing it again. It says
//! nothing about a line that is spelled otherwise: for that one, the long way names the rule.

use std::borrow::Cow;
use std::str::FromStr;

use super::wire::{WireChange, WireFragment, WireSource, WireTombstone, Word};
use super::writer;
use crate::moment::Moment;

/// Returns the change in a line; `None` unless writing it again gives the same bytes.
///
/// Words may still break a rule. Those of names, digests and vocabularies have one spelling
/// each, so that they need not be written again.
pub(super) fn read(line: &str) -> Option<WireChange<'_>> {
    let mut cursor = Cursor(line);
    let wire = if cursor.skips(r#"{"op":"put","#) {
        WireChange::Put(cursor.fragment()?)
    } else {
        WireChange::Del(cursor.after(r#"{"op":"del","#)?.tombstone()?)
    };
    cursor.0.is_empty().then_some(wire)
}

/// The rest of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn fragment(&mut self) -> Option<WireFragment<'a>> {
        let wire = WireFragment {
            id: self.after(r#""id":"#)?.string()?,
            rev: self.after(r#","rev":"#)?.integer()?,
            kind: self.after(r#","kind":"#)?.string()?,
            scope: self.after(r#","scope":"#)?.string()?,
            trust: self.after(r#","trust":"#)?.string()?,
            confidence: self.after(r#","confidence":"#)?.integer()?,
            text: self.after(r#","text":"#)?.string()?,
            context: self.optional(r#","context":"#, |text| text.string().map(Some))?,
            created: self.after(r#","created":"#)?.time()?,
            valid_to: self.optional(r#","valid_to":"#, |time| time.time().map(Some))?,
            supersedes: self.optional(r#","supersedes":"#, |ids| ids.list(Self::string))?,
            tags: self.optional(r#","tags":"#, |tags| tags.list(Self::string))?,
            sources: self.after(r#","sources":"#)?.list(Self::source)?,
        };
        self.after("}")?;
        Some(wire)
    }

    fn source(&mut self) -> Option<WireSource<'a>> {
        let wire = WireSource {
            session: self.after(r#"{"session":"#)?.string()?,
            file: self.after(r#","file":"#)?.string()?,
            record: self.after(r#","record":"#)?.string()?,
            line: self.after(r#","line":"#)?.integer()?,
            digest: self.after(r#","digest":"#)?.string()?,
            speaker: self.after(r#","speaker":"#)?.string()?,
            rule: self.after(r#","rule":"#)?.string()?,
        };
        self.after("}")?;
        Some(wire)
    }

    fn tombstone(&mut self) -> Option<WireTombstone<'a>> {
        let wire = WireTombstone {
            id: self.after(r#""id":"#)?.string()?,
            rev: self.after(r#","rev":"#)?.integer()?,
            at: self.after(r#","at":"#)?.time()?,
            reason: self.after(r#","reason":"#)?.string()?,
        };
        self.after("}")?;
        Some(wire)
    }

    /// Passes over `text`, which must come next.
    fn after(&mut self, text: &str) -> Option<&mut Self> {
        self.skips(text).then_some(self)
    }

    /// Passes over `text` if it comes next, and returns whether it did.
    fn skips(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn optional<T: Default>(
        &mut self,
        key: &str,
        value: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.skips(key) { value(self) } else { Some(T::default()) }
    }

    /// Reads a list that is not empty: an empty one is either left out or refused.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![item(self.after("[")?)?];
        while self.skips(",") {
            items.push(item(self)?);
        }
        self.after("]")?;
        Some(items)
    }

    fn integer<T: FromStr>(&mut self) -> Option<T> {
        let end = self.0.bytes().position(|b| !b.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(end)?;
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    fn time(&mut self) -> Option<Word<'a>> {
        self.string().filter(|text| Moment::from_spelling(text).is_some())
    }

    fn string(&mut self) -> Option<Word<'a>> {
        let quoted = self.0;
        self.after("\"")?;
        let (text, rest) = self.0.split_at_checked(plain_length(self.0.as_bytes()))?;
        self.0 = rest;
        if self.skips("\"") {
            return Some(Word(Cow::Borrowed(text)));
        }
        self.0 = quoted;
        self.escaped_string()
    }

    fn escaped_string(&mut self) -> Option<Word<'a>> {
        let mut values = serde_json::Deserializer::from_str(self.0).into_iter::<String>();
        let text = values.next()?.ok()?;
        let (quoted, rest) = self.0.split_at_checked(values.byte_offset())?;
        self.0 = rest;
        writer::is_spelled(&text, quoted).then_some(Word(Cow::Owned(text)))
    }
}

/// Returns how many bytes come before the first that ends a string or is escaped in one.
fn plain_length(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut plain = 0;
    for chunk in chunks {
        let marks = marks(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return plain + marks.trailing_zeros() as usize / 8;
        }
        plain += 8;
    }
    plain + rest.iter().take_while(|b| **b >= b' ' && !matches!(b, b'"' | b'\\')).count()
}

/// Sets the highest bit of the first byte that is `"`, `\` or below a space.
///
/// Bytes above the first may be marked as well, since the subtraction borrows from them.
const fn marks(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let control = word.wrapping_sub(EACH * b' ' as u64);
    let quote = (word ^ (EACH * b'"' as u64)).wrapping_sub(EACH);
    let backslash = (word ^ (EACH * b'\\' as u64)).wrapping_sub(EACH);
    (control | quote | backslash) & !word & (EACH << 7)
}
