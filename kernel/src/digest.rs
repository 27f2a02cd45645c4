//! SHA-256 digests and the ids made of them.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// The SHA-256 digest of some bytes; displays as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the digest of what `reader` yields, and how many bytes that was.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    pub fn of_reader(reader: &mut impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        let mut size = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok((Self(hasher.finalize().into()), size)),
                Ok(read) => {
                    hasher.update(buffer.get(..read).unwrap_or_default());
                    size += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Wraps 32 bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 hex digits, for people to read.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Parses exactly 64 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::MalformedId { what: "digest", text: text.to_owned() };
        let bytes: [u8; 32] =
            hex_bytes(text).and_then(|b| b.try_into().ok()).ok_or_else(malformed)?;
        Ok(Self(bytes))
    }
}

/// Decodes lower-case hex; `None` for an odd length or any other character.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let nibble = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// An incremental digest over length-prefixed fields, so that no two field lists collide.
///
/// The canonical encoding of everything that Garner hashes field by field: each field is its length
/// as eight little-endian bytes, then its bytes.
#[derive(Default)]
pub struct FieldHasher(Sha256);

impl FieldHasher {
    /// Starts a digest in the domain named by `domain`.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self::default();
        hasher.field(domain.as_bytes());
        hasher
    }

    /// Adds one field.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Returns the digest of all fields.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The id of a fragment: a digest of its kind, scope and statement.
///
/// The same statement distilled again, from whatever session, has the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FragmentId(Digest);

impl FragmentId {
    /// Wraps a digest.
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// Returns the digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    /// Returns the first 12 hex digits, for people to read.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for FragmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for FragmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FragmentId({})", self.short())
    }
}

impl FromStr for FragmentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self)
    }
}
