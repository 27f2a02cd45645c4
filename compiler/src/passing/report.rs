//! Reports in statements' clothes: how far the work is, what a tool printed, where files lie, what
//! everybody knows, what was asked for.
//!
//! Goes by who or what a sentence is about and by how it says so, not by what it says.

use crate::rules::words;

/// How far something is, and how long it takes.
const PACE: &[&str] = &[
    "halfway",
    "half way",
    "nearly there",
    "almost there",
    "nearly done",
    "almost done",
    "to go",
    "still going",
    "still running",
    "under way",
    "underway",
    "ahead of schedule",
    "behind schedule",
    "is next",
    "comes next",
    "are left",
    "is left",
    "left to do",
    "should take",
    "will take about",
    "went smoothly",
    "another look",
    "until tomorrow",
    "for today",
    "headway",
    "remaining work",
    "remaining steps",
    "remaining tasks",
    "rest of the work",
    "so far",
];

/// What a sentence is about that is about a session.
const ABOUT: &[&str] = &[
    "this chat",
    "this conversation",
    "the conversation is",
    "the conversation was",
    "the conversation moved",
    "the conversation turned",
    "the conversation shifted",
    "the conversation went",
    "the goal of this",
    "the goal is to",
    "the aim is to",
    "the task is",
    "the request is",
    "the request was",
    "the requests",
    "the requester",
    "the last message",
    "the first message",
    "the question was",
    "the feature branch",
    "the tree is clean",
    "working tree",
    "another terminal",
    "in the background now",
    "on the person",
    "on the user",
    "by the person",
    "the stack trace",
    "the diff",
    "the edits",
    "edits were",
    "edit was",
    "the edit",
    "the greps",
    "the patch",
    "the first attempt",
    "the second attempt",
    "a quick look",
    "had to",
    "were told",
    "was told",
];

/// Whose sentences begin without saying whom they describe.
const UNNAMED: &[&str] = &[
    "seems",
    "appears",
    "tends",
    "prefers",
    "likes",
    "loves",
    "hates",
    "dislikes",
    "enjoys",
    "wants",
    "wanted",
    "asked",
    "cares",
    "appreciates",
    "likely",
    "probably",
    "presumably",
    "apparently",
    "has little",
    "has no patience",
    "has years of",
    "has a background",
    "has experience",
];

/// How somebody says that they do not know.
const HEDGES: &[&str] = &[
    "appears to be",
    "seems to be",
    "seem to be",
    "appear to be",
    "comes across",
    "come across as",
    "probably",
    "presumably",
    "i guess",
    "i assume",
    "not sure",
];

/// Words that come first in what is only polite.
const POLITE: &[&str] = &[
    "sorry",
    "apologies",
    "apologize",
    "apologise",
    "thanks for",
    "thanks a",
    "many thanks",
    "thank you",
    "oops",
    "whoops",
    "glad it",
    "glad to",
    "glad you",
    "glad that",
    "happy to",
    "understood",
    "no problem",
    "no worries",
    "my mistake",
    "my bad",
    "you are right",
    "you're right",
    "good question",
    "good idea",
    "of course",
    "certainly",
    "absolutely",
    "welcome back",
    "you're welcome",
    "will do",
    "got it",
    "sounds good",
    "cheers",
    "pleased to",
];

/// Parts of a tree of files, and how it is said where they lie.
const PARTS: &[&str] = &[
    "folder",
    "folders",
    "directory",
    "directories",
    "subfolder",
    "subfolders",
    "root",
    "top level",
    "source tree",
    "tree",
    "monorepo",
    "repository",
    "codebase",
];
const LIE: &[&str] = &[
    "there are",
    "there is",
    "live next to",
    "lives next to",
    "sit in",
    "sits in",
    "sit at",
    "sits at",
    "you find",
    "you will find",
    "is split into",
    "are split into",
    "is divided into",
    "is a monorepo",
    "consists of",
    "is made up of",
    "are located",
    "is located",
    "are grouped",
];

/// What everybody may look up: kinds of things that are defined in general.
const DEFINED: &[&str] = &[
    "language",
    "library",
    "framework",
    "format",
    "database",
    "tool",
    "system",
    "platform",
    "protocol",
    "editor",
    "engine",
    "standard",
    "manager",
    "utility",
];

/// How general advice is given.
const MAXIMS: &[&str] = &[
    "good code is",
    "clean code",
    "best practice",
    "best practices",
    "it is important to",
    "it's important to",
    "it is a good idea",
    "helps to",
    "help to",
    "is better than",
    "are better than",
    "makes it easier to",
    "is essential",
    "is key to",
    "is crucial",
];

/// Returns whether a statement reports what passes.
pub(super) fn reports(text: &str) -> bool {
    let all = words(text);
    let joined = format!(" {} ", all.join(" "));
    let has = |list: &[&str]| list.iter().any(|phrase| joined.contains(&format!(" {phrase} ")));
    let begins =
        |list: &[&str]| list.iter().any(|phrase| joined.starts_with(&format!(" {phrase} ")));
    is_output(text)
        || begins(UNNAMED)
        || begins(POLITE)
        || has(ABOUT)
        || has(HEDGES)
        || is_numbered_step(&all)
        || (has(PARTS) && has(LIE))
}

/// Returns whether a statement tells how far the work is, also where it says so with words that
/// instruct elsewhere ("only the docs are left").
pub(super) fn is_pace(text: &str) -> bool {
    const ORDERS: &[&str] = &["must", "never", "always", "don't"];
    let all = words(text);
    let joined = format!(" {} ", all.join(" "));
    let orders = all.iter().any(|word| ORDERS.contains(&word.as_str()));
    !orders && PACE.iter().any(|phrase| joined.contains(&format!(" {phrase} ")))
}

/// Returns whether a statement says what everybody knows, with nothing of this work in it.
pub(super) fn is_common_knowledge(text: &str) -> bool {
    // What names a value, a path or a version is about something.
    let own = text.contains(|c: char| c.is_ascii_digit() || matches!(c, '`' | '/' | '_' | '='));
    let all = words(text);
    let ours =
        all.iter().any(|w| matches!(w.as_str(), "our" | "we" | "us" | "here" | "this" | "because"));
    if own || ours {
        return false;
    }
    let joined = format!(" {} ", all.join(" "));
    let maxim = MAXIMS.iter().any(|phrase| joined.contains(&format!(" {phrase} ")));
    maxim || is_definition(text, &all)
}

/// "NAME is a … LANGUAGE": a proper name, a copula with an article, and a kind of thing that
/// dictionaries define.
fn is_definition(text: &str, all: &[String]) -> bool {
    let name = text.chars().next().is_some_and(char::is_uppercase);
    let copula = all.iter().position(|word| word == "is" || word == "are");
    let Some(at) = copula.filter(|at| (1..=2).contains(at)) else { return false };
    let begins = matches!(all.first().map(String::as_str), Some("the" | "this" | "our" | "each"));
    let article = all.get(at + 1).is_some_and(|word| matches!(word.as_str(), "a" | "an" | "the"));
    let defined = |word: &String| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.last().is_some_and(|part| DEFINED.contains(part)) || word.ends_with("-format")
    };
    name && !begins && article && all.iter().skip(at + 2).take(6).any(defined)
}

/// "Day 2: …", "Step one …": a count of the work at the start of a sentence.
fn is_numbered_step(all: &[String]) -> bool {
    const COUNTS: &[&str] = &["one", "two", "three", "four", "five", "six", "seven"];
    let mut words = all.iter().map(String::as_str);
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let number = second.bytes().all(|b| b.is_ascii_digit()) || COUNTS.contains(&second);
    matches!(first, "day" | "step" | "phase" | "round" | "attempt" | "iteration" | "pass") && number
}

/// "FAIL src/app.test.ts", "[INFO] BUILD": a word in capitals or brackets before a name, and nothing
/// that a sentence has.
fn is_verdict(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (first, next) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let capitals = |word: &str| word.len() >= 4 && word.bytes().all(|b| b.is_ascii_uppercase());
    let within = first.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
    let name = next.contains('/') || next.trim_end_matches('.').contains('.');
    within.is_some_and(capitals) || (capitals(first) && (name || capitals(next)))
}

/// Returns whether a text is a line that a program printed: it begins with a time, a level, or who
/// says it.
fn is_output(text: &str) -> bool {
    let text = text.trim_start();
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    let dated = digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && text.get(10..11).is_some_and(|c| c == "T" || c == " ")
        && digits(11..13);
    let said = [
        "remote:", "hint:", "fatal:", "warning:", "error:", "info:", "debug:", "npm warn",
        "npm err",
    ];
    let lower = text.to_lowercase();
    dated || is_verdict(text) || said.iter().any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_what_holds() {
        let rows = [
            ("Phase 3 starts with the importer.", true),
            ("Appreciates short answers.", true),
            ("Whoops, the wrong branch.", true),
            ("Under `src` there are four directories.", true),
            ("2026-01-02 10:11:12 started", true),
            ("warning: unused variable", true),
            ("Errors go to the log, warnings to the console.", false),
            ("Folder names in exports are in lower case.", false),
            ("Values are trimmed before they are compared.", false),
            ("Exports are split into files of 10 MB.", false),
            ("Requests are signed by the gateway.", false),
        ];
        for (text, expected) in rows {
            assert_eq!(reports(text), expected, "{text}");
        }
    }

    #[test]
    fn how_far_the_work_is_passes_whatever_its_words() {
        for (text, expected) in [
            ("About two thirds are ported, the rest is next.", true),
            ("Only the printer is left.", true),
            ("Files must never be left open.", false),
            ("The gauge on the left is read first.", false),
        ] {
            assert_eq!(is_pace(text), expected, "{text}");
        }
    }

    #[test]
    fn what_everybody_knows_is_told_from_what_is_so_here() {
        let rows = [
            ("YAML is a human-readable data format.", true),
            ("Python is an interpreted language.", true),
            ("It is important to write tests.", true),
            ("The exporter is a library of its own.", false),
            ("Tidepool is a tool with 3 commands.", false),
            ("Redis is the database of the queue because it is fast.", false),
            ("Unit tests may not touch the network.", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_common_knowledge(text), expected, "{text}");
        }
    }
}
