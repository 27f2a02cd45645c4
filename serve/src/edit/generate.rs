//! `/api/generate`: one prompt.

use super::fields::{Object, Value};
use super::reading::{Asked, Place, Role, Turn, Unread, model, option, pictures, total};

pub(super) fn read(request: &Object<'_>) -> Result<Asked, Unread> {
    let model = model(request)?;
    if request.is_true("raw") {
        return Err(Unread::Raw);
    }
    if request.text("suffix").is_some_and(|suffix| !suffix.text.is_empty()) {
        return Err(Unread::Suffix);
    }
    if request.get("context").and_then(Value::list).is_some_and(|tokens| !tokens.is_empty()) {
        return Err(Unread::Context);
    }
    let prompt = match request.get("prompt").map(Value::text) {
        None => return Err(Unread::Load),
        Some(None) => return Err(Unread::Unparsable),
        Some(Some(prompt)) if prompt.text.is_empty() => return Err(Unread::Load),
        Some(Some(prompt)) => prompt,
    };
    let system = Place::of_member(request, "system", "\"system\":");
    let mut turns = Vec::new();
    if let Place::End { text, .. } = &system {
        turns.push(Turn { role: Role::System, text: text.clone(), at: None });
    }
    turns.push(Turn { role: Role::User, text: prompt.text, at: Some(prompt.start) });
    Ok(Asked {
        model,
        num_ctx: option(request, "num_ctx"),
        num_predict: option(request, "num_predict"),
        system,
        tokens: total(&turns, pictures(request)),
        turns,
    })
}
