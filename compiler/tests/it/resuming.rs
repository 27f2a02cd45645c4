//! Reading on from a checkpoint gives what reading in one go gives.

use std::path::Path;

use garner_compiler::{Checkpoint, Error, Known, Limits, Session, TranscriptReader, read_session};
use garner_kernel::{Draft, FileName, record};
use proptest::prelude::*;
use serde_json::json;

use crate::log::{Log, compiler, statements};

fn name() -> FileName {
    "s-1.jsonl".parse().unwrap()
}

/// Reads a file from its start; `None` where nobody has spoken yet.
fn begin(bytes: &[u8]) -> Option<(Session, Checkpoint)> {
    let mut reader = TranscriptReader::new(name(), Limits::default());
    reader.feed(bytes);
    reader.finish().ok()
}

/// Reads a file on, as a program does that keeps the checkpoint as text.
fn go_on(bytes: &[u8], checkpoint: &Checkpoint) -> Result<(Session, Checkpoint), Error> {
    let text = checkpoint.to_json().to_string();
    let checkpoint = Checkpoint::parse(&serde_json::from_str(&text).unwrap()).unwrap();
    let mut reader = TranscriptReader::resume(name(), Limits::default(), &checkpoint);
    for mark in checkpoint.marks() {
        let start = usize::try_from(mark.offset()).unwrap();
        reader.replay(mark, &bytes[start..start + mark.length()])?;
    }
    let start = usize::try_from(checkpoint.offset()).unwrap();
    for piece in bytes[start..].chunks(1_000) {
        reader.feed(piece);
    }
    reader.finish()
}

fn draft_of(session: Session) -> Draft {
    let mut draft = Draft::default();
    compiler().compile(&[session], &mut draft);
    draft
}

/// Checks that reading in parts, which end at `cuts`, gives what reading in one go gives.
fn check(bytes: &[u8], cuts: &[usize]) {
    let whole = draft_of(read_session(bytes, name()).unwrap());
    let mut known: Option<Checkpoint> = None;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let part = &bytes[..cut];
        let read = match &known {
            Some(checkpoint) => Some(go_on(part, checkpoint).unwrap()),
            None => begin(part),
        };
        let Some((session, checkpoint)) = read else { continue };
        assert!(checkpoint.offset() <= cut as u64);
        let expected = draft_of(read_session(part, name()).unwrap());
        let found = draft_of(session);
        assert_eq!(record::draft_lines(&found), record::draft_lines(&expected), "cut at {cut}");
        known = Some(checkpoint);
    }
    let (last, checkpoint) = go_on(bytes, &known.unwrap()).unwrap();
    assert_eq!(last.reading().records, u32::from(bytes.last() != Some(&b'\n')));
    let end = bytes.iter().rposition(|b| *b == b'\n').unwrap() + 1;
    assert_eq!(checkpoint.offset(), end as u64);
    assert_eq!(record::draft_lines(&draft_of(last)), record::draft_lines(&whole));
}

/// A session in which everything waits for something that comes later.
fn eventful() -> Log {
    let memory = "/home/somebody/code/barn/CLAUDE.md";
    let line = "# Barn\n\n- Never leave the gate of the yard open.\n";
    let mut log = Log::default();
    log.human("start").assistant("Red or green?").human("from now on use wooden nails only");
    log.tool("b1", "Bash", &json!({"command": "nail --metal x"}));
    log.failure("b1", "error: unknown option --metal");
    log.tool("b2", "Bash", &json!({"command": "ls"})).result("b2", "x", &json!({}));
    log.tool("b3", "Bash", &json!({"command": "nail --wood x"})).result("b3", "ok", &json!({}));
    log.answer("Which roof?", "First way (Recommended)").write(memory, line);
    log.edit(memory, "open.", "open at night.").answer("Which roof?", "Second way");
    log.record("user", &json!({"message": {"content": "[Request interrupted by user]"}}));
    log.human("from now on you must always ask first").web("gates");
    log.write(memory, &format!("{line}- Always oil the hinges of the gate.\n"));
    log.tool("m", "mcp__x__y", &json!({})).failure("m", REFUSED);
    log.tool("e", "Edit", &json!({})).failure("e", REFUSED);
    let again = json!({"parentUuid": "u-2", "message": {"content": "use iron nails from now on"}});
    log.record("user", &again);
    log.compact("   - **Leak**: fixed by laying the tiles anew")
        .human("good, remember that it held");
    log
}

const REFUSED: &str = "The user doesn't want to proceed with this tool use. The tool use was \
    rejected. To tell you how to proceed, the user said:\nthe door opens to the inside";

#[test]
fn every_single_cut_of_an_eventful_session_gives_the_same() {
    let bytes = eventful().bytes();
    let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at);
    for end in ends {
        for cut in [end.saturating_sub(1), end, end + 1, end + 2] {
            check(&bytes, &[cut.min(bytes.len())]);
        }
    }
}

#[test]
fn the_example_sessions_can_be_cut_anywhere() {
    for file in ["day-one.jsonl", "day-two.jsonl"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sessions");
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let size = bytes.len();
        check(&bytes, &[size / 7, size / 3, size / 3 + 1, size / 2, size - 10]);
    }
}

#[test]
fn a_line_that_was_rewritten_is_noticed() {
    let bytes = eventful().bytes();
    let (_, checkpoint) = begin(&bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap().replace("wooden nails", "golden nails");
    let error = go_on(text.as_bytes(), &checkpoint).unwrap_err();
    assert!(matches!(error, Error::Rewritten { line: 3, .. }), "{error}");
}

#[test]
fn what_a_known_session_held_does_not_count_again() {
    let log = eventful();
    let (session, checkpoint) = begin(&log.bytes()).unwrap();
    let mut draft = draft_of(session);
    let before = draft.clone();
    let mut resumed = log.clone();
    resumed.human("remember that the cellar is dry");
    let session = read_session(&resumed.bytes(), "resumed.jsonl".parse().unwrap()).unwrap();
    let report = compiler().compile_beside(
        &[session],
        &mut draft,
        &Known { sessions: &[checkpoint.known()], ..Known::default() },
    );
    assert!(report.repeated > 5, "{}", report.repeated);
    assert_eq!(draft.entries.len(), before.entries.len() + 1);
    for (id, entry) in &before.entries {
        assert_eq!(draft.entries[id].fragment.sources, entry.fragment.sources);
    }
}

#[test]
fn a_known_session_taints_its_other_files() {
    let mut agent = Log::default();
    agent.human("build the gate").web("gates");
    let (_, checkpoint) = begin(&agent.bytes()).unwrap();
    let mut main = Log::default();
    for number in 0..5 {
        main.record("system", &json!({"uuid": format!("v-{number}")}));
    }
    main.write("/home/somebody/code/barn/CLAUDE.md", "- Never leave the gate of the yard open.");
    let bytes = String::from_utf8(main.bytes()).unwrap().replace("\"u-", "\"w-");
    let session = read_session(bytes.as_bytes(), name()).unwrap();
    let mut draft = Draft::default();
    compiler().compile_beside(
        &[session],
        &mut draft,
        &Known { sessions: &[checkpoint.known()], ..Known::default() },
    );
    assert_eq!(statements(&draft, "active"), [""; 0]);
    assert_eq!(statements(&draft, "candidate").len(), 1);
}

#[test]
fn a_checkpoint_that_does_not_hold_together_is_refused() {
    let (_, checkpoint) = begin(&eventful().bytes()).unwrap();
    let good = checkpoint.to_json();
    assert_eq!(Checkpoint::parse(&good).unwrap(), checkpoint);
    for (field, value) in [
        ("format", json!(2)),
        ("offset", json!(10)),
        ("lines", json!(1)),
        ("session", json!("not a session")),
        ("marks", json!([[50, 2, 5, 1], [40, 3, 5, 1]])),
        ("marks", json!([[u64::MAX, 2, 5, 1]])),
        ("extra", json!(1)),
    ] {
        let mut broken = good.clone();
        broken[field] = value;
        assert!(Checkpoint::parse(&broken).is_err(), "{field}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_cuts_give_the_same(mut cuts in prop::collection::vec(1_usize..11_000, 1..5)) {
        let bytes = eventful().bytes();
        for cut in &mut cuts {
            *cut = (*cut).min(bytes.len());
        }
        cuts.sort_unstable();
        check(&bytes, &cuts);
    }
}
