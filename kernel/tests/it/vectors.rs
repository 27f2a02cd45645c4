//! Golden files: written once, read for ever (tests/vectors/README.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use garner_kernel::bundle::{self, Bundle, Floor, NoteRef};
use garner_kernel::{Digest, record};
use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::forge::{DEVICE, device};
use crate::sidecar::{Expect, Opened, Sidecar};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn stem(case: &Case) -> String {
    let outcome = if case.code.is_some() { "fail" } else { "valid" };
    format!("{outcome}_{}", case.name)
}

/// Returns what stands beside a golden file: what the reader knows, and what must come out.
fn sidecar(case: &Case, forged: &crate::forge::Forged) -> Value {
    let known = &forged.anchor.known;
    let floor = |f: &Floor| json!({ "version": f.version.get(), "head": f.head.to_string() });
    let reference = |r: &NoteRef| json!({ "number": r.number, "digest": r.digest.to_string() });
    let mut sides = serde_json::Map::new();
    sides.insert("roots".to_owned(), json!(known.roots));
    known.floor.iter().for_each(|f| drop(sides.insert("floor".to_owned(), floor(f))));
    let revocations = known.revocations.iter();
    revocations.for_each(|r| drop(sides.insert("revocations".to_owned(), reference(r))));
    let vouched = known.vouched.iter();
    vouched.for_each(|d| drop(sides.insert("vouched".to_owned(), json!(d.to_string()))));
    let expect = match case.code {
        Some(code) => json!({ "code": code }),
        None => expected(case, forged),
    };
    json!({
        "about": case.about,
        "repository": forged.anchor.repository.to_string(),
        "channel": forged.anchor.channel.as_ref().map(ToString::to_string),
        "identity": DEVICE,
        "known": sides,
        "expect": expect,
    })
}

/// Returns what a reader must find, worked out from what was put in.
fn expected(case: &Case, forged: &crate::forge::Forged) -> Value {
    let live = case.forge.live();
    let tree: String = live
        .iter()
        .map(|(line, id, revision)| format!("{id} {revision} {}\n", Digest::of(line.as_bytes())))
        .collect();
    let records: String = case.forge.records().iter().map(|line| format!("{line}\n")).collect();
    let revoked: Vec<&str> = match &case.forge.revocations {
        None => Vec::new(),
        Some((text, _)) => {
            live.iter().map(|(_, id, _)| id.as_str()).filter(|id| text.contains(id)).collect()
        }
    };
    json!({
        "version": case.forge.before + 1,
        "channel": "notes",
        "head": forged.heads.last().unwrap().to_string(),
        "publisher": "ada-publisher",
        "fragments": live.len(),
        "tree_sha256": Digest::of(tree.as_bytes()).to_string(),
        "records_sha256": Digest::of(records.as_bytes()).to_string(),
        "revoked": revoked,
    })
}

/// Writes the golden files of cases that have none yet; one that is there is never written again.
///
/// A new case gets its file when this test runs with `GARNER_WRITE_VECTORS=1`; without it, a case
/// without file fails.
#[test]
fn every_case_has_its_golden_file() {
    #[expect(clippy::disallowed_methods, reason = "a switch for people who add a case")]
    let write = std::env::var_os("GARNER_WRITE_VECTORS").is_some();
    let mut missing = Vec::new();
    let mut named = BTreeSet::new();
    for case in cases::all() {
        let stem = stem(&case);
        let path = folder().join(format!("{stem}.kernel"));
        if !path.exists() && write {
            let forged = case.forge.build();
            let text = serde_json::to_string_pretty(&sidecar(&case, &forged)).unwrap();
            fs::write(folder().join(format!("{stem}.json")), text + "\n").unwrap();
            fs::write(&path, &forged.bytes).unwrap();
        }
        if !path.exists() {
            missing.push(stem.clone());
        }
        named.insert(stem);
    }
    assert!(missing.is_empty(), "no golden files for {missing:?}: run with GARNER_WRITE_VECTORS=1");
    for path in golden() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(named.contains(stem), "`{stem}` is a golden file without case");
    }
}

fn golden() -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "kernel"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn golden_files_read_as_they_were_written() {
    let paths = golden();
    assert!(paths.len() >= 160, "only {} golden files", paths.len());
    for path in paths {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let sidecar = Sidecar::parse(&fs::read_to_string(path.with_extension("json")).unwrap());
        let identity: bundle::DeviceKey = sidecar.identity.parse().unwrap();
        let opened = Bundle::parse(&fs::read(&path).unwrap())
            .and_then(|bundle| bundle::open(&bundle, &sidecar.anchor(), &[&identity]));
        match (opened, sidecar.expect()) {
            (Err(error), Expect::Refused(refused)) => {
                assert!(stem.starts_with("fail_"), "{stem}: {error}");
                assert_eq!(error.code(), Some(refused.code), "{stem}: {error}");
            }
            (Ok(kernel), Expect::Opened(expect)) => {
                assert!(stem.starts_with("valid_"), "{stem} was accepted");
                check_opened(&stem, &expect, kernel.get());
            }
            (Err(error), Expect::Opened(_)) => panic!("{stem}: {error}"),
            (Ok(_), Expect::Refused(_)) => panic!("{stem} was accepted"),
        }
    }
}

/// Compares a kernel with what its sidecar expects.
fn check_opened(stem: &str, expect: &Opened, kernel: &garner_kernel::Kernel) {
    assert_eq!(kernel.lineage.version.get(), expect.version, "{stem}");
    assert_eq!(kernel.head.to_string(), expect.head, "{stem}");
    assert_eq!(kernel.channel.as_str(), expect.channel, "{stem}");
    assert_eq!(kernel.publisher, expect.publisher, "{stem}");
    let fragments = kernel.contents.fragments().len() + expect.revoked.len();
    assert_eq!(fragments as u64, expect.fragments, "{stem}");
    for id in &expect.revoked {
        let reason = kernel.contents.tombstone(&id.parse().unwrap()).unwrap().reason;
        assert_eq!(reason.as_str(), "revoked", "{stem}");
    }
    if expect.revoked.is_empty() {
        assert_eq!(kernel.contents.tree_digest().to_string(), expect.tree_sha256, "{stem}");
        let records: String =
            kernel.contents.all().iter().map(|change| record::line(change) + "\n").collect();
        assert_eq!(Digest::of(records.as_bytes()).to_string(), expect.records_sha256, "{stem}");
    }
}

#[test]
fn golden_files_open_for_their_reader_only() {
    let bundle = Bundle::parse(&fs::read(folder().join("valid_first.kernel")).unwrap()).unwrap();
    let sidecar = fs::read_to_string(folder().join("valid_first.json")).unwrap();
    let anchor = Sidecar::parse(&sidecar).anchor();
    assert!(bundle::open(&bundle, &anchor, &[&device()]).is_ok());
    let other = bundle::DeviceKey::generate();
    let refused = bundle::open(&bundle, &anchor, &[&other]).unwrap_err();
    assert_eq!(refused.code().unwrap(), "K221");
    assert!(bundle::check(&bundle, &anchor).is_ok(), "the public part needs no key");
}
