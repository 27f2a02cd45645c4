//! `garner setup ollama`, and what other clients are told: profiles that shells read, nothing of a
//! person's lost, and an undoing that leaves no trace.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde_json::{Value, json};

use crate::setup::{assert_same, set_mode, tree, write};
use crate::world::{World, items, text};

const PROFILE: &str = "# mine\nalias ll='ls -l'\nexport OLLAMA_HOST=gpu-box\n";

/// A state of a home before setup, and what setup says to it: nothing, or an error.
struct Start {
    name: &'static str,
    make: fn(&World),
    refused: Option<(i32, &'static str)>,
    /// The profiles that are told.
    told: &'static [&'static str],
}

const fn start(name: &'static str, told: &'static [&'static str], make: fn(&World)) -> Start {
    Start { name, make, refused: None, told }
}

const STARTS: [Start; 10] = [
    start("no home at all", &["home/.bashrc"], |_| {}),
    start("an empty home", &["home/.bashrc"], |world| {
        fs::create_dir(world.path("home")).unwrap();
    }),
    start("a profile of bash", &["home/.bashrc"], |world| {
        write(&world.path("home/.bashrc"), PROFILE);
    }),
    start("a profile without a last line feed, for its owner alone", &["home/.bashrc"], |world| {
        write(&world.path("home/.bashrc"), PROFILE.trim_end());
        set_mode(&world.path("home/.bashrc"), 0o600);
    }),
    start("an empty profile", &["home/.zshrc"], |world| write(&world.path("home/.zshrc"), "")),
    start("a profile behind a link", &["home/dotfiles/zshrc"], |world| {
        write(&world.path("home/dotfiles/zshrc"), PROFILE);
        symlink("dotfiles/zshrc", world.path("home/.zshrc")).unwrap();
    }),
    start(
        "every shell",
        &["home/.bashrc", "home/.zshrc", "config/fish/conf.d/garner.fish"],
        |world| {
            write(&world.path("home/.bashrc"), PROFILE);
            write(&world.path("home/.zshrc"), PROFILE);
            write(&world.path("config/fish/config.fish"), "set -g fish_greeting\n");
        },
    ),
    Start {
        refused: Some((1, "is read-only")),
        ..start("a read-only profile", &[], |world| {
            write(&world.path("home/.bashrc"), PROFILE);
            set_mode(&world.path("home/.bashrc"), 0o444);
        })
    },
    Start {
        refused: Some((1, "and not from Garner")),
        ..start("a file of somebody else with our name", &[], |world| {
            write(&world.path("config/fish/conf.d/garner.fish"), "echo hi\n");
        })
    },
    Start {
        refused: Some((3, "is a link to something that is not there")),
        ..start("a profile behind a link that leads nowhere", &[], |world| {
            write(&world.path("home/.bashrc"), PROFILE);
            symlink("gone", world.path("home/.zshrc")).unwrap();
        })
    },
];

#[test]
fn setup_and_undo_leave_every_kind_of_profile_as_it_was() {
    for Start { name, make, refused, told } in &STARTS {
        let world = World::new();
        make(&world);
        let before = tree(&world.path("."));
        world.run(&["setup", "ollama", "--dry-run"]);
        assert!(tree(&world.path(".")) == before, "{name}: a dry run changed something");
        if let Some((status, fact)) = refused {
            world.fails(&["setup", "ollama"], *status, &[fact, "hint: "]);
            assert!(tree(&world.path(".")) == before, "{name}: refused, and changed something");
            continue;
        }
        let done = world.json(&["setup", "ollama"]);
        let changed = [items(&done["made"]), items(&done["changed"])].concat();
        assert_eq!(changed.len(), told.len(), "{name}: {done}");
        for path in *told {
            let profile = fs::read_to_string(world.path(path)).unwrap();
            assert!(profile.contains("http://127.0.0.1:11435"), "{name}: {profile}");
        }
        let after = tree(&world.path("."));
        let again = world.json(&["setup", "ollama"]);
        assert_eq!((&again["made"], &again["changed"]), (&json!([]), &json!([])), "{name}");
        assert!(tree(&world.path(".")) == after, "{name}: a second run changed something");
        world.ok(&["setup", "ollama", "--undo", "--dry-run"]);
        assert!(tree(&world.path(".")) == after, "{name}: a dry run changed something");
        assert_eq!(world.json(&["setup", "ollama", "--undo"])["left"], json!([]), "{name}");
        assert_same(&tree(&world.path(".")), &before, name);
        let nothing = world.ok(&["setup", "ollama", "--undo"]);
        assert!(nothing.starts_with("Nothing of Garner is set up in the profiles"), "{nothing}");
    }
}

#[test]
fn what_a_person_wrote_since_stays_when_our_lines_go() {
    let world = World::new();
    write(&world.path("home/.bashrc"), PROFILE);
    world.ok(&["setup", "ollama"]);
    let profile = world.path("home/.bashrc");
    let edited = fs::read_to_string(&profile).unwrap() + "alias g=git\n";
    write(&profile, edited);
    // Another address takes the place of the first.
    world.ok(&["setup", "ollama", "--listen", "127.0.0.1:7777", "--channel", "notes"]);
    let told = fs::read_to_string(&profile).unwrap();
    assert!(told.contains("'http://127.0.0.1:7777/k/notes'") && !told.contains("11435"), "{told}");
    assert!(told.ends_with("alias g=git\n"), "{told}");
    world.ok(&["setup", "ollama", "--undo"]);
    world.ok(&["setup", "ollama", "--undo"]);
    assert_eq!(fs::read_to_string(&profile).unwrap(), format!("{PROFILE}alias g=git\n"));
    // Setup for Claude Code has a record of its own.
    world.ok(&["setup", "claude"]);
    assert!(world.ok(&["setup", "ollama", "--undo"]).starts_with("Nothing"));
    assert!(world.ok(&["setup", "claude", "--undo"]).contains("removed"));
}

/// Runs a line in a shell that read its profile, with a program `ollama` that says whom it asks;
/// `None` where there is no such shell.
fn typed(world: &World, shell: &str, profile: &str, line: &str) -> Option<String> {
    let fake = world.path("bin/ollama");
    write(&fake, "#!/bin/sh\necho \"$1 at $OLLAMA_HOST\"\n");
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!("source {profile}; {line}");
    let path = format!("{}:{}", text(&world.path("bin")), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell);
    command.args(["-c", &script]).env_clear().env("PATH", path).env("HOME", world.path("home"));
    let Ok(output) = command.output() else {
        eprintln!("skipped: there is no {shell}");
        return None;
    };
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn clients_ask_the_proxy_and_the_server_listens_where_it_did() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        world.ok(&["setup", "ollama", "--shell", shell, "--upstream", "10.0.0.7:11434"]);
        let profile = match shell {
            "fish" => world.path("config/fish/conf.d/garner.fish"),
            other => world.path(&format!("home/.{other}rc")),
        };
        let line = "ollama list; ollama serve; ollama start; ollama list";
        if let Some(said) = typed(&world, shell, &text(&profile), line) {
            let (proxy, server) = ("http://127.0.0.1:11435", "10.0.0.7:11434");
            let expected =
                format!("list at {proxy}\nserve at {server}\nstart at {server}\nlist at {proxy}\n");
            assert_eq!(said, expected, "{shell}");
            // What Garner itself asks is the server, not the proxy in front of it.
            let said = typed(&world, shell, &text(&profile), "echo $GARNER_UPSTREAM").unwrap();
            assert_eq!(said.trim(), server, "{shell}");
        }
        world.ok(&["setup", "ollama", "--undo"]);
    }
}

#[test]
fn garner_asks_the_server_behind_the_proxy_that_clients_ask() {
    let world = World::of_day_one();
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("OLLAMA_HOST", "http://127.0.0.1:11435");
        command.env("GARNER_UPSTREAM", "127.0.0.1:9");
        world.finish(command)
    };
    run(&["ask", "pilot", "how?"]).fails(5, &["no Ollama server answers at http://127.0.0.1:9/"]);
    // A second setup in a shell that was set up names the same server.
    run(&["setup", "ollama"]).succeeds();
    let profile = fs::read_to_string(world.path("home/.bashrc")).unwrap();
    assert!(profile.contains("GARNER_UPSTREAM='127.0.0.1:9'"), "{profile}");
    let facts = ["http://127.0.0.1:11435", "hint: "];
    let asked = ["setup", "ollama", "--upstream", "http://127.0.0.1:11435"];
    world.fails(&asked, 1, &facts);
    for address in ["x'; rm -rf ~ #", "", "a b:1"] {
        assert_ne!(world.run(&["setup", "ollama", "--listen", address]).status, 0, "{address}");
    }
}

#[test]
fn other_clients_are_told_in_their_own_words() {
    let world = World::new();
    let before = tree(&world.path("."));
    let env = world.ok(&["setup", "open-webui"]);
    assert_eq!(env, "OLLAMA_BASE_URL=http://127.0.0.1:11435\n");
    let zed: Value = serde_json::from_str(&world.ok(&["setup", "zed", "-c", "notes"])).unwrap();
    let url = "http://127.0.0.1:11435/k/notes";
    assert_eq!(zed, json!({ "language_models": { "ollama": { "api_url": url } } }));
    let yaml = world.ok(&["setup", "continue", "--listen", "box:1"]);
    assert!(
        yaml.contains("provider: ollama") && yaml.contains("apiBase: http://box:1\n"),
        "{yaml}"
    );
    for client in ["open-webui", "continue", "zed"] {
        let told = world.json(&["setup", client, "-c", "notes"]);
        assert_eq!(told["url"], url, "{client}");
        assert!(told["settings"].as_str().unwrap().contains(url), "{client}: {told}");
        assert!(told["place"].as_str().is_some_and(|place| !place.is_empty()), "{client}");
    }
    assert!(tree(&world.path(".")) == before, "something was changed");
}
