//! The body of `transcript`: a transcript that is read in one go, and with a stop in between.

use std::sync::LazyLock;

use garner_compiler::provenance::{Transcripts, check};
use garner_compiler::{Checkpoint, Compiler, Limits, Options, Session, TranscriptReader};
use garner_kernel::{Draft, FileName, record};

/// Reads a transcript; the first byte says where reading stops once.
///
/// Reading on gives the draft that reading in one go gives, every source of it holds, and it is
/// read as it is written.
///
/// # Panics
/// If one of that does not hold.
pub fn transcript(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let cut = bytes.len() * usize::from(*cut) / 255;
    let whole = begin(bytes).map(|(session, _)| draft(bytes, &[session]));
    let Some((_, checkpoint)) = bytes.get(..cut).and_then(begin) else { return };
    let resumed = go_on(bytes, &checkpoint).map(|session| draft(bytes, &[session]));
    assert_eq!(resumed, whole, "reading on gives another draft");
}

fn begin(bytes: &[u8]) -> Option<(Session, Checkpoint)> {
    let mut reader = TranscriptReader::new(name(), Limits::default());
    reader.feed(bytes);
    reader.finish().ok()
}

fn go_on(bytes: &[u8], checkpoint: &Checkpoint) -> Option<Session> {
    let parsed = Checkpoint::parse(&checkpoint.to_json());
    assert_eq!(parsed.as_ref().ok(), Some(checkpoint), "a checkpoint is read as another");
    let mut reader = TranscriptReader::resume(name(), Limits::default(), checkpoint);
    for mark in checkpoint.marks() {
        let start = usize::try_from(mark.offset()).unwrap_or(usize::MAX);
        let line = bytes.get(start..start + mark.length()).unwrap_or_default();
        assert!(reader.replay(mark, line).is_ok(), "a line is not what it was");
    }
    let rest = usize::try_from(checkpoint.offset()).ok().and_then(|start| bytes.get(start..));
    for piece in rest.unwrap_or_default().chunks(7) {
        reader.feed(piece);
    }
    reader.finish().ok().map(|(session, _)| session)
}

/// Compiles sessions of one file; returns the lines of the draft.
pub(crate) fn draft(bytes: &[u8], sessions: &[Session]) -> String {
    let mut draft = Draft::default();
    COMPILER.compile(sessions, &mut draft);
    let lines = record::draft_lines(&draft);
    assert_eq!(
        record::parse_draft(&lines).ok().as_ref(),
        Some(&draft),
        "a draft is read as another"
    );
    let names = sessions.iter().map(|session| session.file().clone());
    let files: Vec<(FileName, &[u8])> = names.map(|name| (name, bytes)).take(1).collect();
    let all = draft.entries.values().map(|entry| &entry.fragment);
    assert_eq!(check(all, &Transcripts::index(&files)).faults, [], "a source does not hold");
    lines
}

fn name() -> FileName {
    #[expect(clippy::expect_used, reason = "the word fits the rules of a file name")]
    "session.jsonl".parse().expect("a valid name")
}

static COMPILER: LazyLock<Compiler> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the tests of the compiler build it as well")]
    Compiler::new(Options::default()).expect("patterns that compile")
});
