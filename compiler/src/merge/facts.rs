//! What may not differ between two statements that say the same: numbers, negations, named values.

use std::collections::BTreeSet;

use crate::rules::words;

/// Words that turn a statement round.
const NEGATIONS: &[&str] = &[
    "not",
    "no",
    "never",
    "none",
    "without",
    "cannot",
    "neither",
    "nor",
    "nothing",
    "nobody",
    "forbidden",
    "except",
    "unless",
    "instead",
    "longer",
];

/// Words of which one is the opposite of another.
const OPPOSITES: &[&str] = &[
    "always",
    "before",
    "after",
    "enable",
    "enabled",
    "disable",
    "disabled",
    "on",
    "off",
    "true",
    "false",
    "allow",
    "deny",
    "min",
    "max",
    "minimum",
    "maximum",
    "first",
    "last",
    "left",
    "right",
    "add",
    "remove",
    "more",
    "less",
    "above",
    "below",
    "read",
    "write",
    "public",
    "private",
    "sync",
    "async",
    "start",
    "stop",
    "open",
    "close",
    "ascending",
    "descending",
    "client",
    "server",
    "local",
    "remote",
    "lower",
    "upper",
    "yes",
    "in",
    "out",
    "push",
    "pull",
    "old",
    "new",
    "required",
    "optional",
    "any",
    "all",
    "some",
    "only",
];

/// What stands before a number that is a value rather than a name.
const BEFORE_VALUES: &[&str] = &[
    "is", "are", "to", "at", "of", "after", "than", "for", "least", "most", "within", "every",
    "uses", "use", "port", "limited", "capped", "expires", "takes", "in", "by", "has", "allows",
    "needs", "about", "with", "until",
];

/// The facts of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    numbers: Vec<String>,
    turns: Vec<String>,
    names: BTreeSet<String>,
}

impl Facts {
    pub(super) fn of(text: &str) -> Self {
        let (mut numbers, mut turns, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (at, span) in text.split('`').enumerate() {
            if at % 2 == 1 {
                names.insert(span.trim().to_lowercase());
            }
        }
        let mut starts = true;
        for word in text.split_whitespace() {
            let bare = word.trim_matches(|c: char| {
                !c.is_alphanumeric() && !matches!(c, '<' | '>' | '=' | '+' | '-' | '%' | '$' | '€')
            });
            let bare = bare.trim_end_matches('-');
            if bare.chars().any(|c| c.is_ascii_digit()) {
                numbers.push(bare.to_lowercase());
            } else if is_name(bare, starts) {
                names.insert(bare.to_lowercase());
            }
            starts = word.ends_with(['.', '!', '?', ':', ';', '—']);
        }
        for word in words(text) {
            if is_negation(&word) || OPPOSITES.contains(&word.as_str()) {
                turns.push(word);
            }
        }
        turns.sort_unstable();
        Self { numbers, turns, names }
    }
}

/// Returns whether a word names something: a path, an identifier, an option, or a name by its
/// capitals.
fn is_name(word: &str, starts: bool) -> bool {
    let mut letters = word.chars().skip_while(|c| !c.is_alphabetic());
    let capital = letters.next().is_some_and(char::is_uppercase);
    let inner =
        word.contains(['_', '/', '\\', '=', '<', '>', '@', ':', '.']) || word.starts_with('-');
    inner || letters.any(char::is_uppercase) || (capital && !starts && word.len() > 1)
}

/// Returns whether two statements name the same numbers, negations and values, so that one may only
/// repeat the other.
pub fn name_the_same(a: &str, b: &str) -> bool {
    Facts::of(a) == Facts::of(b)
}

/// Returns whether `evidence` holds every number, name and turning word of `statement`, and negates
/// as often, even or odd.
pub(crate) fn carries_facts(evidence: &str, statement: &str) -> bool {
    let (there, here) = (Facts::of(evidence), Facts::of(statement));
    let said: BTreeSet<String> = words(evidence).into_iter().collect();
    let text = garner_kernel::normalize(evidence);
    let named = |name: &String| {
        // A name in several words stands in its order; one word stands alone, whatever its capitals.
        let bare = name.trim_matches(|c: char| !c.is_alphanumeric());
        there.names.contains(name)
            || said.contains(bare)
            || (bare.contains([' ', '/', '.', ':', '_']) && text.contains(bare))
    };
    let turned = |word: &String| is_negation(word) || there.turns.contains(word);
    here.numbers.iter().all(|number| there.numbers.contains(number))
        && here.names.iter().all(named)
        && here.turns.iter().all(turned)
        && negations(evidence) % 2 == negations(statement) % 2
        && (negations(evidence) == 0) == (negations(statement) == 0)
}

/// Returns how often a text negates; a "no" that only answers does not.
fn negations(text: &str) -> usize {
    let text = text.trim_start();
    let answers = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("no,"));
    words(text).iter().filter(|word| is_negation(word)).count() - usize::from(answers)
}

fn is_negation(word: &str) -> bool {
    NEGATIONS.contains(&word) || word.ends_with("n't")
}

/// Returns whether two statements differ in one number alone, which is a value of both: the later
/// one says how it is now.
pub(super) fn differ_in_a_value(older: &str, newer: &str) -> bool {
    let (older, newer): (Vec<String>, Vec<String>) = (words(older), words(newer));
    if older.len() != newer.len() || older.len() < 4 {
        return false;
    }
    let mut differing = older.iter().zip(&newer).enumerate().filter(|(_, (a, b))| a != b);
    let (Some((at, (a, b))), None) = (differing.next(), differing.next()) else { return false };
    let number = |word: &String| word.chars().any(|c| c.is_ascii_digit());
    let before = at.checked_sub(1).and_then(|before| older.get(before));
    let introduced = before.is_some_and(|word| BEFORE_VALUES.contains(&word.as_str()));
    number(a) && number(b) && introduced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_with_other_facts_are_told_apart() {
        let rows = [
            ("The limit is 30 seconds.", "The limit is thirty seconds.", false),
            ("The limit is 30 seconds.", "the limit is 30 seconds", true),
            ("Use tabs.", "Do not use tabs.", false),
            ("Run the linter before the tests.", "Run the linter after the tests.", false),
            ("Call `open` first.", "Call `close` first.", false),
            ("The station is Husum.", "The station is Büsum.", false),
            ("Store dates in UTC.", "Dates are stored in UTC.", true),
            ("Pass --locked to cargo.", "Pass --offline to cargo.", false),
            ("Keep it below 5 %.", "Keep it above 5 %.", false),
            ("Heights are in millimetres.", "All heights are in millimetres.", false),
            ("It can't be edited.", "It can be edited.", false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(Facts::of(one) == Facts::of(other), expected, "{one} / {other}");
        }
    }

    #[test]
    fn a_value_is_told_from_a_name() {
        let rows = [
            (
                "The session expires after 30 minutes.",
                "The session expires after 45 minutes.",
                true,
            ),
            ("The port is 8080.", "The port is 9090.", true),
            ("Phase 1 uses a plain file.", "Phase 2 uses a plain file.", false),
            ("Station 4 is in the north.", "Station 5 is in the north.", false),
            ("The port is 8080.", "The console is at 9090.", false),
            ("The limit of a is 3.", "The limit of b is 4.", false),
        ];
        for (older, newer, expected) in rows {
            assert_eq!(differ_in_a_value(older, newer), expected, "{older} / {newer}");
        }
    }
}
