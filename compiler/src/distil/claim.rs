//! One proposal of a model, before anything of it is believed.

use garner_kernel::Kind;
use serde_json::Value;

use super::prompt::{MAX_QUOTE, MAX_STATEMENT};

/// What a model says: a statement, and where the record is said to bear it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) quote: String,
    pub(super) record: u32,
    pub(super) kind: Kind,
    /// Whether the model takes it to hold beyond the session.
    pub(super) lasting: bool,
    pub(super) statement: String,
}

impl Claim {
    /// Reads a proposal.
    ///
    /// # Errors
    /// The word under which it is counted, where it is not of the shape that was asked for.
    pub(super) fn read(value: &Value) -> Result<Self, &'static str> {
        const SHAPE: &str = "of no known shape";
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::trim);
        let quote = text("evidence_quote").ok_or(SHAPE)?;
        let statement = text("statement").ok_or(SHAPE)?;
        // Some models write numbers as texts, or copy the bracket along.
        let number = value.get("evidence_record").ok_or(SHAPE)?;
        let record = match number {
            Value::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
            Value::String(text) => {
                text.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok()
            }
            _ => None,
        };
        let record = record.ok_or("cites no record")?;
        let kind = text("kind").ok_or(SHAPE)?.parse::<Kind>().map_err(|_| "of no known kind")?;
        let lasting = match text("lasts") {
            Some("long") => true,
            Some("session") => false,
            _ => return Err(SHAPE),
        };
        let long = |text: &str, limit| text.chars().count() > limit;
        if long(quote, MAX_QUOTE) || long(statement, MAX_STATEMENT) {
            return Err("too long");
        }
        if !statement.chars().any(char::is_alphanumeric) {
            return Err(SHAPE);
        }
        // A statement is one line; what would break out of a listing is joined.
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { quote: quote.to_owned(), record, kind, lasting, statement })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proposal_has_the_shape_that_was_asked_for_or_is_counted() {
        let good = json!({
            "evidence_quote": "use tabs", "evidence_record": 4, "kind": "rule", "lasts": "long",
            "statement": "Use\ntabs.",
        });
        let claim = Claim::read(&good).unwrap();
        assert_eq!((claim.record, claim.kind, claim.lasting), (4, Kind::Rule, true));
        assert_eq!(claim.statement, "Use tabs.");
        let rows = [
            ("evidence_record", json!("[4 human]"), Ok(())),
            ("evidence_record", json!(-4), Err("cites no record")),
            ("evidence_record", json!("four"), Err("cites no record")),
            ("evidence_record", json!(null), Err("cites no record")),
            ("evidence_quote", json!(1), Err("of no known shape")),
            ("kind", json!("secret"), Err("of no known kind")),
            ("lasts", json!("forever"), Err("of no known shape")),
            ("statement", json!("…"), Err("of no known shape")),
            ("statement", json!("x".repeat(MAX_STATEMENT + 1)), Err("too long")),
            ("evidence_quote", json!("x".repeat(MAX_QUOTE + 1)), Err("too long")),
        ];
        for (field, value, expected) in rows {
            let mut claim = good.clone();
            claim[field] = value;
            assert_eq!(Claim::read(&claim).map(drop), expected, "{claim}");
        }
        assert_eq!(Claim::read(&json!("use tabs")), Err("of no known shape"));
    }
}
