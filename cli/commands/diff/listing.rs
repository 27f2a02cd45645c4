//! Differences as people read them: under headings of kind and scope, what replaces something
//! beside it, and counts.

use std::collections::BTreeMap;

use anstyle::Style;
use garner_kernel::{Difference, Fragment, Shown, pair};
use serde_json::{Value, json};

use super::words;
use crate::output::{self, Look, styled};
use crate::table;

/// The most marks of a line of statistics.
const MARKS: usize = 40;

/// Returns the mark and the color of a sort of difference.
fn mark(word: &str) -> (char, Style) {
    match word {
        "added" => ('+', output::GREEN),
        "superseded" => ('~', output::YELLOW),
        "removed" => ('-', output::RED),
        "changed" => ('*', output::YELLOW),
        "revoked" => ('!', output::RED),
        _ => ('x', output::DIM),
    }
}

/// Returns every difference under its heading.
pub(super) fn full(differences: &[Difference], look: Look) -> String {
    let (mut text, mut group) = (String::new(), String::new());
    for shown in pair(differences) {
        let first = match shown {
            Shown::Alone(difference) => difference.fragment(),
            Shown::Pair(older, _) => older,
        };
        let heading = heading(first);
        if heading != group {
            text.push_str(&format!("{}\n", styled(&heading, output::BOLD)));
            group = heading;
        }
        text.push_str(&match shown {
            Shown::Alone(difference) => alone(difference, look),
            Shown::Pair(older, newer) => replaced(older, newer, look),
        });
    }
    text
}

fn heading(fragment: &Fragment) -> String {
    format!("{} ({})", fragment.kind, fragment.scope)
}

/// Returns a fragment and the one that replaces it.
fn replaced(older: &Fragment, newer: &Fragment, look: Look) -> String {
    let (mark, style) = mark("superseded");
    let (was, is) = (heading(older), heading(newer));
    let moved = if was == is { String::new() } else { format!(", {is}") };
    let line = format!("  {mark} {}  replaced by {}{moved}", older.id.short(), newer.id.short());
    let words = words::lines(older.statement.as_str(), newer.statement.as_str(), 6, look);
    format!("{}\n{words}", styled(&line, style))
}

/// Returns a difference of one fragment.
fn alone(difference: &Difference, look: Look) -> String {
    let (mark, style) = mark(difference.as_str());
    let fragment = difference.fragment();
    let head = format!("  {mark} {}  ", fragment.id.short());
    let width = look.width.unwrap_or(table::WIDTH).min(table::WIDTH);
    let text = table::beside_within(&head, fragment.statement.as_str(), 4, width);
    let text = format!("{}\n", styled(text.trim_end(), style));
    let note = match difference {
        Difference::Removed { reason, .. } => reason.map(|reason| reason.as_str().to_owned()),
        Difference::Revoked { .. } => Some("revoked: no version may show it any more".to_owned()),
        Difference::Expired { .. } => {
            fragment.valid_to.map(|end| format!("expired: it was true until {end}"))
        }
        Difference::Changed { before, after } => {
            if before.statement != after.statement {
                let (old, new) = (before.statement.as_str(), after.statement.as_str());
                let line = styled(head.trim_end(), style);
                let spelled = words::lines(old, new, 6, look);
                return format!("{line}\n{spelled}      {}\n", changes(before, after));
            }
            Some(changes(before, after))
        }
        Difference::Added { .. } | Difference::Superseded { .. } => None,
    };
    note.map_or(text.clone(), |note| format!("{text}      {note}\n"))
}

/// Returns what changed of a fragment besides its statement.
fn changes(before: &Fragment, after: &Fragment) -> String {
    let mut changes = vec![format!("revision {} -> {}", before.revision, after.revision)];
    let mut change = |name: &str, was: String, is: String| {
        if was != is {
            changes.push(format!("{name} {was} -> {is}"));
        }
    };
    change("trust", before.trust.to_string(), after.trust.to_string());
    let percent = |fragment: &Fragment| format!("{}%", fragment.confidence.as_percent());
    change("confidence", percent(before), percent(after));
    let end = |f: &Fragment| f.valid_to.map_or_else(|| "open".to_owned(), |end| end.to_string());
    change("end", end(before), end(after));
    let tags = |fragment: &Fragment| {
        let tags: Vec<&str> = fragment.tags.iter().map(garner_kernel::Tag::as_str).collect();
        if tags.is_empty() { "none".to_owned() } else { tags.join(" ") }
    };
    change("tags", tags(before), tags(after));
    if before.context != after.context {
        changes.push("another context".to_owned());
    }
    let (was, is) = (before.sources.len(), after.sources.len());
    if was != is {
        changes.push(format!("{was} -> {is} sources"));
    } else if before.sources != after.sources {
        changes.push("other sources".to_owned());
    }
    changes.join(", ")
}

/// How many differences of each sort there are under each heading.
type Groups<'a> = BTreeMap<(garner_kernel::Kind, &'a garner_kernel::Scope), [usize; WORDS]>;

const WORDS: usize = Difference::WORDS.len();

fn groups(differences: &[Difference]) -> Groups<'_> {
    let mut groups = Groups::new();
    for difference in differences {
        let fragment = difference.fragment();
        let counts = groups.entry((fragment.kind, &fragment.scope)).or_default();
        for (count, word) in counts.iter_mut().zip(Difference::WORDS) {
            *count += usize::from(word == difference.as_str());
        }
    }
    groups
}

/// Returns a line for each heading, with counts and a mark for each difference.
pub(super) fn statistics(differences: &[Difference]) -> String {
    let groups = groups(differences);
    let most = groups.values().map(|counts| counts.iter().sum()).max().unwrap_or(0);
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|((kind, scope), counts)| {
            let named = counts.iter().zip(Difference::WORDS).filter(|(count, _)| **count > 0);
            let counted: Vec<_> = named.map(|(count, word)| format!("{count} {word}")).collect();
            vec![format!("{kind} ({scope})"), counted.join(", "), histogram(counts, most)]
        })
        .collect();
    table::columns(&rows)
}

/// Returns marks for counts: one for each, or fewer where `most` would not fit on a line.
fn histogram(counts: &[usize; WORDS], most: usize) -> String {
    let mut marks = String::new();
    for (count, word) in counts.iter().zip(Difference::WORDS) {
        let (mark, style) = mark(word);
        let shown = if most > MARKS { (count * MARKS).div_ceil(most) } else { *count };
        if shown > 0 {
            marks.push_str(&styled(&mark.to_string().repeat(shown), style));
        }
    }
    marks
}

/// Returns how many differences there are of each sort under each heading, as JSON.
pub(super) fn statistics_json(differences: &[Difference]) -> Value {
    let group = |((kind, scope), counts): (&(garner_kernel::Kind, &garner_kernel::Scope), _)| {
        let counts: &[usize; WORDS] = counts;
        let counts: serde_json::Map<_, _> = Difference::WORDS
            .iter()
            .zip(counts)
            .map(|(word, count)| ((*word).to_owned(), (*count).into()))
            .collect();
        json!({ "kind": kind.as_str(), "scope": scope.to_string(), "counts": counts })
    };
    groups(differences).iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use garner_kernel::{Confidence, Kind, Scope, Text, TombstoneReason, Trust};

    use super::*;

    fn fragment(kind: Kind, statement: &str) -> Box<Fragment> {
        Box::new(Fragment {
            id: Fragment::id_of(kind, &Scope::User, statement),
            revision: 1,
            kind,
            scope: Scope::User,
            trust: Trust::Human,
            confidence: Confidence::percent(90),
            statement: Text::new(statement),
            context: None,
            created: "2026-01-01T00:00:00Z".parse().unwrap(),
            valid_to: None,
            supersedes: Vec::new(),
            tags: Vec::new(),
            sources: Vec::new(),
        })
    }

    /// One difference of each sort.
    fn differences() -> Vec<Difference> {
        let [before, other] =
            ["Keep one lock.", "keep one  lock."].map(|text| fragment(Kind::Fact, text));
        let after = |was: &Fragment| {
            let mut after = Box::new(was.clone());
            (after.revision, after.trust) = (2, Trust::Assistant);
            after.tags = vec!["locks".parse().unwrap()];
            after
        };
        let mut spelled = after(&other);
        spelled.statement = Text::new("Keep one lock.");
        let mut over = fragment(Kind::State, "The tests are red.");
        over.valid_to = Some("2026-01-02T00:00:00Z".parse().unwrap());
        let newer = fragment(Kind::Decision, "Use SQLite here.");
        let reason = Some(TombstoneReason::Rejected);
        vec![
            Difference::Superseded {
                fragment: fragment(Kind::Rule, "Use Postgres here."),
                by: newer.clone(),
            },
            Difference::Added { fragment: newer },
            Difference::Removed { fragment: fragment(Kind::Fact, "The port is 80."), reason },
            Difference::Revoked { fragment: fragment(Kind::Fact, "The key is x.") },
            Difference::Changed { after: after(&before), before },
            Difference::Changed { before: other, after: spelled },
            Difference::Expired { fragment: over },
        ]
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    /// Returns the text with the short ids of fragments as dots.
    fn without_ids(text: &str) -> String {
        fn dots(word: &str) -> &str {
            let is_id = word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
            if is_id { "..." } else { word }
        }
        let words = text.split(' ').map(|word| match word.strip_suffix(',') {
            Some(word) => format!("{},", dots(word)),
            None => dots(word).to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_sort_of_difference_is_told_in_its_own_way() {
        let text = plain(&full(&differences(), Look { width: None, colored: false }));
        assert_eq!(
            text.lines().map(without_ids).collect::<Vec<_>>(),
            [
                "rule (user)",
                "  ~ ...  replaced by ..., decision (user)",
                "      Use [-Postgres-]{+SQLite+} here.",
                "fact (user)",
                "  - ...  The port is 80.",
                "      rejected",
                "  ! ...  The key is x.",
                "      revoked: no version may show it any more",
                "  * ...  Keep one lock.",
                "      revision 1 -> 2, trust human -> assistant, tags none -> locks",
                "  * ...",
                "      [-keep-]{+Keep+} one lock.",
                "      revision 1 -> 2, trust human -> assistant, tags none -> locks",
                "state (user)",
                "  x ...  The tests are red.",
                "      expired: it was true until 2026-01-02T00:00:00Z",
            ]
        );
    }

    #[test]
    fn statistics_count_by_kind_and_scope() {
        assert_eq!(
            plain(&statistics(&differences())),
            "rule (user)      1 superseded                     ~\n\
             decision (user)  1 added                          +\n\
             fact (user)      1 removed, 2 changed, 1 revoked  -**!\n\
             state (user)     1 expired                        x\n"
        );
        let groups = statistics_json(&differences());
        assert_eq!(groups[2]["counts"]["changed"], 2);
        let many: Vec<Difference> = (0..100)
            .map(|n| Difference::Added { fragment: fragment(Kind::Fact, &format!("{n}")) })
            .chain(differences())
            .collect();
        let line = plain(&statistics(&many));
        let line = line.lines().find(|line| line.starts_with("fact (user)")).unwrap();
        let marks = line.rsplit(' ').next().unwrap();
        assert!(marks.starts_with("++++") && marks.ends_with('!'), "{line}");
        assert!(marks.len() <= MARKS + WORDS, "{line}");
    }
}
