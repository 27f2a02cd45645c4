//! Names that versions keep.

use std::fs;

use crate::world::{example, items, pair};

#[test]
fn a_version_keeps_its_name_everywhere() {
    let (publisher, reader) = pair();
    let planned = publisher.ok(&["channel", "tag", "notes@1", "good", "--dry-run"]);
    assert!(planned.contains("notes@good"), "{planned}");
    assert!(!publisher.remote().join("tag").exists());
    publisher.ok(&["channel", "tag", "notes@1", "good"]);
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    // The same once more is no error; another version is.
    publisher.ok(&["channel", "tag", "notes@good", "good"]);
    let facts = ["tag `good` names v1 of `notes`", "cannot name v2 of `notes`", "another name"];
    publisher.fails(&["channel", "tag", "notes", "good"], 1, &facts);
    let given = publisher.json(&["channel", "tag", "notes", "newer"]);
    assert_eq!((&given["tag"], &given["version"]), (&"newer".into(), &2.into()));
    let names = |world: &crate::world::World| {
        let shown = world.json(&["channel", "tags", "notes"]);
        let names = items(&shown["tags"]).iter().map(|tag| tag["tag"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&publisher), ["good", "newer"]);
    // A remote cannot list its tags: a reader finds one by its name.
    assert!(names(&reader).is_empty());
    reader.ok(&["load", "notes@newer"]);
    assert_eq!(reader.json(&["status"])["channels"][0]["reads"], 2);
    assert!(reader.ok(&["channel", "tags", "notes", "good"]).contains("good   v1"));
    let facts = ["is tagged `bad`", "`garner channel tags notes`"];
    reader.fails(&["load", "notes@bad"], 3, &facts);
    // Once fetched, it is read without the remote.
    fs::rename(publisher.remote(), publisher.path("unplugged")).unwrap();
    assert_eq!(reader.ok(&["diff", "notes@good", "notes@good"]), "No difference.\n");
    assert!(reader.ok(&["rollback", "notes@good"]).contains("is read at v1"));
    for name in ["12", "v3", "prev", "latest", "Good", "a/b", ""] {
        reader.fails(&["channel", "tag", "notes@1", name], 2, &[]);
    }
}

#[test]
fn a_tag_that_somebody_else_wrote_is_refused() {
    let (publisher, reader) = pair();
    publisher.ok(&["channel", "tag", "notes@1", "good"]);
    let facts = ["does not let it publish"];
    reader.fails(&["channel", "tag", "notes@1", "mine"], 4, &facts);
    let path = publisher.remote().join("tag/good.note");
    let note = fs::read_to_string(&path).unwrap();
    fs::write(&path, note.replace("seq 1", "seq 2")).unwrap();
    reader.fails(&["load", "notes@good"], 4, &["tag/good.note", "hint: "]);
    // Another name is another note.
    fs::write(publisher.remote().join("tag/better.note"), note).unwrap();
    reader.fails(&["load", "notes@better"], 4, &["tag/better.note", "hint: "]);
}
