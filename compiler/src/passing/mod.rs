//! What passes: statements that tell an event, a person's manner or the assistant's own world.
//!
//! Weaker than junk, since one or the other is worth keeping: such a statement of an assistant or a
//! digest waits for a person. It goes by how a sentence is built rather than by phrases: what lasts
//! is said in the present or as an instruction, and about the work. What is in a language that is
//! not read here waits unless it names a value, or says what always or never is so.

mod grammar;
mod languages;
mod report;
mod shape;
mod vocabulary;

use garner_kernel::{Kind, Trust};

use crate::rules::{is_directive, words};
use vocabulary::{
    AIMS, MACHINE_MEMORY, MANNERS, MOMENTS, NARRATORS, OWN_WORLD, PARTICIPLES, PAST, PRESENT,
    PROBLEMS, REASONS, RECALLS, TALK, TRAITS, VERBS,
};

/// A path at the start of a shorter statement is an entry of a listing, in words.
const SHORT: usize = 12;
/// The part of signs of code, of all that are no spaces, from which on a text is code.
const CODE: f64 = 0.08;

/// Returns whether a statement should wait for a person although its rule would keep it.
pub(crate) fn passes(statement: &str, kind: Kind, trust: Trust) -> bool {
    if trust > Trust::Assistant {
        return false;
    }
    let text = statement.split_once(": ").filter(|(lead, _)| lead.len() <= 60);
    let text = text.map_or(statement, |(_, text)| text).trim();
    match kind {
        Kind::Fact => {
            is_code(text)
                || is_talk(text)
                || languages::passes(text)
                || report::is_common_knowledge(text)
                || report::is_pace(text)
                || (!is_directive(text) && (report::reports(text) || report::reports(statement)))
                || (!is_directive(text) && (is_event(text) || is_recalled(statement)))
                || shape::passes(statement, text, is_directive(text))
        }
        Kind::Rule => {
            is_code(text)
                || is_talk(text)
                || is_own_world(text)
                || languages::passes(text)
                || report::is_common_knowledge(text)
                || report::is_pace(text)
                || shape::passes(statement, text, true)
        }
        Kind::Fix => !cures(statement) || is_talk(text) || shape::is_guess(text),
        _ => false,
    }
}

/// Returns whether a statement is about what a person is like rather than about the work.
pub(crate) fn is_about_person(statement: &str) -> bool {
    let text = statement.split_once(": ").filter(|(lead, _)| lead.len() <= 60);
    describes(statement) || text.is_some_and(|(_, text)| describes(text))
}

/// Returns whether a statement names a problem and what cured it.
fn cures(statement: &str) -> bool {
    let joined = format!(" {} ", words(statement).join(" "));
    let strong = [" fix", " resolv", " solv", " workaround", " root cause", " caused by"];
    let named = PROBLEMS.iter().any(|problem| joined.contains(&format!(" {problem}")));
    named || strong.iter().any(|word| joined.contains(word))
}

/// Returns whether a statement tells what happened once, or lists a file.
fn is_event(text: &str) -> bool {
    let all = words(text);
    let joined = format!(" {} ", all.join(" "));
    let has = |list: &[&str]| list.iter().any(|phrase| joined.contains(&format!(" {phrase} ")));
    let reasoned = has(REASONS);
    has(MOMENTS) || has(OWN_WORLD) || (!reasoned && is_past(&all)) || is_entry(text, &all)
}

/// Returns whether a statement says that it was remembered.
fn is_recalled(statement: &str) -> bool {
    let joined = format!(" {} ", words(statement).join(" "));
    let has = |list: &[&str]| list.iter().any(|phrase| joined.contains(&format!(" {phrase} ")));
    has(RECALLS) && !has(MACHINE_MEMORY)
}

/// Returns whether an instruction concerns the assistant's own world alone.
fn is_own_world(text: &str) -> bool {
    let joined = format!(" {} ", words(text).join(" "));
    OWN_WORLD.iter().any(|phrase| joined.contains(&format!(" {phrase} ")))
}

/// Returns whether a sentence is in the past: "Ran the tests", "Two files were changed", "We
/// started by …".
fn is_past(words: &[String]) -> bool {
    let past =
        |word: &String| PAST.contains(&word.as_str()) || (word.len() > 4 && word.ends_with("ed"));
    let told = |pair: &[String]| match pair {
        [verb, next] => match verb.as_str() {
            "was" | "were" | "had" | "went" => true,
            "has" | "have" => past(next),
            _ => false,
        },
        _ => false,
    };
    // "Finished tables are moved": what follows is what is said, in the present. "We agreed that
    // tables expire" says that too.
    let agreed = |pair: &[String]| matches!(pair, [verb, that] if that == "that" && matches!(verb.as_str(), "agreed" | "decided"));
    let present = words.iter().any(|word| PRESENT.contains(&word.as_str()))
        || words.windows(2).take(6).any(agreed);
    // "Unused imports fail": what is undone was never done.
    let undone = words.first().is_some_and(|word| word.starts_with("un") && word != "undid");
    let first = words.first().is_some_and(past) && !undone;
    let early = words.windows(2).take(6).any(told)
        || words.iter().skip(usize::from(undone)).take(5).any(past);
    let narrator = words.first().is_some_and(|word| NARRATORS.contains(&word.as_str()));
    let narrated = narrator && words.iter().skip(1).take(3).any(past);
    ((first || early) && !present) || (narrated && !words.windows(2).take(6).any(agreed))
}

/// Returns whether a text is an entry of a listing: a path first, and a few words about it.
fn is_entry(text: &str, words: &[String]) -> bool {
    let lower = text.to_lowercase();
    let start =
        ["the file ", "the folder ", "the directory ", "the module ", "the ", "a ", "file "]
            .iter()
            .find_map(|article| lower.strip_prefix(article))
            .unwrap_or(&lower);
    let first = start.split_whitespace().next().unwrap_or_default();
    let name = first.trim_matches(|c: char| matches!(c, '`' | ':' | ',' | '(' | ')'));
    let path = name.contains('/')
        || name.rsplit_once('.').is_some_and(|(stem, end)| {
            !stem.is_empty()
                && (1..=5).contains(&end.len())
                && end.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    let folder = first.starts_with('`')
        && start.split_whitespace().nth(1).is_some_and(|word| {
            matches!(word, "folder" | "directory" | "file" | "module" | "crate" | "package")
        });
    (path || folder) && words.len() <= SHORT
}

/// Returns whether a statement is about what a person is like: it begins with them, and a verb
/// follows that is no passive ("is logged out").
fn describes(text: &str) -> bool {
    let all = words(text);
    let mut rest = all.iter().map(String::as_str).peekable();
    let article = rest.next_if(|word| matches!(*word, "the" | "this" | "our")).is_some();
    let Some(subject) = rest.next() else { return false };
    let named = text.starts_with("User") || article;
    match subject {
        "user" | "person" | "developer" | "human" | "customer" | "client" if named => {}
        "user's" | "person's" | "developer's" => return true,
        "they" => {
            return rest.next().is_some_and(|verb| {
                matches!(verb, "seem" | "appear" | "like" | "prefer" | "enjoy" | "tend" | "want")
            });
        }
        _ => return false,
    }
    let Some(verb) = rest.next() else { return false };
    let next = rest.next().unwrap_or_default();
    if matches!(verb, "is" | "was") {
        let passive = next.ends_with("ed") && !TRAITS.contains(&next);
        return !passive && !PARTICIPLES.contains(&next);
    }
    // A verb of the third person; "the user settings are" goes on with another one.
    let third = verb.ends_with('s') && !verb.ends_with("ss") && !VERBS.contains(&next);
    third || MANNERS.contains(&verb)
}

/// Returns whether a statement is talk around the work rather than about it.
fn is_talk(text: &str) -> bool {
    let all = words(text);
    let joined = format!("{} ", all.join(" "));
    let first = all.first().map(String::as_str).unwrap_or_default();
    // In Polish or Swedish a small "i" is another word.
    let me = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "I");
    let first_person = me || all.iter().any(|w| matches!(w.as_str(), "my" | "me"));
    let begins = leans(&all) || TALK.iter().any(|start| joined.starts_with(&format!("{start} ")));
    let aims = first.ends_with("ing") && AIMS.iter().any(|aim| joined.contains(aim));
    let waits = joined.starts_with("waiting for ");
    first_person || begins || aims || waits
}

/// Returns whether a sentence begins with a pronoun that points to what was said before it.
fn leans(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str);
    let (first, next) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match first {
        "it" | "he" | "she" | "that" | "both" | "those" => true,
        // "This crate is …" says what it is about.
        "this" => next.ends_with('s') && !next.ends_with("ss"),
        _ => false,
    }
}

/// Returns whether a text is code: signs of code are frequent in what stands outside of backticks.
fn is_code(text: &str) -> bool {
    let outside: String = text.split('`').step_by(2).collect();
    let all = outside.chars().filter(|c| !c.is_whitespace()).count();
    let signs = outside.chars().filter(|c| {
        matches!(c, '{' | '}' | ';' | '=' | '<' | '>' | '[' | ']' | '"' | '(' | ')' | '@' | '%')
    });
    let (signs, all) =
        (u32::try_from(signs.count()).unwrap_or(u32::MAX), u32::try_from(all).unwrap_or(u32::MAX));
    let braced = outside.split_once('{').is_some_and(|(_, rest)| rest.contains('}'));
    braced || signs >= 4 && f64::from(signs) >= CODE * f64::from(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_from_what_passes() {
        let rows = [
            ("The plan was approved and work began.", true),
            ("Two files were changed and one was added.", true),
            ("Redis was replaced by SQLite because it needs no server.", false),
            ("Finished tables are moved to the archive by the nightly job.", false),
            ("Previously saved: the API speaks JSON lines.", true),
            ("The memory of a worker is limited to 512 MB.", false),
            ("The user is a careful reader.", true),
            ("The user is logged out after 15 minutes.", false),
            ("The user table is partitioned by year.", false),
            ("The user settings are stored on the device.", false),
            ("console.log(\"loaded\", rows.length); x = 2;", true),
            ("Call `rows.push(Row { name, height });` once per row.", false),
            ("The file `loader/store.rs` implements the store.", true),
            ("Hmm, the output is truncated.", true),
            ("Searching ignores accents and case.", false),
        ];
        for (text, expected) in rows {
            let waits = passes(text, Kind::Fact, Trust::Assistant) || is_about_person(text);
            assert_eq!(waits, expected, "{text}");
            assert!(!passes(text, Kind::Fact, Trust::Human), "{text}");
        }
    }
}
