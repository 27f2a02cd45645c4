//! What the store shows, written for others and taken back.

use std::fs;

use crate::world::{World, items, json, planted, text};

#[test]
fn what_one_machine_exports_another_one_imports_as_it_was() {
    let one = World::of_day_one();
    one.ok(&["fragment", "add", "--tag", "tide", "Über die „Grüße“ 🦀 wird nicht gestritten."]);
    one.ok(&["store", "export", "--format", "jsonl", "--out", "all.jsonl"]);
    let exported = fs::read_to_string(one.path("all.jsonl")).unwrap();
    assert_eq!(exported.lines().count(), 16);
    assert_eq!(one.ok(&["store", "export", "--format", "jsonl"]), exported);
    let other = World::new();
    other.ok(&["setup"]);
    fs::write(other.path("all.jsonl"), &exported).unwrap();
    let planned = other.json(&["store", "import", "all.jsonl", "-n"]);
    assert_eq!((&planned["read"], &planned["added"]), (&16.into(), &serde_json::Value::Null));
    let done = other.json(&["store", "import", "all.jsonl"]);
    assert_eq!((&done["added"], &done["operations"]), (&16.into(), &serde_json::json!([1, 16])));
    // Sources and all: to the byte.
    assert_eq!(other.ok(&["store", "export", "--format", "jsonl"]), exported);
    other.ok(&["verify"]);
    let counts = other.json(&["store", "show"]);
    assert_eq!(counts["vectors"][0]["vectors"], 16, "{counts}");
    let again = other.ok(&["store", "import", "all.jsonl"]);
    assert_eq!(again, "Read 16 fragments: 0 added, 16 known already.\n");
    // A later import is taken back by one command.
    one.ok(&["fragment", "add", "--kind", "rule", "Look at the barometer first."]);
    one.ok(&["store", "export", "--format", "jsonl", "--out", "more.jsonl"]);
    fs::copy(one.path("more.jsonl"), other.path("more.jsonl")).unwrap();
    let more = other.ok(&["store", "import", "more.jsonl"]);
    assert!(more.contains("`garner op restore 16` takes them back"), "{more}");
    other.ok(&["op", "restore", "16"]);
    assert_eq!(other.ok(&["store", "export", "--format", "jsonl"]), exported);
}

#[test]
fn an_import_that_does_not_hold_changes_nothing() {
    let world = World::of_day_one();
    let exported = world.ok(&["store", "export", "--format", "jsonl"]);
    let first = exported.lines().next().unwrap();
    let before = world.json(&["op", "list"]);
    for (line, facts) in [
        ("{}", vec!["line 2 of", "is not a record", "garner compile"]),
        (&first.replacen("\"rev\":1", "\"rev\": 1", 1), vec!["line 2 of", "is not a record"]),
    ] {
        fs::write(world.path("bad.jsonl"), format!("{first}\n{line}\n")).unwrap();
        world.fails(&["store", "import", "bad.jsonl"], 1, &facts);
    }
    assert_eq!(world.json(&["op", "list"]), before);
    world.fails(&["store", "import", "absent.jsonl"], 3, &["absent.jsonl"]);
}

#[test]
fn a_secret_is_not_imported() {
    use garner_kernel::{Change, Fragment, Text, record};
    let world = World::of_day_one();
    let exported = world.ok(&["store", "export", "--format", "jsonl"]);
    let Change::Put(fragment) = record::parse(exported.lines().next().unwrap()).unwrap() else {
        panic!("a fragment was exported");
    };
    let statement = format!("The token of the gauge is {}", planted("secrets")[0]);
    let id = Fragment::id_of(fragment.kind, &fragment.scope, &statement);
    let leaky = Fragment { id, statement: Text::new(statement), ..*fragment };
    let line = record::line(&Change::Put(Box::new(leaky)));
    fs::write(world.path("leak.jsonl"), format!("{line}\n")).unwrap();
    world.fails(&["store", "import", "leak.jsonl"], 1, &["line 1 of", "secret", "nothing was"]);
}

#[test]
fn other_programs_read_what_is_exported() {
    let world = World::of_day_one();
    world.ok(&["fragment", "add", "--kind", "rule", "Quote \"\"\"three\"\"\" times, never."]);
    world.ok(&["store", "export", "--format", "markdown", "--out", "memory"]);
    let decisions = fs::read_to_string(world.path("memory/DECISIONS.md")).unwrap();
    assert!(decisions.contains("Quote") && decisions.contains("garner store export"));
    let written = world.ok(&["store", "export", "--format", "markdown", "--out", "memory"]);
    assert_eq!(written, "Wrote 16 fragments to memory.\n");
    assert_eq!(fs::read_to_string(world.path("memory/DECISIONS.md")).unwrap(), decisions);
    let file = ["store", "export", "--format", "modelfile", "--model", "llama3.2"];
    let modelfile = world.ok(&file);
    assert!(modelfile.starts_with("FROM llama3.2\nSYSTEM \"\"\"\n"), "{modelfile}");
    // One prompt, which no statement ends.
    assert_eq!(modelfile.matches("\"\"\"").count(), 2, "{modelfile}");
    assert!(modelfile.contains("Quote '''three''' times"), "{modelfile}");
    let copy = world.path("copy/store.db");
    fs::create_dir(world.path("copy")).unwrap();
    world.ok(&["store", "export", "--format", "sqlite", "--out", &text(&copy)]);
    let list = json(&world.ok(&["--json", "--store", "copy", "fragment", "list"]));
    assert_eq!(items(&list["fragments"]).len(), 16);
    world.fails(&["store", "export", "--format", "sqlite", "--out", &text(&copy)], 1, &["copy"]);
    assert_eq!(world.run(&["store", "export", "--format", "markdown"]).status, 2);
}
