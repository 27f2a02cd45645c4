//! `/v1/responses`: instructions, and an input that is one string or a list of items.

use garner_loader::inject::estimate;

use super::fields::{Object, Value};
use super::reading::{Asked, Place, Role, Said, Turn, Unread, model, tools, total};

/// What a member of ours starts with.
const BEFORE: &str = "\"instructions\":";

pub(super) fn read(request: &Object<'_>) -> Result<Asked, Unread> {
    let model = model(request)?;
    let Some(input) = request.get("input") else { return Err(Unread::Load) };
    let mut system = Place::of_member(request, "instructions", BEFORE);
    let mut turns = Vec::new();
    if !system.text().is_empty() {
        turns.push(Turn { role: Role::System, text: system.text().to_owned(), at: None });
    }
    let mut more = tools(request);
    let before = turns.len();
    if let Some(text) = input.text() {
        if text.text.is_empty() {
            return Err(Unread::Load);
        }
        turns.push(Turn { role: Role::User, text: text.text, at: Some(text.start) });
    } else {
        for (number, item) in input.list().ok_or(Unread::Unparsable)?.into_iter().enumerate() {
            let (turn, said) = turn(item)?;
            more += said.as_ref().map_or(0, |said| said.more);
            if is_instruction(item) && system.leaves_modelfile() {
                system = place(number, said);
            }
            turns.push(turn);
        }
    }
    if turns.len() == before {
        return Err(Unread::Load);
    }
    let tokens = total(&turns, more);
    let num_predict = request.count("max_output_tokens");
    Ok(Asked { model, num_ctx: None, num_predict, system, turns, tokens })
}

/// Reads an item: a message, or something that only the server knows.
fn turn(item: Value<'_>) -> Result<(Turn, Option<Said>), Unread> {
    let object = item.object().ok_or(Unread::Unparsable)?;
    let kind = object.text("type").map(|text| text.text);
    let role = object.text("role").map(|text| Role::of(&text.text));
    match (kind.as_deref(), role) {
        (None | Some("message"), Some(role)) => {
            let said = Said::read(object.get("content")).ok_or(Unread::Unparsable)?;
            Ok((said.turn(role), Some(said)))
        }
        _ => {
            // Calls and results of tools count as they stand.
            let more = estimate(item.raw());
            let said = Said { text: String::new(), first: None, last: None, more, of_tool: true };
            Ok((Turn { role: Role::Other, text: item.raw().to_owned(), at: None }, Some(said)))
        }
    }
}

/// Returns whether an item is a message that instructs.
fn is_instruction(item: Value<'_>) -> bool {
    let role = item.object().and_then(|object| object.text("role"));
    role.is_some_and(|role| ["system", "developer"].contains(&role.text.to_lowercase().as_str()))
}

/// Returns the place of an item that instructs: its own end where it comes first.
fn place(number: usize, said: Option<Said>) -> Place {
    let said = said.filter(|_| number == 0);
    let last = said.as_ref().and_then(|said| said.last.as_ref());
    match (last, &said) {
        (Some(last), Some(said)) => Place::End { at: last.end, text: said.text.clone() },
        _ => Place::Nowhere,
    }
}
