//! What the tools of a session say about it: questions, refusals, and reads from outside.

use std::borrow::Cow;
use std::collections::BTreeMap;

use garner_kernel::Text;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire;
use crate::injected;
use crate::session::{Answer, Choice, Question};

/// How the harness reports that the person refused a tool.
const REFUSED: &str = "The user doesn't want to proceed with this tool use.";
/// What stands before the person's own words in a refusal.
const REASON: &str = "the user said:";

/// Returns whether using this tool brings text from outside the machine into the session.
pub(crate) fn reads_outside(name: &str, input: Option<&RawValue>) -> bool {
    let lower = name.to_ascii_lowercase().replace('_', "");
    if is_remote(name) || matches!(lower.as_str(), "webfetch" | "websearch" | "fetch") {
        return true;
    }
    lower == "bash" && input.is_some_and(|input| runs_network_command(input.get()))
}

/// Returns whether a tool is served by somebody else, so that its results can say anything.
pub(crate) fn is_remote(name: &str) -> bool {
    name.starts_with("mcp__")
}

/// Returns whether a shell command, still in JSON, runs `gh`, `curl` or `wget`.
fn runs_network_command(json: &str) -> bool {
    json.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .map(|word| word.strip_suffix(".exe").unwrap_or(word))
        // An escaped line break leaves its letter in front of the word that follows it.
        .any(|word| {
            matches!(word, "gh" | "curl" | "wget" | "ngh" | "ncurl" | "nwget" | "tcurl" | "twget")
        })
}

/// Returns whether a record of progress shows a subagent that reads from outside.
pub(crate) fn shows_outside_read(line: &[u8]) -> bool {
    [&b"\"name\":\"WebFetch\""[..], b"\"name\":\"WebSearch\"", b"\"name\":\"mcp__"]
        .iter()
        .any(|needle| memchr::memmem::find(line, needle).is_some())
}

/// Returns whether a result says that the person refused the tool.
pub(crate) fn is_refusal(content: &str) -> bool {
    content.trim_start().starts_with(REFUSED)
}

/// Returns the person's words in a refusal, if the result is one and they gave a reason.
pub(crate) fn refusal(content: &str) -> Option<&str> {
    let tail = content.trim_start().strip_prefix(REFUSED)?;
    let reason = tail.split_once(REASON)?.1.trim();
    // The dialog of questions writes its own sentence here.
    let dialog = reason.starts_with("The user wants to clarify these questions");
    (!reason.is_empty() && !dialog).then_some(reason)
}

/// Reads the questions of a tool use.
pub(crate) fn questions(input: &RawValue) -> Vec<Question> {
    #[derive(Deserialize)]
    struct Asked {
        #[serde(default)]
        questions: Vec<Value>,
    }
    let asked: Vec<Value> = wire::read::<Asked>(input).map(|a| a.questions).unwrap_or_default();
    asked.iter().filter_map(question).collect()
}

fn question(value: &Value) -> Option<Question> {
    let field = |value: &Value, name: &str| {
        Text::new(value.get(name).and_then(Value::as_str).unwrap_or_default())
    };
    let text = value.get("question").and_then(Value::as_str).filter(|q| !q.trim().is_empty())?;
    let options = value.get("options").and_then(Value::as_array).map(Vec::as_slice);
    Some(Question {
        text: Text::new(text),
        header: field(value, "header"),
        options: options
            .unwrap_or_default()
            .iter()
            .map(|option| match option.as_str() {
                Some(label) => Choice { label: Text::new(label), description: Text::new("") },
                None => Choice {
                    label: field(option, "label"),
                    description: field(option, "description"),
                },
            })
            .collect(),
    })
}

/// Returns the answers to `questions`, from the structured result or, without one, from its text.
pub(crate) fn answers(
    questions: &[Question],
    result: Option<&RawValue>,
    content: Option<&RawValue>,
) -> Vec<Answer> {
    let result: Option<Value> = result.and_then(wire::read);
    let given = result.as_ref().and_then(|r| r.get("answers")).and_then(Value::as_object);
    let text = content.and_then(wire::flat_text).unwrap_or_default();
    let written = if given.is_some() { BTreeMap::new() } else { written_answers(questions, &text) };
    let notes = |question: &str| {
        let annotations = result.as_ref()?.get("annotations")?.get(question)?;
        let notes = annotations.get("notes")?.as_str()?.trim();
        (!notes.is_empty()).then(|| Text::new(notes))
    };
    questions
        .iter()
        .filter_map(|question| {
            let asked = question.text.as_str();
            let answer: Cow<'_, str> = match given {
                Some(given) => joined(given.get(asked)?)?,
                None => Cow::Borrowed(*written.get(asked)?),
            };
            let answer = injected::strip(answer.trim());
            let answer = answer.trim();
            let empty = answer.is_empty() || answer == "(No answer provided)";
            (!empty).then(|| Answer {
                question: question.clone(),
                given: Text::new(answer),
                notes: notes(asked),
            })
        })
        .collect()
}

/// Returns an answer, with the labels of a list joined by commas.
fn joined(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(labels) => {
            let labels: Vec<&str> = labels.iter().filter_map(Value::as_str).collect();
            Some(Cow::Owned(labels.join(", ")))
        }
        _ => None,
    }
}

/// Reads `"question"="answer"` pairs; an answer ends where the next question or the end begins.
fn written_answers<'t>(questions: &'t [Question], text: &'t str) -> BTreeMap<&'t str, &'t str> {
    let mut answers = BTreeMap::new();
    for question in questions {
        let opener = format!("\"{}\"=\"", question.text.as_str());
        let Some((_, tail)) = text.split_once(&opener) else { continue };
        let next = questions.iter().map(|next| format!("\", \"{}\"=\"", next.text.as_str()));
        let known = ["\". You can now", "\" selected preview:", "\" notes:"].map(str::to_owned);
        let ends = next.chain(known).filter_map(|end| tail.find(&end)).chain(tail.rfind('"'));
        if let Some(answer) = ends.min().and_then(|end| tail.get(..end)) {
            answers.insert(question.text.as_str(), answer);
        }
    }
    answers
}
