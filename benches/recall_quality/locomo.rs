//! The LoCoMo conversations as sets: ten conversations of two people over many sessions, with
//! questions and the turns that answer them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use garner_kernel::{FragmentId, Kind, Moment};
use serde_json::Value;

use super::Result;
use super::set::{Question, Said, Set};

/// What becomes a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Each turn: who speaks, what is said, and what the shared picture shows.
    Turns,
    /// Each observation about a speaker, which names the turns it comes from.
    Observations,
}

impl Form {
    pub(crate) const ALL: [Self; 2] = [Self::Turns, Self::Observations];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Observations => "observations",
        }
    }
}

/// A session and a turn in it, from 1.
type Turn = (u32, u32);
/// Which fragments come from a turn.
type ByTurn = BTreeMap<Turn, BTreeSet<FragmentId>>;

/// Reads all conversations, one set each.
pub(crate) fn sets(file: &Path, form: Form) -> Result<Vec<Set>> {
    let conversations: Vec<Value> = serde_json::from_slice(&std::fs::read(file)?)?;
    conversations.iter().map(|conversation| set(conversation, form)).collect()
}

fn set(conversation: &Value, form: Form) -> Result<Set> {
    let said = conversation.get("conversation").ok_or("a conversation")?;
    let mut set = Set::new(Moment::from_unix(0));
    let mut by_turn = ByTurn::new();
    for session in 1_u32.. {
        let Some(date) = said.get(format!("session_{session}_date_time")) else { break };
        let Some(turns) = said.get(format!("session_{session}")) else { continue };
        let created = moment(text(date)?)?;
        set.now = set.now.max(created);
        let statements = match form {
            Form::Turns => turn_statements(turns, session)?,
            Form::Observations => observations(conversation, session)?,
        };
        for (turns, statement) in statements {
            let Some((_, line)) = turns.first().copied() else { continue };
            let name = format!("session-{session}");
            let kind = Kind::Fact;
            let said = Said { statement: &statement, kind, session: &name, line, created };
            let id = set.say(&said)?;
            for turn in turns {
                by_turn.entry(turn).or_default().insert(id);
            }
        }
    }
    ask(&mut set, conversation, &by_turn)?;
    Ok(set)
}

fn turn_statements(turns: &Value, session: u32) -> Result<Vec<(Vec<Turn>, String)>> {
    let turns = turns.as_array().ok_or("a list of turns")?.iter().zip(1..);
    let statement = |(turn, line): (&Value, u32)| {
        let part = |name: &str| turn.get(name).and_then(Value::as_str).unwrap_or_default();
        let picture = match part("blip_caption") {
            "" => String::new(),
            caption => format!(" [shares {caption}]"),
        };
        (vec![(session, line)], format!("{}: {}{picture}", part("speaker"), part("text")))
    };
    Ok(turns.map(statement).collect())
}

fn observations(conversation: &Value, session: u32) -> Result<Vec<(Vec<Turn>, String)>> {
    let all = conversation.get("observation").ok_or("observations")?;
    let Some(speakers) = all.get(format!("session_{session}_observation")) else {
        return Ok(Vec::new());
    };
    let speakers = speakers.as_object().ok_or("speakers")?;
    let mut statements = Vec::new();
    for observation in speakers.values().filter_map(Value::as_array).flatten() {
        let (statement, evidence) = (observation.get(0), observation.get(1));
        let (Some(statement), Some(evidence)) = (statement, evidence) else { continue };
        statements.push((turns_in(evidence), text(statement)?.to_owned()));
    }
    Ok(statements)
}

/// Adds the questions whose evidence is among the fragments, and counts the others.
fn ask(set: &mut Set, conversation: &Value, by_turn: &ByTurn) -> Result<()> {
    let asked = conversation.get("qa").and_then(Value::as_array).ok_or("questions")?;
    for question in asked {
        let turns = question.get("evidence").map(turns_in).unwrap_or_default();
        let gold: BTreeSet<FragmentId> =
            turns.iter().filter_map(|turn| by_turn.get(turn)).flatten().copied().collect();
        let asked = text(question.get("question").ok_or("a question")?)?.to_owned();
        if !gold.is_empty() {
            set.questions.push(Question { text: asked, gold, stale: BTreeSet::new() });
        } else if !turns.is_empty() {
            set.unanswered += 1;
        }
    }
    Ok(())
}

/// Returns the turns that a text or a list of texts names: `D3:12`, also several in one text.
fn turns_in(evidence: &Value) -> Vec<Turn> {
    let texts: Vec<&str> = match evidence {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let number = |text: &str| {
        let digits = text.trim().trim_start_matches('D').trim_matches(':');
        digits.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
    };
    texts.iter().flat_map(|text| text.split([',', ';', ' '])).filter_map(number).collect()
}

/// Reads a time such as `1:56 pm on 8 May, 2023`.
fn moment(text: &str) -> Result<Moment> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split([' ', ',', ':']).filter(|word| !word.is_empty()).collect();
    let [hour, minute, half, _, day, month, year] = words[..] else {
        return Err(format!("a time: {text}").into());
    };
    let month = (1..).zip(MONTHS).find(|(_, name)| month.starts_with(name));
    let (month, _) = month.ok_or("a month")?;
    let hour = hour.parse::<u32>()? % 12 + if half == "pm" { 12 } else { 0 };
    let day: u32 = day.parse()?;
    Ok(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute}:00Z").parse()?)
}

fn text(value: &Value) -> Result<&str> {
    Ok(value.as_str().ok_or("a text")?)
}
