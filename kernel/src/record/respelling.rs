//! Tests that a record has one spelling, whichever way it is read.

use std::collections::BTreeSet;
use std::mem::discriminant;

use proptest::prelude::*;

use super::*;
use crate::contents::{Tombstone, TombstoneReason};
use crate::digest::FragmentId;
use crate::fragment::{Confidence, Source, Text};
use crate::moment::Moment;
use crate::test_support::fragment;
use crate::words::{Kind, Scope, Trust};

/// Reads a line by the steps of docs/format.md, "Records", one after the other.
fn read_and_written_again(text: &str) -> Result<Change, Error> {
    let broken = |rule: String| Error::Record { rule };
    let change = reader::change(serde_json::from_str(text).map_err(|e| broken(e.to_string()))?)?;
    if line(&change) == text { Ok(change) } else { Err(broken("spelled differently".to_owned())) }
}

fn put() -> String {
    let mut fragment = fragment(Kind::Rule, "Ask é/😀:\n\"A\"?");
    fragment.confidence = Confidence::percent(0);
    line(&Change::Put(Box::new(fragment)))
}

fn del() -> String {
    line(&Change::Del(Tombstone {
        id: fragment(Kind::Rule, "Gone.").id,
        revision: 2,
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        reason: TombstoneReason::Removed,
    }))
}

#[test]
fn every_other_spelling_of_a_record_is_refused() {
    let (put, del) = (put(), del());
    assert!(parse(&put).is_ok() && parse(&del).is_ok());
    // What is replaced, and by what.
    let rows = [
        // Escapes.
        ("/", r"\/"),
        ("A\\", r"\u0041\"),
        ("é", r"\u00e9"),
        ("😀", r"\ud83d\ude00"),
        (r"\n", r"\u000a"),
        (r"\n", r"\u000A"),
        (r"\n", "\n"),
        (r#"\""#, r"\u0022"),
        ("\"text\"", r#""t\u0065xt""#),
        ("\"op\"", r#""\u006fp""#),
        ("\"rule\"", r#""r\u0075le""#),
        ("s-1.jsonl", r"s\u002d1.jsonl"),
        // Order, repetition, absence, and keys that nobody knows.
        (r#""rev":1,"kind":"rule""#, r#""kind":"rule","rev":1"#),
        (r#""line":7,"#, r#""line":7,"line":7,"#),
        (r#""rev":1"#, r#""rev":1,"rev":1"#),
        (r#""op":"put","#, r#""op":"put","op":"put","#),
        (r#""op":"put","#, ""),
        (r#""rev":1,"#, ""),
        (r#""rev":1"#, r#""rev":1,"other":1"#),
        (r#""rev":1"#, r#""rev":1,"other":{"a":[1,{"rev":1}],"b":"}"}"#),
        (r#""line":7"#, r#""line":7,"other":[[[{"a":null}]]]"#),
        (r#""op":"put","#, r#""op":"del","#),
        (r#""op":"put","#, r#""op":"PUT","#),
        (r#""op":"put","#, r#""op":0,"#),
        (r#""op":"put","#, r#""op":{"put":null},"#),
        // White space, and what comes before or after.
        ("{\"op\"", " {\"op\""),
        ("{\"op\"", "\u{FEFF}{\"op\""),
        ("{\"op\"", "{ \"op\""),
        (":1,", ": 1,"),
        (":1,", ":1 ,"),
        (":1,", ":1, "),
        ("\"tags\":[", "\"tags\":[ "),
        ("}]}", "}] }"),
        ("}]}", "}]} "),
        ("}]}", "}]}\n"),
        ("}]}", "}]}}"),
        ("}]}", "}]"),
        ("}]}", "},]}"),
        // Integers.
        ("\"rev\":1", "\"rev\":1.0"),
        ("\"rev\":1", "\"rev\":1e0"),
        ("\"rev\":1", "\"rev\":01"),
        ("\"rev\":1", "\"rev\":+1"),
        ("\"rev\":1", "\"rev\":4294967297"),
        ("\"rev\":1", "\"rev\":\"1\""),
        ("\"rev\":1", "\"rev\":"),
        ("\"confidence\":0", "\"confidence\":-0"),
        ("\"confidence\":0", "\"confidence\":00"),
        ("\"confidence\":0", "\"confidence\":0.0"),
        ("\"confidence\":0", "\"confidence\":256"),
        // Optional values that are not there.
        (",\"created\"", ",\"context\":null,\"created\""),
        (",\"tags\"", ",\"valid_to\":null,\"tags\""),
        (",\"tags\"", ",\"supersedes\":null,\"tags\""),
        (",\"tags\"", ",\"supersedes\":[],\"tags\""),
        ("[\"storage\"]", "[]"),
        ("[\"storage\"]", "null"),
        // Times.
        ("T00:00:00Z", "T00:00:00z"),
        ("T00:00:00Z", "t00:00:00Z"),
        ("T00:00:00Z", " 00:00:00Z"),
        ("T00:00:00Z", "T00:00:00+00:00"),
        ("T00:00:00Z", "T00:00:00.0Z"),
        ("T00:00:00Z", "T00:00:60Z"),
        ("T00:00:00Z", "T00:00Z"),
        ("T00:00:00Z", "T24:00:00Z"),
        ("2026-01-01T", "2026-02-29T"),
        ("2026-01-01T", "1969-12-31T"),
        ("2026-01-01T", "9999-12-31T"),
    ];
    for (from, to) in rows {
        let respelled = put.replacen(from, to, 1);
        assert_ne!(respelled, put, "{from} is not in the line");
        let error = parse(&respelled).expect_err(to);
        assert!(
            matches!(error, Error::Record { .. } | Error::MalformedId { .. }),
            "{to}: {error:?}"
        );
    }
    for (from, to) in [
        (":2,", ":2.0,"),
        (":2,", ":2,\"x\":{},"),
        ("{\"op\"", "{\"at\":\"2026-01-02T03:04:05Z\",\"op\""),
        ("05Z", "05+00:00"),
        ("removed\"}", "removed\"} "),
        ("removed", "remove\\u0064"),
    ] {
        let respelled = del.replacen(from, to, 1);
        assert_ne!(respelled, del, "{from} is not in the line");
        assert!(parse(&respelled).is_err(), "accepted {respelled}");
    }
}

#[test]
fn digests_are_lower_case() {
    let fragment = fragment(Kind::Rule, "Lower case.");
    let line = line(&Change::Put(Box::new(fragment.clone())));
    for digits in [fragment.id.to_string(), fragment.sources[0].digest.to_string()] {
        let upper = line.replace(&digits, &digits.to_uppercase());
        assert!(matches!(parse(&upper), Err(Error::MalformedId { what: "digest", .. })));
    }
}

fn moments() -> impl Strategy<Value = Moment> {
    (0..253_402_207_200_i64).prop_map(Moment::from_unix)
}

fn texts() -> impl Strategy<Value = Text> {
    "[a-z\"\\\\/ é日\u{301}\u{AD}ﬁß😀\n\t\\PC]{0,40}[a-zA-Zé日]".prop_map(Text::new)
}

fn ids() -> impl Strategy<Value = FragmentId> {
    any::<[u8; 32]>().prop_map(|bytes| FragmentId::new(Digest::from_bytes(bytes)))
}

fn scopes() -> impl Strategy<Value = Scope> {
    let name = "[a-z\"'é日&<>.-]{1,12}";
    prop_oneof![Just(Scope::User), name.prop_map(|name| Scope::Project(name.parse().unwrap()))]
}

fn sources() -> impl Strategy<Value = Source> {
    let names =
        ("[A-Za-z0-9._-]{1,9}", "[a-z\"' é日.-]{1,20}", "[A-Za-z0-9._-]{1,9}", "[a-z0-9-]{1,9}");
    let speaker = prop::sample::select(Trust::ALL);
    (names, 1..u32::MAX, any::<[u8; 32]>(), speaker).prop_map(|(names, line, digest, speaker)| {
        Source {
            session: names.0.parse().unwrap(),
            file: names.1.parse().unwrap(),
            record: names.2.parse().unwrap(),
            line,
            digest: Digest::from_bytes(digest),
            speaker,
            rule: names.3.parse().unwrap(),
        }
    })
}

fn fragments() -> impl Strategy<Value = Fragment> {
    let what = (prop::sample::select(Kind::ALL), scopes(), texts(), prop::option::of(texts()));
    let how = (1..=u32::MAX, prop::sample::select(Trust::ALL), 0..=100_u8);
    let when = (moments(), prop::option::of(moments()));
    let lists = (
        prop::collection::btree_set(ids(), 0..4),
        prop::collection::btree_set("[a-z0-9._-]{1,9}".prop_map(|t| t.parse().unwrap()), 0..4),
        prop::collection::btree_set(sources(), 1..4),
    );
    (what, how, when, lists).prop_map(|(what, how, when, lists)| Fragment {
        id: Fragment::id_of(what.0, &what.1, what.2.as_str()),
        revision: how.0,
        kind: what.0,
        scope: what.1,
        trust: how.1,
        confidence: Confidence::percent(how.2),
        statement: what.2,
        context: what.3,
        created: when.0,
        valid_to: when.1,
        supersedes: lists.0.into_iter().collect(),
        tags: lists.1.into_iter().collect(),
        sources: BTreeSet::into_iter(lists.2).collect(),
    })
}

fn changes() -> impl Strategy<Value = Change> {
    let reasons = ["rejected", "removed", "rolled-back", "revoked"].map(TombstoneReason::from_word);
    let reason = prop::sample::select(reasons.into_iter().flatten().collect::<Vec<_>>());
    let tombstone = (ids(), 1..=u32::MAX, moments(), reason)
        .prop_map(|(id, revision, at, reason)| Tombstone { id, revision, at, reason });
    prop_oneof![
        4 => fragments().prop_map(|fragment| Change::Put(Box::new(fragment))),
        1 => tombstone.prop_map(Change::Del),
    ]
}

/// A place in a line, how much of it goes, and what comes instead.
fn damages() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let instead = prop_oneof![
        Just(String::new()),
        "[\\PC\n\t\u{0}]",
        prop::sample::select(vec![
            " ", "\"", "\\", "\\n", "\\/", "\\u0061", "\\u001f", ",", ":", "{", "}", "[]", "null",
            "0", "-", ".0", "e0", "true", "\"x\":1,", "A", "Z", "\u{1F}", "\u{7F}",
        ])
        .prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), 0..3_usize, instead)
}

proptest! {
    #[test]
    fn every_record_reads_what_it_writes(change in changes()) {
        let text = line(&change);
        prop_assert!(spelling::read(&text).is_some());
        let read = parse(&text).unwrap();
        prop_assert_eq!(&read, &change);
        prop_assert_eq!(line(&read), text);
    }

    #[test]
    fn a_damaged_record_is_read_as_the_format_says(change in changes(), damages in prop::collection::vec(damages(), 1..3)) {
        let mut chars: Vec<char> = line(&change).chars().collect();
        for (place, length, instead) in damages {
            let start = place.index(chars.len());
            let end = chars.len().min(start + length);
            chars.splice(start..end, instead.chars());
        }
        let damaged: String = chars.into_iter().collect();
        match (parse(&damaged), read_and_written_again(&damaged)) {
            (Ok(got), Ok(want)) => prop_assert_eq!(got, want),
            (Err(got), Err(want)) => prop_assert_eq!(discriminant(&got), discriminant(&want)),
            (got, _) => prop_assert!(false, "{damaged}: {got:?}"),
        }
    }
}
