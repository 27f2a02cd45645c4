//! Reading: every file gives a session or a typed error, and nothing panics.

use garner_compiler::{Error, Limits, read_session, read_session_within};
use garner_kernel::FileName;
use proptest::prelude::*;
use serde_json::json;

use crate::log::{Log, compiler, statements};

fn name() -> FileName {
    "s-1.jsonl".parse().unwrap()
}

fn small() -> Log {
    let mut log = Log::default();
    log.human("hello").answer("Which roof?", "Second way").answer("Which door?", "Second way");
    log
}

#[test]
fn a_file_that_is_no_transcript_is_a_typed_error() {
    let word = |bytes: &[u8]| match read_session(bytes, name()).unwrap_err() {
        Error::Empty { .. } => "empty",
        Error::Binary { offset, .. } => {
            assert_eq!(offset, 3);
            "binary"
        }
        Error::NotATranscript { .. } => "no json",
        Error::NoSession { .. } => "no session",
        other => panic!("{other}"),
    };
    let rows: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (b"PK\x03\x00", "binary"),
        (b"hello\nworld\n", "no json"),
        (b"\n\n", "no json"),
        (b"[1,2]\n", "no json"),
        (b"{\"a\":1}\n", "no session"),
    ];
    for (bytes, expected) in rows {
        assert_eq!(word(bytes), expected);
    }
    let limits = Limits { file: 10, ..Limits::default() };
    let error = read_session_within(&small().bytes(), name(), limits).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 10, .. }));
}

#[test]
fn broken_and_half_written_lines_are_counted_not_fatal() {
    let good = String::from_utf8(small().bytes()).unwrap();
    let text = format!("not json\n{good}{{\"type\":\"user\",\"x\":\"\\q\"}}\n{{\"type\":\"us");
    let session = read_session(text.as_bytes(), name()).unwrap();
    let reading = session.reading();
    assert_eq!(reading.broken, 2);
    assert_eq!(reading.broken_lines, [1, 7]);
    assert_eq!(reading.half_written, Some(8));
    assert_eq!(session.turns(), 3);
    // A last line without its line feed that is whole counts.
    let whole = read_session(good.trim_end().as_bytes(), name()).unwrap();
    assert_eq!((whole.turns(), whole.reading().half_written), (3, None));
}

#[test]
fn unknown_types_are_counted_and_odd_fields_read_as_absent() {
    let mut log = small();
    log.record("hologram", &json!({})).record("hologram", &json!({"message": 7}));
    log.record("user", &json!({"message": "text", "timestamp": 12, "isMeta": "maybe"}));
    let session = log.session();
    assert_eq!(session.reading().unknown.get("hologram"), Some(&2));
    assert_eq!(session.reading().broken, 0);
}

#[test]
fn a_line_that_is_too_long_is_broken() {
    let limits = Limits { line: 300, ..Limits::default() };
    let mut log = small();
    log.human(&"long ".repeat(100));
    let session = read_session_within(&log.bytes(), name(), limits).unwrap();
    assert!(session.reading().broken_lines.contains(&6));
}

#[test]
fn a_record_in_two_files_counts_once() {
    let log = small();
    let again = read_session(&log.bytes(), "resumed.jsonl".parse().unwrap()).unwrap();
    let mut draft = garner_kernel::Draft::default();
    let report = compiler().compile(&[log.session(), again], &mut draft);
    assert_eq!(report.repeated, 3);
    assert!(draft.entries.values().all(|entry| entry.fragment.sources.len() == 1));
}

#[test]
fn a_prompt_that_was_typed_again_leaves_its_branch() {
    let mut log = Log::default();
    log.human("start").human("from now on use wooden nails only");
    log.record(
        "user",
        &json!({"parentUuid": "u-1",
        "message": {"role": "user", "content": "from now on use iron nails only"}}),
    );
    assert_eq!(log.statements("candidate"), ["from now on use iron nails only"]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_session(&bytes, name());
    }

    #[test]
    fn any_json_fields_are_read_without_panic(
        kind in "user|assistant|attachment|system|progress",
        content in "[ -~]{0,60}",
        id in "[a-z]{0,5}",
    ) {
        let blocks = json!([{"type": "tool_result", "tool_use_id": id, "content": content},
            {"type": "tool_use", "id": id, "name": "Edit", "input": {"file_path": content}}]);
        let mut log = Log::default();
        log.record(&kind, &json!({"message": {"content": blocks}}));
        log.record(&kind, &json!({"message": {"content": content}}));
        let _ = read_session(&log.bytes(), name());
    }

    #[test]
    fn a_truncated_file_keeps_what_came_before(cut in 0_usize..4_000) {
        let bytes = small().bytes();
        let cut = cut.min(bytes.len());
        let whole = statements(&small().compile().0, "active");
        match read_session(&bytes[..cut], name()) {
            Ok(session) => {
                let mut draft = garner_kernel::Draft::default();
                compiler().compile(&[session], &mut draft);
                let kept = statements(&draft, "active");
                prop_assert!(kept.iter().all(|statement| whole.contains(statement)));
                let lines = bytes[..cut].split(|b| *b == b'\n').count() - 1;
                prop_assert!(lines < 3 || !kept.is_empty());
            }
            Err(error) => {
                let typed = matches!(
                    error,
                    Error::Empty { .. } | Error::NotATranscript { .. } | Error::NoSession { .. }
                );
                prop_assert!(typed, "{}", error);
            }
        }
    }
}
