//! The body of `record`: the line of one change.

use garner_kernel::record::{line, parse};

/// Reads a line: what is accepted is written as the same line.
///
/// # Panics
/// If a record has two spellings.
pub fn record(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(change) = parse(text) {
        assert_eq!(line(&change), text, "a record has two spellings");
        assert!(!text.contains('\n') && change.revision() > 0);
    }
}
