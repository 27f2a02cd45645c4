//! Columns of text, and lines that fit a terminal.

use garner_kernel::Fragment;

use crate::output;

/// Returns rows as left-aligned columns, two spaces apart.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Returns text as one line of at most `width` characters, ending in an ellipsis if it was cut.
///
/// Control and invisible direction characters become visible, so that no text can hide or redraw
/// anything on a terminal.
pub(crate) fn one_line(text: &str, width: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().map(visible).collect();
    if line.chars().count() <= width {
        return line;
    }
    let cut: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Returns `text` with characters that would redraw or hide something made visible; line feeds and
/// our own styles stay.
pub(crate) fn without_tricks(text: &str) -> String {
    let styles =
        [output::RED, output::BOLD].map(|style| (format!("{style}"), format!("{style:#}")));
    let mut rest = text;
    let mut clean = String::new();
    while let Some(c) = rest.chars().next() {
        let marks = styles.iter().flat_map(|(on, off)| [on, off]);
        let own =
            marks.filter(|mark| !mark.is_empty()).find(|mark| rest.starts_with(mark.as_str()));
        if let Some(mark) = own {
            clean.push_str(mark);
            rest = rest.strip_prefix(mark.as_str()).unwrap_or_default();
            continue;
        }
        clean.push(if c == '\n' { c } else { visible(c) });
        rest = rest.strip_prefix(c).unwrap_or_default();
    }
    clean
}

/// Returns the same character, or the replacement character for one that would not be seen.
fn visible(c: char) -> char {
    let hidden = c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(c, '\u{E0000}'..='\u{E007F}' | '\u{FEFF}' | '\u{AD}' | '\u{61C}' | '\u{180E}');
    if hidden { char::REPLACEMENT_CHARACTER } else { c }
}

/// Returns a fragment as text: short id, kind, trust and date, and the statement in at most
/// `lines` lines beside them.
pub(crate) fn fragment_lines(fragment: &Fragment, lines: usize) -> String {
    let head = format!(
        "{}  {:10}  {:9}  {}  ",
        fragment.id.short(),
        fragment.kind,
        fragment.trust,
        fragment.created.date()
    );
    beside(&head, fragment.statement.as_str(), lines)
}

/// Returns `head`, and `text` wrapped beside it in at most `lines` lines.
pub(crate) fn beside(head: &str, text: &str, lines: usize) -> String {
    beside_within(head, text, lines, WIDTH)
}

/// Returns the same as [`beside`], for lines of `width` characters.
pub(crate) fn beside_within(head: &str, text: &str, lines: usize, width: usize) -> String {
    let indent = head.chars().count();
    let width = width.saturating_sub(indent).max(30);
    let text = one_line(text, width * lines);
    let mut wrapped = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = wrapped.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            wrapped.push(word.to_owned());
        }
    }
    format!("{head}{}\n", wrapped.join(&format!("\n{:indent$}", "")))
}

/// The width of lines that people read.
pub(crate) const WIDTH: usize = 110;

/// Returns a count and its noun, in the plural where it is not one.
pub(crate) fn count<N>(number: N, noun: &str) -> String
where
    N: std::fmt::Display + PartialEq + From<u8> + Copy,
{
    if number == N::from(1) { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_made_visible() {
        for (text, width, expected) in [
            ("short", 10, "short"),
            ("two\n lines", 20, "two lines"),
            ("0123456789", 5, "0123…"),
            ("a\u{202E}b\u{1b}[31m", 20, "a\u{FFFD}b\u{FFFD}[31m"),
            ("\u{200B}\u{2060}\u{E0041}\u{AD}", 20, "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ] {
            assert_eq!(one_line(text, width), expected);
        }
    }

    #[test]
    fn texts_wrap_beside_their_heads() {
        let text = "word ".repeat(40);
        let shown = beside("id  ", &text, 2);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.len() >= 2 && lines.iter().all(|line| line.chars().count() <= WIDTH + 1));
        assert!(lines[1].starts_with("    word"));
        assert_eq!(beside("id  ", "short", 2), "id  short\n");
    }

    #[test]
    fn errors_cannot_redraw_the_terminal() {
        let own = output::styled("error:", output::RED);
        let text = format!("{own} `\u{1b}]0;x\u{7}`\n");
        assert_eq!(without_tricks(&text), format!("{own} `\u{FFFD}]0;x\u{FFFD}`\n"));
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(columns(&rows), "a    bb\nccc  d\n");
    }
}
