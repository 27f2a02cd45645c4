//! Provenance: changing one byte of a transcript names exactly the fragments that it touches.

use garner_compiler::provenance::{FaultKind, Transcripts, check};
use garner_kernel::FileName;

use crate::log::Log;

fn log() -> Log {
    let mut log = Log::default();
    log.answer("Which roof?", "Second way").answer("Which door?", "Second way");
    log
}

#[test]
fn one_changed_byte_names_exactly_its_fragments() {
    let (draft, _) = log().compile();
    let name: FileName = "s-1.jsonl".parse().unwrap();
    let bytes = log().bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        // A line feed that goes or comes moves every later line.
        if changed[at] == b'\n' || bytes[at] == b'\n' {
            continue;
        }
        let line = u32::try_from(bytes[..=at].split(|b| *b == b'\n').count()).unwrap();
        let files = [(name.clone(), changed.as_slice())];
        let report = check(draft.active(), &Transcripts::index(&files));
        let mut named: Vec<_> = report.faults.iter().map(|fault| fault.fragment).collect();
        let mut touched: Vec<_> = draft
            .active()
            .filter(|fragment| fragment.sources.iter().any(|source| source.line == line))
            .map(|fragment| fragment.id)
            .collect();
        named.sort();
        touched.sort();
        assert_eq!(named, touched, "byte {at}");
        assert!(report.faults.iter().all(|fault| fault.kind == FaultKind::DigestDiffers));
    }
}

#[test]
fn what_is_missing_is_told_apart() {
    let (draft, _) = log().compile();
    let bytes = log().bytes();
    let first = bytes.split_inclusive(|b| *b == b'\n').next().unwrap();
    let name: FileName = "s-1.jsonl".parse().unwrap();
    let whole = [(name.clone(), bytes.as_slice())];
    let short = [(name.clone(), first)];
    let kinds = |files: &[(FileName, &[u8])]| {
        let report = check(draft.active(), &Transcripts::index(files));
        report.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&whole), []);
    assert_eq!(kinds(&short), [FaultKind::LineMissing; 2]);
    assert_eq!(kinds(&[]), [FaultKind::FileMissing; 2]);
}

#[test]
fn an_id_that_is_none_by_the_rules_reads_as_absent() {
    // Found by the body of the fuzz target `transcript`.
    let text = String::from_utf8(log().bytes()).unwrap();
    let text = text.replace("\"s-1\"", "\"s 1\"").replace("\"u-2\"", "\"u 2\"");
    let name: FileName = "s-1.jsonl".parse().unwrap();
    let session = garner_compiler::read_session(text.as_bytes(), name.clone()).unwrap();
    let mut draft = garner_kernel::Draft::default();
    crate::log::compiler().compile(&[session], &mut draft);
    let files = [(name, text.as_bytes())];
    let report = check(draft.active(), &Transcripts::index(&files));
    assert_eq!((report.faults, report.fragments), (vec![], 2));
}
