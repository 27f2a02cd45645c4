//! Chunks that end where lines end, whatever the server sent.

use bytes::{Bytes, BytesMut};

/// The most bytes that wait for the end of their line; a longer line goes on in parts.
const MOST: usize = 4 << 20;

/// Holds back what follows the last line feed until its line is complete.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    held: BytesMut,
}

impl Aligned {
    /// Adds a chunk and returns the whole lines that there are now.
    pub(crate) fn push(&mut self, chunk: &Bytes) -> Option<Bytes> {
        let Some(last) = memchr::memrchr(b'\n', chunk) else {
            self.held.extend_from_slice(chunk);
            return if self.held.len() > MOST { self.rest() } else { None };
        };
        let (lines, rest) = chunk.split_at_checked(last + 1).unwrap_or((chunk, &[]));
        let ready = if self.held.is_empty() {
            chunk.slice(..lines.len())
        } else {
            self.held.extend_from_slice(lines);
            self.held.split().freeze()
        };
        self.held.extend_from_slice(rest);
        Some(ready)
    }

    /// Returns what is left once the stream has ended.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        Some(self.held.split().freeze()).filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(chunks: &[&[u8]]) -> Vec<Bytes> {
        let mut aligned = Aligned::default();
        let mut out: Vec<Bytes> = chunks
            .iter()
            .filter_map(|chunk| aligned.push(&Bytes::copy_from_slice(chunk)))
            .collect();
        out.extend(aligned.rest());
        out
    }

    #[test]
    fn a_line_without_end_goes_on_in_parts() {
        let long = vec![b'x'; MOST];
        let out = run(&[&long, b"yy", b"z"]);
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [MOST + 2, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_chunk_but_the_last_is_whole_lines(
            text in "[a\né{}]{0,80}", cuts in proptest::collection::vec(1usize..9, 1..80),
        ) {
            let bytes = text.as_bytes();
            let (mut chunks, mut at) = (Vec::new(), 0);
            for size in cuts.iter().cycle() {
                if at >= bytes.len() { break; }
                let end = (at + size).min(bytes.len());
                chunks.push(&bytes[at..end]);
                at = end;
            }
            let out = run(&chunks);
            prop_assert_eq!(out.concat(), bytes);
            let before = out.len().saturating_sub(1);
            prop_assert!(out[..before].iter().all(|chunk| chunk.ends_with(b"\n")));
            prop_assert!(out.iter().all(|chunk| std::str::from_utf8(chunk).is_ok()));
        }
    }
}
