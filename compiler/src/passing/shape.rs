//! How a sentence is built, and what that tells of how long it holds.
//!
//! Speech that asks, offers or guesses, time that points at the moment of speaking, words that point
//! at a text at hand, and lines without a sentence. The words looked for are those of grammar (tenses,
//! pronouns, modals, adverbs of time), of which there are few, and not those of a subject, of which
//! there is no end.

use super::grammar::{
    AMONG, AT_HAND, DAYS, DOUBTS, FINITE, FUNCTION, GUESS_PAIRS, GUESSES, HABITS, HANDED,
    JUDGMENTS, MOMENT, MOMENT_PAIRS, NAME, NAME_OF_FILE, NO_DOINGS, NO_VERBS, OBSERVES, ORDINALS,
    PARTS, SPANS, STAGES, WORK, among,
};
use super::languages::{is_foreign, is_universal};
use crate::rules::{is_question, words};

/// Returns whether a statement is built like one that does not last. `order` says that it instructs:
/// an instruction may name a moment, and still has to be one about the work.
pub(super) fn passes(statement: &str, text: &str, order: bool) -> bool {
    if is_foreign(text) {
        return !order && !has_anchor(text) && !is_universal(text);
    }
    let sentence = Sentence::new(text);
    let form = |text: &str| is_title(text) || is_role(text);
    let spoken = asks(text) || sentence.offers() || form(statement) || form(text);
    // "Should probably be moved" is no order.
    let order = (order || sentence.is_imperative()) && !sentence.has(DOUBTS);
    // Under a heading a few words are a sentence: "Roof: wet wood".
    let alone = statement.trim() == text;
    let told = sentence.is_momentary()
        || sentence.guesses()
        || sentence.points_at_hand()
        || sentence.judges(text)
        || sentence.addresses()
        || sentence.counts()
        || sentence.is_stage()
        || sentence.is_about_work_at_hand()
        || sentence.observes()
        || sentence.locates()
        || (alone && sentence.is_fragment(text));
    spoken || (!order && told)
}

/// Returns whether what is told as a cure is a guess.
pub(super) fn is_guess(text: &str) -> bool {
    let sentence = Sentence::new(text);
    sentence.has(DOUBTS) || sentence.has("may be, may have, could be, could have")
}

/// A sentence: its words in lower case, and all of them with spaces around.
struct Sentence {
    words: Vec<String>,
    joined: String,
}

impl Sentence {
    /// Reads a text; what stands in backticks is a name, whatever its words.
    fn new(text: &str) -> Self {
        let outside = |(at, part): (usize, &str)| {
            if at % 2 == 0 { part.to_owned() } else { format!(" {} ", name_of(part)) }
        };
        let plain: String = text.split('`').enumerate().map(outside).collect();
        let words = words(&plain);
        Self { joined: format!(" {} ", words.join(" ")), words }
    }

    /// Returns whether it has a word or a phrase of a list.
    fn has(&self, list: &str) -> bool {
        list.split(", ").any(|phrase| self.joined.contains(&format!(" {phrase} ")))
    }

    fn first(&self) -> &str {
        self.words.first().map(String::as_str).unwrap_or_default()
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.words.windows(2).filter_map(|pair| match pair {
            [first, second] => Some((first.as_str(), second.as_str())),
            _ => None,
        })
    }

    /// Returns whether it holds at the moment of speaking: an adverb of time, one day, what somebody
    /// is doing, what somebody will do.
    fn is_momentary(&self) -> bool {
        // "Until Monday" is one Monday, whatever else is said.
        let day = self.has(DAYS) && !self.has("every, each, always, never");
        if self.has(HABITS) {
            return day;
        }
        let doing = |(be, next): (&str, &str)| {
            among("is, are, am, was, were, been, not, isn't, aren't, still", be)
                && next.len() > 5
                && next.ends_with("ing")
                && !among(NO_DOINGS, next)
        };
        // "has been rewritten", "have passed": something came about.
        let came = |(have, next): (&str, &str)| {
            matches!(have, "has" | "have" | "had")
                && (next == "been" || (next.len() > 4 && next.ends_with("ed")))
        };
        let spent = |(took, next): (&str, &str)| matches!(took, "took" | "spent") && number(next);
        let due = self.has("in")
            && self.has(SPANS)
            && self.pairs().any(|(lead, next)| lead == "in" && number(next));
        let mut pairs = self.pairs();
        day || self.has(MOMENT)
            || self.has(MOMENT_PAIRS)
            || self.has("will")
            || self.first().ends_with("ing") && self.words.len() > 1 && !self.has_verb()
            || due
            || pairs.any(|pair| doing(pair) || came(pair) || spent(pair))
    }

    /// Returns whether it says that something may be so, or might be done.
    fn guesses(&self) -> bool {
        // "No rows may be lost" allows nothing, and guesses nothing.
        if self.has("no, nothing, not, only, at most, up to") && self.has("may") {
            return false;
        }
        let first = matches!(self.first(), "assuming" | "suppose")
            || self.first() == "consider"
                && self.words.get(1).is_some_and(|next| next.ends_with("ing"));
        first || self.has(GUESSES) || self.has(GUESS_PAIRS)
    }

    /// Returns whether it points at a text or at a change that only they see who have it before them.
    fn points_at_hand(&self) -> bool {
        // "below 80 percent", "below `gen/`" are measures and places.
        let ends = self.pairs().last().is_some_and(|(lead, last)| {
            let from = matches!(lead, "from" | "to" | "and" | "or" | "the");
            matches!(last, "above" | "below") && !from
        });
        let mut others =
            AT_HAND.split(", ").filter(|word| !matches!(*word, "above" | "below" | "here"));
        let numbered = |(what, next): (&str, &str)| {
            matches!(what, "line" | "lines" | "table" | "figure" | "section" | "step" | "page")
                && number(next)
        };
        let this = |(this, what): (&str, &str)| {
            matches!(this, "this" | "that" | "these" | "those") && among(HANDED, what)
        };
        let made = self.words.windows(3).any(|three| match three {
            [when, the, what] => {
                matches!(when.as_str(), "after" | "before" | "since")
                    && the == "the"
                    && among(WORK, what)
            }
            _ => false,
        });
        let text = self.has("section, figure, chapter, appendix, paragraph, table of contents");
        let text = text && !self.has(HABITS);
        ends || made
            || text
            || self.joined.contains(" above is ")
            || self.joined.contains(" above was ")
            || others.any(|word| self.has(word))
            || self.pairs().any(|pair| numbered(pair) || this(pair))
    }

    /// Returns whether it says how good something is, and neither what nor why.
    fn judges(&self, text: &str) -> bool {
        let anchored = has_anchor(text) || self.has("because, since, so that, than");
        let copula = self.pairs().any(|(be, next)| {
            matches!(be, "is" | "are" | "was" | "looks" | "feels" | "works")
                && (among(JUDGMENTS, next) || matches!(next, "a" | "an" | "very" | "quite"))
        });
        !anchored && self.has(JUDGMENTS) && (copula || !self.has_verb() || self.has("much"))
    }

    /// Returns whether it speaks to whoever reads, without telling them what to do.
    fn addresses(&self) -> bool {
        self.has("your, yours, you're, you've, yourself")
            || (self.has("you") && !self.has("you can, when you run, if you"))
    }

    /// Returns whether it says in which state something is that changes by itself or with the work:
    /// "is paused", "is three commits ahead", "most of it".
    fn is_stage(&self) -> bool {
        const PASSIVE: &str = "by, with, from, after, before, when, to, as, into, through, for";
        if self.has(HABITS) {
            return false;
        }
        let predicate = self.pairs().enumerate().any(|(at, (be, next))| {
            let be = matches!(be, "is" | "are" | "an" | "remains" | "isn't" | "aren't");
            // "are installed by …" is what is done to them, and not how they are.
            let done = self.words.get(at + 2).is_some_and(|word| among(PASSIVE, word));
            be && among(STAGES, next) && !done
        });
        let after = |at: usize| self.words.iter().skip(at).take(4);
        let late = self.words.iter().enumerate().any(|(at, be)| {
            matches!(be.as_str(), "is" | "are")
                && after(at + 1)
                    .any(|w| matches!(w.as_str(), "ahead" | "behind" | "open" | "paused"))
        });
        let whole = matches!(self.first(), "everything" | "nothing")
            && self.words.get(1).is_some_and(|word| !among(AMONG, word.as_str()));
        let part = whole
            || matches!(
                self.first(),
                "most" | "half" | "nearly" | "almost" | "roughly" | "halfway"
            )
            || self.joined.contains(" thirds of ")
            || self.joined.contains(" rest of the ");
        predicate || late || part || self.has("again")
    }

    /// Returns whether its subject is the work that is going on rather than what it is about.
    fn is_about_work_at_hand(&self) -> bool {
        let mut words = self.words.iter().map(String::as_str).peekable();
        let article = matches!(words.next(), Some("the" | "this" | "our" | "my" | "that" | "a"));
        while words.next_if(|word| among(ORDINALS, word)).is_some() {}
        let subject = words.next().is_some_and(|word| among(WORK, word));
        // "The session id is …": a name that begins like the work is another thing.
        let head = words.next().is_some_and(|next| {
            let past = next.len() > 4 && next.ends_with("ed");
            past || among(FINITE, next) || matches!(next, "on" | "for" | "with" | "went" | "took")
        });
        let assistant = self.pairs().any(|(who, does)| {
            matches!(who, "assistant" | "agent")
                && (does.ends_with("ed")
                    || matches!(does, "is" | "was" | "has" | "had" | "will" | "can"))
        });
        let session = self.has("session, conversation") && self.has("we, i");
        (article && subject && head) || assistant || session
    }

    /// Returns whether it tells what somebody saw: "the tests reveal that", "listing it shows".
    fn observes(&self) -> bool {
        let seen = |(verb, that): (&str, &str)| that == "that" && among(OBSERVES, verb);
        let act = self.first().ends_with("ing")
            && self.words.get(1).is_some_and(|w| matches!(w.as_str(), "the" | "a" | "an" | "it"))
            && self.words.iter().any(|w| among(OBSERVES, w.as_str()));
        act || self.pairs().any(seen)
    }

    /// Returns whether it tells where something lies in the tree of files, and nothing else.
    fn locates(&self) -> bool {
        let parts = self.words.iter().take(4).zip(self.words.iter().skip(1));
        let counted = parts.filter(|(n, _)| number(n)).any(|(_, what)| among(PARTS, what.as_str()));
        let verb = |at: usize, word: &str| {
            matches!(word, "is" | "are" | "live" | "lives" | "lie" | "lies" | "sit" | "sits")
                || at > 0 && matches!(word, "kept" | "located" | "found" | "placed")
        };
        let place = |at: usize| {
            let next = |n: usize| self.words.get(at + n).map(String::as_str).unwrap_or_default();
            let at_name = next(1) == NAME_OF_FILE;
            let inside = matches!(next(1), "in" | "under" | "inside" | "at" | "below");
            let name = matches!(next(2), NAME_OF_FILE | NAME) && self.words.len() <= at + 7;
            at_name || inside && name
        };
        let lies = self.words.iter().enumerate().any(|(at, word)| verb(at, word) && place(at));
        let part = self.has(
            "a folder named, a folder called, a directory named, has a folder, has a \
                directory, has its own folder",
        );
        counted || part || lies && !self.has(HABITS)
    }

    /// Returns whether it instructs: a verb in its base form, and what it is done to.
    fn is_imperative(&self) -> bool {
        let first = self.first();
        let base = !["s", "ed", "ing", "ly"].iter().any(|end| first.ends_with(end));
        let object = self.words.get(1).is_some_and(|word| {
            matches!(word.as_str(), "the" | "a" | "an" | "every" | "each" | "all" | "no" | "any")
        });
        let verb = first.len() > 2 && !among(NO_VERBS, first) && !among(DOUBTS, first);
        base && object && verb && !among(FUNCTION, first) && !among(FINITE, first)
    }

    /// Returns whether it offers to go on, or waits to be told to.
    fn offers(&self) -> bool {
        const OFFERS: &str = "let me, let us, let's, shall i";
        self.has(OFFERS)
    }

    /// Returns whether it tells how many there are: true until somebody adds one.
    fn counts(&self) -> bool {
        const LIMITS: &str = "\
            at most, at least, up to, limit, limited, maximum, minimum, exactly, no more, \
            not more, below, per, each, every, may, size, timeout";
        if self.has(LIMITS) {
            return false;
        }
        let counted = |(lead, next): (&str, &str)| {
            matches!(lead, "has" | "have" | "contains" | "are" | "shows" | "left" | "at")
                && number(next)
        };
        let lead = self.pairs().any(counted);
        let unit = self.has(
            "\
                percent, lines, files, warnings, errors, tests, commits, functions, modules, \
                packages, matches",
        );
        lead && unit || self.joined.starts_with(" there are ") && self.pairs().any(counted)
    }

    fn has_verb(&self) -> bool {
        let third = |word: &String| {
            let plain = word.bytes().all(|b| b.is_ascii_alphabetic());
            plain && word.len() > 3 && word.ends_with('s') && !word.ends_with("ss")
        };
        // After a plural a verb has no ending: "prices include tax".
        let plural = self.words.first().is_some_and(third) && self.words.len() >= 3;
        plural || self.has(FINITE) || self.words.iter().skip(1).any(third) || self.is_imperative()
    }

    /// Returns whether it is no sentence: a few words without a verb, or words without any of grammar.
    fn is_fragment(&self, text: &str) -> bool {
        let bare = !self.has_verb() && !has_anchor(text);
        (bare && self.words.len() <= 8) || (!self.has_verb() && !self.has(FUNCTION))
    }
}

/// Returns whether a statement asks.
fn asks(text: &str) -> bool {
    is_question(text) || text.to_lowercase().starts_with("open question")
}

/// Returns whether a text is the title of a change, or a line that stands at its end.
fn is_title(statement: &str) -> bool {
    const KINDS: &str = "feat, fix, docs, chore, refactor, perf, style, build, ci, revert";
    let lower = statement.to_lowercase();
    let lead = lower.split_once(": ").map(|(lead, _)| lead).unwrap_or_default();
    let kind = lead.split(['(', '!']).next().unwrap_or_default();
    // "Fix: …" in a summary is a cure; titles are written in lower case.
    let kind = among(KINDS, kind) && statement.starts_with(char::is_lowercase);
    let trailer = lead.ends_with("-by");
    let first = lower.split_whitespace().next().unwrap_or_default();
    let ends = statement.ends_with(['.', ';', ':']);
    let merge = matches!(first, "merge" | "merged" | "bump" | "bumped" | "revert" | "wip") && !ends;
    kind || trailer || merge
}

/// Returns whether a statement repeats who said something in a dialogue.
fn is_role(statement: &str) -> bool {
    let lower = statement.to_lowercase();
    let lead = lower.split_once(": ").map(|(lead, _)| lead).unwrap_or_default();
    matches!(lead, "user" | "human" | "assistant" | "me" | "you" | "system")
}

/// Returns whether a text names something of the work: code, a path, a value, an abbreviation.
fn has_anchor(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_digit() || matches!(c, '`' | '/' | '_' | '=');
    let mut runs = text.split(|c: char| !c.is_ascii_uppercase());
    text.contains(sign) || runs.any(|run| run.len() >= 2)
}

/// Returns what stands for a name in backticks.
fn name_of(code: &str) -> &'static str {
    let ending = code.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty()
            && (1..=5).contains(&end.len())
            && end.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let path = !code.contains(char::is_whitespace)
        && !code.starts_with(['/', '-', '$'])
        && (ending || code.contains('/'));
    if path { NAME_OF_FILE } else { NAME }
}

/// Returns whether a word is a number.
fn number(word: &str) -> bool {
    const NUMBERS: &str = "\
        one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, several, \
        many";
    among(NUMBERS, word) || word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_sentence_is_built_tells_what_passes() {
        let rows = [
            ("Should the gate have a lock?", true),
            ("Shall I paint the door too?", true),
            ("The hinge might be too weak.", true),
            ("The roof is leaking.", true),
            ("The roof has been tiled again.", true),
            ("Everything is tiled.", true),
            ("The carpenter comes on Monday.", true),
            ("The second attempt was better.", true),
            ("This change makes the door lighter.", true),
            ("Wet wood", true),
            ("Das Holz liegt im Hof.", true),
            ("fix(roof): use oak", true),
            ("The door is painted until Friday.", true),
            ("The door was loose before the change.", true),
            ("The gate should probably be painted.", true),
            ("No rows may be lost.", false),
            ("Deliveries come on Mondays.", false),
            ("The roof leaks when it rains, so it is checked every year.", false),
            ("Everything under `roof/` is generated.", false),
            ("The attempt limit is three.", false),
            ("Pull the rope before opening the gate.", false),
            ("Prices include tax.", false),
            ("Das Holz wird immer im Hof gelagert.", false),
            ("Höhen sind in Millimetern, Typ `u32`.", false),
        ];
        for (text, expected) in rows {
            assert_eq!(passes(text, text, false), expected, "{text}");
        }
    }

    #[test]
    fn an_instruction_may_name_a_moment_and_not_ask() {
        assert!(!passes("Check the gate now.", "Check the gate now.", true));
        assert!(passes("Must the gate be closed?", "Must the gate be closed?", true));
        assert!(is_guess("The door jams; the hinge might be bent.") && !is_guess("Oil the hinge."));
    }
}
