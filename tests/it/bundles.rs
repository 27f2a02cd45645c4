//! Bundles that are damaged or not for us, and keys that are not as they must be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::world::{World, example, text};

/// Returns a reader that trusts a publisher's repository and may read it, and a bundle file.
fn reader_with_bundle() -> (World, PathBuf) {
    let (publisher, reader) = (World::publisher(), World::new());
    reader.ok(&["setup"]);
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "reader"]);
    publisher.ok(&["compile", &example("day-one.jsonl")]);
    let bundle = reader.path("notes.kernel");
    publisher.ok(&["publish", "notes", "--out", &text(&bundle)]);
    let shown = publisher.json(&["channel", "show", "notes"]);
    reader.ok(&["channel", "trust", "notes", shown["repository"].as_str().unwrap()]);
    (reader, bundle)
}

/// Checks that nothing was loaded and nothing is half done.
fn has_loaded_nothing(world: &World, why: &str) {
    let status = world.json(&["status"]);
    assert_eq!(status["operations"], 0, "{why}");
    assert_eq!(status["channels"].as_array().unwrap().len(), 0, "{why}");
    world.leaves_nothing_half_done();
}

#[test]
fn a_bundle_with_one_flipped_bit_is_refused_wherever_it_is() {
    let (reader, bundle) = reader_with_bundle();
    let good = fs::read(&bundle).unwrap();
    let bad = reader.path("bad.kernel");
    // Everywhere a little, and every byte of the first frame's head.
    let spread = (0..60).map(|n| (n * (good.len() - 1) / 59, 1 << (n % 8)));
    for (at, bit) in spread.chain((0..32).map(|at| (at, 1 << 5))) {
        let mut bytes = good.clone();
        bytes[at] ^= bit;
        fs::write(&bad, bytes).unwrap();
        let output = reader.run(&["load", &text(&bad)]);
        assert!([1, 4].contains(&output.status), "byte {at}: {output:?}");
        output.fails(output.status, &["bad.kernel", "hint: "]);
        assert_eq!(output.stdout, "", "byte {at}");
    }
    has_loaded_nothing(&reader, "a flipped bit");
    reader.ok(&["load", &text(&bundle)]);
}

#[test]
fn a_bundle_that_was_cut_or_grew_is_refused() {
    let (reader, bundle) = reader_with_bundle();
    let good = fs::read(&bundle).unwrap();
    let bad = reader.path("bad.kernel");
    let cuts = (0..16).map(|n| good[..n * good.len() / 16].to_vec());
    let grown = [[good.as_slice(), b"\0"].concat(), good.repeat(2)];
    for bytes in cuts.chain(grown) {
        fs::write(&bad, &bytes).unwrap();
        for command in ["load", "verify"] {
            let output = reader.run(&[command, &text(&bad)]);
            assert!([1, 4].contains(&output.status), "{} bytes: {output:?}", bytes.len());
            output.fails(output.status, &["bad.kernel", "hint: "]);
        }
    }
    has_loaded_nothing(&reader, "a wrong length");
    for (bytes, facts) in [
        (&b"PK\x03\x04 zip"[..], ["not a Garner bundle", "give a `.kernel` file"]),
        (&good[..good.len() - 1], ["is damaged", "copy or pull the bundle again"]),
    ] {
        fs::write(&bad, bytes).unwrap();
        reader.run(&["load", &text(&bad)]).fails(if bytes[0] == b'P' { 1 } else { 4 }, &facts);
    }
}

#[test]
fn a_missing_bundle_is_named() {
    let world = World::of_day_one();
    let path = text(&world.path("stick/notes.kernel"));
    for command in [&["load", &path][..], &["verify", &path], &["diff", "notes@1", &path]] {
        world.fails(command, 3, &["cannot read", &path, "check the path"]);
    }
}

#[test]
fn a_machine_without_the_right_key_learns_how_to_get_access() {
    let (granted, bundle) = reader_with_bundle();
    let stranger = World::new();
    stranger.ok(&["setup"]);
    let refused = stranger.run(&["load", &text(&bundle)]);
    let line = refused.stderr.split('`').find(|part| part.starts_with("garner channel trust"));
    let words: Vec<&str> = line.unwrap().split(' ').skip(1).collect();
    stranger.ok(&words);
    let facts = ["none of our 2 keys", "`garner key show device`", "`garner channel grant`"];
    stranger.fails(&["load", &text(&bundle)], 4, &facts);
    has_loaded_nothing(&stranger, "a wrong key");
    // The outside of a bundle can be checked without a key.
    let bare = World::new();
    let checked = bare.run(&["verify", &text(&bundle)]);
    assert!(checked.stderr.contains("Nothing encrypted was read"), "{}", checked.stderr);
    checked.succeeds();
    granted.ok(&["verify", &text(&bundle)]);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let (reader, bundle) = reader_with_bundle();
    let key = reader.key("device");
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let chmod = format!("chmod 600 {}", text(&key));
        let facts = ["device.key", &format!("mode {mode:03o}"), &chmod];
        reader.fails(&["load", &text(&bundle)], 4, &facts);
    }
    has_loaded_nothing(&reader, "an open key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    reader.ok(&["load", &text(&bundle)]);
}

#[test]
fn a_missing_or_damaged_key_is_named_and_never_shown() {
    let (reader, bundle) = reader_with_bundle();
    let key = reader.key("device");
    let secret = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let facts = ["there is no device key", "device.key", "`garner setup`"];
    reader.fails(&["load", &text(&bundle)], 3, &facts);
    let damaged = secret.trim_end().split_at(secret.len() - 10).0.to_owned();
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(&key).unwrap();
    std::io::Write::write_all(&mut file, damaged.as_bytes()).unwrap();
    let output = reader.fails(&["load", &text(&bundle)], 1, &["device.key", "is damaged"]);
    let start: String = damaged.chars().take(30).collect();
    assert!(!output.stderr.contains(&start), "the key was shown");
    has_loaded_nothing(&reader, "a damaged key");
}
