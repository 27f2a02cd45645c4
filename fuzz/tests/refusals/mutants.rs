//! The ways in which a note or a file is changed, by class.

use garner_fuzz::json;

use crate::random::Random;

/// What is done to the bytes of a note or of any other part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    FlipBit,
    SetByte,
    Insert,
    Delete,
    Truncate,
    Extend,
    RepeatRange,
    SwapRanges,
    SwapFrames,
    SwapObjects,
    ReplaceNote,
    Number,
    Date,
    Name,
    ReorderKeys,
    RepeatKey,
    WhiteSpace,
    UpperCaseHex,
    Escape,
    RemoveSignature,
    RepeatSignature,
}

impl Class {
    pub(crate) const ALL: [Self; 21] = [
        Self::FlipBit,
        Self::SetByte,
        Self::Insert,
        Self::Delete,
        Self::Truncate,
        Self::Extend,
        Self::RepeatRange,
        Self::SwapRanges,
        Self::SwapFrames,
        Self::SwapObjects,
        Self::ReplaceNote,
        Self::Number,
        Self::Date,
        Self::Name,
        Self::ReorderKeys,
        Self::RepeatKey,
        Self::WhiteSpace,
        Self::UpperCaseHex,
        Self::Escape,
        Self::RemoveSignature,
        Self::RepeatSignature,
    ];

    /// The classes that spell the same statement in another way.
    pub(crate) const SPELLINGS: [Self; 5] =
        [Self::ReorderKeys, Self::RepeatKey, Self::WhiteSpace, Self::UpperCaseHex, Self::Escape];

    /// Whether the class needs the parts of a bundle.
    pub(crate) const fn is_of_bundles(self) -> bool {
        matches!(self, Self::SwapFrames | Self::SwapObjects)
    }

    /// Whether the class can change bytes that are no note.
    pub(crate) fn is_of_bytes(self) -> bool {
        self <= Self::SwapRanges
    }
}

/// Changes bytes of any kind.
pub(crate) fn bytes(class: Class, random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = random.below(bytes.len());
    let end = at + 1 + random.below((bytes.len() - at).min(64));
    match class {
        Class::FlipBit => bytes[at] ^= 1 << random.below(8),
        Class::SetByte => bytes[at] = random.byte(),
        Class::Insert => {
            let new: Vec<u8> = (0..=random.below(8)).map(|_| random.byte()).collect();
            bytes.splice(at..at, new);
        }
        Class::Delete => drop(bytes.drain(at..end)),
        Class::Truncate => bytes.truncate(at),
        Class::Extend => (0..=random.below(80)).for_each(|_| bytes.push(random.byte())),
        Class::RepeatRange => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, copy);
        }
        Class::SwapRanges => {
            let length = end - at;
            let other = random.below(bytes.len() - length + 1);
            (0..length).for_each(|step| bytes.swap(at + step, other + step));
        }
        other => unreachable!("{other:?} is not of bytes"),
    }
    bytes
}

/// Changes a note; `None` where the class finds nothing to change in it.
pub(crate) fn note(class: Class, random: &mut Random, good: &[u8]) -> Option<Vec<u8>> {
    if class.is_of_bytes() {
        return Some(bytes(class, random, good));
    }
    let note = std::str::from_utf8(good).unwrap();
    let (text, lines) = note.rsplit_once("\n\n").unwrap();
    let text = format!("{text}\n");
    let changed = match class {
        Class::RemoveSignature | Class::RepeatSignature => {
            let mut lines: Vec<&str> = lines.split_inclusive('\n').collect();
            if class == Class::RepeatSignature {
                for _ in 0..=random.below(40) {
                    let (line, at) = (*random.pick(&lines), random.below(lines.len()));
                    if random.below(3) > 0 { lines.insert(at, line) } else { lines[at] = line }
                }
            } else {
                lines.remove(random.below(lines.len()));
                let at = random.below(60);
                let line: String = note.chars().rev().skip(at).take(60).collect();
                let added = format!("\u{2014} ada {line}\n");
                return Some(match random.below(3) {
                    0 => format!("{text}\n{}", lines.concat()).into_bytes(),
                    1 => format!("{text}\n{}{added}", lines.concat()).into_bytes(),
                    _ => format!("{text}{}", lines.concat()).into_bytes(),
                });
            }
            return Some(format!("{text}\n{}", lines.concat()).into_bytes());
        }
        _ => statement(class, random, &text)?,
    };
    Some(format!("{changed}\n{lines}").into_bytes())
}

/// Words that stand in statements for something.
const NAMES: [&str; 16] = [
    "ada",
    "root-one",
    "root-two",
    "warden",
    "notes",
    "garner",
    "publish",
    "freshness",
    "revoke",
    "root",
    "base",
    "delta",
    "index",
    "yank",
    "wrong",
    "other",
];

/// Changes a text; `None` where the class finds nothing to change in it.
pub(crate) fn statement(class: Class, random: &mut Random, good: &str) -> Option<String> {
    let mut text = good.to_owned();
    let bytes = good.as_bytes();
    match class {
        Class::Number => {
            let word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
            let starts = |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !word(at - 1));
            let start = some(random, (0..bytes.len()).filter(starts))?;
            let end = (start..bytes.len()).find(|at| !bytes[*at].is_ascii_digit())?;
            let number: u64 = good[start..end].parse().unwrap_or(0);
            let new = [number + 1, number / 2, number * 10, 0, u64::from(random.byte())];
            text.replace_range(start..end, &random.pick(&new).to_string());
        }
        Class::Date => {
            let is_date = |at: &usize| {
                let date = bytes.get(*at..*at + 20).unwrap_or_default();
                date.last() == Some(&b'Z') && date[4] == b'-' && date[13] == b':'
            };
            let at = some(random, (0..bytes.len()).filter(is_date))?;
            let day = random.below(28) + 1;
            let (year, second) = (1970 + random.below(99), random.below(60));
            let date = format!("{year}-0{}-{day:02}T00:00:{second:02}Z", 1 + random.below(9));
            text.replace_range(at..at + 20, &date);
        }
        Class::Name => {
            let found: Vec<(usize, &str)> =
                NAMES.into_iter().flat_map(|name| good.match_indices(name)).collect();
            let (at, name) = *random.pick(&found);
            let new = *random.pick(&NAMES);
            text.replace_range(at..at + name.len(), new);
        }
        Class::ReorderKeys | Class::RepeatKey => return members(class, random, good),
        Class::WhiteSpace => {
            let strings = json::strings(good);
            let outside = |at: &usize| !strings.iter().any(|s| s.start <= *at && *at <= s.end);
            let at = some(random, (0..=bytes.len()).filter(outside))?;
            let new = *random.pick(&[" ", "  ", "\n", "\t", "\r\n", "\n\n"]);
            text.insert_str(good.floor_char_boundary(at), new);
        }
        Class::UpperCaseHex => {
            let letters = (0..bytes.len()).filter(|at| {
                let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                let before = bytes[..*at].iter().rev().take_while(|b| hex(b)).count();
                let after = bytes[*at..].iter().take_while(|b| hex(b)).count();
                before + after >= 32 && matches!(bytes[*at], b'a'..=b'f')
            });
            let at = some(random, letters)?;
            text.replace_range(at..=at, &good[at..=at].to_uppercase());
        }
        Class::Escape => {
            let strings = json::strings(good);
            let inside = |at: usize| strings.is_empty() || strings.iter().any(|s| s.contains(&at));
            let plain = good.char_indices().filter(|(at, c)| {
                let escaped = good[..*at].ends_with('\\') || good[..*at].ends_with("\\u");
                inside(*at) && !escaped && (c.is_alphanumeric() || *c == '/')
            });
            let (at, c) = some(random, plain)?;
            let new = match c {
                '/' => "\\/".to_owned(),
                c => format!("\\u{:04x}", u32::from(c)),
            };
            text.replace_range(at..at + c.len_utf8(), &new);
        }
        other => unreachable!("{other:?} is not of statements"),
    }
    Some(text)
}

/// Swaps or repeats the members of an object, or the lines of a text that is no JSON.
fn members(class: Class, random: &mut Random, good: &str) -> Option<String> {
    let objects: Vec<_> =
        json::members(good).into_iter().filter(|members| members.len() > 1).collect();
    let (ranges, comma) = if objects.is_empty() {
        let mut start = 0;
        let ranges = good.split_inclusive('\n').map(|line| {
            let range = start..start + line.len();
            start = range.end;
            range
        });
        (ranges.collect::<Vec<_>>(), "")
    } else {
        (random.pick(&objects).clone(), ",")
    };
    let (one, other) = (random.pick(&ranges).clone(), random.pick(&ranges).clone());
    let (first, last) = if one.start < other.start { (one, other) } else { (other, one) };
    if class == Class::RepeatKey {
        let (to, member) = if random.below(2) == 0 { (&first, &last) } else { (&last, &first) };
        let mut text = good.to_owned();
        text.insert_str(to.start, &format!("{}{comma}", &good[member.clone()]));
        return Some(text);
    }
    (first != last).then(|| {
        let [before, between, after] =
            [&good[..first.start], &good[first.end..last.start], &good[last.end..]];
        [before, &good[last], between, &good[first], after].concat()
    })
}

/// Returns one of the items.
fn some<T: Copy>(random: &mut Random, items: impl Iterator<Item = T>) -> Option<T> {
    let items: Vec<T> = items.collect();
    if items.is_empty() { None } else { Some(*random.pick(&items)) }
}
