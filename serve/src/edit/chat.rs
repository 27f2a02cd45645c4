//! `/api/chat` and `/v1/chat/completions`: a list of messages.

use garner_loader::inject::estimate;

use super::fields::{Object, Value};
use super::reading::{
    Asked, Place, Role, Said, Turn, Unread, model, option, pictures, tools, total,
};

/// How the two routes differ.
pub(super) struct Dialect {
    /// Whether there are options, and the members that bound the answer.
    options: bool,
    limits: &'static [&'static str],
}

/// `/api/chat`.
pub(super) const NATIVE: Dialect = Dialect { options: true, limits: &[] };
/// `/v1/chat/completions`.
pub(super) const COMPLETIONS: Dialect =
    Dialect { options: false, limits: &["max_completion_tokens", "max_tokens"] };

/// What a message of ours is made of.
const BEFORE: &str = "{\"role\":\"system\",\"content\":";
const AFTER: &str = "},";

pub(super) fn read(request: &Object<'_>, dialect: &Dialect) -> Result<Asked, Unread> {
    let model = model(request)?;
    let Some(messages) = request.get("messages") else { return Err(Unread::Load) };
    let start = messages.offset() + 1;
    let (mut turns, mut more, mut first) = (Vec::new(), tools(request), None);
    for message in messages.list().ok_or(Unread::Unparsable)? {
        let message = message.object().ok_or(Unread::Unparsable)?;
        let said = Said::read(message.get("content")).ok_or(Unread::Unparsable)?;
        let role = message.text("role").ok_or(Unread::Unparsable)?;
        more += said.more + pictures(&message) + asides(&message);
        turns.push(said.turn(Role::of(&role.text)));
        first.get_or_insert(said);
    }
    let Some(first) = first else { return Err(Unread::Load) };
    let option = |name| if dialect.options { option(request, name) } else { None };
    let limit = dialect.limits.iter().find_map(|name| request.count(name));
    Ok(Asked {
        model,
        num_ctx: option("num_ctx"),
        num_predict: option("num_predict").or(limit),
        system: place(&turns, &first, start),
        tokens: total(&turns, more),
        turns,
    })
}

/// Returns where the core goes: at the end of a first system message, or into one of ours before all
/// others where there is none at all.
fn place(turns: &[Turn], first: &Said, start: usize) -> Place {
    if turns.first().is_some_and(|turn| turn.role == Role::System) {
        let end = first.last.as_ref().map(|text| text.end);
        return end.map_or(Place::Nowhere, |at| Place::End { at, text: first.text.clone() });
    }
    // A role that only the server knows may stand for a system message.
    let instructs = |turn: &Turn| matches!(turn.role, Role::System);
    let unknown = turns.first().is_some_and(|turn| turn.role == Role::Other);
    if unknown || turns.iter().any(instructs) {
        return Place::Nowhere;
    }
    Place::Absent { at: start, before: BEFORE, after: AFTER }
}

/// Returns the tokens of what a message holds beside its text.
fn asides(message: &Object<'_>) -> usize {
    let names = ["tool_calls", "thinking", "reasoning", "reasoning_content"];
    names.iter().filter_map(|name| message.get(name)).map(Value::raw).map(estimate).sum()
}
