//! The part of a text that the model reads.
//!
//! A tokenizer goes through the whole of a text before the limit cuts it: where somebody pastes a
//! file, that takes longer than the model. What surely is beyond the limit is left out before.

use crate::shape::MAX_TOKENS;

/// Returns the beginning of a text in which all tokens lie that are read.
///
/// A letter or digit of ASCII is always part of a token, and no token goes over white space: so many
/// words are at least so many tokens.
pub(crate) fn beginning(text: &str) -> &str {
    let (mut words, mut counts) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        // Other white space of ASCII is dropped, and joins what is around it.
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            counts |= byte.is_ascii_alphanumeric();
            continue;
        }
        words += usize::from(std::mem::take(&mut counts));
        if words == MAX_TOKENS {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_after_as_many_words_as_tokens_are_read() {
        let words = |count: usize| vec!["a1"; count].join(" ");
        for (text, expected) in [
            (String::new(), String::new()),
            (words(MAX_TOKENS), words(MAX_TOKENS)),
            (words(MAX_TOKENS + 1), words(MAX_TOKENS)),
            (
                format!("{} é\u{301} .\u{c}.", words(255)),
                format!("{} é\u{301} .\u{c}.", words(255)),
            ),
            (format!(". \u{301} é\n{}\tb", words(256)), format!(". \u{301} é\n{}", words(256))),
        ] {
            assert_eq!(beginning(&text), expected);
        }
    }
}
