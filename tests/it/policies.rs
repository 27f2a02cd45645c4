//! Policies: what a channel may say beside others.

use serde_json::json;

use crate::world::{World, items};

/// Returns the trust of every fragment that recall can see.
fn trusts(world: &World) -> Vec<String> {
    let shown = world.json(&["fragment", "list"]);
    let trust = |f: &serde_json::Value| f["trust"].as_str().unwrap().to_owned();
    items(&shown["fragments"]).iter().map(trust).collect()
}

#[test]
fn a_policy_is_shown_set_and_undone() {
    let world = World::of_day_one();
    let shown = |world: &World| world.json(&["channel", "policy", "notes"])["policy"].clone();
    assert_eq!(shown(&world), json!({ "precedence": 0, "min_trust": null }));
    assert!(!world.ok(&["channel", "show", "notes"]).contains("policy"));
    let all = trusts(&world);
    assert!(all.iter().any(|trust| trust == "assistant"), "{all:?}");

    let change = ["channel", "policy", "notes", "--min-trust", "human", "--precedence", "-2"];
    let planned = world.ok(&[&change[..], &["-n"]].concat());
    assert!(planned.contains("precedence -2, least trust human"), "{planned}");
    assert_eq!(trusts(&world), all, "a plan changes nothing");
    let said = world.ok(&change);
    assert!(said.contains("`notes` is read with precedence -2, least trust human"), "{said}");
    let policy = json!({ "precedence": -2, "min_trust": "human" });
    assert_eq!(shown(&world), policy);
    let human = trusts(&world);
    assert!(!human.is_empty() && human.iter().all(|trust| trust == "human"), "{human:?}");

    // The same once more is no operation.
    assert_eq!(world.json(&change)["operation"], json!(null));
    // Only what is named changes.
    world.ok(&["channel", "policy", "notes", "--min-trust", "none"]);
    assert_eq!(shown(&world), json!({ "precedence": -2, "min_trust": null }));
    world.ok(&["undo"]);
    assert_eq!(shown(&world), policy);
    assert!(world.ok(&["op", "list"]).contains("policy notes (precedence -2, least trust human)"));

    assert_eq!(world.json(&["status"])["channels"][0]["policy"], policy);
    assert_eq!(world.json(&["channel", "show", "notes"])["policy"], policy);
    for command in [&["status"][..], &["channel", "show", "notes"]] {
        let said = world.ok(command);
        assert!(said.contains("precedence -2, least trust human"), "{said}");
    }
    world.ok(&["undo"]);
    assert_eq!(trusts(&world), all);
    world.ok(&["verify"]);

    world.fails(&["channel", "policy", "nowhere"], 3, &["nowhere"]);
    world.fails(
        &["channel", "policy", "notes", "--min-trust", "much"],
        2,
        &["unknown trust `much`"],
    );
}

#[test]
fn a_fragment_says_where_it_is_read_from() {
    let world = World::of_day_one();
    let listed = world.json(&["fragment", "list"]);
    let id = |trust: &str| {
        let found = items(&listed["fragments"]).iter().find(|f| f["trust"] == trust).cloned();
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (human, assistant) = (id("human"), id("assistant"));
    world.ok(&["channel", "policy", "notes", "--min-trust", "human", "--precedence", "7"]);
    let shown = world.json(&["fragment", "show", &human]);
    let policy = json!({ "precedence": 7, "min_trust": "human" });
    let from = json!({ "channel": "notes", "version": 1, "revision": 1, "policy": policy });
    assert_eq!(shown["read_from"], from);
    let said = world.ok(&["fragment", "show", &human]);
    assert!(said.contains("`notes` at v1 (precedence 7, least trust human)"), "{said}");
    let said = world.ok(&["fragment", "show", &assistant]);
    assert!(said.contains("nowhere: recall does not see it"), "{said}");
    let said = world.ok(&["recall", "--explain", "what do we do with old predictions?"]);
    assert!(said.contains("from `notes` at v1 (precedence 7, least trust human)"), "{said}");
}

#[test]
fn a_policy_may_be_there_before_the_channel_is_loaded() {
    let world = World::publisher();
    world.ok(&["channel", "policy", "notes", "--min-trust", "human"]);
    world.learn("day-one.jsonl");
    assert!(trusts(&world).iter().all(|trust| trust == "human"));
    world.ok(&["verify"]);
}
