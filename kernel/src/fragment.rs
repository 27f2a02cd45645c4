//! A fragment: one remembered statement and everything known about it.

use std::fmt;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::digest::{Digest, FieldHasher, FragmentId};
use crate::moment::Moment;
use crate::words::{FileName, Kind, RecordId, RuleName, Scope, SessionId, Tag, Trust};

/// Text that somebody said; its `Debug` form shows only the length, so that it never reaches a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// How likely a fragment is worth knowing later, in percent (0 to 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confidence(u8);

impl Confidence {
    /// Returns a confidence of `percent`, held to 100.
    pub fn percent(percent: u8) -> Self {
        Self(percent.min(100))
    }

    /// Returns the percent.
    pub const fn as_percent(self) -> u8 {
        self.0
    }
}

/// The line of a session that a fragment came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The session that was recorded.
    pub session: SessionId,
    /// The file that it was read from, without its folder.
    pub file: FileName,
    /// The record, by the session's own id; the line number stands in where it has none.
    pub record: RecordId,
    /// The line in the file, from 1.
    pub line: u32,
    /// The digest of the line's bytes without its line feed.
    pub digest: Digest,
    /// Who spoke in that record.
    pub speaker: Trust,
    /// The rule that proposed the fragment.
    pub rule: RuleName,
}

/// One remembered statement with kind, scope, trust, time and provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The digest of kind, scope and normalised statement.
    pub id: FragmentId,
    /// Counts changes to the other fields, from 1.
    pub revision: u32,
    /// What the fragment says.
    pub kind: Kind,
    /// Where it applies.
    pub scope: Scope,
    /// Who stood behind it.
    pub trust: Trust,
    /// How likely it is worth knowing later.
    pub confidence: Confidence,
    /// The statement itself, in one or a few sentences.
    pub statement: Text,
    /// What was asked, and between which options; found by its words, but placed in no prompt.
    pub context: Option<Text>,
    /// When it was said.
    pub created: Moment,
    /// When it stopped being true, if it did.
    pub valid_to: Option<Moment>,
    /// The older fragments that this one replaces, ascending.
    pub supersedes: Vec<FragmentId>,
    /// Free labels, ascending.
    pub tags: Vec<Tag>,
    /// Where it came from, ascending, at least one.
    pub sources: Vec<Source>,
}

impl Fragment {
    /// Returns the id of a statement of this kind in this scope.
    ///
    /// Case, width and spacing do not matter: the statement is normalised as by
    /// [`normalize`] before it is hashed.
    pub fn id_of(kind: Kind, scope: &Scope, statement: &str) -> FragmentId {
        let mut hasher = FieldHasher::new("garner.fragment.v1");
        hasher
            .field(kind.as_str().as_bytes())
            .field(scope.text().as_bytes())
            .field(normalize(statement).as_bytes());
        FragmentId::new(hasher.finish())
    }

    /// Returns the id under which a value is remembered as gone: a statement in this scope,
    /// whatever kind it is given when it is distilled again.
    ///
    /// No fragment has such an id, so a tombstone of it hides nothing else.
    pub fn value_of(scope: &Scope, statement: &str) -> FragmentId {
        let mut hasher = FieldHasher::new("garner.value.v1");
        hasher.field(scope.text().as_bytes()).field(normalize(statement).as_bytes());
        FragmentId::new(hasher.finish())
    }

    /// Returns the id of this fragment's value, as by [`Fragment::value_of`].
    pub fn value(&self) -> FragmentId {
        Self::value_of(&self.scope, self.statement.as_str())
    }
}

/// Returns `text` in Unicode NFKC, lower case, with each run of white space as one space.
pub fn normalize(text: &str) -> String {
    // ASCII, and most other text, is in NFKC as it stands; finding that out is far cheaper.
    if text.is_ascii() {
        let folded = text.to_ascii_lowercase();
        if is_joined(folded.as_bytes()) { folded } else { join(folded.chars(), folded.len()) }
    } else if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        join(text.chars().flat_map(char::to_lowercase), text.len())
    } else {
        join(text.nfkc().flat_map(char::to_lowercase), text.len())
    }
}

/// Returns whether no white space in ASCII text would have to change.
fn is_joined(text: &[u8]) -> bool {
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    // All bytes are judged, many at a time; stopping at the first would look at each by itself.
    let wide = pairs.fold(0, |any, (a, b)| any | u8::from(*a == b' ' && *b == b' '));
    let other = text.iter().fold(0, |any, b| any | u8::from(matches!(b, b'\t'..=b'\r')));
    (wide | other) == 0 && text.first() != Some(&b' ') && text.last() != Some(&b' ')
}

/// Returns the words of a text with one space between them.
fn join(text: impl Iterator<Item = char>, capacity: usize) -> String {
    let mut words = String::with_capacity(capacity);
    let mut after_word = false;
    for c in text {
        if !c.is_whitespace() {
            words.push(c);
        } else if after_word {
            words.push(' ');
        }
        after_word = !c.is_whitespace();
    }
    if words.ends_with(' ') {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spelling_of_spaces_and_case_does_not_make_a_new_fragment() {
        let id = |text: &str| Fragment::id_of(Kind::Rule, &Scope::User, text);
        assert_eq!(id("Use  the ﬁle lock"), id("use the file\nLOCK "));
        assert_ne!(id("use the file lock"), id("use the file locks"));
        assert_ne!(
            id("use the file lock"),
            Fragment::id_of(Kind::Fact, &Scope::User, "use the file lock")
        );
    }

    #[test]
    fn a_value_is_the_same_in_every_kind_and_never_the_id_of_a_fragment() {
        let value = Fragment::value_of(&Scope::User, "use the FILE  lock");
        assert_eq!(value, Fragment::value_of(&Scope::User, "Use the ﬁle lock"));
        assert_ne!(
            value,
            Fragment::value_of(&"project:barn".parse().unwrap(), "use the file lock")
        );
        for kind in [Kind::Rule, Kind::Fact, Kind::Preference] {
            assert_ne!(value, Fragment::id_of(kind, &Scope::User, "use the file lock"));
        }
    }

    #[test]
    fn debug_output_never_shows_a_statement() {
        assert_eq!(format!("{:?}", Text::new("secret")), "Text(6 bytes)");
    }

    /// Returns what docs/format.md, "Fragment id", says word by word.
    fn plainly_normalized(text: &str) -> String {
        let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
        folded.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_character_is_normalized_by_the_definition() {
        // Beyond these planes only the compatibility ideographs have mappings.
        for c in ('\0'..='\u{1FFFF}').chain('\u{2F800}'..='\u{2FA1F}') {
            // Alone, after an accent that it may have to change places with, and between words.
            for text in [c.to_string(), format!("E\u{301}{c}\u{323}"), format!("A{c} {c}B")] {
                assert_eq!(normalize(&text), plainly_normalized(&text), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_normalized_by_the_definition(
            ascii in "[\\x00-\\x7F]{0,40}",
            words in "[A-Za-z \t]{0,40}",
            accents in "[A-Ca-cÉéΣσİß \u{A0}\u{300}-\u{330}\u{1100}-\u{1175}ﬁ²①\u{2003}]{0,40}",
            any in prop::collection::vec(any::<char>(), 0..20),
        ) {
            let any: String = any.into_iter().collect();
            for text in [&ascii, &words, &accents, &any, &format!("{words}{accents}{ascii}{any}")] {
                prop_assert_eq!(normalize(text), plainly_normalized(text));
            }
        }
    }
}
