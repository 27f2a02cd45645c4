//! `/v1/messages`: the system text beside the messages, each a string or a list of blocks.

use super::fields::{Object, Value};
use super::reading::{Asked, Place, Role, Said, Turn, Unread, model, tools, total};

/// What a member of ours starts with.
const BEFORE: &str = "\"system\":";

pub(super) fn read(request: &Object<'_>) -> Result<Asked, Unread> {
    let model = model(request)?;
    let Some(messages) = request.get("messages") else { return Err(Unread::Load) };
    let (mut turns, mut more) = (Vec::new(), tools(request));
    let system = place(request)?;
    if !system.text().is_empty() {
        turns.push(Turn { role: Role::System, text: system.text().to_owned(), at: None });
    }
    let before = turns.len();
    let mut second = false;
    for message in messages.list().ok_or(Unread::Unparsable)? {
        let message = message.object().ok_or(Unread::Unparsable)?;
        let said = Said::read(message.get("content")).ok_or(Unread::Unparsable)?;
        let role = message.text("role").ok_or(Unread::Unparsable)?;
        more += said.more;
        let turn = said.turn(Role::of(&role.text));
        second |= turn.role == Role::System;
        turns.push(turn);
    }
    if turns.len() == before {
        return Err(Unread::Load);
    }
    let tokens = total(&turns, more);
    let system = if second { Place::Nowhere } else { system };
    Ok(Asked {
        model,
        num_ctx: None,
        num_predict: request.count("max_tokens"),
        system,
        turns,
        tokens,
    })
}

/// Returns where the core goes: the server joins the text blocks of a list.
fn place(request: &Object<'_>) -> Result<Place, Unread> {
    let Some(blocks) = request.get("system").and_then(Value::list) else {
        return Ok(Place::of_member(request, "system", BEFORE));
    };
    if blocks.is_empty() {
        return Ok(Place::Nowhere);
    }
    let said = Said::read(request.get("system")).ok_or(Unread::Unparsable)?;
    Ok(match said.last {
        Some(last) if said.text.is_empty() => Place::Empty { at: last.end },
        Some(last) => Place::End { at: last.end, text: said.text },
        None => Place::Nowhere,
    })
}
