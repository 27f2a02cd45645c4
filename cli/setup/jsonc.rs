//! Where things stand in a JSON file that people edit: comments, trailing commas and a byte order
//! mark are passed over, and every value knows its bytes, so that a change touches nothing else.

use std::ops::Range;

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Its bytes, brackets included.
    pub(super) span: Range<usize>,
    pub(super) shape: Shape,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Object(Vec<Item>),
    Array(Vec<Item>),
    Text(String),
    /// A number or a word.
    Other,
}

/// A member of an object, or an element of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// The name of a member; empty for an element.
    pub(super) name: String,
    pub(super) value: Node,
    /// Name and value.
    pub(super) span: Range<usize>,
    /// Where the comma after it stands.
    pub(super) comma: Option<usize>,
}

impl Node {
    /// Returns the members of an object.
    pub(super) fn members(&self) -> Option<&[Item]> {
        if let Shape::Object(items) = &self.shape { Some(items) } else { None }
    }

    /// Returns the elements of an array.
    pub(super) fn elements(&self) -> Option<&[Item]> {
        if let Shape::Array(items) = &self.shape { Some(items) } else { None }
    }

    /// Returns the member of this name; of several the last, as every reader does.
    pub(super) fn member(&self, name: &str) -> Option<&Item> {
        self.members()?.iter().rev().find(|item| item.name == name)
    }

    /// Returns the text of a string.
    pub(super) fn text(&self) -> Option<&str> {
        if let Shape::Text(text) = &self.shape { Some(text) } else { None }
    }
}

/// Reads a file that holds one value.
///
/// # Errors
/// The number of the line at which it is no JSON.
pub(super) fn parse(text: &str) -> Result<Node, usize> {
    let mut scanner = Scanner { text, at: if text.starts_with('\u{FEFF}') { 3 } else { 0 } };
    let node = scanner.trivia().and_then(|()| scanner.value(0));
    let node = node.and_then(|node| {
        scanner.trivia()?;
        if scanner.at == text.len() { Some(node) } else { None }
    });
    node.ok_or_else(|| {
        let read = text.get(..scanner.at).unwrap_or(text);
        read.matches('\n').count() + 1
    })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes over white space and comments.
    fn trivia(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            self.at += if rest.first().is_some_and(|b| b" \t\r\n".contains(b)) {
                1
            } else if rest.starts_with(b"//") {
                rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
            } else if rest.starts_with(b"/*") {
                let inner = rest.get(2..).unwrap_or_default();
                inner.windows(2).position(|pair| pair == b"*/")? + 4
            } else {
                return Some(());
            };
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let shape = match self.peek()? {
            b'{' => Shape::Object(self.items(depth, b'}')?),
            b'[' => Shape::Array(self.items(depth, b']')?),
            b'"' => Shape::Text(self.string()?),
            _ => self.word()?,
        };
        Some(Node { span: start..self.at, shape })
    }

    fn items(&mut self, depth: usize, close: u8) -> Option<Vec<Item>> {
        self.at += 1;
        let mut items: Vec<Item> = Vec::new();
        loop {
            self.trivia()?;
            if self.take(close).is_some() {
                return Some(items);
            }
            if items.last().is_some_and(|last| last.comma.is_none()) {
                return None;
            }
            let start = self.at;
            let mut name = String::new();
            if close == b'}' {
                name = self.string()?;
                self.trivia()?;
                self.take(b':')?;
                self.trivia()?;
            }
            let value = self.value(depth + 1)?;
            let span = start..self.at;
            self.trivia()?;
            let comma = self.at;
            let comma = self.take(b',').map(|()| comma);
            items.push(Item { name, value, span, comma });
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// Reads a number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<Shape> {
        let ends = |byte: &u8| b" \t\r\n,]}/:".contains(byte);
        let length = self.rest().iter().position(ends).unwrap_or(self.rest().len());
        let word = self.text.get(self.at..self.at + length)?;
        serde_json::from_str::<serde_json::Value>(word).ok()?;
        self.at += length;
        Some(Shape::Other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &serde_json::Value) -> Shape {
        let item = |name: &str, value: &serde_json::Value| Item {
            name: name.to_owned(),
            value: Node { span: 0..0, shape: of(value) },
            span: 0..0,
            comma: None,
        };
        match value {
            serde_json::Value::Object(map) => {
                Shape::Object(map.iter().map(|(name, value)| item(name, value)).collect())
            }
            serde_json::Value::Array(list) => {
                Shape::Array(list.iter().map(|value| item("", value)).collect())
            }
            serde_json::Value::String(text) => Shape::Text(text.clone()),
            _ => Shape::Other,
        }
    }

    /// Returns the shape without places.
    fn bare(shape: &Shape) -> Shape {
        let strip = |items: &[Item]| {
            let strip = |item: &Item| Item {
                name: item.name.clone(),
                value: Node { span: 0..0, shape: bare(&item.value.shape) },
                span: 0..0,
                comma: None,
            };
            items.iter().map(strip).collect()
        };
        match shape {
            Shape::Object(items) => Shape::Object(strip(items)),
            Shape::Array(items) => Shape::Array(strip(items)),
            other => other.clone(),
        }
    }

    #[test]
    fn what_is_no_json_is_told_by_its_line() {
        for (text, line) in [
            ("", 1),
            ("{", 1),
            ("{\n\"a\": 1\n\"b\": 2}", 3),
            ("{\n\n\"a\" 1}", 3),
            ("[1,\n2]]", 2),
            ("/* open", 1),
            ("{\"a\": tru}", 1),
            ("{\"a\": 'b'}", 1),
            ("[,]", 1),
        ] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }

    #[test]
    fn comments_and_trailing_commas_are_passed_over() {
        let text =
            "\u{FEFF}// one\n{ /* two */ \"a\": [1, 2,], // three\r\n \"a\": \"x\\\"y\", }\n";
        let node = parse(text).unwrap();
        let last = node.member("a").unwrap();
        assert_eq!(last.value.text(), Some("x\"y"));
        assert_eq!(text.get(last.span.clone()), Some("\"a\": \"x\\\"y\""));
        assert!(text.get(last.comma.unwrap()..).unwrap().starts_with(','));
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&deep(100)).is_ok());
        assert!(parse(&deep(100_000)).is_err());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map(".{0,8}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_has_the_shape_that_other_readers_see(value in json(), pretty: bool) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let node = parse(&text).unwrap();
            prop_assert_eq!(bare(&node.shape), of(&value));
            prop_assert_eq!(text.get(node.span), Some(text.as_str()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:/*\\\\ \\n\u{FEFF}a1ü]{0,60}") {
            let _ = parse(&text);
        }
    }
}
