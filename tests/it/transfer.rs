//! Files on their way: what is counted, how fast they may move, and where nothing may.

use crate::world::{World, example, pair};

/// An address on a network that nobody may touch here.
const FAR: &str = "https://host.invalid/notes";

/// Makes the channel of a machine one on a network, as if it had moved there.
fn move_far(world: &World) {
    let shown = world.json(&["channel", "show", "notes"]);
    let invite = format!("{FAR}#{}", shown["repository"].as_str().unwrap());
    world.ok(&["channel", "add", "notes", &invite]);
}

#[test]
fn a_pull_tells_what_it_moved() {
    let (publisher, reader) = pair();
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    let pull = || reader.json(&["pull", "notes"])["channels"][0].clone();
    let (first, second) = (pull(), pull());
    assert_eq!((&first["new"], &second["new"]), (&1.into(), &0.into()));
    let count = |pulled: &serde_json::Value, what: &str| pulled[what].as_u64().unwrap();
    // What the mirror has is not asked for, and so it is not counted.
    assert!(count(&first, "bytes") > 4000, "{first}");
    assert!((1..2000).contains(&count(&second, "bytes")), "{second}");
    assert!((1..count(&first, "requests")).contains(&count(&second, "requests")), "{second}");
    let told = reader.run(&["-v", "pull", "notes"]);
    assert!(told.stderr.contains("moved by this command"), "{}", told.stderr);
}

#[test]
fn a_rate_is_a_number_of_bytes() {
    let (publisher, reader) = pair();
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes", "--limit-rate", "100M"]);
    reader.ok(&["pull", "notes", "--limit-rate", "104857600"]);
    reader.ok(&["load", "notes", "--limit-rate", "1g"]);
    assert_eq!(reader.json(&["status"])["channels"][0]["reads"], 2);
    let facts = ["`fast` is not a number of bytes a second"];
    reader.fails(&["pull", "notes", "--limit-rate", "fast"], 2, &facts);
}

#[test]
fn offline_reads_what_was_fetched_and_asks_nobody() {
    let (_publisher, reader) = pair();
    move_far(&reader);
    let pulled = &reader.json(&["--offline", "pull", "notes"])["channels"][0];
    assert_eq!((&pulled["version"], &pulled["new"]), (&1.into(), &0.into()));
    assert_eq!((&pulled["bytes"], &pulled["requests"]), (&0.into(), &0.into()));
    assert!(reader.ok(&["load", "--offline", "notes"]).contains("loaded already"));
    let facts = ["v2 of `notes` was not fetched", "--offline", "`garner pull notes`"];
    reader.fails(&["load", "--offline", "notes@2"], 5, &facts);
    std::fs::remove_dir_all(reader.path("cache")).unwrap();
    let facts = ["`notes` was not fetched", "--offline", "`garner pull notes`"];
    reader.fails(&["pull", "--offline", "notes"], 5, &facts);
    reader.fails(&["load", "--offline", "notes"], 5, &facts);
}

#[test]
fn offline_publishes_to_folders_alone() {
    let world = World::of_day_one();
    world.ok(&["compile", &example("day-two.jsonl")]);
    // A folder is no network.
    world.ok(&["publish", "--offline", "notes"]);
    world.ok(&["pull", "--offline", "notes"]);
    move_far(&world);
    let facts = [FAR, "`--offline`", "--ephemeral --to RECIPIENT --out FILE"];
    world.fails(&["publish", "--offline", "notes"], 5, &facts);
    world.fails(&["channel", "renew", "--offline", "notes"], 5, &facts);
    world.fails(&["channel", "probe", "--offline", FAR], 5, &facts);
    // What a publication would change is told by what was fetched.
    assert_eq!(world.ok(&["publish", "--offline", "-n", "notes"]), "No difference.\n");
}
