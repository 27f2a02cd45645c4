//! What the words of a statement tell: whether it instructs, and how many words it has.

/// Words that make a sentence an instruction, wherever they stand.
const MODALS: &[&str] = &[
    "must",
    "never",
    "always",
    "should",
    "shouldn't",
    "mustn't",
    "don't",
    "cannot",
    "can't",
    "required",
    "avoid",
    "prefer",
    "ensure",
    "forbidden",
    "mandatory",
    "only",
];

/// Verbs that make a sentence an instruction where they come first.
const IMPERATIVES: &[&str] = &[
    "add", "ask", "be", "call", "check", "commit", "copy", "create", "delete", "do", "document",
    "exclude", "follow", "format", "ignore", "import", "include", "install", "keep", "leave",
    "log", "make", "mock", "name", "omit", "open", "pass", "place", "put", "read", "remove",
    "rename", "respect", "return", "run", "set", "skip", "start", "stop", "store", "test", "treat",
    "try", "update", "use", "validate", "verify", "wait", "wrap", "write",
];

/// Phrases that address whoever reads.
const ADDRESSES: &[&str] = &[
    "do not",
    "make sure",
    "you must",
    "you should",
    "from now on",
    "need to",
    "needs to",
    "have to",
    "has to",
    "is not allowed",
    "not be",
    "instead of",
];

/// Returns the lower-case words of a text, without the signs around them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | ')' | '"'))
        .map(|word| {
            word.trim_matches(|c: char| !c.is_alphanumeric()).replace('’', "'").to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Returns whether a statement tells somebody what to do.
pub(crate) fn is_directive(statement: &str) -> bool {
    let words = words(statement);
    let starts = |sentence: &str| {
        let first = self::words(sentence).into_iter().next();
        first.is_some_and(|word| IMPERATIVES.contains(&word.as_str()))
    };
    let joined = words.join(" ");
    words.iter().any(|word| MODALS.contains(&word.as_str()))
        || ADDRESSES.iter().any(|phrase| joined.contains(phrase))
        // A period within a name ends no sentence.
        || statement.split(". ").flat_map(|part| part.split([':', ';'])).any(starts)
}

/// Splits a text into sentences; a line break ends one too.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut start = 0;
        let mut previous = ' ';
        for (at, c) in line.char_indices() {
            if c.is_whitespace() && matches!(previous, '.' | '!' | '?') {
                sentences.extend(line.get(start..at));
                start = at;
            }
            previous = c;
        }
        sentences.extend(line.get(start..));
    }
    sentences.into_iter().map(str::trim).filter(|s| !s.is_empty()).collect()
}

/// Returns whether a sentence asks; what follows the mark and is no word does not matter.
pub(crate) fn is_question(sentence: &str) -> bool {
    sentence.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '?').ends_with('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_told_from_descriptions() {
        let rows = [
            ("Never push to main.", true),
            ("Use tabs.", true),
            ("Tests: run them with one thread.", true),
            ("Make sure the lock is held.", true),
            ("The port is 8080.", false),
            ("Storage is a SQLite file.", false),
            ("The server uses port 80.", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_directive(text), expected, "{text}");
        }
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        assert_eq!(sentences("One. Two?\nThree v1.2 x"), ["One.", "Two?", "Three v1.2 x"]);
        assert!(is_question("really? :)"));
        assert!(!is_question("yes (or no)"));
    }
}
