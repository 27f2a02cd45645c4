//! Bytes to numbered lines: a line ends at `\n` only.

/// Numbered lines of a file, from 1.
pub(crate) struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: u32,
}

/// One line without its line feed.
pub(crate) struct Line<'a> {
    pub(crate) number: u32,
    pub(crate) bytes: &'a [u8],
    /// Whether a line feed ended it; an unended last line may be half written.
    pub(crate) ended: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: Some(bytes).filter(|b| !b.is_empty()), number: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest?;
        self.number = self.number.saturating_add(1);
        let end = memchr::memchr(b'\n', rest);
        let (bytes, ended) =
            if let Some((line, tail)) = end.and_then(|at| rest.split_at_checked(at)) {
                self.rest = tail.get(1..).filter(|tail| !tail.is_empty());
                (line, true)
            } else {
                self.rest = None;
                (rest, false)
            };
        Some(Line { number: self.number, bytes, ended })
    }
}
