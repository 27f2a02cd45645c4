//! `garner bake`: a model whose system text holds the rules of a channel.

use serde_json::{Value, json};

use crate::replay::{Asked, Replay, Reply};
use crate::world::World;

const MADE: [&str; 2] = [r#"{"status":"creating new layer"}"#, r#"{"status":"success"}"#];

/// Answers as a server with two models, the second as `second` says.
fn server(second: Value, made: &'static [&'static str]) -> Replay {
    Replay::start(move |asked: &Asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        match asked.path.as_str() {
            "/api/create" => Reply::lines(made),
            "/api/tags" => {
                Reply::json("200 OK", r#"{"models":[{"name":"base","modified_at":"","size":1}]}"#)
            }
            _ if body.contains("\"base\"") => {
                let show = json!({ "system": "You are \"Bob\".", "parameters": "num_ctx 8192" });
                Reply::json("200 OK", &show.to_string())
            }
            _ if body.contains("\"cloudy\"") => {
                Reply::json("200 OK", r#"{"remote_host":"https://ollama.example"}"#)
            }
            _ if second.is_null() => Reply::json("404 Not Found", r#"{"error":"not found"}"#),
            _ => Reply::json("200 OK", &second.to_string()),
        }
    })
}

fn bake(world: &World, server: &Replay, arguments: &[&str]) -> crate::world::Output {
    let mut command = world.command(&[&["bake", "notes", "--as", "team"], arguments].concat());
    command.env("OLLAMA_HOST", server.address());
    world.finish(command)
}

#[test]
fn a_model_is_made_with_its_own_system_text_and_the_rules() {
    let world = World::of_day_one();
    let server = server(Value::Null, &MADE);
    let planned = bake(&world, &server, &["--from", "base", "-n"]).succeeds();
    assert!(
        planned.contains("make model `team` of `base`") && planned.contains("You are \"Bob\".")
    );
    assert!(server.of("/api/create").is_empty());
    let said = bake(&world, &server, &["--from", "base"]).succeeds();
    assert!(said.contains("Made `team` of `base`") && said.contains("notes@1"), "{said}");
    let asked: Value = serde_json::from_slice(&server.of("/api/create")[0].body).unwrap();
    assert_eq!((&asked["model"], &asked["from"]), (&json!("team"), &json!("base")));
    let system = asked["system"].as_str().unwrap();
    assert!(system.starts_with("You are \"Bob\".\n\n<garner-memory id="), "{system}");
    assert!(system.contains(" rule ") && !system.contains(" decision "), "{system}");
    let mut command = world.command(&["--json", "bake", "notes", "--as", "team", "--from", "base"]);
    command.env("OLLAMA_HOST", server.address());
    let baked = crate::world::json(&world.finish(command).succeeds());
    assert!(!crate::world::items(&baked["fragments"]).is_empty());
}

#[test]
fn what_was_baked_is_baked_again_and_what_somebody_made_is_not_replaced() {
    let world = World::of_day_one();
    let old = "You are \"Bob\".\n\n<garner-memory id=\"a1\">\nold\n</garner-memory id=\"a1\">";
    let ours = server(json!({ "system": old }), &MADE);
    bake(&world, &ours, &["--from", "base"]).succeeds();
    // A model that was baked makes another one without the old rules.
    bake(&world, &ours, &["--from", "other"]).succeeds();
    for asked in ours.of("/api/create") {
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(asked["system"].as_str().unwrap().matches("<garner-memory id=").count(), 1);
    }
    let theirs = server(json!({ "system": "Mine." }), &MADE);
    let refused = bake(&world, &theirs, &["--from", "base"]);
    refused.fails(1, &["nobody confirmed", "--yes"]);
    assert!(theirs.of("/api/create").is_empty());
    bake(&world, &theirs, &["--from", "base", "--yes"]).succeeds();
    assert_eq!(theirs.of("/api/create").len(), 1);
}

#[test]
fn what_cannot_be_baked_is_told() {
    let world = World::of_day_one();
    let server_of = |made| server(Value::Null, made);
    let good = server_of(&MADE);
    bake(&world, &good, &["--from", "nosuch"]).fails(3, &["no model `nosuch`", "ollama pull"]);
    bake(&world, &good, &["--from", "cloudy"]).fails(1, &["third party", "--cloud"]);
    bake(&world, &good, &["--from", "cloudy", "--cloud"]).succeeds();
    let mut command = world.command(&["bake", "other", "--as", "team", "--from", "base"]);
    command.env("OLLAMA_HOST", good.address());
    world.finish(command).fails(3, &["`other`", "garner channel list"]);
    let broken = server_of(&[r#"{"status":"reading"}"#, r#"{"error":"disk full"}"#]);
    bake(&world, &broken, &["--from", "base"]).fails(5, &["disk full"]);
    let early = server_of(&[r#"{"status":"reading"}"#]);
    bake(&world, &early, &["--from", "base"]).fails(5, &["ended early"]);
    world.fails(&["bake", "notes", "--as", "team", "--from", "base"], 5, &["no Ollama server"]);
}
