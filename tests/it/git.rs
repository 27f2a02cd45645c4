//! A channel in a git repository, through the program.

use std::path::PathBuf;
use std::process::Command;

use crate::world::{World, example, items, text};

/// Makes an empty repository that both machines can reach.
fn repository(world: &World) -> PathBuf {
    let path = world.path("notes.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare", &text(&path)]).status();
    assert!(made.unwrap().success());
    path
}

#[test]
fn a_channel_in_a_git_repository_is_published_granted_pulled_and_loaded() {
    let (ada, bob) = (World::new(), World::new());
    let address = format!("git:{}", text(&repository(&ada)));
    ada.ok(&["setup"]);
    bob.ok(&["setup"]);
    ada.ok(&["channel", "probe", &address, "--rounds", "1"]);
    ada.ok(&["channel", "add", "notes", &address]);
    let device = bob.ok(&["key", "show", "device"]);
    ada.ok(&["channel", "grant", "notes", device.trim(), "--as", "bob"]);
    ada.learn("day-one.jsonl");
    let shown = ada.json(&["channel", "show", "notes"]);
    bob.ok(&["channel", "add", "notes", shown["invite"].as_str().unwrap()]);
    bob.ok(&["pull", "notes"]);
    bob.ok(&["load", "notes"]);
    ada.ok(&["compile", &example("day-two.jsonl")]);
    ada.ok(&["publish", "notes"]);
    bob.ok(&["pull", "notes"]);
    bob.ok(&["load", "notes"]);
    let log = |world: &World| items(&world.json(&["log", "notes"])["versions"]).to_vec();
    assert_eq!(log(&bob).len(), 2);
    let heads = |world: &World| -> Vec<_> {
        log(world).iter().map(|version| version["head"].clone()).collect()
    };
    assert_eq!(heads(&bob), heads(&ada));
}

#[test]
fn a_repository_that_is_not_there_is_not_an_empty_channel() {
    let world = World::new();
    world.ok(&["setup"]);
    let address = format!("git:{}", text(&world.path("nowhere.git")));
    let refused = world.run(&["channel", "add", "notes", &address]);
    refused.fails(5, &["nowhere.git", "hint: "]);
}

#[test]
fn backups_go_to_a_repository_and_come_back_on_a_new_machine() {
    let ada = World::of_day_one();
    ada.ok(&["load", "notes"]);
    let address = format!("git:{}", text(&repository(&ada)));
    ada.ok(&["store", "backup", "--to", &address]);
    ada.ok(&["fragment", "add", "What came after the first backup."]);
    ada.ok(&["store", "backup"]);
    assert_eq!(ada.json(&["store", "drill"])["passed"], true);
    let bob = World::new();
    let signer = ada.ok(&["key", "show", "publisher"]);
    let key = text(&ada.key("recovery"));
    let from = ["--from", &address, "--key", &key, "--signed-by", signer.trim()];
    let done = bob.json(&[&["store", "restore", "latest"], &from[..]].concat());
    assert_eq!(done["operations"], 2);
    let all = |world: &World| world.json(&["fragment", "list"]);
    assert_eq!(all(&bob), all(&ada));
}
