//! The body of `container`: frames of a bundle file.

use std::io::{self, Read};

use garner_kernel::Digest;
use garner_kernel::bundle::{Bundle, MAGIC};

/// The length of the last frame: its head, a count and a digest.
const END: usize = 52;

/// Reads any bytes as a bundle file: what is accepted is written as the same bytes.
///
/// Since hardly any input has the right digest at its end, the input is read a second time with
/// the end that its frames need.
///
/// # Panics
/// If a file has two spellings, or is judged by how it arrives.
pub fn container(input: &[u8]) {
    read(input);
    read(&closed(input));
}

fn read(bytes: &[u8]) {
    let parsed = Bundle::parse(bytes);
    let mut objects = 0;
    let slow = Trickle { rest: bytes, step: 0 };
    let scanned = Bundle::<Vec<u8>>::scan(slow, |range| {
        objects += range.end - range.start;
        assert!(range.end <= bytes.len() as u64, "an object lies behind the end");
        Vec::new()
    });
    assert_eq!(parsed.is_ok(), scanned.is_ok(), "pieces of another size change the judgement");
    let Ok(bundle) = parsed else { return };
    assert!(bundle.to_bytes() == bytes, "a bundle file has two spellings");
    assert_eq!(bundle.object_bytes(), objects);
}

/// Returns the bytes with the end that their frames need, in place of the last 52 bytes.
pub fn closed(bytes: &[u8]) -> Vec<u8> {
    let body = bytes.get(..bytes.len().saturating_sub(END)).unwrap_or_default();
    let mut rest = body.get(MAGIC.len()..).unwrap_or_default();
    let mut frames = 0_u32;
    while let Some((head, after)) = rest.split_first_chunk::<16>() {
        let [_, _, _, _, _, _, _, _, length @ ..] = *head;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        rest = after.get(length..).unwrap_or_default();
        frames = frames.saturating_add(1);
    }
    let mut closed = body.to_vec();
    closed.extend_from_slice(&[255, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0]);
    closed.extend_from_slice(&frames.to_le_bytes());
    closed.extend_from_slice(Digest::of(body).as_bytes());
    closed
}

/// Hands out one to seven bytes at a time, more when more was asked for.
struct Trickle<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step = self.step % 7 + 1;
        let length = self.rest.len().min(buffer.len()).min(self.step.max(buffer.len() / 3));
        let (now, later) = self.rest.split_at(length);
        buffer.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
        self.rest = later;
        Ok(length)
    }
}
