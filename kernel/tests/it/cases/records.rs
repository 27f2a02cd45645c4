//! Records.

use super::*;
use crate::forge::*;

pub(super) fn records() -> Vec<Case> {
    let raw = |name, about, change: fn(String) -> String| {
        case(name, "K232", about, move |f| {
            let text = String::from_utf8(f.segments[0].raw.clone()).unwrap();
            let changed = change(text.clone());
            assert_ne!(changed, text, "{name} changes nothing");
            f.segments[0].raw = changed.into_bytes();
        })
    };
    vec![
        raw("record_order", "Records in descending order.", |text| {
            text.lines().rev().map(|line| format!("{line}\n")).collect()
        }),
        raw("record_twice", "A record that comes twice.", |text| {
            let line = text.lines().next_back().unwrap().to_owned();
            format!("{text}{line}\n")
        }),
        raw("record_cut", "The last line feed is missing.", |text| text.trim_end().to_owned()),
        raw("record_empty_line", "An empty line.", |text| format!("\n{text}")),
        raw("record_carriage_return", "Lines that end in CR LF.", |text| {
            text.replace('\n', "\r\n")
        }),
        raw("record_duplicate_key", "A JSON key that comes twice.", |text| {
            text.replacen("\"rev\":1", "\"rev\":1,\"rev\":1", 1)
        }),
        raw("record_unknown_key", "A JSON key that nobody knows.", |text| {
            text.replacen("\"rev\":1", "\"rev\":1,\"ext\":1", 1)
        }),
        raw("record_nesting_bomb", "Deep nesting in a key that nobody knows.", |text| {
            let bomb = format!("\"rev\":1,\"ext\":{}{}", "[".repeat(20_000), "]".repeat(20_000));
            text.replacen("\"rev\":1", &bomb, 1)
        }),
        raw("record_id", "An id of another statement.", |text| {
            text.replacen("rename", "rename!", 1)
        }),
        raw("record_escape", "A letter written as an escape.", |text| {
            text.replacen("Sync", "\\u0053ync", 1)
        }),
        raw("record_slash", "A slash that is escaped.", |text| {
            text.replacen("\"record\":\"b7-04\"", "\"record\":\"b7\\/04\"", 1)
        }),
        raw("record_null", "A null for a missing value.", |text| {
            text.replacen("\"created\"", "\"context\":null,\"created\"", 1)
        }),
        raw("record_float", "A number with a fraction.", |text| {
            text.replacen("\"rev\":1", "\"rev\":1.0", 1)
        }),
        raw("record_revision_zero", "Revision 0.", |text| {
            text.replacen("\"rev\":1", "\"rev\":0", 1)
        }),
        raw("record_confidence", "More than certain.", |text| {
            text.replacen("\"confidence\":90", "\"confidence\":101", 1)
        }),
        raw("record_kind", "A kind that nobody knows.", |text| {
            text.replacen("\"kind\":\"fact\"", "\"kind\":\"wish\"", 1)
        }),
        raw("record_trust", "A trust that nobody knows.", |text| {
            text.replacen("\"trust\":\"human\"", "\"trust\":\"god\"", 1)
        }),
        raw("record_time", "A time with a fraction of a second.", |text| {
            text.replacen("03:04:05Z", "03:04:05.5Z", 1)
        }),
        raw("record_path", "A file name that is a path.", |text| {
            text.replacen("\"file\":\"6f1d2c9e.jsonl\"", "\"file\":\"../6f1d2c9e.jsonl\"", 1)
        }),
        raw("record_no_sources", "A fragment that comes from nowhere.", |text| {
            let at = text.find("\"sources\":[").unwrap() + 11;
            let end = at + text[at..].find(']').unwrap();
            format!("{}{}", &text[..at], &text[end..])
        }),
        raw("record_tags", "Tags that do not ascend.", |text| {
            text.replacen("\"sources\"", "\"tags\":[\"b\",\"a\"],\"sources\"", 1)
        }),
        raw("record_look_alike_tag", "A tag with a Cyrillic letter.", |text| {
            text.replacen("\"sources\"", "\"tags\":[\"st\u{43E}rage\"],\"sources\"", 1)
        }),
        case("record_control", "K232", "A NUL in a text.", |f| {
            let mut fragment = rule("A NUL is here: \u{0}.");
            fragment.revision = 1;
            f.segments[0].raw = lines(vec![put(fragment)]);
        }),
        case("record_invisible", "K232", "A text of marks that show nothing.", |f| {
            f.segments[0].raw = lines(vec![put(rule("\u{200B}\u{202E}"))]);
        }),
        case("record_long_text", "K232", "A text of more than 16 KiB.", |f| {
            f.segments[0].raw = lines(vec![put(rule(&"long ".repeat(4000)))]);
        }),
        case("record_long_line", "K104", "A record of more than 64 KiB.", |f| {
            let mut fragment = rule("Many tags.");
            fragment.context = Some(garner_kernel::Text::new("x".repeat(70_000)));
            f.segments[0].raw = lines(vec![put(fragment)]);
        }),
        case("record_many_tags", "K232", "33 tags.", |f| {
            let mut fragment = rule("Many tags.");
            fragment.tags = (0..33).map(|n| format!("t{n:02}").parse().unwrap()).collect();
            f.segments[0].raw = lines(vec![put(fragment)]);
        }),
        case("record_not_utf8", "K232", "A byte that is no UTF-8.", |f| {
            let at = f.segments[0].raw.iter().position(|byte| *byte == b'S').unwrap();
            f.segments[0].raw[at] = 0xFF;
        }),
        case("record_revision_same", "K232", "A delta that repeats a revision.", |f| {
            f.before = 1;
            let mut again = rule("Sync the folder after a rename.");
            again.tags = vec!["storage".parse().unwrap()];
            f.segments.push(segment("delta", 1, 2, lines(vec![put(again)])));
        }),
        case("record_parts_order", "K232", "The second part of a base goes back.", |f| {
            let all = String::from_utf8(f.segments[0].raw.clone()).unwrap();
            let (one, two) = all.split_at(all.find('\n').unwrap() + 1);
            f.segments = vec![
                segment("base", 0, 1, two.as_bytes().to_vec()),
                segment("base", 0, 1, one.as_bytes().to_vec()),
            ];
        }),
    ]
}
