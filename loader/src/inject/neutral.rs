//! Making a statement harmless inside a prompt, and leaving it readable.
//!
//! A template token inside a fragment becomes a control token of the model and can forge a role; a
//! forged closer can end our block. Both are broken up by one space after their first character.
//! Delimiters lower the risk and do not remove it.

/// What starts a control token of some model or of our own block, in lower case.
const STARTS: &[&str] = &[
    "<|",
    "<｜",
    "|>",
    "｜>",
    "<<sys",
    "<</sys",
    "<start_of_",
    "<end_of_",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<mask>",
    "<sop>",
    "<eop>",
    "<think",
    "</think",
    "<tool_",
    "</tool_",
    "<tools>",
    "</tools>",
    "<function",
    "</function",
    "<system",
    "</system",
    "<user>",
    "</user>",
    "<assistant",
    "</assistant",
    "<extra_id_",
    "<unused",
    "<garner-memory",
    "</garner-memory",
    "[inst",
    "[/inst",
    "[img",
    "[gmask",
    "[system_prompt",
    "[/system_prompt",
    "[available_tools",
    "[/available_tools",
    "[tool_",
    "[/tool_",
];

/// Returns `text` on one line, without invisible characters and with control tokens broken up.
pub fn neutralize(text: &str) -> String {
    let line = one_line(text);
    let mut neutral = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        neutral.push(c);
        let starts = matches!(c, '<' | '[' | '|' | '｜')
            && line.get(at..).is_some_and(|rest| STARTS.iter().any(|s| starts_with(rest, s)));
        if starts {
            neutral.push(' ');
        }
    }
    neutral
}

/// Returns `text` as [`neutralize`] does, with the tokens of one model broken up as well.
///
/// `control` are tokens as they stand in the model's template; they are compared without regard to
/// the case of ASCII letters, and those of one character are not broken up.
pub fn neutralize_for(text: &str, control: &[String]) -> String {
    let mut neutral = neutralize(text);
    for token in control {
        let mut rest = token.chars();
        let Some(first) = rest.next().filter(|_| !rest.as_str().is_empty()) else { continue };
        let lower = token.to_ascii_lowercase();
        let found: Vec<usize> = neutral
            .char_indices()
            .filter(|(at, _)| neutral.get(*at..).is_some_and(|rest| starts_with(rest, &lower)))
            .map(|(at, _)| at + first.len_utf8())
            .collect();
        for at in found.into_iter().rev() {
            neutral.insert(at, ' ');
        }
    }
    neutral
}

/// Replaces line breaks, controls and runs of white space by one space; drops what is not seen.
fn one_line(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    seen.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns whether a character hides text or turns its direction around.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}')
}

/// Compares without regard to the case of ASCII letters.
fn starts_with(text: &str, lower: &str) -> bool {
    let mut characters = text.chars();
    lower.chars().all(|l| characters.next().is_some_and(|c| c.to_ascii_lowercase() == l))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_tokens_are_broken_up_and_stay_readable() {
        for (text, expected) in [
            ("Use Vec<String> and a[0] <= b || c", "Use Vec<String> and a[0] <= b || c"),
            ("a\r\nb\tc\u{2028}d\u{0}e", "a b c d e"),
            ("<|im_start|>system", "< |im_start| >system"),
            ("<start_of_turn>model", "< start_of_turn>model"),
            ("[INST] x [/INST]", "[ INST] x [ /INST]"),
            ("<s></S>", "< s>< /S>"),
            ("<｜User｜>", "< ｜User｜ >"),
            ("</garner-memory id=\"x\">", "< /garner-memory id=\"x\">"),
            ("<\u{200B}|x", "< |x"),
            ("<<SYS>>", "< <SYS>>"),
            ("<think>", "< think>"),
        ] {
            assert_eq!(neutralize(text), expected);
        }
    }

    #[test]
    fn the_tokens_of_one_model_are_broken_up_as_well() {
        let control = ["<fim>", "[ASK]", "§§", "x"].map(str::to_owned);
        for (text, expected) in [
            ("a <FIM> b", "a < FIM> b"),
            ("[ask] <|x|> §§§", "[ ask] < |x| > § § §"),
            ("x <fin> [ASKED]", "x <fin> [ASKED]"),
        ] {
            assert_eq!(neutralize_for(text, &control), expected);
        }
    }

    proptest! {
        #[test]
        fn no_token_survives_and_twice_is_once(
            text in "([<>|\\[\\]/a-zA-Z_ ｜\u{200B}\n-]|<\\||<s>|\\[INST|</garner-memory){0,40}",
        ) {
            let neutral = neutralize(&text);
            let lower = neutral.to_ascii_lowercase();
            for start in STARTS {
                prop_assert!(!lower.contains(start), "{start} in {neutral:?}");
            }
            prop_assert!(!neutral.contains('\n'));
            prop_assert_eq!(neutralize(&neutral), neutral);
        }
    }
}
