//! What must not leave a session: secrets, personal details, other people's instructions.

use std::fs;

use garner_kernel::bundle::{self, Anchor, Bundle, DeviceKey};
use garner_kernel::{Fragment, Kernel, record};

use crate::world::{World, holds, items, planted, text};

/// Everything that may be planted in a session and must be found nowhere else.
fn forbidden() -> Vec<String> {
    let forbidden = [planted("secrets"), planted("personal")].concat();
    assert!(forbidden.len() > 5);
    forbidden
}

/// Runs every command that reads or writes what the example sessions taught, as talkative as can
/// be.
fn run_all(world: &World) {
    let (one, two) = (world.copy_example("day-one.jsonl"), world.copy_example("day-two.jsonl"));
    let (one, two) = (text(&one), text(&two));
    let (sessions, out) = (text(&world.path("sessions")), text(&world.path("notes.kernel")));
    world.ok(&["compile", "--audit", &one, &two]);
    for session in [&one, &two] {
        world.ok(&["compile", "-vvv", "--dry-run", session]);
        world.ok(&["compile", "-vvv", session]);
        world.ok(&["review", "-vvv"]);
        world.json(&["review"]);
        // Whatever waits is accepted: what a person lets through must be clean as well.
        let waiting = world.json(&["review"]);
        let ids: Vec<&str> =
            items(&waiting["waiting"]).iter().map(|e| e["id"].as_str().unwrap()).collect();
        world.ok(&[&["review", "--accept"], ids.as_slice()].concat());
        world.ok(&["publish", "-vvv", "notes", "--out", &out]);
        world.ok(&["load", "-vvv", "notes"]);
    }
    for question in ["what is the staging key?", "uploader token", "who is dana.okafor?"] {
        world.ok(&["recall", "-vvv", "--explain", question]);
        world.ok(&["recall", "--as-prompt", question]);
        world.json(&["recall", question]);
        world.ok(&["ask", "-vvv", "-n", "llama3.2", question]);
    }
    for command in [
        vec!["status"],
        vec!["log", "notes"],
        vec!["diff", "notes@1", "notes@2"],
        vec!["fragment", "list"],
        vec!["op", "list"],
        vec!["verify", "notes"],
        vec!["verify", "--provenance", &sessions],
        vec!["rollback", "notes@1"],
        vec!["undo"],
    ] {
        world.json(&command);
        world.ok(&[&["-vvv"], command.as_slice()].concat());
    }
}

/// Opens a bundle file as the machine's own device key opens it.
fn open(world: &World, file: &str) -> Kernel {
    let secret = fs::read_to_string(world.key("device")).unwrap();
    let device: DeviceKey = secret.lines().find(|l| !l.starts_with('#')).unwrap().parse().unwrap();
    let bundle = Bundle::parse(&fs::read(world.path(file)).unwrap()).unwrap();
    let repository = bundle::repository_of(&bundle.roots[0]).unwrap();
    let anchor = Anchor::pin(repository, None);
    bundle::open(&bundle, &anchor, &[&device]).unwrap().into_inner()
}

#[test]
fn no_secret_is_found_in_any_byte_outside_the_session() {
    let world = World::publisher();
    run_all(&world);
    let files = world.files();
    assert!(files.iter().any(|(path, _)| *path == world.store()), "{:?}", files.len());
    let (said, records) = (world.said(), plaintext(&world));
    for secret in forbidden() {
        for (path, bytes) in &files {
            assert!(!holds(bytes, secret.as_bytes()), "`{}` holds {secret}", path.display());
        }
        assert!(!holds(&said, secret.as_bytes()), "a command printed {secret}");
        assert!(!records.contains(&secret), "the plaintext of the bundle holds {secret}");
    }
}

#[test]
fn no_private_key_is_found_outside_its_own_file() {
    let world = World::publisher();
    run_all(&world);
    world.ok(&["-vvv", "key", "list"]);
    for role in ["root", "publisher", "device", "recovery"] {
        let file = fs::read_to_string(world.key(role)).unwrap();
        let key = file.lines().find(|line| !line.starts_with('#')).unwrap();
        // The secret half is the end of the line, after the name of a key that signs.
        let secret = key.split_at(key.len() - 40).1;
        assert!(!holds(&world.said(), secret.as_bytes()), "a command printed the {role} key");
        for (path, bytes) in world.files().iter().filter(|(path, _)| *path != world.key(role)) {
            assert!(!holds(bytes, secret.as_bytes()), "`{}` holds the {role} key", path.display());
        }
    }
}

/// Returns the plaintext records of the bundle.
fn plaintext(world: &World) -> String {
    let kernel = open(world, "notes.kernel");
    let lines: Vec<String> = kernel.contents.all().iter().map(record::line).collect();
    assert!(lines.len() > 20, "{} records", lines.len());
    lines.join("\n")
}

#[test]
fn no_directive_of_a_page_a_paste_or_a_tool_becomes_an_active_fragment() {
    let world = World::publisher();
    for session in ["day-one.jsonl", "day-two.jsonl"] {
        world.ok(&["compile", &text(&world.copy_example(session))]);
    }
    world.ok(&["publish", "notes", "--out", &text(&world.path("notes.kernel"))]);
    world.ok(&["load", "notes"]);
    let draft = world.draft().unwrap();
    let active = statements(draft.active());
    let kernel = open(&world, "notes.kernel").contents;
    let sealed = statements(kernel.fragments());
    assert!(sealed.contains("heights are integers"), "{sealed}");
    for directive in planted("poison") {
        for text in [&active, &sealed] {
            assert!(!text.contains(&directive.to_lowercase()), "{directive}");
        }
        let prompt = world.ok(&["ask", "-n", "llama3.2", &format!("May I {directive}?")]);
        assert_eq!(prompt.matches(&directive).count(), 1, "only the question says it:\n{prompt}");
    }
}

/// Returns statements and contexts in lower case.
fn statements<'a>(fragments: impl Iterator<Item = &'a Fragment>) -> String {
    let texts = fragments.flat_map(|f| [Some(&f.statement), f.context.as_ref()]).flatten();
    texts.map(|text| text.as_str().to_lowercase()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_garner_injected_is_not_learned_again() {
    let world = World::publisher();
    let sessions = [world.copy_example("day-one.jsonl"), world.copy_example("day-two.jsonl")];
    let [one, two] = sessions.map(|path| text(&path));
    world.ok(&["compile", &one, &two]);
    let before = world.draft_text().unwrap();
    let lines = [&one, &two].map(|path| fs::read_to_string(path).unwrap()).concat();
    for statement in planted("injected") {
        assert!(lines.contains(&statement), "no session holds `{statement}`");
        assert!(!before.contains(&statement), "{statement}");
    }
    let again = world.json(&["compile", &one, &two]);
    assert_eq!(items(&again["new"]).len(), 0);
    assert!(world.draft_text().unwrap() == before, "the draft changed");
}

#[test]
fn what_a_local_model_was_told_is_not_learned_from_its_session() {
    let world = World::of_day_one();
    let prompt = world.json(&["ask", "-n", "llama3.2", "how are heights stored?"]);
    let messages = items(&prompt["messages"]);
    let told: Vec<&str> = messages.iter().map(|m| m["content"].as_str().unwrap()).collect();
    let told = told.join("\n");
    assert!(told.contains("Heights are integers"), "{told}");
    // A session in which a person pasted the prompt, and the assistant said it again.
    let line = |kind: &str, uuid: &str, content: serde_json::Value| {
        let record = serde_json::json!({
            "type": kind, "uuid": uuid, "parentUuid": null, "sessionId": "told", "version": "2.1.45",
            "timestamp": "2026-03-12T09:00:00.000Z", "cwd": "/srv/other", "isSidechain": false,
            "userType": "external", "message": { "role": kind, "content": content },
        });
        format!("{record}\n")
    };
    let pasted = line("user", "u1", told.as_str().into());
    let said = line("assistant", "a1", serde_json::json!([{ "type": "text", "text": told }]));
    let path = world.path("told.jsonl");
    fs::write(&path, pasted + &said).unwrap();
    let compiled = world.json(&["compile", &text(&path)]);
    assert_eq!(items(&compiled["new"]).len(), 0, "{compiled}");
}
