//! Where the members of JSON objects lie in a text, so that they can be moved about.

use std::ops::Range;

/// Returns, for every object in `text`, the ranges of its members without the commas.
///
/// The text must be JSON without white space; of any other, the ranges mean nothing.
pub fn members(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut done = Vec::new();
    // The objects and lists that are open: whether it is an object, its members, where one starts.
    let mut open: Vec<(bool, Vec<Range<usize>>, usize)> = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => open.push((byte == b'{', Vec::new(), at + 1)),
            b',' => {
                if let Some((_, members, start)) = open.last_mut() {
                    members.push(*start..at);
                    *start = at + 1;
                }
            }
            b'}' | b']' => {
                if let Some((is_object, mut members, start)) = open.pop()
                    && is_object
                {
                    members.push(start..at);
                    done.push(members);
                }
            }
            _ => {}
        }
    }
    done
}

/// Returns the ranges of the strings in `text`, without their quotation marks.
pub fn strings(text: &str) -> Vec<Range<usize>> {
    let mut strings = Vec::new();
    let (mut start, mut escaped) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        match start {
            Some(first) if byte == b'"' && !escaped => {
                strings.push(first..at);
                start = None;
            }
            Some(_) => escaped = !escaped && byte == b'\\',
            None if byte == b'"' => start = Some(at + 1),
            None => {}
        }
    }
    strings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_in_objects_only() {
        let text = r#"{"a":[1,2],"b":{"c":"}\",","d":{}}}"#;
        let found: Vec<Vec<&str>> = members(text)
            .into_iter()
            .map(|members| members.into_iter().map(|range| text.get(range).unwrap()).collect())
            .collect();
        let inner = r#""b":{"c":"}\",","d":{}}"#;
        let expected = [vec![""], vec![r#""c":"}\",""#, r#""d":{}"#], vec![r#""a":[1,2]"#, inner]];
        assert_eq!(found, expected);
        let strings: Vec<&str> =
            strings(text).into_iter().map(|range| text.get(range).unwrap()).collect();
        assert_eq!(strings, ["a", "b", "c", r#"}\","#, "d"]);
    }
}
