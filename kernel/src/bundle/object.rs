//! Object bytes: `age( SKIP || ZSTD || PAD )` (docs/format.md, "Objects").
//!
//! SKIP and PAD are skippable frames of zstd, so that stock `age -d | zstd -d` gives the raw bytes.

use super::keys::{DeviceKey, Recipient};
use super::{limits, sealed_box};
use crate::digest::Digest;
use crate::error::Error;

/// What an object carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Every fragment and tombstone of one version.
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

const SKIP_MAGIC: [u8; 4] = [0x5B, 0x2A, 0x4D, 0x18];
const PAD_MAGIC: [u8; 4] = [0x5C, 0x2A, 0x4D, 0x18];
const TAG: &[u8; 8] = b"GSEG1\0\0\0";
/// The length of a skippable frame's magic and length.
const FRAME_HEAD: usize = 8;
/// The length of the SKIP frame's body.
const SKIP_BODY: usize = 56;
/// The bit of a zstd frame header's descriptor that says a checksum follows.
const CHECKSUM_FLAG: u8 = 0b100;
/// The descriptor's unused and reserved bits, which must be 0.
const RESERVED_FLAGS: u8 = 0b1_1000;

/// Compresses, pads and encrypts an object to the epoch's recipient.
///
/// # Errors
/// [`Error::Limit`], [`Error::Zstd`] or [`Error::Age`].
pub(crate) fn seal(raw: &Raw, epoch: &Recipient, level: i32) -> Result<Vec<u8>, Error> {
    if raw.bytes.len() as u64 > limits::RAW {
        let got = raw.bytes.len() as u64;
        return Err(Error::Limit { what: "plaintext of an object", got, max: limits::RAW });
    }
    let mut plain = skip_frame(raw);
    plain.extend_from_slice(&compress(&raw.bytes, level)?);
    let padded = padme(plain.len() + FRAME_HEAD);
    let zeros = padded - plain.len() - FRAME_HEAD;
    plain.extend_from_slice(&PAD_MAGIC);
    plain.extend_from_slice(&u32::try_from(zeros).unwrap_or(u32::MAX).to_le_bytes());
    plain.resize(padded, 0);
    sealed_box::encrypt(&[epoch], &plain)
}

/// Decrypts, checks and decompresses an object whose file digest is already trusted.
///
/// `raw_size` is what the signed manifest promises; nothing larger is ever allocated.
///
/// # Errors
/// The first rule that the object breaks.
pub(crate) fn open(sealed: &[u8], epoch: &DeviceKey, raw_size: u64) -> Result<Raw, Error> {
    // 9.1 age, with one recipient.
    let plain = sealed_box::decrypt("object", sealed, &[epoch], limits::OBJECT_STANZAS)?;
    // 9.2 the SKIP frame.
    let broken = |rule: &str| Error::Object { rule: rule.to_owned() };
    let (head, rest) = plain
        .split_first_chunk::<{ FRAME_HEAD + SKIP_BODY }>()
        .ok_or_else(|| broken("it is cut inside its first frame"))?;
    let skip = Skip::parse(head).ok_or_else(|| broken("its first frame is malformed"))?;
    if skip.raw_size != raw_size {
        return Err(broken("its size differs from the signed manifest"));
    }
    // 9.3 exactly one zstd frame of the promised size, then padding and nothing else.
    let (frame, pad) = split_frame(rest, raw_size)?;
    if !is_pad(pad, plain.len()) {
        return Err(broken("its padding is malformed"));
    }
    let bytes = decompress(frame, raw_size)?;
    // 9.4 the digest of the plaintext.
    if Digest::of(&bytes) != skip.digest {
        return Err(broken("its plaintext does not have the digest that its header states"));
    }
    Ok(Raw { role: skip.role, records: skip.records, bytes })
}

struct Skip {
    role: Role,
    records: u32,
    raw_size: u64,
    digest: Digest,
}

impl Skip {
    fn parse(frame: &[u8; FRAME_HEAD + SKIP_BODY]) -> Option<Self> {
        let (magic, rest) = frame.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        let (&[role, codec, 0, 0], rest) = rest.split_first_chunk::<4>()? else { return None };
        let (records, rest) = rest.split_first_chunk::<4>()?;
        let (raw_size, rest) = rest.split_first_chunk::<8>()?;
        let role = Role::ALL.into_iter().find(|r| r.byte() == role && r.codec() == codec)?;
        let known =
            *magic == SKIP_MAGIC && u32::from_le_bytes(*length) as usize == SKIP_BODY && tag == TAG;
        known.then_some(Self {
            role,
            records: u32::from_le_bytes(*records),
            raw_size: u64::from_le_bytes(*raw_size),
            digest: Digest::from_bytes(rest.try_into().ok()?),
        })
    }
}

fn skip_frame(raw: &Raw) -> Vec<u8> {
    let mut frame = SKIP_MAGIC.to_vec();
    frame.extend_from_slice(&56_u32.to_le_bytes());
    frame.extend_from_slice(TAG);
    frame.extend_from_slice(&[raw.role.byte(), raw.role.codec(), 0, 0]);
    frame.extend_from_slice(&raw.records.to_le_bytes());
    frame.extend_from_slice(&(raw.bytes.len() as u64).to_le_bytes());
    frame.extend_from_slice(Digest::of(&raw.bytes).as_bytes());
    frame
}

fn zstd_error(e: impl std::fmt::Display) -> Error {
    Error::Zstd { reason: e.to_string() }
}

fn compress(bytes: &[u8], level: i32) -> Result<Vec<u8>, Error> {
    let mut compressor = zstd::bulk::Compressor::new(level).map_err(zstd_error)?;
    compressor.include_checksum(true).map_err(zstd_error)?;
    compressor.include_contentsize(true).map_err(zstd_error)?;
    compressor.window_log(limits::WINDOW_LOG.min(23)).map_err(zstd_error)?;
    compressor.compress(bytes).map_err(zstd_error)
}

fn decompress(frame: &[u8], raw_size: u64) -> Result<Vec<u8>, Error> {
    let capacity = usize::try_from(raw_size).map_err(zstd_error)?;
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(zstd_error)?;
    decompressor.window_log_max(limits::WINDOW_LOG).map_err(zstd_error)?;
    let bytes = decompressor.decompress(frame, capacity).map_err(zstd_error)?;
    if bytes.len() == capacity { Ok(bytes) } else { Err(zstd_error("the frame is too short")) }
}

/// Splits the zstd frame, whose header must promise `raw_size` and a checksum, from what follows.
fn split_frame(bytes: &[u8], raw_size: u64) -> Result<(&[u8], &[u8]), Error> {
    let descriptor = match bytes {
        [0x28, 0xB5, 0x2F, 0xFD, descriptor, ..] => *descriptor,
        _ => return Err(zstd_error("the frame's magic is missing")),
    };
    let promised = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    if promised != Some(raw_size) || descriptor & (CHECKSUM_FLAG | RESERVED_FLAGS) != CHECKSUM_FLAG
    {
        return Err(zstd_error("the frame promises another size or no checksum"));
    }
    let length = zstd::zstd_safe::find_frame_compressed_size(bytes)
        .map_err(|_| zstd_error("the frame is cut"))?;
    bytes.split_at_checked(length).ok_or_else(|| zstd_error("the frame is cut"))
}

/// Returns whether `pad` is the padding frame that fills a plaintext of `total` bytes.
fn is_pad(pad: &[u8], total: usize) -> bool {
    let Some((magic, rest)) = pad.split_first_chunk::<4>() else { return false };
    let Some((length, zeros)) = rest.split_first_chunk::<4>() else { return false };
    *magic == PAD_MAGIC
        && u32::from_le_bytes(*length) as usize == zeros.len()
        && zeros.iter().all(|byte| *byte == 0)
        && padme(total - zeros.len()) == total
}

/// Returns the padded length of `length` bytes: at most 12 % more, few distinct sizes.
///
/// Padmé, from "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs"
/// (Nikitin et al., 2019), algorithm 1.
fn padme(length: usize) -> usize {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let bits = exponent.ilog2() + 1;
    let mask = (1_usize << exponent.saturating_sub(bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        Raw { role: Role::Delta, records: 1, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn padding_follows_the_paper() {
        for (length, padded) in [(0, 0), (1, 1), (9, 10), (100, 104), (1000, 1024), (1025, 1088)] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn an_object_reads_what_it_writes() {
        let epoch = DeviceKey::generate();
        for text in ["", "x", &"fragment\n".repeat(5000)] {
            let sealed = seal(&raw(text), &epoch.recipient(), 9).unwrap();
            assert_eq!(open(&sealed, &epoch, text.len() as u64).unwrap(), raw(text));
            assert!(open(&sealed, &epoch, text.len() as u64 + 1).is_err());
        }
    }

    #[test]
    fn stock_zstd_reads_an_object_with_its_extra_frames() {
        let epoch = DeviceKey::generate();
        let sealed = seal(&raw("one\ntwo\n"), &epoch.recipient(), 3).unwrap();
        let plain = sealed_box::decrypt("object", &sealed, &[&epoch], 3).unwrap();
        assert_eq!(zstd::stream::decode_all(plain.as_slice()).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn malformed_plaintexts_are_refused() {
        let epoch = DeviceKey::generate();
        let sealed = seal(&raw("one\ntwo\n"), &epoch.recipient(), 3).unwrap();
        let plain = sealed_box::decrypt("object", &sealed, &[&epoch], 3).unwrap().to_vec();
        let refused = |plain: &[u8]| {
            let sealed = sealed_box::encrypt(&[&epoch.recipient()], plain).unwrap();
            // A changed count of records is caught when the records are counted.
            open(&sealed, &epoch, 8).ok() != Some(raw("one\ntwo\n"))
        };
        for cut in 0..plain.len() {
            assert!(refused(&plain[..cut]), "cut at {cut}");
        }
        for bit in 0..plain.len() * 8 {
            let mut flipped = plain.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&flipped), "bit {bit}");
        }
        assert!(refused(&[plain.as_slice(), &[0]].concat()));
    }
}
