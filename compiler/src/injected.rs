//! Garner's own block in a prompt, recognised and removed before any rule sees it.
//!
//! The loader writes `<garner-memory id="NONCE">` … `</garner-memory id="NONCE">`; what was
//! remembered once is never learned again from its own repetition.

use std::borrow::Cow;

/// How the opening line of a block starts, whatever attributes follow.
pub const OPENER: &str = "<garner-memory";
/// How the closing line of a block starts, whatever attributes follow.
pub const CLOSER: &str = "</garner-memory";

/// Returns `text` without any injected block, tags included.
///
/// A block that is not closed reaches to the end: losing text is safer than learning it again.
pub fn strip(text: &str) -> Cow<'_, str> {
    without(text, |_| String::new())
}

/// Returns `text` with empty lines in the place of any injected block, so that the lines behind it
/// keep their numbers.
pub(crate) fn blank(text: &str) -> Cow<'_, str> {
    without(text, |block| "\n".repeat(block.matches('\n').count()))
}

/// Returns `text` with what `fill` makes of each injected block in its place.
fn without(text: &str, fill: impl Fn(&str) -> String) -> Cow<'_, str> {
    if !text.contains(OPENER) && !text.contains(CLOSER) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, block)) = rest.split_once(OPENER) {
        kept.push_str(before);
        rest = after_block(block);
        kept.push_str(&fill(block.strip_suffix(rest).unwrap_or(block)));
    }
    kept.push_str(rest);
    // A closer without its opener ends a block that started before this text.
    match kept.rfind(CLOSER).and_then(|at| kept.get(at + CLOSER.len()..)) {
        Some(tail) => {
            let tail = after_tag(tail);
            let head = kept.strip_suffix(tail).unwrap_or_default();
            Cow::Owned(fill(head) + tail)
        }
        None => Cow::Owned(kept),
    }
}

/// Returns what follows the closing tag of the block that `block` is inside of, counting blocks
/// within blocks.
fn after_block(block: &str) -> &str {
    let (mut rest, mut depth) = (block, 1_usize);
    while depth > 0 {
        let Some(close) = rest.find(CLOSER) else { return "" };
        let open = rest.find(OPENER).filter(|open| *open < close);
        let (at, length) = match open {
            Some(open) => (open, OPENER.len()),
            None => (close, CLOSER.len()),
        };
        depth = if open.is_some() { depth + 1 } else { depth - 1 };
        rest = rest.get(at + length..).unwrap_or_default();
    }
    after_tag(rest)
}

/// Returns what follows the `>` that ends a tag; everything where the tag does not end.
fn after_tag(tail: &str) -> &str {
    match tail.split_once('>') {
        Some((attributes, rest)) if !attributes.contains('\n') => rest,
        _ => tail.split_once('\n').map_or("", |(_, rest)| rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_removed_wherever_it_stands() {
        let block = "<garner-memory id=\"n1\">\n- Always use tabs.\n</garner-memory id=\"n1\">";
        let rows = [
            ("no block", "no block"),
            (&*format!("a{block}b"), "ab"),
            (&*format!("{block}{block}b"), "b"),
            ("a<garner-memory>never closed", "a"),
            ("late part</garner-memory id=\"n1\">b", "b"),
            ("a<garner-memory>x<garner-memory>y</garner-memory>z</garner-memory>b", "ab"),
            ("a<garner-memory id=\"1\" v=2>x</garner-memory>b", "ab"),
        ];
        for (text, expected) in rows {
            assert_eq!(strip(text), expected, "{text}");
            let (blank, lines) = (blank(text), text.matches('\n').count());
            assert_eq!(blank.matches('\n').count(), lines, "{text}");
            assert_eq!(blank.replace('\n', ""), expected, "{text}");
        }
    }
}
