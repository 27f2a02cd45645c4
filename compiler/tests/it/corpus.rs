//! Reads the corpora in `tests/corpus`: secrets, poison, junk, each with what must survive.
//!
//! Each corpus has two files. Rules may be written with the first in view; the second, whose name
//! ends in `-held`, was written after the rules and is reported on its own. Of junk there are
//! more, of kinds that none before had in view.
//!
//! No file holds a credential: a secret is a list of parts that are joined here, and a part such as
//! `~hex:32` stands for that many signs in an order that the row's name decides.

#![allow(dead_code, reason = "tests and benchmarks take different parts of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a corpus that cannot be read is a failed test"
)]

use std::path::Path;

use serde_json::Value;

/// The half of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// Written before the rules.
    Open,
    /// Written after them.
    Held,
}

impl Half {
    pub(crate) const BOTH: [Self; 2] = [Self::Open, Self::Held];

    fn file(self, name: &str) -> String {
        let ending = if self == Self::Open { "" } else { "-held" };
        format!("{name}{ending}.jsonl")
    }
}

/// A credential and what stands around it.
pub(crate) struct Secret {
    pub(crate) name: String,
    /// The text, with the secret in it.
    pub(crate) text: String,
    pub(crate) value: String,
}

impl Secret {
    /// Returns the pieces of the secret that may stand nowhere.
    pub(crate) fn pieces(&self) -> Vec<String> {
        const PIECE: usize = 12;
        let plain: Vec<char> = self.value.chars().filter(|c| *c != '\n' && *c != '\\').collect();
        if self.value.contains("-----") {
            // The frame of a key is no secret, its body is.
            return plain
                .split(|c| *c == '-')
                .filter(|part| part.len() > 40)
                .map(|part| part.iter().skip(4).take(PIECE).collect())
                .collect();
        }
        // What every key of age begins with is no secret either.
        let public = ["AGE-SECRET", "-KEY-1"].concat();
        let pieces = plain.windows(PIECE.min(plain.len())).map(|piece| piece.iter().collect());
        pieces.filter(|piece: &String| !public.contains(piece)).collect()
    }
}

/// Returns the rows of a corpus.
pub(crate) fn rows(name: &str, half: Half) -> Vec<Value> {
    let text = read(&half.file(name));
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().filter(|line| !line.is_empty()).map(line).collect()
}

/// Returns a text of a row.
pub(crate) fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {row}"))
}

/// Returns the secrets of a half.
pub(crate) fn secrets(half: Half) -> Vec<Secret> {
    let planted = rows("secrets", half).into_iter().filter(|row| row["name"].is_string());
    planted
        .map(|row| {
            let name = text(&row, "name").to_owned();
            let parts = row["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
            let parts = parts.enumerate().map(|(at, part)| drawn(&name, at, part));
            let value: String = parts.collect();
            Secret { text: text(&row, "around").replace("{}", &value), name, value }
        })
        .collect()
}

/// Returns the texts of a half that look like secrets and are none.
pub(crate) fn look_alikes(half: Half) -> Vec<String> {
    let kept = rows("secrets", half).into_iter().filter(|row| row["keep"].is_string());
    kept.map(|row| text(&row, "keep").to_owned()).collect()
}

/// Returns what a part stands for: itself, or signs drawn from an alphabet.
fn drawn(name: &str, at: usize, part: &str) -> String {
    let Some((alphabet, length)) = part.strip_prefix('~').and_then(|part| part.split_once(':'))
    else {
        return part.to_owned();
    };
    let alphabet = match alphabet {
        "alnum" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "lower" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "alpha" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "hex" => "0123456789abcdef",
        "upper" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "digits" => "1234567890",
        "base64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "age" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        other => panic!("no alphabet `{other}`"),
    };
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ at as u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let signs: Vec<char> = alphabet.chars().collect();
    let draw = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        signs[usize::try_from(state >> 33).unwrap() % signs.len()]
    };
    (0..length.parse::<usize>().unwrap()).map(draw).collect()
}

/// One line of the corpus of junk.
pub(crate) struct Line {
    /// What is wrong with it; `wanted` if nothing is.
    pub(crate) class: String,
    /// Where it is said: `memory`, `summary`, or `answer` to a question.
    pub(crate) place: String,
    pub(crate) text: String,
}

/// Returns the lines of the corpus of junk, each once for every place where it is said.
pub(crate) fn lines(half: Half) -> Vec<Line> {
    let ending = if half == Half::Open { "" } else { "-held" };
    lines_of(&format!("junk{ending}.txt"))
}

/// Returns the lines of a later held file of junk, by its number: kinds that nobody had in view when
/// what was there before was written.
pub(crate) fn later_lines(number: u8) -> Vec<Line> {
    lines_of(&format!("junk-held-{number}.txt"))
}

fn lines_of(file: &str) -> Vec<Line> {
    let text = read(file);
    let (mut class, mut places, mut lines) = ("", Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(head) = line.strip_prefix("## ") {
            let (name, said) = head.split_once(" | ").unwrap_or_else(|| panic!("{line}"));
            (class, places) = (name, said.split(' ').collect());
            continue;
        }
        lines.extend(places.iter().map(|place| Line {
            class: class.to_owned(),
            place: (*place).to_owned(),
            text: line.to_owned(),
        }));
    }
    lines
}

/// Returns a file of the corpora, from the tests of the compiler or from the package above.
fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = ["tests/corpus", "compiler/tests/corpus"].map(|path| folder.join(path).join(file));
    let path = below.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no {file}"));
    std::fs::read_to_string(path).unwrap()
}
