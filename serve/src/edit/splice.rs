//! Putting text into a body, without a copy of what was there.

use bytes::Bytes;

/// Text that comes into a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insertion {
    /// The offset of the byte before which it comes.
    pub at: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Returns the pieces of `body` with the insertions between them, in order.
///
/// What was sent is cut, never copied or changed; an insertion behind the end comes at the end.
pub fn splice(body: &Bytes, mut insertions: Vec<Insertion>) -> Vec<Bytes> {
    insertions.sort_by_key(|insertion| insertion.at);
    let mut pieces = Vec::with_capacity(insertions.len() * 2 + 1);
    let mut done = 0;
    for insertion in insertions {
        let at = insertion.at.min(body.len());
        if at > done {
            pieces.push(body.slice(done..at));
            done = at;
        }
        pieces.push(Bytes::from(insertion.bytes));
    }
    if done < body.len() {
        pieces.push(body.slice(done..));
    }
    pieces
}

/// Returns `text` as it stands inside a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or("").to_owned()
}
