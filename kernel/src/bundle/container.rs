//! A bundle: the one file that carries one kernel (docs/format.md, "Bundle file").

use super::limits;
use crate::digest::Digest;
use crate::error::Error;

/// The parts of a bundle as bytes; nothing in it is trusted before `open`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// Every root note, ascending.
    pub roots: Vec<Vec<u8>>,
    /// The head note of this version.
    pub head: Vec<u8>,
    /// The manifest note.
    pub manifest: Vec<u8>,
    /// The keyring file.
    pub keyring: Vec<u8>,
    /// The object files in the manifest's order.
    pub objects: Vec<Vec<u8>>,
}

/// The first bytes of every bundle file: a byte above 127, so that text tools keep away, the name
/// and version, and the line ends that a transfer as text would change.
pub const MAGIC: [u8; 8] = [0x89, b'G', b'K', b'B', b'1', 0x0D, 0x0A, 0x1A];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Frame {
    Root = 1,
    Head = 3,
    Manifest = 5,
    Keyring = 6,
    Object = 7,
    End = 255,
}

impl Frame {
    fn of(byte: u8) -> Option<Self> {
        [Self::Root, Self::Head, Self::Manifest, Self::Keyring, Self::Object, Self::End]
            .into_iter()
            .find(|frame| *frame as u8 == byte)
    }

    const fn limit(self) -> u64 {
        match self {
            Self::Root => limits::ROOT as u64,
            Self::Head => limits::HEAD as u64,
            Self::Manifest => limits::MANIFEST as u64,
            Self::Keyring => limits::KEYRING as u64,
            Self::Object => limits::OBJECT,
            Self::End => END_BODY as u64,
        }
    }
}

/// The length of a frame's type, reserved bytes and length.
const FRAME_HEAD: usize = 16;
/// The length of the last frame's body: a count and a digest.
const END_BODY: usize = 36;

impl Bundle {
    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut count = 0_u32;
        let mut frame = |kind: Frame, body: &[u8]| {
            bytes.extend_from_slice(&[kind as u8, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(body);
            count += 1;
        };
        self.roots.iter().for_each(|root| frame(Frame::Root, root));
        frame(Frame::Head, &self.head);
        frame(Frame::Manifest, &self.manifest);
        frame(Frame::Keyring, &self.keyring);
        self.objects.iter().for_each(|object| frame(Frame::Object, object));
        let mut end = count.to_le_bytes().to_vec();
        end.extend_from_slice(Digest::of(&bytes).as_bytes());
        bytes.extend_from_slice(&[Frame::End as u8, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&(END_BODY as u64).to_le_bytes());
        bytes.extend_from_slice(&end);
        bytes
    }

    /// Reads the bytes of a file into its parts; only the frames are checked.
    ///
    /// # Errors
    /// [`Error::NotABundle`], [`Error::Limit`] or [`Error::Container`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let broken = |rule: &str| Error::Container { rule: rule.to_owned() };
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or(Error::NotABundle)?;
        let mut bundle = Self::default();
        let mut last = None;
        let mut count = 0_u32;
        loop {
            let start = bytes.len() - rest.len();
            let (kind, body, after) = frame(rest)?;
            let repeats = matches!(kind, Frame::Root | Frame::Object);
            if last > Some(kind) || (last == Some(kind) && !repeats) {
                return Err(broken("its parts are out of order"));
            }
            last = Some(kind);
            rest = after;
            match kind {
                Frame::Root => bundle.roots.push(body.to_vec()),
                Frame::Head => bundle.head = body.to_vec(),
                Frame::Manifest => bundle.manifest = body.to_vec(),
                Frame::Keyring => bundle.keyring = body.to_vec(),
                Frame::Object => bundle.objects.push(body.to_vec()),
                Frame::End => {
                    let before = Digest::of(bytes.get(..start).unwrap_or_default());
                    let expected = [count.to_le_bytes().as_slice(), before.as_bytes()].concat();
                    if body != expected {
                        return Err(broken("its digest is not that of its bytes"));
                    }
                    break;
                }
            }
            count += 1;
            if bundle.roots.len() > limits::ROOTS || bundle.objects.len() > limits::OBJECTS {
                return Err(broken("it has too many parts"));
            }
        }
        if rest.is_empty() { Ok(bundle) } else { Err(broken("bytes follow its end")) }
    }
}

/// Splits the next frame into its kind, its body and what follows.
fn frame(bytes: &[u8]) -> Result<(Frame, &[u8], &[u8]), Error> {
    let cut = || Error::Container { rule: "it ends too early".to_owned() };
    let (head, rest) = bytes.split_first_chunk::<FRAME_HEAD>().ok_or_else(cut)?;
    let (kind, length) = head.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = u64::from_le_bytes(length.try_into().map_err(|_| cut())?);
    let &[kind, 0, 0, 0, 0, 0, 0, 0] = kind else {
        return Err(Error::Container { rule: "a reserved byte is not zero".to_owned() });
    };
    let kind = Frame::of(kind)
        .ok_or_else(|| Error::Container { rule: format!("it has an unknown part {kind}") })?;
    if length > kind.limit() {
        return Err(Error::Limit { what: "part of a bundle", got: length, max: kind.limit() });
    }
    let length = usize::try_from(length).map_err(|_| cut())?;
    let (body, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    Ok((kind, body, rest))
}
