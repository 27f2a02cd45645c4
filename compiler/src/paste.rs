//! The paste guard: what a person's turn holds is not always the person's own word.
//!
//! A turn that is a far outlier in length is a paste, and so are code fences and quotations.

use garner_kernel::{Text, Trust};

use crate::session::{Event, Turn};

/// How many human turns the quartiles need to mean something.
const ENOUGH_TURNS: usize = 8;
/// The shortest turn, in characters, that can be a paste.
const SHORTEST_PASTE: usize = 1_000;
/// The limit where there are too few turns to compare with.
const FALLBACK: usize = 4_000;

/// Lowers human turns that are far outliers in length to tool text; returns how many of them stand
/// after line `from_line`.
pub(crate) fn guard(turns: &mut [Turn], from_line: u32) -> u32 {
    let mut lengths: Vec<usize> = turns
        .iter()
        .flat_map(|turn| &turn.events)
        .filter_map(|event| match event {
            Event::Spoke { trust: Trust::Human, text } => Some(text.as_str().chars().count()),
            _ => None,
        })
        .collect();
    lengths.sort_unstable();
    let limit = limit(&lengths);
    let mut pasted = 0;
    for turn in turns {
        let new = u32::from(turn.line > from_line);
        for event in &mut turn.events {
            pasted += new * lower(event, limit);
        }
    }
    pasted
}

/// Lowers an event that is longer than `limit`; returns how many texts that concerned.
fn lower(event: &mut Event, limit: usize) -> u32 {
    match event {
        Event::Spoke { trust: trust @ Trust::Human, text }
        | Event::Refused { reason: text, trust: trust @ Trust::Human }
            if text.as_str().chars().count() > limit =>
        {
            *trust = Trust::Tool;
            1
        }
        Event::Answered { answers } => {
            let before = answers.len();
            answers.retain(|answer| answer.given.as_str().chars().count() <= limit);
            u32::try_from(before - answers.len()).unwrap_or(u32::MAX)
        }
        _ => 0,
    }
}

/// Returns the length above which a turn is a paste: Tukey's far fence, Q3 + 3 IQR.
fn limit(sorted: &[usize]) -> usize {
    let quartile = |quarter: usize| sorted.get(sorted.len() * quarter / 4).copied();
    match (quartile(1), quartile(3)) {
        (Some(low), Some(high)) if sorted.len() >= ENOUGH_TURNS => {
            (high + 3 * (high - low)).clamp(SHORTEST_PASTE, FALLBACK)
        }
        _ => FALLBACK,
    }
}

/// Returns the person's own words: without code fences and quoted lines.
pub(crate) fn own_words(text: &Text) -> String {
    parted(text).0
}

/// Returns the person's own words, and what stands in code fences and quoted lines.
pub(crate) fn parted(text: &Text) -> (String, String) {
    let (mut own, mut quoted) = (String::new(), String::new());
    let mut fenced = false;
    for line in text.as_str().lines() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        let part = if fenced || start.starts_with('>') { &mut quoted } else { &mut own };
        part.push_str(line);
        part.push('\n');
    }
    (own.trim().to_owned(), quoted.trim().to_owned())
}
