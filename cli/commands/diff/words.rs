//! Two texts word by word: what stays, what goes, what comes.

use anstyle::{AnsiColor, Effects, Style};
use similar::{Algorithm, DiffOp, capture_diff_slices, diff_ratio};
use unicode_width::UnicodeWidthStr as _;

use crate::output::{Look, styled};
use crate::table;

/// Words that only the older text has.
const OLD: Style = AnsiColor::Red.on_default().effects(Effects::STRIKETHROUGH);
/// Words that only the newer text has.
const NEW: Style = AnsiColor::Green.on_default();

/// The smallest share of common words for which a mix of both texts can be read.
const ALIKE: f32 = 0.3;
/// How many words stay beside a change where many are the same.
const BESIDE: usize = 8;
/// From this width on, a terminal has room for two columns.
const WIDE: usize = 100;
/// The narrowest column that is worth its line breaks.
const NARROW: usize = 20;
/// What stands between two columns.
const BETWEEN: &str = " | ";

/// Which of two texts has a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Old,
    New,
}

impl Side {
    fn dress(self, text: &str) -> String {
        match self {
            Self::Both => text.to_owned(),
            Self::Old => styled(text, OLD),
            Self::New => styled(text, NEW),
        }
    }

    /// Returns what stands around words of this side where there are no colors.
    const fn marks(self) -> (&'static str, &'static str) {
        match self {
            Self::Both => ("", ""),
            Self::Old => ("[-", "-]"),
            Self::New => ("{+", "+}"),
        }
    }
}

/// A word, and whether it follows the one before without a space.
#[derive(Debug, Clone)]
struct Word {
    text: String,
    side: Side,
    joined: bool,
}

/// Returns two texts as lines that show what changed: beside each other where there is room, else
/// mixed. Every line starts with `indent` spaces.
pub(super) fn lines(old: &str, new: &str, indent: usize, look: Look) -> String {
    // What would redraw the terminal is made visible before anything else looks at it.
    let (old, new) = (table::one_line(old, usize::MAX), table::one_line(new, usize::MAX));
    let words = compare(&old, &new);
    let width = look.width.unwrap_or(table::WIDTH).saturating_sub(indent);
    let rows = match look.width.filter(|width| *width >= WIDE) {
        Some(_) => side_by_side(&words, width, look.colored),
        None => {
            let words = marked(&words, look.colored, width);
            wrap(&words, width).iter().map(|line| dress(line)).collect()
        }
    };
    let rows: Vec<String> =
        rows.iter().map(|row| format!("{:indent$}{}\n", "", row.trim_end())).collect();
    rows.concat()
}

/// Returns the words of both texts, in the order in which a mix of them is read.
fn compare(old: &str, new: &str) -> Vec<Word> {
    let old: Vec<&str> = old.split(' ').collect();
    let new: Vec<&str> = new.split(' ').collect();
    let ops = capture_diff_slices(Algorithm::Histogram, &old, &new);
    let mut words = Vec::new();
    let mut push = |texts: Option<&[&str]>, side| {
        let word = |text: &&str| Word { text: (*text).to_owned(), side, joined: false };
        words.extend(texts.unwrap_or_default().iter().map(word));
    };
    if diff_ratio(&ops, old.len(), new.len()) < ALIKE {
        push(Some(&old), Side::Old);
        push(Some(&new), Side::New);
        return words;
    }
    let last = ops.len().saturating_sub(1);
    for (place, op) in ops.iter().enumerate() {
        let (of_old, of_new) = (old.get(op.old_range()), new.get(op.new_range()));
        match op {
            DiffOp::Equal { .. } => {
                let (start, end) = ends(of_old.unwrap_or_default(), place == 0, place == last);
                push(Some(start), Side::Both);
                if let Some(end) = end {
                    push(Some(&["…"]), Side::Both);
                    push(Some(end), Side::Both);
                }
            }
            _ => {
                push(of_old, Side::Old);
                push(of_new, Side::New);
            }
        }
    }
    words
}

/// Returns the start and the end of words that are the same, where there are too many to show.
fn ends<'a, 'b>(
    words: &'a [&'b str],
    first: bool,
    last: bool,
) -> (&'a [&'b str], Option<&'a [&'b str]>) {
    let (before, after) = (if first { 0 } else { BESIDE }, if last { 0 } else { BESIDE });
    if words.len() <= 3 * BESIDE {
        return (words, None);
    }
    let end = words.len() - after;
    (words.get(..before).unwrap_or_default(), words.get(end..))
}

/// Returns the words with marks where there are no colors, cut where one is wider than a line.
fn marked(words: &[Word], colored: bool, width: usize) -> Vec<Word> {
    let mut marked = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let (before, after) =
            (place.checked_sub(1).and_then(|p| words.get(p)), words.get(place + 1));
        let mut word = word.clone();
        if !colored {
            let (open, close) = word.side.marks();
            if before.is_none_or(|before| before.side != word.side) {
                word.text = format!("{open}{}", word.text);
                // An old part and its new one stand together, as git writes them.
                word.joined = before.is_some_and(|b| b.side == Side::Old && word.side == Side::New);
            }
            if after.is_none_or(|after| after.side != word.side) {
                word.text.push_str(close);
            }
        }
        cut(word, width, &mut marked);
    }
    marked
}

/// Adds a word in pieces of at most `width` columns.
fn cut(word: Word, width: usize, pieces: &mut Vec<Word>) {
    let Word { text, side, mut joined } = word;
    let mut piece = String::new();
    for c in text.chars() {
        let mut longer = piece.clone();
        longer.push(c);
        if longer.width() > width && !piece.is_empty() {
            pieces.push(Word { text: std::mem::take(&mut piece), side, joined });
            joined = true;
        }
        piece.push(c);
    }
    pieces.push(Word { text: piece, side, joined });
}

/// Returns the words in lines of at most `width` columns.
fn wrap(words: &[Word], width: usize) -> Vec<Vec<Word>> {
    let (mut lines, mut used) = (vec![Vec::new()], 0);
    for word in words {
        let space = usize::from(!word.joined && used > 0);
        let needed = space + word.text.width();
        if used > 0 && used + needed > width {
            lines.push(Vec::new());
            used = 0;
        }
        used += if used == 0 { word.text.width() } else { needed };
        if let Some(line) = lines.last_mut() {
            line.push(word.clone());
        }
    }
    lines
}

/// Returns a line of words, each in the color of its side.
fn dress(line: &[Word]) -> String {
    let (mut dressed, mut run) = (String::new(), None::<(Side, String)>);
    for (place, word) in line.iter().enumerate() {
        let space = if place > 0 && !word.joined { " " } else { "" };
        match &mut run {
            Some((side, text)) if *side == word.side => {
                text.push_str(&format!("{space}{}", word.text));
            }
            _ => {
                if let Some((side, text)) = run.take() {
                    dressed.push_str(&side.dress(&text));
                }
                dressed.push_str(space);
                run = Some((word.side, word.text.clone()));
            }
        }
    }
    if let Some((side, text)) = run {
        dressed.push_str(&side.dress(&text));
    }
    dressed
}

/// Returns the older text in a left column and the newer one in a right one.
fn side_by_side(words: &[Word], width: usize, colored: bool) -> Vec<String> {
    let column = (width.saturating_sub(BETWEEN.len()) / 2).max(NARROW);
    let of = |side: Side| {
        let words: Vec<Word> = words.iter().filter(|word| word.side != side).cloned().collect();
        wrap(&marked(&words, colored, column), column)
    };
    let (left, right) = (of(Side::New), of(Side::Old));
    let rows = 0..left.len().max(right.len());
    let row = |n: usize| {
        let (left, right) = (left.get(n).map_or(&[][..], Vec::as_slice), right.get(n));
        let used = plain_width(left);
        let pad = column.saturating_sub(used);
        let right = right.map_or_else(String::new, |line| dress(line));
        format!("{}{:pad$}{BETWEEN}{right}", dress(left), "")
    };
    rows.map(row).collect()
}

fn plain_width(line: &[Word]) -> usize {
    let spaces = line.iter().skip(1).filter(|word| !word.joined).count();
    spaces + line.iter().map(|word| word.text.width()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the lines as they are where there are no colors.
    fn plain(old: &str, new: &str, indent: usize, width: Option<usize>) -> String {
        let shown = lines(old, new, indent, Look { width, colored: false });
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn changed_words_are_marked() {
        for (old, new, expected) in [
            ("Use A here.", "Use B here.", "Use [-A-]{+B+} here.\n"),
            ("Run it.", "Run it twice.", "Run [-it.-]{+it twice.+}\n"),
            ("Keep the old file.", "Keep the file.", "Keep the [-old-] file.\n"),
            ("Keep the file.", "Always keep the file.", "[-Keep-]{+Always keep+} the file.\n"),
            ("same  words", "same words", "same words\n"),
            // Hardly a word in common: the texts are not mixed.
            ("a b c d e", "f g c h i", "[-a b c d e-]{+f g c h i+}\n"),
            ("x\u{1b}[31m y z", "x\u{202E} y z", "[-x\u{FFFD}[31m-]{+x\u{FFFD}+} y z\n"),
        ] {
            assert_eq!(plain(old, new, 0, None), expected);
        }
    }

    #[test]
    fn what_is_the_same_for_long_is_left_out() {
        let same = "w ".repeat(60);
        let shown = plain(&format!("{same}A {same}"), &format!("{same}B {same}"), 0, None);
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!(words[0], "…");
        assert_eq!(words[1 + BESIDE], "[-A-]{+B+}");
        assert_eq!(words.last(), Some(&"…"));
    }

    #[test]
    fn two_columns_stand_beside_each_other_where_there_is_room() {
        let old = "Run `cargo test` before every commit, and push only what passes all of it.";
        let new = "Run `cargo nextest run` before every commit, and push only what passes it.";
        let shown = plain(old, new, 4, Some(100));
        let rows: Vec<&str> = shown.lines().collect();
        assert_eq!(
            rows,
            [
                "    Run `cargo [-test`-] before every commit, and  | Run `cargo {+nextest run`+} before every",
                "    push only what passes [-all of-] it.           | commit, and push only what passes it.",
            ]
        );
        // Characters may be wider than a column.
        let shown = plain("時間は UTC で保存", "時刻は UTC で表示", 0, Some(100));
        let column = |line: &str| line.split(" | ").next().unwrap().width();
        assert!(shown.lines().all(|line| column(line) == 48), "{shown}");
    }

    #[test]
    fn colors_stand_for_the_marks() {
        let look = Look { width: None, colored: true };
        let shown = lines("Use A here.", "Use B here.", 0, look);
        assert_eq!(shown, format!("Use {} {} here.\n", styled("A", OLD), styled("B", NEW)));
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_word_is_lost(
            old in "[a-c]{1,30}( [a-c]{1,30}){0,20}",
            new in "[a-c]{1,30}( [a-c]{1,30}){0,20}",
            width in 60_usize..160,
        ) {
            let shown = plain(&old, &new, 4, Some(width));
            prop_assert!(shown.lines().all(|line| line.width() <= width), "{}", shown);
            let words = compare(&old, &new);
            let of = |side| {
                let texts = words.iter().filter(|word| word.side != side).map(|w| w.text.as_str());
                texts.collect::<Vec<_>>().join(" ")
            };
            if !words.iter().any(|word| word.text == "…") {
                prop_assert_eq!(of(Side::New), old);
                prop_assert_eq!(of(Side::Old), new);
            }
        }
    }
}
