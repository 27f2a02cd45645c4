//! The embedding model: there, not there, or not wanted.

use std::path::PathBuf;
use std::process::Command;

use crate::world::{NOW, Output, World, example, items, json};

const QUESTION: &str = "what happens when a forecast is out of date?";

/// Runs a command with the real embedder and this model folder.
fn run(world: &World, models: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = world.command(arguments);
    command.env("GARNER_EMBEDDER", "minilm").env("GARNER_MODEL_DIR", models);
    world.finish(command)
}

fn warnings(output: &Output) -> Vec<&str> {
    output.stderr.lines().filter(|line| line.starts_with("warning:")).collect()
}

#[test]
fn without_a_model_one_warning_names_the_fix_and_keywords_serve() {
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    let models = world.path("models");
    let output = run(&world, &models, &["--offline", "load", "notes"]);
    let warned = warnings(&output);
    assert_eq!(warned.len(), 1, "{}", output.stderr);
    assert!(warned[0].contains("`garner model install"), "{warned:?}");
    assert!(output.succeeds().contains("0 embedded"));
    let recall = run(&world, &models, &["--offline", "--json", "recall", "cached prediction"]);
    let hits = json(&recall.succeeds());
    let first = &items(&hits["hits"])[0];
    let statement = first["fragment"]["statement"].as_str().unwrap();
    assert!(statement.contains("cached prediction"), "{statement}");
    assert!(first["signals"]["cosine"].is_null());
    // Loaded once with a model at hand, the same version gets its vectors.
    let again = world.json(&["load", "notes"]);
    let listed = items(&world.json(&["fragment", "list"])["fragments"]).len();
    assert_eq!(again["loaded"][0]["embedded"], listed, "{again}");
    assert!(!world.json(&["recall", "heights"])["hits"][0]["signals"]["cosine"].is_null());
}

#[test]
fn a_missing_model_is_a_failed_check_with_a_next_command() {
    let world = World::new();
    let models = world.path("models");
    for arguments in [&["model", "status"][..], &["--json", "model", "status"]] {
        let output = run(&world, &models, arguments);
        output.fails(3, &["not installed", "models", "`garner model install`"]);
        assert!(output.stdout.contains("missing"), "{}", output.stdout);
    }
    let offline = run(&world, &models, &["--offline", "model", "install"]);
    assert!([3, 5].contains(&offline.status), "{offline:?}");
    offline.fails(offline.status, &["hint: "]);
}

#[test]
fn without_a_library_the_direct_engine_embeds_and_asks() {
    let Some(installed) = model() else { return };
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    let models = world.path("models");
    std::fs::create_dir(&models).unwrap();
    for name in ["model.safetensors", "tokenizer.json"] {
        std::fs::copy(installed.join(name), models.join(name)).unwrap();
    }
    let offline = |arguments: &[&str]| {
        let arguments = [&["--offline"], arguments].concat();
        let mut command = world.command(&arguments);
        command.env("GARNER_EMBEDDER", "minilm").env("GARNER_MODEL_DIR", &models);
        world.finish(command)
    };
    let loaded = offline(&["load", "notes"]);
    assert_eq!(warnings(&loaded), Vec::<&str>::new());
    let listed = items(&world.json(&["fragment", "list"])["fragments"]).len();
    let loaded = loaded.succeeds();
    assert!(loaded.contains(&format!("{listed} embedded")), "{loaded}");
    // The engine with the library finds the vectors of the one without, and the other way around.
    for found in [offline(&["--json", "recall", QUESTION]), {
        run(&world, &installed, &["--offline", "--json", "recall", QUESTION])
    }] {
        let hits = json(&found.succeeds());
        assert!(items(&hits["hits"])[0]["signals"]["cosine"].is_number(), "{hits}");
    }
    let status = offline(&["model", "status"]).succeeds();
    assert!(status.contains("there is no ONNX Runtime library"), "{status}");
    let status = json(&offline(&["--json", "model", "status"]).succeeds());
    assert_eq!(status["engines"], serde_json::json!({ "ask": "direct", "load": "direct" }));
    let again = offline(&["model", "install"]);
    assert!(again.stderr.contains("ONNX Runtime cannot be had"), "{again:?}");
    again.succeeds();
}

#[cfg(unix)]
#[test]
fn a_library_that_does_not_work_is_one_warning_and_the_direct_engine_serves() {
    let Some(models) = model() else { return };
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    let own = world.path("models");
    std::fs::create_dir(&own).unwrap();
    for name in ["model.safetensors", "tokenizer.json"] {
        std::fs::copy(models.join(name), own.join(name)).unwrap();
    }
    let mut install = world.command(&["--offline", "model", "install"]);
    install.env("GARNER_MODEL_DIR", &own);
    world.finish(install).succeeds();
    let library = world.path("library.so");
    std::fs::write(&library, b"not a library").unwrap();
    let mut command = world.command(&["--offline", "model", "status"]);
    command.env("GARNER_MODEL_DIR", &own).env("ORT_DYLIB_PATH", &library);
    let status = world.finish(command).succeeds();
    assert!(status.contains("of the system, not checked"), "{status}");
    // Installing with it tries it out, and says that it does not work.
    let mut command = world.command(&["--offline", "model", "install"]);
    command.env("GARNER_MODEL_DIR", &own).env("ORT_DYLIB_PATH", &library);
    world.finish(command).fails(70, &["does not work", "ORT_DYLIB_PATH"]);
    let mut command = world.command(&["--offline", "load", "notes"]);
    command.env("GARNER_EMBEDDER", "minilm").env("GARNER_MODEL_DIR", &own);
    command.env("ORT_DYLIB_PATH", &library);
    let loaded = world.finish(command);
    let warned = warnings(&loaded);
    assert_eq!(warned.len(), 1, "{}", loaded.stderr);
    assert!(warned[0].contains("ONNX Runtime does not work"), "{warned:?}");
    assert!(!loaded.succeeds().contains(" 0 embedded"));
}

#[test]
fn an_ollama_server_that_is_not_there_is_one_warning_and_keywords_serve() {
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    for arguments in [&["load", "notes"][..], &["recall", "cached prediction"]] {
        let mut command = world.command(arguments);
        // Port 9 discards: nobody answers there.
        command.env("GARNER_EMBEDDER", "ollama:all-minilm").env("OLLAMA_HOST", "127.0.0.1:9");
        let output = world.finish(command);
        let warned = warnings(&output);
        assert_eq!(warned.len(), 1, "{}", output.stderr);
        assert!(
            warned[0].contains("no Ollama server answers at http://127.0.0.1:9/"),
            "{warned:?}"
        );
        assert!(warned[0].contains("`ollama serve`"), "{warned:?}");
        output.succeeds();
    }
}

#[test]
fn an_embedder_that_does_not_exist_is_an_error() {
    let world = World::new();
    for name in ["gpt", "ollama:"] {
        let mut command = world.command(&["status"]);
        command.env("GARNER_EMBEDDER", name);
        world.finish(command).fails(1, &["GARNER_EMBEDDER", &format!("`{name}`")]);
    }
    let mut command = world.command(&["status"]);
    command.env("GARNER_NOW", "tomorrow");
    world.finish(command).fails(1, &["GARNER_NOW", "`tomorrow`"]);
}

/// Returns the model of the person who runs the tests, installed if a source can be had.
pub(crate) fn model() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|h| h.join(".cache")));
    let models = variable("GARNER_MODEL_DIR").or(cache.map(|c| c.join("garner/models")))?;
    // The sources that an install knows are in the person's own environment.
    let mut install = Command::new(env!("CARGO_BIN_EXE_garner"));
    install.args(["--quiet", "model", "install"]).env("GARNER_MODEL_DIR", &models);
    install.env("GARNER_NOW", NOW).stdin(std::process::Stdio::null());
    let output = install.output().unwrap();
    if output.status.success() {
        return Some(models);
    }
    eprintln!("skipped: no model: {}", String::from_utf8_lossy(&output.stderr));
    None
}

#[test]
fn the_model_finds_what_shares_no_word_with_the_question() {
    let Some(models) = model() else { return };
    let world = World::publisher();
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.ok(&["publish", "notes"]);
    let loaded = run(&world, &models, &["--offline", "load", "notes"]);
    assert_eq!(warnings(&loaded), Vec::<&str>::new());
    assert!(!loaded.succeeds().contains("0 embedded"));
    let recall = |question| {
        let output = run(&world, &models, &["--offline", "--json", "recall", "-k", "3", question]);
        json(&output.succeeds())
    };
    let found = recall(QUESTION).to_string();
    assert!(found.contains("cached prediction is older"), "{found}");
    let found = recall("which time zone do moments have?").to_string();
    assert!(found.contains("UTC"), "{found}");
    let status = run(&world, &models, &["model", "status"]).succeeds();
    assert!(status.contains("whole") && !status.contains("missing"), "{status}");
    // Vectors of one embedder are not compared with those of another.
    let hash = world.json(&["recall", QUESTION]);
    assert!(items(&hash["hits"]).iter().all(|hit| hit["signals"]["cosine"].is_null()), "{hash}");
}
