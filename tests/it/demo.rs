//! The demo: the whole way in one command, on its own sessions or on a given one.

use std::fs;

use crate::world::{LARGE, World, text, transcripts};

/// Checks that the demo left nothing on the machine itself.
fn leaves_no_trace(world: &World) {
    for folder in ["home", "data", "config", "state", "cache"] {
        assert!(!world.path(folder).exists(), "the demo made `{folder}`");
    }
    assert_eq!(fs::read_dir(world.path("tmp")).unwrap().count(), 0);
}

#[test]
fn the_demo_shows_every_step_and_leaves_no_trace() {
    let world = World::new();
    let shown = world.ok(&["demo"]);
    for step in [
        "$ garner setup",
        "$ garner channel add notes file:",
        "$ garner compile",
        "Nothing new.",
        "$ garner publish notes",
        "$ garner load notes",
        "$ garner recall",
        "$ garner key drill",
        "$ garner diff notes@1 notes@2",
        "<garner-memory id=",
        "$ garner rollback notes@1",
        "(The same bytes as at v1.)",
        "$ garner undo",
        "ok      provenance of",
    ] {
        assert!(shown.contains(step), "no `{step}` in\n{shown}");
    }
    leaves_no_trace(&world);
}

#[test]
fn the_demo_keeps_its_files_where_one_wants_to_go_on() {
    let world = World::new();
    let keep = world.path("kept");
    world.ok(&["demo", "--keep", &text(&keep)]);
    leaves_no_trace(&world);
    for name in [
        "data/garner/store.db",
        "data/garner/drafts/notes.jsonl",
        "config/garner/keys/device.key",
        "config/garner/keys/root.key",
        "remote/README.txt",
        "remote/ch/notes/latest.note",
        "notes-v1.kernel",
        "notes-v2.kernel",
        "env.sh",
    ] {
        assert!(keep.join(name).is_file(), "no `{name}`");
    }
    // What it says to type works.
    let mut shell = std::process::Command::new("sh");
    let garner = env!("CARGO_BIN_EXE_garner");
    let script = format!(". {0}/env.sh && {garner} recall heights && {garner} verify", text(&keep));
    shell.args(["-c", &script]).env_clear().envs(world.environment());
    let output = world.finish(shell);
    assert!(output.succeeds().contains("Heights are integers"));
}

#[test]
fn the_demo_does_not_run_over_what_is_kept() {
    let world = World::new();
    let keep = text(&world.path("kept"));
    world.ok(&["demo", "--keep", &keep]);
    let before = world.files();
    world.run(&["demo", "--keep", &keep]).fails(1, &["kept", "is not empty", "hint: "]);
    assert!(world.files() == before, "half a demo was run over another one");
}

#[test]
fn the_demo_works_on_keywords_without_a_model() {
    let world = World::new();
    let mut command = world.command(&["demo"]);
    command.env("GARNER_EMBEDDER", "none");
    let shown = world.finish(command).succeeds();
    assert!(shown.contains("cosine -") && shown.contains("0 embedded"), "{shown}");
    assert!(shown.contains("(The same bytes as at v1.)"), "{shown}");
}

#[test]
fn the_demo_tells_the_story_of_any_real_session() {
    for session in transcripts(&LARGE) {
        let world = World::new();
        let shown = world.ok(&["demo", "--session", &text(&session)]);
        for step in ["(The same bytes as at v1.)", "ok      provenance of", "$ garner diff"] {
            assert!(shown.contains(step), "no `{step}` in\n{shown}");
        }
        leaves_no_trace(&world);
    }
}

#[test]
fn the_demo_of_a_missing_session_is_refused_before_its_first_step() {
    let world = World::new();
    let missing = text(&world.path("missing.jsonl"));
    let output = world.fails(&["demo", "--session", &missing], 3, &[&missing, "check the path"]);
    assert_eq!(output.stdout, "");
    leaves_no_trace(&world);
}
