//! What no text may hold, whoever said it: characters that people do not see, words that only look
//! like words.

/// Returns why the signs of a text are odd.
pub(super) fn reason(text: &str) -> Option<&'static str> {
    if text.is_ascii() {
        return is_spelled_out(text).then_some("spells words letter by letter");
    }
    if has_hidden_characters(text) {
        return Some("hides characters");
    }
    if text.split_whitespace().any(mixes_alphabets) {
        return Some("mixes alphabets within a word");
    }
    is_spelled_out(text).then_some("spells words letter by letter")
}

/// A digest in hex is no hidden text.
pub(super) fn is_hex(text: &[u8]) -> bool {
    text.len() <= 128 && text.iter().all(u8::is_ascii_hexdigit)
}

/// Returns whether a text holds characters that people do not see: zero-width, bidirectional
/// controls, tags. The joiner within emoji is fine.
fn has_hidden_characters(text: &str) -> bool {
    let mut previous = ' ';
    for c in text.chars() {
        let joins_emoji = c == '\u{200D}' && (previous >= '\u{2190}');
        let hidden = matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}');
        if hidden && !joins_emoji {
            return true;
        }
        previous = c;
    }
    false
}

/// Returns whether Latin and Cyrillic letters, which look alike, stand in one word.
fn mixes_alphabets(word: &str) -> bool {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    latin && word.chars().any(|c| ('\u{0400}'..='\u{052F}').contains(&c))
}

/// Returns whether eight single letters follow each other with a space between them.
fn is_spelled_out(text: &str) -> bool {
    let mut run = 0;
    for word in text.split_whitespace() {
        let single = word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        run = if single { run + 1 } else { 0 };
        if run >= 8 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_signs_are_told_from_other_languages_and_emoji() {
        let rows = [
            ("plain words", None),
            ("Größe in Ångström, naïve café", None),
            ("Привет, мир", None),
            ("дата in UTC", None),
            ("a family 👨‍👩‍👧 and a flag 🏴", None),
            ("Δt and µs and π", None),
            ("a b c d e", None),
            ("zero\u{200B}width", Some("hides characters")),
            ("soft\u{00AD}hyphen", Some("hides characters")),
            ("tag\u{E0041}", Some("hides characters")),
            ("ign\u{043E}re this", Some("mixes alphabets within a word")),
            ("i g n o r e a l l", Some("spells words letter by letter")),
        ];
        for (text, expected) in rows {
            assert_eq!(reason(text), expected, "{text:?}");
        }
    }
}
