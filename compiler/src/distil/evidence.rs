//! Compares what a model says with the record that it cites.
//!
//! Nothing is believed because a model says it. The record has to be there and the quotation has to
//! stand in it; who speaks there decides which kinds are possible. Only where a person's own words
//! carry the whole statement does it have their trust, and only then can it be active.

use garner_kernel::{Kind, Trust, normalize};

use super::claim::Claim;
use super::propose::Proposed;
use super::segment::{CUT, Role, Segment};
use super::window::Window;
use crate::heard::permits;
use crate::merge::carries_facts;
use crate::rules::{Strength, is_question, is_request, leaves_to_assistant, passes_soon, words};

/// The shortest quotation, in words, that is not all that somebody said.
const SHORTEST_QUOTE: usize = 3;
/// The part of a statement's content words that its evidence has to hold.
const CARRIED: f64 = 2.0 / 3.0;
/// The shortest word that carries content, in characters.
const CONTENT: usize = 4;
/// How many words before and after a contrast keep their order.
const AROUND: usize = 4;
/// The shortest statement that may stand without a person, in words.
const SHORTEST_STATEMENT: usize = 4;

/// Checks a claim against the window that it was made about.
///
/// # Errors
/// The words under which it is counted, where it is dropped.
pub(super) fn check(claim: Claim, window: &Window) -> Result<Proposed, &'static str> {
    let mut record = window.record(claim.record).peekable();
    if record.peek().is_none() {
        return Err("cites no record");
    }
    let quote = quoted(&claim.quote);
    // A question is a segment of its own here: whoever asked it said it.
    let parts: Vec<Segment> = record.flat_map(parts).collect();
    // Of several who say it the lowest counts.
    let holding = parts.iter().filter(|segment| holds(segment, &quote));
    let segment = holding.min_by_key(|segment| segment.role.trust());
    let segment = segment.filter(|_| !quote.is_empty()).ok_or("quotes what is not there")?;
    let whole = shown(segment.text.as_str()) == quote;
    if words(&quote).len() < SHORTEST_QUOTE && !whole {
        return Err("quotes too little");
    }
    if segment.settled {
        return Err("said by a rule already");
    }
    let carried = is_carried(&claim, segment);
    if !is_possible(claim.kind, segment, carried) {
        return Err("of a kind that this evidence cannot bear");
    }
    let trust = segment.role.trust();
    let trust = if carried { trust } else { trust.min(Trust::Assistant) };
    let stands =
        carried && trust == Trust::Human && claim.lasting && is_said_for_good(&claim, segment);
    Ok(Proposed {
        file: window.file().clone(),
        line: segment.line,
        digest: segment.digest,
        kind: claim.kind,
        trust,
        strength: if stands { Strength::Active } else { Strength::Candidate },
        statement: claim.statement,
        context: context(&claim.quote, segment),
    })
}

/// Returns a text as it is compared: what was shown and what was copied may differ in white space,
/// in case, in widths of letters and in how a `<` is written, and in nothing else.
fn shown(text: &str) -> String {
    normalize(&text.replace("&lt;", "<"))
}

/// Returns a segment, and the question that it answers as one of the assistant.
fn parts(segment: &Segment) -> impl Iterator<Item = Segment> {
    let question = segment.aside.as_ref().map(|question| Segment {
        role: Role::Assistant,
        text: question.clone(),
        aside: None,
        ..segment.clone()
    });
    std::iter::once(segment.clone()).chain(question)
}

/// Returns whether a quotation stands in a segment, and not over a gap in it.
fn holds(segment: &Segment, quote: &str) -> bool {
    let text = segment.text.as_str();
    let over_gap = text.contains(CUT) && quote.contains(&normalize(CUT));
    !over_gap && shown(text).contains(quote)
}

/// Returns a quotation as it is compared, without marks that were put around it.
fn quoted(quote: &str) -> String {
    let text = shown(quote);
    let text = text.trim_matches(|c: char| matches!(c, '"' | '“' | '”' | '„' | '«' | '»'));
    text.trim_start_matches("...").trim_end_matches("...").trim().to_owned()
}

/// Returns whether text of this speaker can be of this kind.
fn is_possible(kind: Kind, segment: &Segment, carried: bool) -> bool {
    match segment.role.trust() {
        // What the person did not say may come from what the session had read.
        Trust::Human | Trust::Operator => carried || !segment.tainted || !kind.is_directive(),
        Trust::Assistant | Trust::Digest => match kind {
            Kind::Rule | Kind::Preference | Kind::Correction => false,
            Kind::Procedure => !segment.tainted,
            _ => true,
        },
        Trust::Tool => matches!(kind, Kind::Fact | Kind::Fix),
    }
}

/// Returns whether the evidence holds what the statement says: its numbers and names, its
/// negations, two thirds of its other words, and in the same order where order matters.
fn is_carried(claim: &Claim, segment: &Segment) -> bool {
    let mut evidence = claim.quote.replace("&lt;", "<");
    if let Some(question) = &segment.aside {
        // An answer says something together with its question.
        evidence = format!("{} {evidence}", question.as_str());
    }
    let statement = &claim.statement;
    let said = words(&evidence);
    let meant = content(statement);
    let held = meant.iter().filter(|word| said.iter().any(|other| are_alike(word, other))).count();
    let part = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    !meant.is_empty()
        && part(held) >= CARRIED * part(meant.len())
        && carries_facts(&evidence, statement)
        && permits(statement).all(|word| said.contains(&word))
        && keeps_order(&said, &meant)
}

/// Returns whether a person said it as something that holds: no question, no request for the next
/// step, nothing that ends soon, no answer that leaves the choice open.
fn is_said_for_good(claim: &Claim, segment: &Segment) -> bool {
    let question = segment.aside.as_ref().map(garner_kernel::Text::as_str);
    let open = question.is_some_and(|question| leaves_to_assistant(question, &claim.quote));
    let kind = !matches!(claim.kind, Kind::State | Kind::Handoff | Kind::Fix);
    kind && segment.role != Role::Paste
        && !open
        && !is_question(&claim.quote)
        && !is_request(&claim.quote)
        && !passes_soon(&claim.quote)
        && words(&claim.statement).len() >= SHORTEST_STATEMENT
}

fn content(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| word.chars().count() >= CONTENT).collect()
}

/// Returns whether two words are forms of one: "store", "stored".
fn are_alike(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let shared = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let shorter = one.chars().count().min(other.chars().count());
    shared >= CONTENT.max(shorter.saturating_sub(1))
}

/// Returns whether what stands around each word that sets one thing against another stands in the
/// same order in the statement: "tabs, not spaces" is not "spaces, not tabs".
fn keeps_order(said: &[String], meant: &[String]) -> bool {
    said.iter().enumerate().filter(|(_, word)| contrasts(word)).all(|(at, _)| {
        let around = said.get(at.saturating_sub(AROUND)..(at + AROUND + 1).min(said.len()));
        let mut rest = meant.iter();
        let shared = |word: &&String| {
            word.chars().count() >= CONTENT && meant.iter().any(|other| are_alike(word, other))
        };
        let mut around = around.unwrap_or_default().iter().filter(shared);
        around.all(|word| rest.any(|other| are_alike(word, other)))
    })
}

/// Returns whether a word sets one thing against another.
fn contrasts(word: &str) -> bool {
    const AGAINST: &[&str] = &[
        "not", "never", "instead", "rather", "over", "than", "before", "after", "from", "unless",
        "except", "without", "but", "replaces", "replaced",
    ];
    AGAINST.contains(&word) || word.ends_with("n't")
}

/// Returns what a person who reviews it reads beside the statement.
fn context(quote: &str, segment: &Segment) -> String {
    let said = format!("In the words of the {}: {quote}", speaker(segment.role));
    match &segment.aside {
        Some(question) => format!("Asked: {}\n{said}", question.as_str()),
        None => said,
    }
}

const fn speaker(role: Role) -> &'static str {
    match role {
        Role::Human | Role::Answer | Role::Refusal => "person",
        Role::Summary => "summary",
        Role::Assistant => "assistant",
        Role::Paste => "pasted text",
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::{Digest, Text};

    use super::*;

    fn segment(role: Role, text: &str) -> Segment {
        Segment {
            line: 1,
            digest: Digest::from_bytes([0; 32]),
            role,
            tainted: false,
            text: Text::new(text),
            aside: None,
            settled: false,
        }
    }

    fn claim(quote: &str, statement: &str) -> Claim {
        Claim {
            quote: quote.to_owned(),
            record: 1,
            kind: Kind::Decision,
            lasting: true,
            statement: statement.to_owned(),
        }
    }

    #[test]
    fn a_statement_is_carried_by_its_quotation_or_it_is_not() {
        let rows = [
            ("dates are stored in UTC everywhere", "Store dates in UTC.", true),
            ("we use tabs, not spaces", "Use tabs, not spaces.", true),
            ("we use tabs, not spaces", "Use spaces, not tabs.", false),
            ("never push to main without a review", "Push to main without a review.", false),
            ("never push to main without a review", "Never push to main without a review.", true),
            ("the limit is 30 seconds", "The limit is 60 seconds.", false),
            ("the limit is 30 seconds", "The limit is 30 seconds on the staging host.", false),
            ("the gauge in Husum was moved", "The gauge in Büsum was moved.", false),
            ("read the heights from the table", "Heights are read with `curl`.", false),
            ("the tests need a database", "Skipping the tests is fine.", false),
            ("no, two people read past the warning", "Two people read past the warning.", true),
            (
                "no, tests never call the live service, replay the recorded answers",
                "Tests never call the live service; recorded answers are replayed.",
                true,
            ),
            ("we prefer sqlx over diesel", "Diesel is preferred over sqlx.", false),
            ("run the linter before the tests", "Run the tests before the linter.", false),
            ("use redis for it", "Sessions live in memory and are flushed at night.", false),
        ];
        for (quote, statement, expected) in rows {
            let carried = is_carried(&claim(quote, statement), &segment(Role::Human, quote));
            assert_eq!(carried, expected, "{quote} / {statement}");
        }
    }

    #[test]
    fn an_answer_is_carried_together_with_its_question() {
        let mut answer = segment(Role::Answer, "Redis");
        answer.aside = Some(Text::new("Which store should the sessions use?"));
        let claim = claim("Redis", "The sessions use the store Redis.");
        assert!(is_carried(&claim, &answer));
    }

    #[test]
    fn quotations_are_compared_without_marks_and_white_space() {
        for (quote, expected) in [
            ("“Use  Tabs”", "use tabs"),
            ("…use tabs…", "use tabs"),
            ("a &lt;b> c", "a <b> c"),
            ("ｆｕｌｌ", "full"),
        ] {
            assert_eq!(quoted(quote), expected);
        }
    }

    #[test]
    fn words_of_one_stem_are_alike() {
        let rows = [
            ("store", "stored", true),
            ("commit", "common", false),
            ("commit", "commits", true),
            ("test", "tests", true),
            ("in", "into", false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(are_alike(one, other), expected, "{one} {other}");
        }
    }
}
