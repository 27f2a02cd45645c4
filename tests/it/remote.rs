//! Remotes that are damaged, incomplete, older than they were, or not there.

use std::fs;
use std::path::PathBuf;

use crate::world::{World, example, pair, text, walk};

const QUESTION: &str = "how are heights stored?";

/// Returns the files of the remote that a reader fetches next, with their bytes.
fn needed(publisher: &World, reader: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let mut mirrored = Vec::new();
    walk(&reader.path("cache/garner/mirror"), &mut mirrored);
    let mut files = remote_files(publisher);
    // Contents are named by their digests: what the mirror has is not fetched again.
    files.retain(|(path, _)| {
        let name = path.strip_prefix(publisher.remote()).unwrap();
        let contents = ["obj", "man", "keyring"].iter().any(|folder| name.starts_with(folder));
        !contents || !mirrored.iter().any(|there| there.ends_with(name))
    });
    files
}

/// Returns the files of the remote that Garner reads, with their bytes.
fn remote_files(publisher: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths = Vec::new();
    walk(&publisher.remote(), &mut paths);
    paths.retain(|path| !path.ends_with("README.txt"));
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Returns what the reader has: settings, mirror, and what it recalls.
fn state(reader: &World) -> (Vec<(PathBuf, Vec<u8>)>, String) {
    let mut files = reader.files();
    files.retain(|(path, _)| !path.starts_with(reader.path("data")));
    (files, reader.ok(&["recall", "--explain", QUESTION]))
}

/// Removes files that a pull which failed has kept for the next: they are named by their digests,
/// and no head in the mirror leads to them.
fn forget_what_waits(reader: &World, before: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in reader.files() {
        let folder = path.components().rev().skip(1);
        let digest = folder
            .take(2)
            .any(|part| ["obj", "man", "keyring"].contains(&part.as_os_str().to_str().unwrap()));
        if digest && !before.iter().any(|(there, _)| *there == path) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_damaged_file_of_the_remote_is_named_and_changes_nothing() {
    let (publisher, reader) = pair();
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    let before = state(&reader);
    let files = needed(&publisher, &reader);
    assert!(files.len() >= 6, "{files:?}");
    for (path, bytes) in files {
        let shown = text(path.strip_prefix(publisher.remote()).unwrap());
        for at in places(bytes.len()) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            fs::write(&path, damaged).unwrap();
            let output = reader.run(&["pull", "notes"]);
            assert_eq!(output.status, 4, "{shown}, byte {at}: {output:?}");
            output.fails(4, &["hint: "]);
            let named =
                [kind(&shown), note(&shown)].iter().any(|word| output.stderr.contains(word));
            assert!(named, "{shown}, byte {at}: {}", output.stderr);
            forget_what_waits(&reader, &before.0);
            assert!(state(&reader) == before, "{shown}, byte {at}, changed the reader");
        }
        fs::write(&path, bytes).unwrap();
    }
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    assert!(state(&reader) != before, "nothing was loaded");
}

/// Returns the words that an error has for a signed file that is not what was signed.
fn note(name: &str) -> &str {
    match name.split('/').next().unwrap() {
        "man" => "the manifest",
        "ch" => "the head",
        "root" => "the root",
        folder => folder,
    }
}

/// Returns places all over a file, its first byte and its last one among them.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (0..=8).map(move |eighth| (length - 1) * eighth / 8)
}

/// Returns the word that an error has for a file of the remote.
fn kind(name: &str) -> &str {
    match name.split('/').next().unwrap() {
        "obj" => "object",
        "man" => "manifest",
        "ch" => "ch/notes/",
        // The id of a repository is the digest of its first root.
        "root" => "repository",
        folder => folder,
    }
}

#[test]
fn a_file_that_is_missing_on_the_remote_is_named() {
    let (publisher, reader) = pair();
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    let before = state(&reader);
    for (path, bytes) in needed(&publisher, &reader) {
        let shown = text(path.strip_prefix(publisher.remote()).unwrap());
        // The note of the latest version is only a hint.
        if shown.ends_with("latest.note") {
            continue;
        }
        fs::remove_file(&path).unwrap();
        let output = reader.run(&["pull", "notes"]);
        let status = if shown.starts_with("root/") { 3 } else { 4 };
        output.fails(status, &["hint: "]);
        assert!(status == 3 || output.stderr.contains(&shown), "{shown}: {}", output.stderr);
        forget_what_waits(&reader, &before.0);
        assert!(state(&reader) == before, "{shown} changed the reader");
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_remote_that_lost_a_version_is_noticed() {
    let (publisher, reader) = pair();
    let old = remote_files(&publisher);
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    reader.ok(&["pull", "notes"]);
    // Somebody puts the older remote back.
    fs::remove_dir_all(publisher.remote()).unwrap();
    for (path, bytes) in old {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let before = state(&reader);
    let facts = ["v1 was offered", "v2 is already known", "why history was cut"];
    reader.fails(&["pull", "notes"], 4, &facts);
    assert!(state(&reader) == before, "the reader changed");
}

#[test]
fn an_unplugged_remote_leaves_what_is_loaded_usable() {
    let (publisher, reader) = pair();
    let before = state(&reader);
    fs::rename(publisher.remote(), publisher.path("unplugged")).unwrap();
    let facts = ["cannot be reached", "remote", "plug the medium in"];
    reader.fails(&["pull", "notes"], 5, &facts);
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.fails(&["publish", "notes"], 5, &facts);
    assert!(!publisher.remote().exists(), "an unplugged medium became a folder");
    assert!(state(&reader) == before, "the reader changed");
    reader.ok(&["load", "notes"]);
    // Plugged in again, the same command goes on.
    fs::rename(publisher.path("unplugged"), publisher.remote()).unwrap();
    publisher.ok(&["publish", "notes"]);
    assert_eq!(reader.json(&["pull", "notes"])["channels"][0]["version"], 2);
}

#[test]
fn a_damaged_mirror_is_noticed_and_the_next_pull_repairs_it() {
    let (_publisher, reader) = pair();
    let recalled = reader.ok(&["recall", "--explain", QUESTION]);
    let mut mirrored = Vec::new();
    walk(&reader.path("cache/garner/mirror"), &mut mirrored);
    assert!(mirrored.len() >= 5, "{mirrored:?}");
    for path in mirrored {
        let good = fs::read(&path).unwrap();
        let shown = path.display();
        for at in places(good.len()) {
            let mut damaged = good.clone();
            damaged[at] ^= 4;
            fs::write(&path, damaged).unwrap();
            let output = reader.run(&["verify", "notes"]);
            assert_eq!(output.status, 4, "{shown}, byte {at}: {output:?}");
            assert_eq!(reader.ok(&["recall", "--explain", QUESTION]), recalled);
            let pulled = reader.run(&["pull", "notes"]);
            assert_eq!(pulled.status, 0, "{shown}, byte {at}: {pulled:?}");
            assert!(fs::read(&path).unwrap() == good, "{shown}, byte {at}, was not repaired");
            reader.ok(&["verify", "notes"]);
        }
    }
}

#[test]
fn a_lost_mirror_is_no_lost_channel() {
    let (_publisher, reader) = pair();
    let recalled = reader.ok(&["recall", "--explain", QUESTION]);
    fs::remove_dir_all(reader.path("cache")).unwrap();
    assert_eq!(reader.ok(&["recall", "--explain", QUESTION]), recalled);
    assert!(reader.ok(&["load", "notes"]).contains("loaded already"));
    assert_eq!(reader.ok(&["recall", "--explain", QUESTION]), recalled);
}
