//! A bundle: the one file that carries one kernel (docs/format.md, "Bundle file").

use std::io::Read;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::blob::Blob;
use super::limits;
use crate::digest::Digest;
use crate::error::Error;

/// The parts of a bundle as bytes; nothing in it is trusted before `open`.
///
/// Objects are blobs, so that those of a large file can stay on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle<B = Vec<u8>> {
    /// Every root note, ascending.
    pub roots: Vec<Vec<u8>>,
    /// The newest revocations note, if there is any.
    pub revocations: Option<Vec<u8>>,
    /// Head notes of consecutive versions, ascending; the last is that of this version.
    pub heads: Vec<Vec<u8>>,
    /// The manifest note.
    pub manifest: Vec<u8>,
    /// The keyring file.
    pub keyring: Vec<u8>,
    /// The object files in the manifest's order.
    pub objects: Vec<B>,
}

/// The first bytes of every bundle file: a byte above 127, so that text tools keep away, the name
/// and version, and the line ends that a transfer as text would change.
pub const MAGIC: [u8; 8] = [0x89, b'G', b'K', b'B', b'1', 0x0D, 0x0A, 0x1A];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Frame {
    Root = 1,
    Revocations = 2,
    Head = 3,
    Manifest = 5,
    Keyring = 6,
    Object = 7,
    End = 255,
}

impl Frame {
    const ALL: [Self; 7] = [
        Self::Root,
        Self::Revocations,
        Self::Head,
        Self::Manifest,
        Self::Keyring,
        Self::Object,
        Self::End,
    ];

    /// The largest body, in bytes.
    const fn size_limit(self) -> u64 {
        match self {
            Self::Root => limits::ROOT as u64,
            Self::Revocations => limits::REVOCATIONS as u64,
            Self::Head => limits::HEAD as u64,
            Self::Manifest => limits::MANIFEST as u64,
            Self::Keyring => limits::KEYRING as u64,
            Self::Object => limits::OBJECT,
            Self::End => END_BODY as u64,
        }
    }

    /// How many frames of this type there are at least and at most.
    const fn count_limits(self) -> (usize, usize) {
        match self {
            Self::Root => (1, limits::ROOTS),
            Self::Revocations => (0, 1),
            Self::Head => (1, limits::HEADS),
            Self::Manifest | Self::Keyring | Self::End => (1, 1),
            Self::Object => (2, limits::OBJECTS),
        }
    }
}

/// The length of a frame's type, reserved bytes and length.
const FRAME_HEAD: usize = 16;
/// The length of the last frame's body: a count and a digest.
const END_BODY: usize = 36;
/// How much of a long body is read at a time.
const PIECE: usize = 64 << 10;

impl Bundle {
    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut count = 0_u32;
        let mut frame = |kind: Frame, body: &[u8]| {
            bytes.extend_from_slice(&frame_head(kind, body.len() as u64));
            bytes.extend_from_slice(body);
            count += 1;
        };
        self.roots.iter().for_each(|root| frame(Frame::Root, root));
        self.revocations.iter().for_each(|note| frame(Frame::Revocations, note));
        self.heads.iter().for_each(|head| frame(Frame::Head, head));
        frame(Frame::Manifest, &self.manifest);
        frame(Frame::Keyring, &self.keyring);
        self.objects.iter().for_each(|object| frame(Frame::Object, object));
        let end = [count.to_le_bytes().as_slice(), Digest::of(&bytes).as_bytes()].concat();
        bytes.extend_from_slice(&frame_head(Frame::End, END_BODY as u64));
        bytes.extend_from_slice(&end);
        bytes
    }

    /// Reads the bytes of a file into its parts; only the frames are checked.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let object = |range: Range<u64>| {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            bytes.get(index(range.start)..index(range.end)).unwrap_or_default().to_vec()
        };
        Self::scan(bytes, object)
    }
}

impl<B: Blob> Bundle<B> {
    /// Reads a file into its parts; only the frames are checked.
    ///
    /// Objects are read for the digest of the file and then forgotten: `object` makes a blob of the
    /// range of bytes where each lies.
    ///
    /// # Errors
    /// [`Error::NotABundle`], [`Error::Unsupported`], [`Error::Limit`], [`Error::Container`] or
    /// [`Error::Read`].
    pub fn scan(reader: impl Read, mut object: impl FnMut(Range<u64>) -> B) -> Result<Self, Error> {
        let mut frames = Frames { reader, hasher: Sha256::new(), position: 0 };
        frames.magic()?;
        let (mut roots, mut revocations, mut heads) = (Vec::new(), None, Vec::new());
        let (mut manifest, mut keyring, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        let mut counts = Counts::default();
        loop {
            let before = frames.digest();
            let (kind, length) = frames.head()?;
            counts.add(kind)?;
            match kind {
                Frame::Root => roots.push(frames.body(length)?),
                Frame::Revocations => revocations = Some(frames.body(length)?),
                Frame::Head => heads.push(frames.body(length)?),
                Frame::Manifest => manifest = frames.body(length)?,
                Frame::Keyring => keyring = frames.body(length)?,
                Frame::Object => objects.push(object(frames.pass(length)?)),
                Frame::End => {
                    let count = counts.total - 1;
                    let end = [count.to_le_bytes().as_slice(), before.as_bytes()].concat();
                    if frames.body(length)? != end {
                        return Err(broken("its digest is not that of its bytes"));
                    }
                    break;
                }
            }
        }
        frames.end()?;
        Ok(Self { roots, revocations, heads, manifest, keyring, objects })
    }

    /// Returns the size of all objects, in bytes.
    pub fn object_bytes(&self) -> u64 {
        self.objects.iter().map(Blob::size).sum()
    }
}

/// Counts frames by type and holds them to their order.
#[derive(Default)]
struct Counts {
    last: Option<Frame>,
    of_last: usize,
    total: u32,
}

impl Counts {
    fn add(&mut self, kind: Frame) -> Result<(), Error> {
        if self.last > Some(kind) {
            return Err(broken("its parts are out of order"));
        }
        if self.last != Some(kind) {
            // Every type between the last one and this one has no frame.
            let skipped = |frame: &Frame| Some(*frame) > self.last && *frame < kind;
            if Frame::ALL.iter().filter(|f| skipped(f)).any(|frame| frame.count_limits().0 > 0) {
                return Err(broken("a part is missing"));
            }
            if self.last.is_some_and(|last| self.of_last < last.count_limits().0) {
                return Err(broken("a part is missing"));
            }
            self.of_last = 0;
        }
        self.last = Some(kind);
        self.of_last += 1;
        self.total = self.total.saturating_add(1);
        if self.of_last > kind.count_limits().1 {
            return Err(broken("it has too many parts"));
        }
        Ok(())
    }
}

/// Reads frames and hashes what it reads.
struct Frames<R> {
    reader: R,
    hasher: Sha256,
    position: u64,
}

impl<R: Read> Frames<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.reader.read_exact(buffer).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => broken("it ends too early"),
            _ => Error::Read { what: "bundle", source },
        })?;
        self.hasher.update(&*buffer);
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn magic(&mut self) -> Result<(), Error> {
        let mut magic = [0; MAGIC.len()];
        self.fill(&mut magic).map_err(|error| match error {
            Error::Container { .. } => Error::NotABundle,
            other => other,
        })?;
        match magic {
            MAGIC => Ok(()),
            [0x89, b'G', b'K', b'B', found @ b'0'..=b'9', 0x0D, 0x0A, 0x1A] => {
                let found = char::from(found).to_string();
                Err(Error::Unsupported { what: "bundle", found })
            }
            _ => Err(Error::NotABundle),
        }
    }

    fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    fn head(&mut self) -> Result<(Frame, u64), Error> {
        let mut head = [0; FRAME_HEAD];
        self.fill(&mut head)?;
        let [kind, 0, 0, 0, 0, 0, 0, 0, length @ ..] = head else {
            return Err(broken("a reserved byte is not zero"));
        };
        let length = u64::from_le_bytes(length);
        let kind = Frame::ALL
            .into_iter()
            .find(|frame| *frame as u8 == kind)
            .ok_or_else(|| broken(&format!("it has an unknown part {kind}")))?;
        if length > kind.size_limit() {
            let (got, max) = (length, kind.size_limit());
            return Err(Error::Limit { what: "part of a bundle", got, max });
        }
        Ok((kind, length))
    }

    /// Reads a body, piece by piece: a promised length alone allocates nothing.
    fn body(&mut self, length: u64) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        self.pieces(length, |piece| body.extend_from_slice(piece))?;
        Ok(body)
    }

    /// Passes over a body and returns where it lies.
    fn pass(&mut self, length: u64) -> Result<Range<u64>, Error> {
        let start = self.position;
        self.pieces(length, |_| {})?;
        Ok(start..self.position)
    }

    fn pieces(&mut self, length: u64, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut buffer = vec![0; PIECE.min(usize::try_from(length).unwrap_or(PIECE))];
        let mut left = usize::try_from(length).map_err(|_| broken("it ends too early"))?;
        while left > 0 {
            let piece = buffer.get_mut(..left.min(PIECE)).unwrap_or_default();
            self.fill(piece)?;
            each(piece);
            left -= piece.len();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(broken("bytes follow its end")),
            Err(source) => Err(Error::Read { what: "bundle", source }),
        }
    }
}

fn frame_head(kind: Frame, length: u64) -> [u8; FRAME_HEAD] {
    let mut head = [0; FRAME_HEAD];
    let (first, size) = head.split_at_mut(8);
    first.iter_mut().take(1).for_each(|byte| *byte = kind as u8);
    size.copy_from_slice(&length.to_le_bytes());
    head
}

fn broken(rule: &str) -> Error {
    Error::Container { rule: rule.to_owned() }
}
