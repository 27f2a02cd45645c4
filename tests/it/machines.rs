//! Two machines: one publishes, the other reads over a folder or from a file.

use crate::world::{World, example, text};

const QUESTION: &str = "how are heights stored?";

/// Returns a machine with keys and nothing else.
fn reader() -> World {
    let world = World::new();
    world.ok(&["setup"]);
    world
}

fn invite(publisher: &World) -> String {
    publisher.json(&["channel", "show", "notes"])["invite"].as_str().unwrap().to_owned()
}

fn recall(world: &World) -> String {
    let recalled = world.ok(&["--json", "recall", QUESTION]);
    assert!(recalled.contains("Heights are integers in millimetres"), "{recalled}");
    recalled
}

/// Returns the words of the command that starts with `start` in a text.
fn command_in<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let mut parts = text.split(['\n', '`']);
    let line = parts.find(|part| part.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("no `{start}` in\n{text}"));
    line.split_whitespace().skip(1).collect()
}

#[test]
fn a_second_machine_reads_what_it_was_granted() {
    let (publisher, reader) = (World::of_day_one(), reader());
    let added = reader.run(&["channel", "add", "notes", &invite(&publisher)]);
    let request = added.stderr.clone();
    added.succeeds();
    reader.ok(&["pull", "notes"]);
    let before = reader.json(&["status"])["operations"].clone();
    let facts = ["none of our 2 keys", "`garner key show device`", "`garner channel grant`"];
    reader.fails(&["load", "notes"], 4, &facts);
    assert_eq!(reader.json(&["status"])["operations"], before);
    assert!(reader.ok(&["recall", QUESTION]).contains("Nothing in the store matches."));

    // The publisher types the line that the reader was shown.
    let mut grant = command_in(&request, "garner channel grant");
    *grant.last_mut().unwrap() = "laptop";
    assert!(publisher.ok(&grant).contains("laptop"));
    publisher.ok(&["load", "notes"]);
    let pulled = reader.json(&["pull", "notes"]);
    assert_eq!(pulled["channels"][0]["version"], 2);
    reader.ok(&["load", "notes"]);
    assert_eq!(recall(&reader), recall(&publisher));
    // What the reader may not do.
    reader.ok(&["compile", &example("day-two.jsonl")]);
    let remote = remote_files(&publisher);
    reader.fails(&["publish", "notes"], 4, &["may not", "hint: "]);
    assert!(remote_files(&publisher) == remote, "a reader changed the remote");
}

fn remote_files(publisher: &World) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = publisher.files();
    files.retain(|(path, _)| path.starts_with(publisher.remote()));
    files
}

#[test]
fn a_file_on_a_stick_is_trusted_by_the_id_of_its_repository() {
    let (publisher, reader) = (World::publisher(), reader());
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "island"]);
    publisher.ok(&["compile", &example("day-one.jsonl")]);
    let bundle = text(&reader.path("notes-v1.kernel"));
    publisher.ok(&["publish", "notes", "--out", &bundle]);
    publisher.ok(&["load", "notes"]);

    let repository = publisher.json(&["channel", "show", "notes"])["repository"].clone();
    let facts = ["notes-v1.kernel", repository.as_str().unwrap(), "does not trust"];
    let refused = reader.fails(&["load", &bundle], 4, &facts);
    assert_eq!(reader.json(&["status"])["operations"], 0);
    let trust = command_in(&refused.stderr, "garner channel trust");
    assert_eq!(trust[2..], ["notes", repository.as_str().unwrap()]);
    reader.ok(&trust);
    reader.ok(&["verify", &bundle]);
    reader.ok(&["load", &bundle]);
    assert_eq!(recall(&reader), recall(&publisher));
    let again = reader.ok(&["load", &bundle]);
    assert!(again.contains("v1 of `notes` is loaded already"), "{again}");
    // Files are all there is: there is nothing to pull from.
    reader.fails(&["pull", "notes"], 3, &["has no remote", "`garner channel add`"]);
}

#[test]
fn an_invite_is_as_good_as_its_id() {
    let (publisher, reader) = (World::of_day_one(), reader());
    let address = format!("file:{}", text(&publisher.remote()));
    let add = |invite: &str, status, facts: &[&str]| {
        reader.fails(&["channel", "add", "notes", invite], status, facts);
        reader.fails(&["pull", "notes"], 3, &["`notes`", "`garner channel add`"]);
    };
    add(&address, 1, &["already holds repository", "to the address"]);
    let wrong = format!("garner+{address}#{}", "0".repeat(32));
    add(&wrong, 4, &[&"0".repeat(32), "compare both ids"]);
    let missing = format!("file:{}", text(&reader.path("stick")));
    add(&missing, 5, &["stick", "plug the medium in"]);
    assert!(!reader.path("stick").exists(), "an unplugged medium became a folder");
}

#[test]
fn a_repository_that_came_from_another_publisher_is_not_taken_for_the_pinned_one() {
    let (ours, theirs) = (World::of_day_one(), World::of_day_one());
    let bundle = text(&ours.path("theirs.kernel"));
    theirs.ok(&["pull", "notes", "--out", &bundle]);
    let operations = ours.json(&["status"])["operations"].clone();
    let facts = ["theirs.kernel", "does not trust", "garner channel trust"];
    ours.fails(&["load", &bundle], 4, &facts);
    assert_eq!(ours.json(&["status"])["operations"], operations);
    // Another repository in the place of the pinned one.
    std::fs::rename(ours.remote(), ours.path("old")).unwrap();
    std::fs::create_dir(ours.remote()).unwrap();
    for (path, bytes) in remote_files(&theirs) {
        let path = ours.remote().join(path.strip_prefix(theirs.remote()).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    ours.fails(&["pull", "notes"], 4, &["repository", "compare both ids"]);
    recall(&ours);
}

#[test]
fn a_recovery_key_opens_what_a_lost_machine_published() {
    let publisher = World::of_day_one();
    let rescue = World::new();
    rescue.ok(&["setup"]);
    std::fs::copy(publisher.key("recovery"), rescue.key("recovery")).unwrap();
    rescue.ok(&["channel", "add", "notes", &invite(&publisher)]);
    rescue.ok(&["pull", "notes"]);
    rescue.ok(&["load", "notes"]);
    assert_eq!(recall(&rescue), recall(&publisher));
}

#[test]
fn what_was_added_and_not_pulled_yet_is_pulled_by_load() {
    let publisher = World::of_day_one();
    let reader = reader();
    std::fs::copy(publisher.key("recovery"), reader.key("recovery")).unwrap();
    reader.ok(&["channel", "add", "notes", &invite(&publisher)]);
    reader.ok(&["load", "notes"]);
    recall(&reader);
}

#[test]
fn a_channel_that_is_there_already_is_not_replaced_unasked() {
    let world = World::of_day_one();
    let settings = std::fs::read(world.path("state/garner/channels/notes.json")).unwrap();
    let stick = world.path("stick");
    std::fs::create_dir(&stick).unwrap();
    let address = format!("file:{}", text(&stick));
    for command in [["add", "notes", &address], ["trust", "notes", &"0".repeat(32)]] {
        let output = world.run(&[&["channel"], command.as_slice()].concat());
        assert!([1, 4].contains(&output.status), "{output:?}");
        output.fails(output.status, &["`notes`", "`garner channel remove notes"]);
    }
    assert_eq!(std::fs::read(world.path("state/garner/channels/notes.json")).unwrap(), settings);
    assert_eq!(std::fs::read_dir(stick).unwrap().count(), 0, "half a repository was made");
}

#[test]
fn a_channel_that_is_added_again_keeps_its_readers_and_what_it_has_seen() {
    let (publisher, laptop) = (World::of_day_one(), reader());
    let device = laptop.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "laptop"]);
    let before = publisher.json(&["channel", "show", "notes"]);
    assert_eq!(before["readers"].as_array().unwrap().len(), 3);
    publisher.ok(&["channel", "add", "notes", &invite(&publisher)]);
    assert_eq!(publisher.json(&["channel", "show", "notes"]), before);
}
