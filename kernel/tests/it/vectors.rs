//! Golden files: written once, read for ever (tests/vectors/README.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use garner_kernel::bundle::{self, Anchor, Bundle, Floor, Known, NoteRef};
use garner_kernel::{Digest, Version, record};
use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::forge::{DEVICE, device};

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

fn anchor_of(sidecar: &Value) -> Anchor {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let known = &sidecar["known"];
    let digest = |value: &Value| -> Digest { text(value).parse().unwrap() };
    let floor = known.get("floor").map(|floor| Floor {
        version: Version::new(floor["version"].as_u64().unwrap()).unwrap(),
        head: digest(&floor["head"]),
    });
    let revocations = known.get("revocations").map(|reference| NoteRef {
        number: reference["number"].as_u64().unwrap(),
        digest: digest(&reference["digest"]),
    });
    Anchor {
        repository: text(&sidecar["repository"]).parse().unwrap(),
        channel: sidecar["channel"].as_str().map(|channel| channel.parse().unwrap()),
        known: Known {
            roots: known["roots"].as_u64().unwrap(),
            revocations,
            floor,
            vouched: known.get("vouched").map(digest),
        },
    }
}

#[test]
fn golden_files_read_as_they_were_written() {
    let paths = golden();
    assert!(paths.len() >= 160, "only {} golden files", paths.len());
    for path in paths {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let sidecar = fs::read_to_string(path.with_extension("json")).unwrap();
        let sidecar: Value = serde_json::from_str(&sidecar).unwrap();
        let identity: bundle::DeviceKey = sidecar["identity"].as_str().unwrap().parse().unwrap();
        let opened = Bundle::parse(&fs::read(&path).unwrap())
            .and_then(|bundle| bundle::open(&bundle, &anchor_of(&sidecar), &[&identity]));
        let expect = &sidecar["expect"];
        match opened {
            Err(error) => {
                assert!(stem.starts_with("fail_"), "{stem}: {error}");
                assert_eq!(error.code().as_deref(), expect["code"].as_str(), "{stem}: {error}");
            }
            Ok(kernel) => {
                assert!(stem.starts_with("valid_"), "{stem} was accepted");
                check_opened(&stem, expect, kernel.get());
            }
        }
    }
}

/// Compares a kernel with what its sidecar expects.
fn check_opened(stem: &str, expect: &Value, kernel: &garner_kernel::Kernel) {
    let revoked = expect["revoked"].as_array().unwrap();
    assert_eq!(kernel.lineage.version.get(), expect["version"].as_u64().unwrap(), "{stem}");
    assert_eq!(kernel.head.to_string(), expect["head"].as_str().unwrap(), "{stem}");
    assert_eq!(kernel.channel.as_str(), expect["channel"].as_str().unwrap(), "{stem}");
    assert_eq!(kernel.publisher, expect["publisher"].as_str().unwrap(), "{stem}");
    let fragments = kernel.contents.fragments().len() + revoked.len();
    assert_eq!(fragments as u64, expect["fragments"].as_u64().unwrap(), "{stem}");
    for id in revoked {
        let id = id.as_str().unwrap().parse().unwrap();
        let reason = kernel.contents.tombstone(&id).unwrap().reason;
        assert_eq!(reason.as_str(), "revoked", "{stem}");
    }
    if revoked.is_empty() {
        let tree = kernel.contents.tree_digest().to_string();
        assert_eq!(tree, expect["tree_sha256"].as_str().unwrap(), "{stem}");
        let records: String =
            kernel.contents.all().iter().map(|change| record::line(change) + "\n").collect();
        let digest = Digest::of(records.as_bytes()).to_string();
        assert_eq!(digest, expect["records_sha256"].as_str().unwrap(), "{stem}");
    }
}

#[test]
fn golden_files_open_for_their_reader_only() {
    let bundle = Bundle::parse(&fs::read(folder().join("valid_first.kernel")).unwrap()).unwrap();
    let sidecar = fs::read_to_string(folder().join("valid_first.json")).unwrap();
    let anchor = anchor_of(&serde_json::from_str(&sidecar).unwrap());
    assert!(bundle::open(&bundle, &anchor, &[&device()]).is_ok());
    let other = bundle::DeviceKey::generate();
    let refused = bundle::open(&bundle, &anchor, &[&other]).unwrap_err();
    assert_eq!(refused.code().unwrap(), "K221");
    assert!(bundle::check(&bundle, &anchor).is_ok(), "the public part needs no key");
}
