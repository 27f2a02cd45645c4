//! The corpus of secrets through the real binary: no byte that it writes or prints holds a piece of
//! one, and `compile --audit` names places and never values.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use serde_json::json;

use crate::corpus::{Half, Secret, secrets};
use crate::world::{World, items, text};

/// Returns a transcript in which every secret is typed, answered and written to a memory file.
fn transcript(secrets: &[Secret]) -> String {
    let mut lines = Vec::new();
    let mut say = |kind: &str, content: serde_json::Value, result: Option<serde_json::Value>| {
        let number = lines.len();
        let mut record = json!({
            "type": kind, "uuid": format!("u{number}"), "sessionId": "leaky", "cwd": "/srv/barn",
            "timestamp": format!("2026-03-03T10:{:02}:{:02}.000Z", number / 60 % 60, number % 60),
            "message": { "role": kind, "content": content },
        });
        if let Some(result) = result {
            record["toolUseResult"] = result;
        }
        lines.push(record.to_string());
    };
    for (at, secret) in secrets.iter().enumerate() {
        let (said, line) = (&secret.text, secret.text.replace('\n', " "));
        say("user", json!(format!("from now on remember that {said}")), None);
        say(
            "user",
            json!(format!("<user-memory-input>keep number {at}: {line}</user-memory-input>")),
            None,
        );
        let (path, id) = (format!("/srv/barn/{at}/CLAUDE.md"), format!("t{at}"));
        let input =
            json!({ "file_path": path, "content": format!("- Never lose number {at}: {line}\n") });
        say(
            "assistant",
            json!([{ "type": "tool_use", "id": id, "name": "Write", "input": input }]),
            None,
        );
        let done = json!([{ "type": "tool_result", "tool_use_id": id, "content": "created" }]);
        say("user", done, Some(json!({ "type": "create" })));
    }
    lines.join("\n") + "\n"
}

#[test]
fn no_piece_of_a_corpus_secret_is_in_any_byte_that_the_binary_writes() {
    let secrets: Vec<Secret> = Half::BOTH.into_iter().flat_map(secrets).collect();
    let world = World::publisher();
    let sessions = tempfile::tempdir().unwrap();
    let session = sessions.path().join("leaky.jsonl");
    fs::write(&session, transcript(&secrets)).unwrap();
    let session = text(&session);
    let audit = world.json(&["compile", "--audit", &session]);
    assert!(items(&audit["findings"]).len() >= secrets.len(), "{}", secrets.len());
    world.ok(&["compile", "-vvv", "--audit", &session]);
    world.ok(&["compile", "-vvv", &session]);
    let waiting = world.json(&["review"]);
    let ids: Vec<&str> =
        items(&waiting["waiting"]).iter().map(|e| e["id"].as_str().unwrap()).collect();
    world.ok(&[&["review", "--accept"], ids.as_slice()].concat());
    let draft = world.draft().unwrap();
    let sourced: usize = draft.entries.values().map(|e| e.fragment.sources.len()).sum();
    assert!(sourced > secrets.len() * 2, "{sourced} sources of {} secrets", secrets.len());
    world.ok(&["publish", "-vvv", "notes", "--out", &text(&world.path("notes.kernel"))]);
    world.ok(&["load", "-vvv", "notes"]);
    world.ok(&["recall", "-vvv", "--explain", "never lose the number"]);
    world.ok(&["status", "-vvv"]);
    let pieces: Vec<(String, String)> = secrets
        .iter()
        .flat_map(|secret| secret.pieces().into_iter().map(|piece| (piece, secret.name.clone())))
        .collect();
    let found = |bytes: &[u8]| first_piece(bytes, &pieces);
    // Our own keys begin as the age key of the corpus does.
    let keys = world.key("device").parent().unwrap().to_owned();
    let mut files = world.files();
    files.retain(|(path, _)| !path.starts_with(&keys));
    assert!(files.iter().any(|(path, _)| *path == world.store()), "{} files", files.len());
    for (path, bytes) in files {
        assert_eq!(found(&bytes), None, "`{}`", path.display());
    }
    assert_eq!(found(&world.said()), None, "printed");
    let session = fs::read(&session).unwrap();
    assert!(found(&session).is_some(), "the session itself holds them");
}

/// Returns the name of the secret of which a piece stands in `bytes`.
fn first_piece(bytes: &[u8], pieces: &[(String, String)]) -> Option<String> {
    let mut by_length: BTreeMap<usize, HashMap<&[u8], &str>> = BTreeMap::new();
    for (piece, name) in pieces {
        by_length.entry(piece.len()).or_default().insert(piece.as_bytes(), name);
    }
    by_length.iter().find_map(|(length, pieces)| {
        bytes.windows(*length).find_map(|window| pieces.get(window)).map(|name| (*name).to_owned())
    })
}
