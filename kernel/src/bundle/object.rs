//! Object bytes: `age( SKIP || ZSTD || PAD )` (docs/format.md, "Objects").
//!
//! SKIP and PAD are skippable frames of zstd, so that stock `age -d | zstd -d` gives the raw bytes.

use super::keys::Recipient;
use super::{limits, sealed_box};
use crate::digest::Digest;
use crate::error::Error;

/// What an object carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Every fragment and tombstone of one version, or the part of them in a range of ids.
    Base,
    /// What changed from one version to a later one.
    Delta,
    /// The names, digests and counts of the other objects.
    Index,
}

impl Role {
    const ALL: [Self; 3] = [Self::Base, Self::Delta, Self::Index];

    /// Returns the word that stands for the role in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Delta => "delta",
            Self::Index => "index",
        }
    }

    /// Returns the role that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Returns the largest plaintext, in bytes.
    pub(crate) const fn raw_limit(self) -> u64 {
        match self {
            Self::Base | Self::Delta => limits::RAW,
            Self::Index => limits::INDEX_RAW,
        }
    }

    /// Returns the largest file, in bytes: the plaintext limit and what encryption and padding add.
    pub(crate) const fn file_limit(self) -> u64 {
        self.raw_limit() + (self.raw_limit() >> 4) + (64 << 10)
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Base => 1,
            Self::Delta => 2,
            Self::Index => 5,
        }
    }

    /// Returns the codec byte: 1 for JSON lines, 3 for one JSON value.
    const fn codec(self) -> u8 {
        match self {
            Self::Base | Self::Delta => 1,
            Self::Index => 3,
        }
    }
}

/// The plaintext of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) role: Role,
    pub(crate) records: u32,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) const SKIP_MAGIC: [u8; 4] = [0x5B, 0x2A, 0x4D, 0x18];
pub(crate) const PAD_MAGIC: [u8; 4] = [0x5C, 0x2A, 0x4D, 0x18];
const TAG: &[u8; 5] = b"GSEG1";
/// The length of a skippable frame's magic and length.
pub(crate) const FRAME_HEAD: usize = 8;
/// The length of the SKIP frame's body.
const SKIP_BODY: usize = 56;
/// The length of the SKIP frame.
pub(crate) const SKIP: usize = FRAME_HEAD + SKIP_BODY;

/// Compresses, pads and encrypts an object to the epoch's recipient.
///
/// # Errors
/// [`Error::Limit`], [`Error::Zstd`] or [`Error::Age`].
pub(crate) fn seal(raw: &Raw, epoch: &Recipient, level: i32) -> Result<Vec<u8>, Error> {
    sealed_box::encrypt(&[epoch], &plaintext(raw, level)?)
}

/// Returns what is encrypted: SKIP, the zstd frame, PAD.
///
/// # Errors
/// [`Error::Limit`] or [`Error::Zstd`].
pub(crate) fn plaintext(raw: &Raw, level: i32) -> Result<Vec<u8>, Error> {
    let (got, max) = (raw.bytes.len() as u64, raw.role.raw_limit());
    if got > max {
        return Err(Error::Limit { what: "plaintext of an object", got, max });
    }
    let mut plain = Skip::of(raw).to_bytes();
    plain.extend_from_slice(&compress(&raw.bytes, level)?);
    let length = plain.len() as u64 + FRAME_HEAD as u64;
    let too_large = |_| Error::Limit { what: "padding", got: length, max: u64::from(u32::MAX) };
    let zeros = u32::try_from(padme(length) - length).map_err(too_large)?;
    plain.extend_from_slice(&PAD_MAGIC);
    plain.extend_from_slice(&zeros.to_le_bytes());
    plain.resize(plain.len() + zeros as usize, 0);
    Ok(plain)
}

/// What the first frame of an object says about the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) role: Role,
    pub(crate) records: u32,
    pub(crate) raw_size: u64,
    pub(crate) digest: Digest,
}

impl Skip {
    fn of(raw: &Raw) -> Self {
        let (raw_size, digest) = (raw.bytes.len() as u64, Digest::of(&raw.bytes));
        Self { role: raw.role, records: raw.records, raw_size, digest }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut frame = SKIP_MAGIC.to_vec();
        frame.extend_from_slice(&56_u32.to_le_bytes());
        frame.extend_from_slice(TAG);
        frame.extend_from_slice(&[0, 0, 0, self.role.byte(), self.role.codec(), 0, 0]);
        frame.extend_from_slice(&self.records.to_le_bytes());
        frame.extend_from_slice(&self.raw_size.to_le_bytes());
        frame.extend_from_slice(self.digest.as_bytes());
        frame
    }

    /// Reads the frame.
    ///
    /// # Errors
    /// [`Error::Object`], or [`Error::Unsupported`] for another version.
    pub(crate) fn parse(frame: &[u8; SKIP]) -> Result<Self, Error> {
        Self::fields(frame).unwrap_or_else(|| {
            Err(Error::Object { rule: "its first frame is malformed".to_owned() })
        })
    }

    fn fields(frame: &[u8; SKIP]) -> Option<Result<Self, Error>> {
        let (magic, rest) = frame.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        if *magic != SKIP_MAGIC || u32::from_le_bytes(*length) as usize != SKIP_BODY {
            return None;
        }
        match tag {
            [b'G', b'S', b'E', b'G', b'1', 0, 0, 0] => {}
            [b'G', b'S', b'E', b'G', found @ b'0'..=b'9', 0, 0, 0] => {
                let found = char::from(*found).to_string();
                return Some(Err(Error::Unsupported { what: "object", found }));
            }
            _ => return None,
        }
        let (&[role, codec, 0, 0], rest) = rest.split_first_chunk::<4>()? else { return None };
        let (records, rest) = rest.split_first_chunk::<4>()?;
        let (raw_size, rest) = rest.split_first_chunk::<8>()?;
        let role = Role::ALL.into_iter().find(|r| r.byte() == role && r.codec() == codec)?;
        Some(Ok(Self {
            role,
            records: u32::from_le_bytes(*records),
            raw_size: u64::from_le_bytes(*raw_size),
            digest: Digest::from_bytes(rest.try_into().ok()?),
        }))
    }
}

/// Returns the window that objects are compressed with, as a power of two, within the limit of
/// readers.
///
/// Up to level 12 a wider window makes nothing smaller, and takes three times as long to read: it
/// no longer fits the caches. Above, the wider one is worth 3 % (benches/results/bundle.md).
const fn window_log(level: i32) -> u32 {
    if level > 12 { 22 } else { 20 }
}

fn compress(bytes: &[u8], level: i32) -> Result<Vec<u8>, Error> {
    let failed = |e: std::io::Error| Error::Zstd { reason: e.to_string() };
    let mut compressor = zstd::bulk::Compressor::new(level).map_err(failed)?;
    compressor.include_checksum(true).map_err(failed)?;
    compressor.include_contentsize(true).map_err(failed)?;
    compressor.window_log(window_log(level)).map_err(failed)?;
    compressor.compress(bytes).map_err(failed)
}

/// Returns the padded length of `length` bytes: at most 12 % more, few distinct sizes.
///
/// Padmé, from "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs"
/// (Nikitin et al., 2019), algorithm 1.
pub(crate) fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let bits = exponent.ilog2() + 1;
    let mask = (1_u64 << exponent.saturating_sub(bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_follows_the_paper() {
        for (length, padded) in [(0, 0), (1, 1), (9, 10), (100, 104), (1000, 1024), (1025, 1088)] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn the_first_frame_reads_what_it_writes() {
        let raw = Raw { role: Role::Delta, records: 2, bytes: b"one\ntwo\n".to_vec() };
        let plain = plaintext(&raw, 3).unwrap();
        let frame: &[u8; SKIP] = plain[..SKIP].try_into().unwrap();
        assert_eq!(Skip::parse(frame).unwrap(), Skip::of(&raw));
        let mut newer = *frame;
        newer[12] = b'2';
        assert_eq!(Skip::parse(&newer).unwrap_err().code().unwrap(), "K105");
    }
}
