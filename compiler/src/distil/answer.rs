//! Reads the answer of a model: JSON of the shape that was asked for, or nothing.

use serde_json::Value;

use super::prompt::MAX_PROPOSALS;

/// What is wrong with an answer as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It is no JSON object with a list of proposals.
    Json,
    /// It is the schema, not something of its shape.
    Schema,
}

impl Malformed {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "bad JSON",
            Self::Schema => "schema echoed back",
        }
    }
}

/// Returns the proposals of an answer, and how many more there were than are looked at.
pub(super) fn proposals(text: &str) -> Result<(Vec<Value>, usize), Malformed> {
    let value: Value = serde_json::from_str(unfenced(text)).map_err(|_| Malformed::Json)?;
    let object = value.as_object().ok_or(Malformed::Json)?;
    let list = match object.get("proposals") {
        Some(Value::Array(list)) => list,
        Some(Value::Object(list)) if list.contains_key("items") => return Err(Malformed::Schema),
        None if object.contains_key("properties") => return Err(Malformed::Schema),
        _ => return Err(Malformed::Json),
    };
    // A list that holds what one proposal looks like, and no proposal.
    if !list.is_empty() && list.iter().all(|item| item.get("properties").is_some()) {
        return Err(Malformed::Schema);
    }
    let more = list.len().saturating_sub(MAX_PROPOSALS);
    Ok((list.iter().take(MAX_PROPOSALS).cloned().collect(), more))
}

/// Returns a text without the code fence that models like to put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) else {
        return text;
    };
    inner.strip_prefix("json").unwrap_or(inner).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_what_looks_like_one() {
        let schema = super::super::schema(super::super::SchemaStyle::Bounded);
        let item = schema["properties"]["proposals"]["items"].clone();
        let rows = [
            (r#"{"proposals":[]}"#.to_owned(), Ok(0)),
            ("\n```json\n{\"proposals\":[{}]}\n```\n".to_owned(), Ok(1)),
            (r#"{"proposals":[1,2]} and more"#.to_owned(), Err(Malformed::Json)),
            (r#"{"proposals":[{"kind":"ru"#.to_owned(), Err(Malformed::Json)),
            ("[]".to_owned(), Err(Malformed::Json)),
            (String::new(), Err(Malformed::Json)),
            (r#"{"proposals":null}"#.to_owned(), Err(Malformed::Json)),
            (schema.to_string(), Err(Malformed::Schema)),
            (schema["properties"].to_string(), Err(Malformed::Schema)),
            (serde_json::json!({ "proposals": [item] }).to_string(), Err(Malformed::Schema)),
        ];
        for (text, expected) in rows {
            assert_eq!(proposals(&text).map(|(list, _)| list.len()), expected, "{text}");
        }
    }

    #[test]
    fn no_more_proposals_are_looked_at_than_were_asked_for() {
        let many = serde_json::json!({ "proposals": vec![1; MAX_PROPOSALS + 3] }).to_string();
        let (list, more) = proposals(&many).unwrap();
        assert_eq!((list.len(), more), (MAX_PROPOSALS, 3));
    }
}
