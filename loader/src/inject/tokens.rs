//! Counting tokens, and guessing high where no tokenizer is at hand.

use std::fmt;
use std::ops::Add;

/// A number of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(usize);

impl Tokens {
    /// Wraps a number.
    pub const fn new(count: usize) -> Self {
        Self(count)
    }

    /// Returns the number.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Returns a number of tokens that is rarely too low, for any model.
///
/// Characters over four undercounts most of what is not English prose (hex by half, Japanese by
/// two thirds). This counts English words by length, runs with digits or odd casing almost by
/// character, and every other sign for itself.
pub fn estimate(text: &str) -> usize {
    let mut count = 0;
    let mut run = Run::default();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            run.push(c);
            continue;
        }
        count += std::mem::take(&mut run).tokens();
        count += sign(c);
    }
    count + run.tokens()
}

/// Returns the tokens of one character that is no ASCII letter or digit.
const fn sign(c: char) -> usize {
    match c {
        ' ' => 0,
        // ASCII signs, and letters with accents, Greek, Cyrillic, Hebrew, Arabic: one by one at the
        // worst. The common ideographs and kana are about one token; rarer signs are spelled in
        // bytes.
        '\0'..='\u{7FF}'
        | '\u{3040}'..='\u{30FF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}' => 1,
        '\u{800}'..='\u{FFFF}' => 2,
        _ => 3,
    }
}

/// A run of ASCII letters and digits.
#[derive(Default)]
struct Run {
    length: usize,
    digits: usize,
    humps: usize,
    vowels: usize,
    before_is_small: bool,
}

impl Run {
    const fn push(&mut self, c: char) {
        self.length += 1;
        self.digits += c.is_ascii_digit() as usize;
        self.humps += (c.is_ascii_uppercase() && self.before_is_small) as usize;
        self.vowels += matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y') as usize;
        self.before_is_small = c.is_ascii_lowercase();
    }

    const fn tokens(&self) -> usize {
        let letters = self.length - self.digits;
        let looks_like_prose = self.digits == 0 && self.vowels * 6 >= letters && letters < 24;
        let words =
            if looks_like_prose { letters.div_ceil(5) + self.humps } else { letters.div_ceil(2) };
        self.digits + words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_seldom_too_low() {
        // The floors are counted by hand for a tokenizer that merges neither digits nor signs.
        for (text, at_least) in [
            ("", 0),
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("internationalization", 2),
            ("deadbeefcafe0123", 10),
            ("{\"key\": [1, 2.5, null]}", 13),
            ("東京は日本の首都です", 7),
            ("Привет", 3),
            ("🦀🦀", 4),
            ("fn main() { println!(\"hi\"); }", 12),
        ] {
            let count = estimate(text);
            assert!(count >= at_least, "{text:?}: {count} < {at_least}");
            assert!(count <= at_least * 3 + 2, "{text:?}: {count} is wasteful");
        }
    }
}
