//! Real transcripts, read in place where they are present.

use std::path::PathBuf;

use garner_compiler::provenance::{Transcripts, check};
use garner_compiler::read_session;
use garner_kernel::{Draft, FileName, record};

use crate::log::compiler;

/// Returns the transcripts of the shared folder; none where it is not there.
fn transcripts() -> Vec<(FileName, Vec<u8>)> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/transcripts");
    let mut paths = Vec::new();
    for folder in [folder.clone(), folder.join("formats")] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        paths.extend(entries.map(|entry| entry.path()));
    }
    paths.retain(|path| {
        path.extension().is_some_and(|e| e == "jsonl")
            && path.file_stem().is_some_and(|s| s != "gold")
    });
    paths.sort();
    if paths.is_empty() {
        eprintln!("skipped: no transcripts in ../shared");
    }
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_format_version_is_read() {
    for (name, bytes) in transcripts() {
        let session = read_session(&bytes, name.clone()).unwrap();
        let reading = session.reading();
        assert!(reading.unknown.is_empty(), "{name}: {:?}", reading.unknown);
        let broken = match name.as_str() {
            "moredip-v2.1.11.jsonl" => vec![1, 2],
            "packmind-16_b343528434-askuser.jsonl" => vec![500],
            _ => vec![],
        };
        assert_eq!(reading.broken_lines, broken, "{name}");
        assert_eq!(reading.half_written, None, "{name}");
        assert!(session.turns() > 0, "{name}");
    }
}

#[test]
fn drafts_of_real_sessions_are_well_formed_and_every_source_holds() {
    let files = transcripts();
    let sessions: Vec<_> =
        files.iter().map(|(name, bytes)| read_session(bytes, name.clone()).unwrap()).collect();
    let mut draft = Draft::default();
    compiler().compile(&sessions, &mut draft);
    let lines = record::draft_lines(&draft);
    assert_eq!(record::parse_draft(&lines).unwrap(), draft);
    let borrowed: Vec<(FileName, &[u8])> =
        files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect();
    let all = draft.entries.values().map(|entry| &entry.fragment);
    assert_eq!(check(all, &Transcripts::index(&borrowed)).faults, []);
    // The order of the files does not matter.
    let mut reversed = Draft::default();
    compiler().compile(&sessions.into_iter().rev().collect::<Vec<_>>(), &mut reversed);
    assert_eq!(record::draft_lines(&reversed), lines);
}
