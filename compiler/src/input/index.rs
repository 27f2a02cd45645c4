//! Where the entries of a file stand: lines, and the digests of their bytes.

use std::cell::RefCell;
use std::collections::HashMap;

use garner_kernel::Digest;
use serde_json::value::RawValue;

use crate::transcript::Lines;

/// The lines of a text.
pub(crate) struct Index<'a> {
    text: &'a str,
    lines: Vec<(usize, &'a [u8])>,
    /// An export in one line has many entries, and is hashed once.
    digests: RefCell<HashMap<u32, Digest>>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut start = 0;
        let lines = Lines::new(text.as_bytes()).map(|line| {
            let here = start;
            start += line.bytes.len() + 1;
            (here, line.bytes)
        });
        Self { text, lines: lines.collect(), digests: RefCell::default() }
    }

    /// Returns how many lines there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of the line, from 1, on which a JSON value of the text starts.
    pub(crate) fn line_of(&self, value: &RawValue) -> u32 {
        let base = self.text.as_ptr().addr();
        let offset = value.get().as_ptr().addr().checked_sub(base);
        let offset = offset.filter(|at| *at <= self.text.len()).unwrap_or_default();
        let line = self.lines.partition_point(|(start, _)| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX).max(1)
    }

    /// Returns the digest of a line's bytes without its line feed.
    pub(crate) fn digest(&self, line: u32) -> Digest {
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let bytes = at.and_then(|at| self.lines.get(at)).map(|(_, bytes)| *bytes);
        *self
            .digests
            .borrow_mut()
            .entry(line)
            .or_insert_with(|| Digest::of(bytes.unwrap_or_default()))
    }
}
