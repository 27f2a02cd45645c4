//! The last line of an answer, from which the tokens of the prompt are learned.

use bytes::Bytes;

/// A longer line than this says nothing that is learned from, in bytes.
const MOST: usize = 256 << 10;

/// Whoever learns from the line.
type Tell = Box<dyn FnOnce(&[u8]) + Send>;

/// Keeps the last line of a stream, and tells it when the stream has ended.
pub(crate) struct LastLine {
    line: Vec<u8>,
    tell: Tell,
}

impl LastLine {
    pub(crate) fn new(tell: impl FnOnce(&[u8]) + Send + 'static) -> Self {
        Self { line: Vec::new(), tell: Box::new(tell) }
    }

    /// Adds a chunk.
    pub(crate) fn push(&mut self, chunk: &Bytes) {
        // A final line feed belongs to the line before it.
        let inner = chunk.strip_suffix(b"\n").unwrap_or(chunk);
        if self.line.ends_with(b"\n") && !chunk.is_empty() {
            self.line.clear();
        }
        match memchr::memrchr(b'\n', inner) {
            Some(at) => {
                self.line.clear();
                self.line.extend_from_slice(chunk.get(at + 1..).unwrap_or_default());
            }
            None => self.line.extend_from_slice(chunk),
        }
        if self.line.len() > MOST {
            self.line.clear();
            self.line.push(b'!');
        }
    }

    /// Tells the line.
    pub(crate) fn tell(self) {
        (self.tell)(self.line.trim_ascii());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_last_line_is_found_however_it_is_cut() {
        let text = b"{\"a\":1}\n{\"b\":2}\n{\"done\":true}";
        for end in ["", "\n"] {
            let whole = [&text[..], end.as_bytes()].concat();
            for size in 1..=whole.len() {
                let (sender, told) = mpsc::channel();
                let mut last = LastLine::new(move |line| sender.send(line.to_vec()).unwrap());
                for chunk in whole.chunks(size) {
                    last.push(&Bytes::copy_from_slice(chunk));
                }
                last.tell();
                assert_eq!(told.recv().unwrap(), b"{\"done\":true}", "chunks of {size}");
            }
        }
    }
}
