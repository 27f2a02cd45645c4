//! The closed vocabularies: kind, class, trust, and where they apply.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Declares an enum with one lower-case word per variant, `Display`, `FromStr` and `ALL`.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the word that stands for the value in files and on screens.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Error::UnknownWord { what: $what, word: text.to_owned(), known: &[$($word),+] }),
                }
            }
        }
    };
}

vocabulary! {
    /// What a fragment says.
    Kind, "kind" {
        /// A standing instruction.
        Rule = "rule",
        /// A taste of the person.
        Preference = "preference",
        /// A choice that was made.
        Decision = "decision",
        /// A mistake that was set right.
        Correction = "correction",
        /// A way to do something.
        Procedure = "procedure",
        /// An error and what cured it.
        Fix = "fix",
        /// A statement about the world.
        Fact = "fact",
        /// How things stand at a time.
        State = "state",
        /// What the next session has to pick up.
        Handoff = "handoff",
    }
}

vocabulary! {
    /// How a fragment is kept: decay and retention go by class.
    Class, "class" {
        /// The running conversation, in memory only.
        Working = "working",
        /// What happened: fades within weeks.
        Episodic = "episodic",
        /// What is known: fades within months.
        Semantic = "semantic",
        /// How things are done: never fades.
        Procedural = "procedural",
    }
}

vocabulary! {
    /// Who stood behind a statement, from the weakest to the strongest.
    ///
    /// Trust is decided by code from who spoke, and only ever falls: text derived from several
    /// sources takes the minimum.
    Trust, "trust" {
        /// Output of a tool, a web page, a pasted text.
        Tool = "tool",
        /// A summary made by a model.
        Digest = "digest",
        /// The assistant's own words.
        Assistant = "assistant",
        /// The person who typed.
        Human = "human",
        /// Whoever runs Garner on this machine.
        Operator = "operator",
    }
}

impl Kind {
    /// Returns the class that keeps fragments of this kind.
    pub const fn class(self) -> Class {
        match self {
            Self::State | Self::Handoff => Class::Episodic,
            Self::Fact | Self::Preference | Self::Decision | Self::Correction => Class::Semantic,
            Self::Rule | Self::Procedure | Self::Fix => Class::Procedural,
        }
    }

    /// Returns whether fragments of this kind tell a model what to do.
    ///
    /// Tainted text may not create these without human evidence.
    pub const fn is_directive(self) -> bool {
        matches!(self, Self::Rule | Self::Preference | Self::Procedure)
    }
}

impl Class {
    /// Returns the half-life of a fragment's freshness in days; `None` where nothing fades.
    pub const fn half_life_days(self) -> Option<u32> {
        match self {
            Self::Working | Self::Procedural => None,
            Self::Episodic => Some(14),
            Self::Semantic => Some(69),
        }
    }
}

/// Where a fragment applies: everywhere the person works, or in one project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The person, in every project (`user`).
    User,
    /// One project, by name (`project:api`).
    Project(ProjectName),
}

impl Scope {
    /// Returns the text of the scope, as files and screens have it.
    pub(crate) fn text(&self) -> Cow<'static, str> {
        match self {
            Self::User => Cow::Borrowed("user"),
            Self::Project(name) => Cow::Owned(["project:", name.as_str()].concat()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            None if text == "user" => Ok(Self::User),
            Some(("project", name)) => name.parse().map(Self::Project),
            _ => Err(Error::MalformedId { what: "scope", text: text.to_owned() }),
        }
    }
}

/// Returns whether every character of a text is allowed.
fn consists_of(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    if text.is_ascii() {
        // All bytes are judged, many at a time; stopping at the first would look at each by itself.
        text.bytes().fold(true, |all, byte| all & allowed(char::from(byte)))
    } else {
        text.chars().all(allowed)
    }
}

/// Declares a newtype over a short, checked string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                if text.is_empty() || text.len() > $max || !consists_of(text, $allowed) {
                    return Err(Error::MalformedId { what: $what, text: text.chars().take(80).collect() });
                }
                Ok(Self(text.to_owned()))
            }
        }
    };
}

name! {
    /// A channel: `[a-z0-9-]`, 1 to 32 characters.
    ChannelName, "channel name", 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
impl ChannelName {
    /// Returns the channel of what a machine remembers by itself: no bundle brings one of this name.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// Returns the channel of what a machine put away: no bundle brings one of this name.
    pub fn archive() -> Self {
        Self("archive".to_owned())
    }

    /// Returns whether the store makes the versions of the channel itself, so that no bundle may
    /// bring one.
    pub fn is_reserved(&self) -> bool {
        *self == Self::local() || *self == Self::archive()
    }
}
name! {
    /// A project: visible characters, 1 to 64 bytes, no slash and no colon.
    ProjectName, "project name", 64, |c| !c.is_control() && !c.is_whitespace() && !matches!(c, '/' | '\\' | ':')
}
name! {
    /// A tag: `[a-z0-9._-]`, 1 to 64 characters.
    Tag, "tag", 64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
}
name! {
    /// A publisher or key, as signed notes write it: visible ASCII without plus, 1 to 64 characters.
    KeyName, "key name", 64, |c| c.is_ascii_graphic() && c != '+'
}
name! {
    /// A session: `[A-Za-z0-9._-]`, 1 to 128 characters.
    SessionId, "session id", 128, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
name! {
    /// A record of a session: `[A-Za-z0-9._-]`, 1 to 128 characters.
    RecordId, "record id", 128, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
name! {
    /// The file that a session was read from, without its folder: 1 to 255 bytes.
    FileName, "file name", 255, |c| !c.is_control() && !matches!(c, '/' | '\\')
}
name! {
    /// The rule of the compiler that proposed a fragment: `[a-z0-9-]`, 1 to 64 characters.
    RuleName, "rule name", 64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
name! {
    /// Why a fragment was revoked, in one word: `[a-z0-9-]`, 1 to 64 characters.
    RevocationReason, "reason of a revocation", 64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The name of a version: `[a-z0-9-]`, 1 to 32 characters, and nothing that says which version by
/// itself: no number, also after a `v`, and neither `prev` nor `latest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(String);

impl TagName {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TagName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let number = text.strip_prefix('v').unwrap_or(text);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let speaks_for_itself = is_number || matches!(text, "prev" | "latest");
        if text.is_empty() || text.len() > 32 || !consists_of(text, allowed) || speaks_for_itself {
            let text = text.chars().take(80).collect();
            return Err(Error::MalformedId { what: "name of a version", text });
        }
        Ok(Self(text.to_owned()))
    }
}
