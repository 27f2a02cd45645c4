//! What decides about a value that only the name in front of it announces.

/// Returns the Shannon entropy of a value in bits per byte.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Returns whether a value is an expression of a program rather than a literal.
pub(super) fn is_code(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let starts = ["process.env", "os.environ", "env.", "env(", "$", "config.", "self.", "this."];
    starts.iter().any(|start| text.starts_with(start))
        || text.contains('(')
        || text.split('.').count() > 1
            && text.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            })
}

/// Returns whether a value stands for a password without being one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(value).to_lowercase();
    let words = [
        "string",
        "required",
        "optional",
        "undefined",
        "example",
        "placeholder",
        "your",
        "xxxx",
        "****",
        "....",
        "<",
        "{",
        "null",
        "none",
        "true",
        "false",
        "text",
        "field",
        "option",
    ];
    words.iter().any(|word| lower.starts_with(word))
}
