//! Unsealing: the plaintext of an object, piece by piece, checked against what is signed
//! (docs/format.md, "Verification", step 9).

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use sha2::{Digest as _, Sha256};

use super::keys::DeviceKey;
use super::object::{FRAME_HEAD, PAD_MAGIC, Raw, SKIP, Skip, padme};
use super::sealed_box::{self, Purpose};
use super::{limits, object::Role};
use crate::digest::Digest;
use crate::error::Error;

/// What a signed manifest promises about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) role: Role,
    pub(crate) raw_size: u64,
    /// The digest of the plaintext, where the index names it.
    pub(crate) digest: Option<Digest>,
}

/// Reads the raw bytes of an object.
///
/// The bytes are only as good as signed once [`Self::finish`] succeeds.
pub(crate) struct Unsealed<'a> {
    frame: zstd::stream::read::Decoder<'a, Counted<'a>>,
    skip: Skip,
    hasher: Sha256,
    left: u64,
}

/// The plaintext behind the zstd frame's header, whose bytes are given back first.
type Counted<'a> = Chain<Cursor<Vec<u8>>, BufReader<Counter<'a>>>;

impl<'a> Unsealed<'a> {
    /// Decrypts an object, whose file digest must already be trusted, up to its zstd frame.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn open(
        sealed: impl Read + 'a,
        epoch: &DeviceKey,
        promise: Promise,
    ) -> Result<Self, Error> {
        // 9.1 age, with one recipient.
        Self::of_plaintext(sealed_box::reader(Purpose::Object, sealed, &[epoch])?, promise)
    }

    /// Reads a plaintext up to its zstd frame.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn of_plaintext(plain: impl Read + 'a, promise: Promise) -> Result<Self, Error> {
        let counter = Counter { inner: Box::new(plain), count: 0 };
        let mut plain = BufReader::with_capacity(64 << 10, counter);
        // 9.2 the SKIP frame, and what it must promise.
        let mut frame = [0; SKIP];
        plain.read_exact(&mut frame).map_err(|e| cut("its first frame", &e))?;
        let skip = Skip::parse(&frame)?;
        if skip.role != promise.role || skip.raw_size != promise.raw_size {
            return Err(broken("its role or size differs from the signed manifest"));
        }
        if promise.digest.is_some_and(|digest| digest != skip.digest) {
            return Err(broken("its plaintext is not the one that the index names"));
        }
        if skip.records > limits::RECORDS {
            let (got, max) = (u64::from(skip.records), u64::from(limits::RECORDS));
            return Err(Error::Limit { what: "records of an object", got, max });
        }
        // 9.3 one zstd frame that promises its size, a checksum and a small window.
        let header = frame_header(&mut plain, skip.raw_size)?;
        let rest = Cursor::new(header).chain(plain);
        let mut frame = zstd::stream::read::Decoder::with_buffer(rest)
            .map_err(|e| zstd_error(&e.to_string()))?
            .single_frame();
        frame.window_log_max(limits::WINDOW_LOG).map_err(|e| zstd_error(&e.to_string()))?;
        Ok(Self { frame, skip, hasher: Sha256::new(), left: skip.raw_size })
    }

    /// Returns how many records there are.
    pub(crate) const fn records(&self) -> u32 {
        self.skip.records
    }

    /// Reads more raw bytes into `buffer` and returns how many; 0 at the end.
    ///
    /// # Errors
    /// [`Error::Zstd`] or [`Error::Age`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.frame.read(buffer).map_err(|e| read_error(&e))?;
        self.left = (self.left.checked_sub(read as u64))
            .ok_or_else(|| zstd_error("the frame is longer than it promised"))?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }

    /// Checks what can only be checked at the end: size, padding, digest.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.left != 0 {
            return Err(zstd_error("the frame is shorter than it promised"));
        }
        let (_, rest) = self.frame.finish().into_inner();
        check_pad(rest)?;
        // 9.4 the digest of the raw bytes.
        if Digest::from_bytes(self.hasher.finalize().into()) == self.skip.digest {
            return Ok(());
        }
        Err(broken("its plaintext does not have the digest that its first frame states"))
    }

    /// Reads all of it into memory.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn into_raw(mut self) -> Result<Raw, Error> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1 << 12];
        loop {
            match self.read(&mut buffer)? {
                0 => break,
                read => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            }
        }
        let (role, records) = (self.skip.role, self.skip.records);
        self.finish()?;
        Ok(Raw { role, records, bytes })
    }
}

/// What the age crate said, on its way through the decoder of zstd.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
struct Damaged {
    reason: String,
}

/// Counts the bytes of the plaintext on their way.
struct Counter<'a> {
    inner: Box<dyn Read + 'a>,
    count: u64,
}

impl Read for Counter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |e: io::Error| match e.kind() {
            io::ErrorKind::Interrupted => e,
            _ => io::Error::other(Damaged { reason: e.to_string() }),
        };
        let read = self.inner.read(buffer).map_err(damaged)?;
        self.count += read as u64;
        Ok(read)
    }
}

fn broken(rule: &str) -> Error {
    Error::Object { rule: rule.to_owned() }
}

fn cut(part: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => broken(&format!("it is cut inside {part}")),
        _ => read_error(error),
    }
}

fn read_error(error: &io::Error) -> Error {
    let reason = error.to_string();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Damaged>()) {
        Some(_) => Error::Age { what: "object", reason },
        None => Error::Zstd { reason },
    }
}

fn zstd_error(reason: &str) -> Error {
    Error::Zstd { reason: reason.to_owned() }
}

/// The bit of a zstd frame header's descriptor that says a checksum follows.
const CHECKSUM: u8 = 0b100;
/// The bit that says the window is the content.
const SINGLE_SEGMENT: u8 = 0b10_0000;
/// The descriptor's dictionary, reserved and unused bits, which must be 0.
const REFUSED: u8 = 0b1_1011;

/// Reads and checks the header of a zstd frame (RFC 8878, 3.1.1.1), and returns its bytes.
fn frame_header(plain: &mut impl Read, raw_size: u64) -> Result<Vec<u8>, Error> {
    let mut start = [0; 5];
    plain.read_exact(&mut start).map_err(|e| cut("its zstd frame", &e))?;
    let [0x28, 0xB5, 0x2F, 0xFD, descriptor] = start else {
        return Err(zstd_error("the frame's magic is missing"));
    };
    if descriptor & (CHECKSUM | REFUSED) != CHECKSUM {
        return Err(zstd_error("the frame has no checksum, or a dictionary"));
    }
    let single = descriptor & SINGLE_SEGMENT != 0;
    let content = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let mut rest = vec![0; usize::from(!single) + content];
    plain.read_exact(&mut rest).map_err(|e| cut("its zstd frame", &e))?;
    let (window, size) = rest.split_at_checked(usize::from(!single)).unwrap_or_default();
    let mut little = [0; 8];
    little.iter_mut().zip(size).for_each(|(to, from)| *to = *from);
    let promised = u64::from_le_bytes(little) + if content == 2 { 256 } else { 0 };
    if content == 0 || promised != raw_size {
        return Err(zstd_error("the frame promises another size or none"));
    }
    let window = window.first().map_or(promised, |byte| {
        let base = 1_u64 << (10 + (byte >> 3));
        base + (base >> 3) * u64::from(byte & 7)
    });
    if window > 1 << limits::WINDOW_LOG {
        let max = 1 << limits::WINDOW_LOG;
        return Err(Error::Limit { what: "window of a zstd frame", got: window, max });
    }
    Ok([start.as_slice(), &rest].concat())
}

/// Checks that what follows the zstd frame is PAD of the right length, and then nothing.
fn check_pad(mut rest: BufReader<Counter<'_>>) -> Result<(), Error> {
    let malformed = || broken("its padding is malformed");
    let mut head = [0; FRAME_HEAD];
    rest.read_exact(&mut head).map_err(|e| cut("its padding", &e))?;
    let (magic, length) = head.split_first_chunk::<4>().ok_or_else(malformed)?;
    let promised = u64::from(u32::from_le_bytes(length.try_into().map_err(|_| malformed())?));
    let mut zeros = 0;
    loop {
        let piece = rest.fill_buf().map_err(|e| cut("its padding", &e))?;
        if piece.is_empty() {
            break;
        }
        if piece.iter().any(|byte| *byte != 0) {
            return Err(malformed());
        }
        let length = piece.len();
        zeros += length as u64;
        rest.consume(length);
    }
    let total = rest.get_ref().count;
    if *magic == PAD_MAGIC && zeros == promised && padme(total - zeros) == total {
        Ok(())
    } else {
        Err(malformed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::object::{plaintext, seal};

    fn raw(text: &str) -> Raw {
        Raw { role: Role::Delta, records: 1, bytes: text.as_bytes().to_vec() }
    }

    fn promise(size: usize) -> Promise {
        Promise { role: Role::Delta, raw_size: size as u64, digest: None }
    }

    fn open(sealed: &[u8], epoch: &DeviceKey, size: usize) -> Result<Raw, Error> {
        Unsealed::open(sealed, epoch, promise(size))?.into_raw()
    }

    #[test]
    fn an_object_reads_what_it_writes() {
        let epoch = DeviceKey::generate();
        let long = "fragment\n".repeat(2_000_000);
        for text in ["", "x", &"fragment\n".repeat(5000), &long] {
            let sealed = seal(&raw(text), &epoch.recipient(), 3).unwrap();
            assert!(open(&sealed, &epoch, text.len()).unwrap() == raw(text));
            assert!(open(&sealed, &epoch, text.len() + 1).is_err());
        }
    }

    #[test]
    fn stock_zstd_reads_an_object_with_its_extra_frames() {
        let plain = plaintext(&raw("one\ntwo\n"), 3).unwrap();
        assert_eq!(zstd::stream::decode_all(plain.as_slice()).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn malformed_plaintexts_are_refused() {
        let plain = plaintext(&raw("one\ntwo\n"), 3).unwrap();
        let refused = |plain: &[u8]| {
            let opened = Unsealed::of_plaintext(plain, promise(8)).and_then(Unsealed::into_raw);
            // A changed count of records is caught when the records are counted.
            opened.ok() != Some(raw("one\ntwo\n"))
        };
        assert!(!refused(&plain));
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
