//! Keys that an age plugin holds: a real process speaks the plugin protocol.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::world::{Output, World, text};

/// Runs a command with the test plugin on its path.
fn run(world: &World, arguments: &[&str]) -> Output {
    let mut command = world.command(arguments);
    command.env("PATH", path());
    world.finish(command)
}

fn path() -> String {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    format!("{}:{}", text(&plugins), std::env::var("PATH").unwrap())
}

/// Returns the identity file of a number, as the plugin prints it; `None` without Python.
fn generate(id: u32) -> Option<String> {
    let mut command = Command::new("age-plugin-garnertest");
    let output = command.args(["--generate", &id.to_string()]).env("PATH", path()).output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap()),
        other => {
            eprintln!("skipped: the test plugin does not run: {other:?}");
            None
        }
    }
}

/// Returns the public half that an identity file names.
fn recipient(file: &str) -> String {
    file.lines().next().unwrap().replace("# public key: ", "")
}

/// Makes a machine whose device key a plugin holds.
fn machine(file: &str) -> World {
    let world = World::new();
    world.ok(&["setup"]);
    fs::remove_file(world.key("device")).unwrap();
    fs::write(world.path("identity.txt"), file).unwrap();
    let identity = text(&world.path("identity.txt"));
    assert_eq!(
        world.ok(&["key", "import", &identity, "--role", "device"]),
        format!("{}\n", recipient(file))
    );
    world
}

#[test]
fn a_reader_whose_key_a_plugin_holds_reads_a_channel() {
    let Some(file) = generate(7) else { return };
    let (publisher, reader) = (World::of_day_one(), machine(&file));
    let public = recipient(&file);
    assert_eq!(reader.ok(&["key", "show", "device"]), format!("{public}\n"));
    let listed = reader.json(&["key", "list"]);
    assert_eq!(listed["keys"][2]["protected"], "plugin");

    // Without the plugin, nothing of the channel changes.
    let grant = ["channel", "grant", "notes", &public, "--as", "token"];
    let facts = ["`age-plugin-garnertest` is not installed", "on the `PATH`"];
    publisher.fails(&grant, 3, &facts);
    assert_eq!(publisher.json(&["log", "notes"])["versions"].as_array().unwrap().len(), 1);
    let readers = publisher.json(&["channel", "show", "notes"])["readers"].clone();
    assert_eq!(readers.as_array().unwrap().len(), 2, "{readers}");
    run(&publisher, &grant).succeeds();

    let shown = publisher.json(&["channel", "show", "notes"]);
    let invite = shown["invite"].as_str().unwrap();
    reader.ok(&["channel", "add", "notes", invite]);
    reader.ok(&["pull", "notes"]);
    reader.fails(&["load", "notes"], 3, &facts);
    let loaded = run(&reader, &["load", "notes"]);
    assert!(loaded.stderr.contains("age-plugin-garnertest: touch the test key"), "{loaded:?}");
    assert!(loaded.succeeds().contains("15 fragments"));
    assert!(reader.ok(&["recall", "heights"]).contains("millimetres"));
    // The publisher opens what it sealed without any plugin.
    publisher.ok(&["load", "notes"]);
    publisher.ok(&["verify", "notes"]);
}

#[test]
fn a_key_that_is_no_reader_is_named_though_a_plugin_holds_it() {
    let (Some(granted), Some(other)) = (generate(1), generate(2)) else { return };
    let (publisher, stranger) = (World::of_day_one(), machine(&other));
    let grant = ["channel", "grant", "notes", &recipient(&granted), "--as", "token"];
    run(&publisher, &grant).succeeds();
    let shown = publisher.json(&["channel", "show", "notes"]);
    stranger.ok(&["channel", "add", "notes", shown["invite"].as_str().unwrap()]);
    let refused = run(&stranger, &["load", "notes"]);
    refused
        .fails(4, &["none of our 2 keys", "the 3 recipients of the keyring", "`garner key show"]);
}

#[test]
fn an_identity_without_its_recipient_is_refused_with_the_line_that_it_lacks() {
    let Some(file) = generate(7) else { return };
    let world = World::new();
    let bare = file.lines().nth(1).unwrap();
    let wrong = format!("# public key: {}\n{bare}\n", "age1garnertest1qqqqqqqqqqqqq");
    for text_of_file in [bare, &wrong] {
        fs::write(world.path("identity.txt"), text_of_file).unwrap();
        let identity = text(&world.path("identity.txt"));
        let facts = ["identity.txt", "does not name its recipient", "# public key: age1NAME1"];
        world.fails(&["key", "import", &identity, "--role", "device"], 1, &facts);
    }
}
