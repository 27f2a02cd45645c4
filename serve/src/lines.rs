//! Lines out of chunks: a stream may be cut anywhere, even inside a character.

/// Collects bytes and gives back whole lines.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    scanned: usize,
}

/// The longest line that is kept, in bytes; longer ones are the server's fault.
pub(crate) const MAX_LINE: usize = 16 << 20;

impl Lines {
    /// Adds a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
    }

    /// Returns the next whole line without its line feed, if one is complete.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let fresh = self.pending.get(self.scanned..)?;
        let Some(offset) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.pending.len();
            return None;
        };
        let mut line: Vec<u8> = self.pending.drain(..=self.scanned + offset).collect();
        self.scanned = 0;
        line.pop();
        Some(line)
    }

    /// Returns what followed the last line feed, once the stream has ended.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        self.scanned = 0;
        Some(std::mem::take(&mut self.pending)).filter(|rest| !rest.is_empty())
    }

    /// Returns how many bytes wait for their line feed.
    pub const fn waiting(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_went_in() {
        let text = "{\"a\":\"é\"}\n\n{\"b\":2}\nrest".as_bytes();
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(chunk);
                while let Some(line) = lines.next_line() {
                    found.push(line);
                }
            }
            found.extend(lines.rest());
            let expected: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
            assert_eq!(found, expected, "chunks of {size}");
            assert_eq!(lines.waiting(), 0);
        }
    }
}
