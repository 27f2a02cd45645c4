//! Bytes to numbered lines: a line ends at `\n` only.

/// Numbered lines of a file, from 1.
pub(crate) struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: u32,
    offset: u64,
}

/// One line without its line feed.
pub(crate) struct Line<'a> {
    pub(crate) number: u32,
    /// Where it starts in the file.
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
    /// Whether a line feed ended it; an unended last line may be half written.
    pub(crate) ended: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: Some(bytes).filter(|b| !b.is_empty()), number: 0, offset: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest?;
        self.number = self.number.saturating_add(1);
        let offset = self.offset;
        let end = memchr::memchr(b'\n', rest);
        let (bytes, ended) =
            if let Some((line, tail)) = end.and_then(|at| rest.split_at_checked(at)) {
                self.rest = tail.get(1..).filter(|tail| !tail.is_empty());
                (line, true)
            } else {
                self.rest = None;
                (rest, false)
            };
        self.offset += bytes.len() as u64 + 1;
        Some(Line { number: self.number, offset, bytes, ended })
    }
}

/// Lines of bytes that come in pieces; keeps at most one line, and of that no more than its limit.
#[derive(Debug)]
pub(crate) struct Splitter {
    limit: usize,
    partial: Vec<u8>,
    /// How many bytes the unfinished line has so far, those that were not kept included.
    length: u64,
    number: u32,
    offset: u64,
}

impl Splitter {
    /// Starts after `lines` lines that take `offset` bytes; keeps `limit` bytes of a line and one.
    pub(crate) fn after(lines: u32, offset: u64, limit: usize) -> Self {
        Self { limit, partial: Vec::new(), length: 0, number: lines, offset }
    }

    /// Takes the next piece and hands every line that it ends to `take`.
    pub(crate) fn feed(&mut self, piece: &[u8], mut take: impl FnMut(&Line<'_>)) {
        let mut rest = piece;
        while let Some((line, tail)) =
            memchr::memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at))
        {
            let length = self.length + line.len() as u64;
            self.number = self.number.saturating_add(1);
            let (number, offset) = (self.number, self.offset);
            let bytes = if self.length == 0 { line } else { self.keep(line) };
            take(&Line { number, offset, bytes, ended: true });
            self.offset += length + 1;
            self.length = 0;
            self.partial.clear();
            rest = tail.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            self.keep(rest);
            self.length += rest.len() as u64;
        }
    }

    /// Returns the last line, if the file does not end with a line feed.
    pub(crate) fn rest(&self) -> Option<Line<'_>> {
        (self.length > 0).then(|| Line {
            number: self.number.saturating_add(1),
            offset: self.offset,
            bytes: &self.partial,
            ended: false,
        })
    }

    /// Returns how many lines were ended.
    pub(crate) fn lines(&self) -> u32 {
        self.number
    }

    /// Returns where the first line starts that was not ended.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    fn keep(&mut self, bytes: &[u8]) -> &[u8] {
        let room = (self.limit + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        &self.partial
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = Vec<(u32, u64, Vec<u8>, bool)>;

    fn seen(line: &Line<'_>) -> (u32, u64, Vec<u8>, bool) {
        (line.number, line.offset, line.bytes.to_vec(), line.ended)
    }

    proptest! {
        #[test]
        fn lines_in_pieces_are_the_lines_of_the_whole(
            text in "[ab\n]{0,60}",
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let whole: Seen = Lines::new(text.as_bytes()).map(|line| seen(&line)).collect();
            let mut splitter = Splitter::after(0, 0, 1_000);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut found: Seen = Vec::new();
            for pair in cuts.windows(2) {
                let piece = &text.as_bytes()[pair[0]..pair[1]];
                splitter.feed(piece, |line| found.push(seen(line)));
            }
            found.extend(splitter.rest().map(|line| seen(&line)));
            prop_assert_eq!(found, whole);
        }
    }

    #[test]
    fn of_a_long_line_little_is_kept_and_its_successor_is_found() {
        let mut splitter = Splitter::after(0, 0, 4);
        let mut found: Seen = Vec::new();
        for piece in ["abcd", "efgh", "ij\nkl\n"] {
            splitter.feed(piece.as_bytes(), |line| found.push(seen(line)));
        }
        assert_eq!(found, [(1, 0, b"abcde".to_vec(), true), (2, 11, b"kl".to_vec(), true)]);
    }
}
