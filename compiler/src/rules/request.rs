//! Requests: what a person wants done next, told from what holds from then on.

use super::wording::{self, words};

/// Verbs with which people ask for one piece of work. Verbs that state a choice as often ("use",
/// "keep", "store") are not among them.
const WORK: &[&str] = &[
    "add",
    "analyze",
    "ask",
    "build",
    "call",
    "carry",
    "change",
    "check",
    "clean",
    "commit",
    "compare",
    "continue",
    "convert",
    "copy",
    "create",
    "debug",
    "delete",
    "deploy",
    "describe",
    "do",
    "document",
    "draft",
    "explain",
    "extend",
    "extract",
    "find",
    "finish",
    "fix",
    "generate",
    "give",
    "have",
    "help",
    "implement",
    "import",
    "improve",
    "install",
    "investigate",
    "list",
    "load",
    "look",
    "make",
    "merge",
    "migrate",
    "move",
    "open",
    "plan",
    "print",
    "publish",
    "push",
    "put",
    "read",
    "rebase",
    "refactor",
    "remove",
    "rename",
    "replace",
    "retry",
    "review",
    "rewrite",
    "run",
    "search",
    "see",
    "send",
    "set",
    "show",
    "simplify",
    "split",
    "squash",
    "start",
    "stop",
    "summarize",
    "tell",
    "test",
    "translate",
    "try",
    "undo",
    "update",
    "upgrade",
    "verify",
    "wait",
    "write",
];

/// Words before such a verb that change nothing.
const BEFORE: &[&str] = &[
    "please", "ok", "okay", "now", "then", "and", "also", "so", "just", "first", "next", "let's",
    "lets", "let", "us", "can", "could", "would", "will", "you", "we", "i", "want", "need", "like",
    "to", "yes", "no", "great", "good", "fine", "thanks",
];

/// Words that make a request hold for more than one time.
const IN_GENERAL: &[&str] = &[
    "always", "never", "every", "each", "whenever", "must", "should", "only", "don't", "avoid",
    "prefer", "anymore",
];

/// Phrases that do the same.
const FROM_NOW_ON: &[&str] = &[
    "from now on",
    "going forward",
    "in future",
    "in the future",
    "for next time",
    "in general",
    "every time",
    "do not",
    "for future reference",
    "remember that",
    "keep in mind",
];

/// Phrases of what ends with the day or the piece of work.
const SOON: &[&str] = &[
    "for now",
    "right now",
    "just now",
    "for the moment",
    "at the moment",
    "this time",
    "today",
    "tomorrow",
    "tonight",
    "this week",
    "temporarily",
    "in this session",
    "this session",
    "this pr",
    "this branch",
    "this commit",
    "this change",
    "this step",
    "for this one",
    "until then",
    "yet",
    "currently",
    "later today",
    "no more",
];

/// Returns whether a person's words only ask for the next piece of work.
pub(crate) fn is_request(text: &str) -> bool {
    let all = words(text).join(" ");
    let general = words(text).iter().any(|word| IN_GENERAL.contains(&word.as_str()))
        || FROM_NOW_ON.iter().any(|phrase| all.contains(phrase));
    let asks = |sentence: &&str| {
        let mut words = words(sentence).into_iter();
        let verb = words.find(|word| !BEFORE.contains(&word.as_str()));
        verb.is_some_and(|verb| WORK.contains(&verb.as_str()))
    };
    !general && wording::sentences(text).iter().any(asks)
}

/// Returns whether what is said ends soon.
pub(crate) fn passes_soon(text: &str) -> bool {
    let all = format!(" {} ", words(text).join(" "));
    SOON.iter().any(|phrase| all.contains(&format!(" {phrase} ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_from_what_holds() {
        let rows = [
            ("run the tests", true),
            ("ok, now please fix the roof", true),
            ("can you write a test for it?", true),
            ("Heights are integers. Add a column for them.", true),
            ("add that as a rule", true),
            ("always run the tests before you push", false),
            ("let's go with the second option", false),
            ("don't add comments", false),
            ("we run the tests with one thread", true),
            ("use tabs", false),
            ("let's use sqlite for the cache", false),
            ("heights are integers in millimetres", false),
            ("from now on, write the date first", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_request(text), expected, "{text}");
        }
    }

    #[test]
    fn what_ends_soon_is_told_from_what_does_not() {
        for (text, expected) in [
            ("skip the linter for now", true),
            ("leave the old table in this PR", true),
            ("the pull of the moon is in the table", false),
            ("dates are in UTC", false),
        ] {
            assert_eq!(passes_soon(text), expected, "{text}");
        }
    }
}
