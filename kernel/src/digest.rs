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

    /// Returns the 64 hex digits, two for each byte.
    pub(crate) fn hex(&self) -> [[u8; 2]; 32] {
        self.0.map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)])
    }

    /// Returns the first 12 hex digits, for people to read.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.hex().as_flattened()).map_err(|_| fmt::Error)?)
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
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| malformed())?;
        let (pairs, _) = digits.as_chunks::<2>();
        // No branch for a single digit: all are read, and judged together.
        let (mut bytes, mut worst) = ([0; 32], 0);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = (hex_value(*high), hex_value(*low));
            *byte = high << 4 | low & 15;
            worst |= high | low;
        }
        if worst < 16 { Ok(Self(bytes)) } else { Err(malformed()) }
    }
}

/// Returns the lower-case hex digit of a value below 16.
const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// Returns the value of a lower-case hex digit; 255 for any other character.
const fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => u8::MAX,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_lower_case_digits() {
        let digits = Digest::of(b"").to_string();
        assert_eq!(digits, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digits.parse::<Digest>().unwrap(), Digest::of(b""));
        let any_byte =
            Digest::from_bytes(*b"\x00\x09\x0A\x10\x7F\x80\x9A\xA9\xF0\xFF0123456789012345678901");
        assert_eq!(any_byte.to_string().parse::<Digest>().unwrap(), any_byte);
        for place in 0..64 {
            for c in '\0'..='\u{FF}' {
                let mut other: Vec<char> = digits.chars().collect();
                other[place] = c;
                let read = other.into_iter().collect::<String>().parse::<Digest>();
                assert_eq!(read.is_ok(), matches!(c, '0'..='9' | 'a'..='f'), "{c:?}");
            }
        }
        for length in (0..64).chain([65, 66, 128]) {
            assert!("0".repeat(length).parse::<Digest>().is_err(), "{length} digits");
        }
    }
}
