//! Sets of questions of our own: invented facts, under CC0.
//!
//! A line of a file is a `fact` (with an `id`, the `day` it was said, what it `replaces`, and its
//! `kind` where it is no fact), a `question` (with the ids that are `right`, those that are `stale`,
//! and the `part` of the set), or a `filler`: patterns, each said once with every word of `with`.

use std::collections::BTreeMap;
use std::path::Path;

use garner_kernel::{FragmentId, Kind, Moment};
use garner_loader::Filters;
use serde_json::Value;

use super::Result;
use super::measure::Tally;
use super::model::Model;
use super::page::{HEAD, row};
use super::set::{Built, Question, Said, Set};
use super::way::Way;

const WAYS: [Way; 3] = [Way::Words, Way::Vectors, Way::Default];
/// The files.
const SETS: [&str; 5] = ["identifiers", "numbers", "rules", "supersession", "languages"];
/// When the first day begins, and when the questions are asked.
const START: i64 = 1_767_225_600;
const DAYS: u32 = 150;

/// Whether what replaces a statement says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Kept,
    Dropped,
}

/// Asks all sets and returns their tables.
pub(crate) fn measured(model: &Model) -> Result<String> {
    let mut text = String::from(
        "\n## Own sets\n\nInvented statements and questions (CC0) in `benches/recall_quality/`, each \
         statement in a session of its own, among fillers made from patterns.\n",
    );
    for (name, title) in [
        ("identifiers", "Identifiers and code words"),
        ("numbers", "Numbers and negations"),
        ("rules", "Standing rules"),
    ] {
        let lines = lines(name)?;
        let built = Built::new(set(&lines, Links::Kept, None)?, model)?;
        text += &table(title, &built)?;
        if name == "rules" {
            text += &core(&built)?;
        }
    }
    text += &supersession(model)?;
    text += &languages(model)?;
    Ok(text)
}

/// Returns all sets with every link.
pub(crate) fn all(model: &Model) -> Result<Vec<Built>> {
    let set = |name: &&str| Built::new(set(&lines(name)?, Links::Kept, None)?, model);
    SETS.iter().map(set).collect()
}

fn table(title: &str, built: &Built) -> Result<String> {
    let mut rows = String::new();
    for way in WAYS {
        rows += &row(way.name(), &asked(built, way)?);
    }
    let (questions, fragments) = (built.set.questions.len(), built.set.fragments.len());
    Ok(format!("\n### {title}\n\n{questions} questions, {fragments} fragments.\n\n{HEAD}{rows}"))
}

fn asked(built: &Built, way: Way) -> Result<Tally> {
    let mut tally = Tally::default();
    built.ask(|asked| way.ranks(built, asked), &mut tally)?;
    Ok(tally)
}

/// Counts how many of the rules are in the core, which is the same whatever is asked.
fn core(built: &Built) -> Result<String> {
    let core = built.store.core(None, &Filters::default(), built.set.now)?;
    let rules = built.set.fragments.values().filter(|fragment| fragment.kind == Kind::Rule);
    let (here, all) = rules.fold((0, 0), |(here, all), rule| {
        (here + u32::from(core.iter().any(|fragment| fragment.id == rule.id)), all + 1)
    });
    Ok(format!(
        "\nThe core, which no question changes, has {here} of the {all} rules and {} other fragments.\n",
        core.len() - here as usize
    ))
}

/// Asks with and without the link from a statement to the one it replaces.
fn supersession(model: &Model) -> Result<String> {
    let lines = lines("supersession")?;
    let mut text = String::new();
    for (links, title) in [
        (Links::Kept, "Supersession, with the link to what is replaced"),
        (Links::Dropped, "Supersession, without the link"),
    ] {
        let built = Built::new(set(&lines, links, None)?, model)?;
        text += &table(title, &built)?;
        let tally = asked(&built, Way::Default)?;
        text += &format!(
            "\nGarner puts the stale statement above the current one for {} of {} questions.\n",
            tally.stale, tally.questions
        );
    }
    Ok(text)
}

/// Asks all languages of one store; each language has a row for each way.
fn languages(model: &Model) -> Result<String> {
    let lines = lines("languages")?;
    let built = Built::new(set(&lines, Links::Kept, None)?, model)?;
    let mut text = table("Other languages, all in one store", &built)?;
    text += "\n| | words R@1 | R@10 | vectors R@1 | R@10 | fusion R@1 | R@10 |\n|---|---|---|---|---|---|---|\n";
    for part in ["German", "French", "Spanish", "Russian", "Chinese", "Japanese"] {
        let built = Built::new(set(&lines, Links::Kept, Some(part))?, model)?;
        text += &format!("| {part} |");
        for way in WAYS {
            let [one, _, ten, _] = asked(&built, way)?.recall();
            text += &format!(" {one:.3} | {ten:.3} |");
        }
        text.push('\n');
    }
    Ok(text)
}

fn lines(name: &str) -> Result<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/recall_quality");
    let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl")))?;
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

/// Makes a set of the lines of a file, with the questions of one part or of all.
fn set(all: &[Value], links: Links, part: Option<&str>) -> Result<Set> {
    let first = Moment::from_unix(START);
    let mut set = Set::new(first.plus_days(DAYS));
    let mut ids: BTreeMap<&str, FragmentId> = BTreeMap::new();
    for (number, line) in (1_u32..).zip(all) {
        let session = format!("session-{number}");
        if let Some(statement) = text(line, "fact") {
            let kind = text(line, "kind").map_or(Ok(Kind::Fact), str::parse)?;
            let day = line.get("day").and_then(Value::as_u64).unwrap_or_default();
            let created = first.plus_days(u32::try_from(day)?);
            let id = set.say(&Said { statement, kind, session: &session, line: 1, created })?;
            ids.insert(text(line, "id").ok_or("a fact has an id")?, id);
            if let (Links::Kept, Some(old)) = (links, text(line, "replaces")) {
                let old = *ids.get(old).ok_or("a fact that is replaced")?;
                set.fragments.entry(id).and_modify(|new| new.supersedes.push(old));
            }
        }
        for (part, statement) in (1_u32..).zip(fillers(line)) {
            let session = format!("{session}-{part}");
            let (kind, created) = (Kind::Fact, first.plus_days(part % DAYS));
            let statement = &statement;
            set.say(&Said { statement, kind, session: &session, line: 1, created })?;
        }
    }
    let known = |line: &Value, name: &str| {
        let named = texts(line, name).into_iter();
        named.filter_map(|name| ids.get(name).copied()).collect()
    };
    for line in all.iter().filter(|line| part.is_none() || part == text(line, "part")) {
        if let Some(question) = text(line, "question").filter(|_| !texts(line, "right").is_empty())
        {
            let (gold, stale) = (known(line, "right"), known(line, "stale"));
            set.questions.push(Question { text: question.to_owned(), gold, stale });
        }
    }
    Ok(set)
}

fn fillers(line: &Value) -> Vec<String> {
    let (patterns, words) = (texts(line, "filler"), texts(line, "with"));
    let with = |pattern: &str| -> Vec<String> {
        words.iter().map(|word| pattern.replace("{}", word)).collect()
    };
    patterns.into_iter().flat_map(with).collect()
}

fn text<'l>(line: &'l Value, name: &str) -> Option<&'l str> {
    line.get(name).and_then(Value::as_str)
}

fn texts<'l>(line: &'l Value, name: &str) -> Vec<&'l str> {
    let list = line.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}
