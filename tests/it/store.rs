//! Stores that are newer, damaged or something else, and names that nobody knows.

use std::fs;

use crate::world::{World, text};

/// Removes the files that SQLite keeps beside the store.
fn remove_side_files(world: &World) {
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", text(&world.store())));
    }
}

#[test]
fn a_store_of_a_newer_program_is_left_alone() {
    let world = World::of_day_one();
    let good = fs::read(world.store()).unwrap();
    let known = u32::from_be_bytes(good[60..64].try_into().unwrap());
    assert!(known > 0, "the store is not checkpointed");
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&77_u32.to_be_bytes());
    fs::write(world.store(), &newer).unwrap();
    let version = format!("knows up to {known}");
    let facts = ["store.db", "has version 77", &version, "install a version of `garner`"];
    for command in [
        &["recall", "heights"][..],
        &["load", "notes"],
        &["undo"],
        &["rollback", "notes@1"],
        &["status"],
        &["verify"],
        &["setup"],
        &["fragment", "list"],
    ] {
        world.fails(command, 1, &facts);
        assert!(fs::read(world.store()).unwrap() == newer, "{command:?}");
    }
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let world = World::of_day_one();
    let garbage = b"my holiday pictures ".repeat(2_000);
    for bytes in [garbage.as_slice(), b"x"] {
        remove_side_files(&world);
        fs::write(world.store(), bytes).unwrap();
        let facts = ["store.db", "is not a store of Garner", "the file was not touched"];
        for command in [&["recall", "heights"][..], &["load", "notes"], &["verify"], &["undo"]] {
            world.fails(command, 1, &facts);
            assert!(fs::read(world.store()).unwrap() == bytes, "{command:?}");
        }
    }
}

#[test]
fn a_damaged_store_is_noticed_and_can_be_made_again() {
    let world = World::of_day_one();
    let recalled = world.ok(&["recall", "how are heights stored?"]);
    remove_side_files(&world);
    let good = fs::read(world.store()).unwrap();
    let page = 8192;
    let mut noticed = 0;
    for number in 1..good.len() / page {
        let mut damaged = good.clone();
        damaged[number * page..(number + 1) * page].fill(0xA5);
        fs::write(world.store(), damaged).unwrap();
        let output = world.run(&["verify"]);
        assert!([0, 4].contains(&output.status), "page {number}: {output:?}");
        noticed += usize::from(output.status == 4);
        remove_side_files(&world);
    }
    // What stands on pages that are free does not matter; the header says how many there are.
    let free = u32::from_be_bytes(*good[36..].first_chunk().unwrap()) as usize;
    let pages = good.len() / page - 1 - free;
    assert!(noticed * 10 >= pages * 9, "{noticed} of {pages} damaged pages were noticed");
    // The mirror still has everything: the store is only a copy.
    fs::remove_file(world.store()).unwrap();
    world.fails(&["recall", "heights"], 3, &["no store at", "garner load"]);
    world.ok(&["load", "notes"]);
    assert_eq!(world.ok(&["recall", "how are heights stored?"]), recalled);
}

#[test]
fn what_cannot_be_typed_is_a_usage_error() {
    let world = World::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["recall"],
        &["compile"],
        &["load", "--nope"],
        &["load", "Bad Name"],
        &["rollback"],
        &["rollback", "notes@Zero"],
        &["recall", "--kind", "nonsense", "x"],
        &["recall", "-k", "many", "x"],
        &["recall", "--as-prompt", "--explain", "x"],
        &["channel", "add", "notes"],
        &["channel", "trust", "notes", "short"],
        &["channel", "grant", "notes", "not-a-key", "--as", "x"],
        &["--color", "blue", "status"],
    ] {
        let output = world.run(arguments);
        assert_eq!(output.status, 2, "{arguments:?}: {output:?}");
        assert_eq!(output.stdout, "", "{arguments:?}");
        assert!(output.stderr.contains("--help"), "{arguments:?}: {}", output.stderr);
    }
    assert!(!world.path("data").exists() && !world.path("config").exists());
    for arguments in [&["--help"][..], &["--version"], &["recall", "--help"]] {
        assert!(!world.ok(arguments).is_empty());
    }
}

#[test]
fn a_channel_that_nobody_added_is_named() {
    let world = World::of_day_one();
    for command in [
        &["publish", "nope"][..],
        &["pull", "nope"],
        &["load", "nope"],
        &["load", "nope@1"],
        &["log", "nope"],
        &["diff", "nope@1", "nope@2"],
        &["rollback", "nope@1"],
        &["channel", "show", "nope"],
        &["channel", "remove", "--yes", "nope"],
        &["verify", "nope"],
    ] {
        world.fails(command, 3, &["nope", "hint: "]);
    }
    for (command, facts) in [
        (&["load", "notes@7"][..], ["no version v7", "`garner log notes`"]),
        (&["rollback", "notes@7"], ["notes@7 is not loaded", "`garner log notes`"]),
        (&["fragment", "show", "ffffffffffff"], ["no fragment `ffff", "`garner fragment list`"]),
        (&["op", "show", "99"], ["no operation 99", "`garner op list`"]),
        (&["review", "-c", "other"], ["no draft for channel `other`", "`garner compile"]),
    ] {
        world.fails(command, 3, &facts);
    }
}

#[test]
fn a_machine_that_was_never_set_up_says_how_to_begin() {
    let world = World::new();
    for (command, facts) in [
        (&["recall", "heights"][..], ["no store at", "garner load"]),
        (&["fragment", "list"], ["no store at", "garner load"]),
        (&["load"], ["no channel is set up", "garner channel add"]),
        (&["pull"], ["no channel is set up", "garner channel add"]),
        (&["publish"], ["no channel is set up", "garner channel add"]),
        (&["log"], ["no channel is set up", "garner channel add"]),
        (&["review"], ["no draft for channel `notes`", "garner compile"]),
        (&["key", "show", "device"], ["no device key", "`garner setup`"]),
    ] {
        world.fails(command, 3, &facts);
    }
    let status = world.ok(&["status"]);
    assert!(status.contains("`garner setup` makes it"), "{status}");
    fs::create_dir(world.remote()).unwrap();
    let url = format!("file:{}", text(&world.remote()));
    world.fails(&["channel", "add", "notes", &url], 3, &["key", "`garner setup`"]);
    assert_eq!(fs::read_dir(world.remote()).unwrap().count(), 0, "half a repository was made");
    let mut made = world.files();
    made.retain(|(path, _)| path.extension().is_none_or(|extension| extension != "lock"));
    assert!(made.is_empty(), "a failed command made {}", made[0].0.display());
}

#[test]
fn what_is_derived_from_the_texts_is_made_again() {
    let world = World::of_day_one();
    let recalled = world.ok(&["recall", "--explain", "how are heights stored?"]);
    let shown = world.json(&["store", "show"]);
    let vectors = shown["vectors"][0]["vectors"].as_u64().unwrap();
    assert!(vectors > 0, "{shown}");
    world.ok(&["store", "reindex", "-n"]);
    world.fails(&["store", "reindex", "--drop-others"], 1, &["--yes"]);
    let made = world.json(&["store", "reindex"]);
    assert_eq!((made["rows"].as_u64(), &made["embedded"]), (Some(vectors), &0.into()), "{made}");
    assert_eq!(world.ok(&["recall", "--explain", "how are heights stored?"]), recalled);

    // The same store without the vectors, as a load without a model leaves it.
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(world.store().with_file_name(file));
    }
    let mut load = world.command(&["load"]);
    load.env("GARNER_EMBEDDER", "none");
    world.finish(load).succeeds();
    assert_eq!(world.json(&["store", "show"])["vectors"], serde_json::json!([]));
    assert_ne!(world.ok(&["recall", "--explain", "how are heights stored?"]), recalled);
    let made = world.json(&["store", "reindex", "--drop-others", "--yes"]);
    assert_eq!((made["embedded"].as_u64(), &made["dropped"]), (Some(vectors), &0.into()), "{made}");
    assert_eq!(world.ok(&["recall", "--explain", "how are heights stored?"]), recalled);
    world.ok(&["verify"]);
    let shown = world.ok(&["store", "show"]);
    assert!(shown.contains("fragments") && shown.contains("of hash"), "{shown}");
}

#[test]
fn filters_narrow_what_recall_finds() {
    let world = World::of_day_one();
    let all = world.json(&["recall", "-k", "50", "heights", "predictions"]);
    let kind = |hit: &serde_json::Value| hit["fragment"]["kind"].as_str().unwrap().to_owned();
    let decisions =
        world.json(&["recall", "-k", "50", "heights", "predictions", "--where", "kind = decision"]);
    let hits = decisions["hits"].as_array().unwrap();
    assert!(!hits.is_empty() && hits.iter().all(|hit| kind(hit) == "decision"), "{decisions}");
    assert!(hits.len() < all["hits"].as_array().unwrap().len());
    let nothing = ["recall", "heights", "--where", "created>2999-01-01 or tag=nothing"];
    assert!(world.ok(&nothing).contains("Nothing in the store matches"));
    let facts = ["character 11", "expected `and`"];
    world.fails(&["recall", "heights", "--where", "kind=fact color=red"], 2, &facts);
    let fast = world.json(&["recall", "--fast", "heights"]);
    assert!(fast["hits"][0]["signals"]["cosine"].is_null(), "{fast}");
}
