//! The body of `input`: a file of every other format.

use garner_compiler::{Checkpoint, Format, Place, detect, read_input};

use crate::transcript::draft;

/// The formats besides transcripts, with a path that tells each.
const FORMATS: [(Format, &str); 12] = [
    (Format::Hook, "spool.jsonl"),
    (Format::Instructions, "barn/CLAUDE.md"),
    (Format::Memory, "projects/barn/memory/roof.md"),
    (Format::Ledger, "barn/DECISIONS.md"),
    (Format::Lesson, "barn/roof.md"),
    (Format::Sections, "barn/README.md"),
    (Format::Fragments, "fragments.jsonl"),
    (Format::Mem0, "mem0.json"),
    (Format::Memori, "memori.jsonl"),
    (Format::Conversations, "conversations.json"),
    (Format::Projects, "projects.json"),
    (Format::Memories, "memories.json"),
];

/// Reads a file of the format that the first byte names; above those, a checkpoint.
///
/// What is read gives a draft whose sources hold, and which is read as it is written.
///
/// # Panics
/// If that does not hold.
pub fn input(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let Some((format, path)) = FORMATS.get(usize::from(*mode)) else {
        checkpoint(bytes);
        return;
    };
    // Whatever the content, telling the format ends.
    let _ = detect(path, bytes);
    let place = Place {
        project: "barn".parse().ok(),
        modified: "2026-05-01T08:00:00Z".parse().ok(),
        vouched: mode % 2 == 0,
    };
    let Ok(sessions) = read_input(*format, path, bytes, &place) else { return };
    // Fragments bring their own sources, of files that are not here.
    if *format != Format::Fragments {
        draft(bytes, &sessions);
    }
}

fn checkpoint(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice(bytes) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(&json) {
        let again = Checkpoint::parse(&checkpoint.to_json());
        assert_eq!(again.ok(), Some(checkpoint), "a checkpoint is read as another");
    }
}
