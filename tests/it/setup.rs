//! `garner setup claude`: what is made, what is never touched, and that undoing leaves no trace.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{World, items, json, text};

/// Everything under a folder: paths, bytes, modes, and where links lead.
pub(crate) type Tree = Vec<(PathBuf, u32, Vec<u8>)>;

pub(crate) fn tree(folder: &Path) -> Tree {
    let mut found = Vec::new();
    look(folder, &mut found);
    found.sort();
    found
}

fn look(folder: &Path, found: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let bytes = if metadata.is_symlink() {
            text(&fs::read_link(&path).unwrap()).into_bytes()
        } else if metadata.is_dir() {
            look(&path, found);
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.push((path, metadata.permissions().mode(), bytes));
    }
}

pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Settings as people have them, with all that a careless editor would lose.
const SETTINGS: &str = "\u{FEFF}// mine\r\n{\r\n\t\"model\": \"opus\", /* the large one */\r\n\t\
                        \"hooks\": {\r\n\t\t\"Stop\": [\r\n\t\t\t{ \"hooks\": [{ \"type\": \
                        \"command\", \"command\": \"say done\" }] },\r\n\t\t],\r\n\t},\r\n}\r\n";

/// A state of a machine before setup, and what setup says to it: nothing, or an error.
struct Start {
    name: &'static str,
    make: fn(&World, &Path),
    /// The status and a fact of the error with the plugin, and with `--settings`.
    plugin: Option<(i32, &'static str)>,
    settings: Option<(i32, &'static str)>,
}

const fn start(name: &'static str, make: fn(&World, &Path)) -> Start {
    Start { name, make, plugin: None, settings: None }
}

/// Every state; the path is that of the folder of Claude Code.
const STARTS: [Start; 17] = [
    start("no home at all", |_, _| {}),
    start("an empty home", |world, _| fs::create_dir(world.path("home")).unwrap()),
    start("settings with comments, tabs, CRLF and BOM", |_, claude| {
        write(&claude.join("settings.json"), SETTINGS);
    }),
    start("settings in one line, for the owner alone", |_, claude| {
        write(&claude.join("settings.json"), "{\"env\":{\"KEY\":\"1\"}}");
        set_mode(&claude.join("settings.json"), 0o600);
    }),
    start("an empty settings file", |_, claude| write(&claude.join("settings.json"), "")),
    start("settings behind a link", |world, claude| {
        write(&world.path("home/dotfiles/claude.json"), SETTINGS);
        fs::create_dir_all(claude).unwrap();
        symlink("../dotfiles/claude.json", claude.join("settings.json")).unwrap();
    }),
    start("the whole folder behind a link", |world, claude| {
        write(&world.path("home/dotfiles/claude/CLAUDE.md"), "# Mine\n");
        symlink("dotfiles/claude", claude).unwrap();
    }),
    start("folders that only their owner enters", |_, claude| {
        write(&claude.join("rules/own.md"), "- Use tabs.\n");
        set_mode(claude, 0o700);
        set_mode(&claude.join("rules"), 0o700);
    }),
    start("skills and rules of others", |_, claude| {
        write(&claude.join("skills/other/SKILL.md"), "---\nname: other\n---\n");
        write(&claude.join("rules/own.md"), "- Use tabs.\n");
        write(&claude.join("CLAUDE.md"), "# Mine\r\n");
    }),
    start("keys and a store of Garner", |world, _| {
        world.ok(&["setup"]);
    }),
    start("our own older version", older),
    start("our own older version, half written", |world, claude| {
        older(world, claude);
        fs::remove_file(claude.join("skills/garner/hooks/hooks.json")).unwrap();
    }),
    Start {
        plugin: Some((1, "and not from Garner")),
        settings: Some((1, "and not from Garner")),
        ..start("a rule of somebody else with our name", |_, claude| {
            write(&claude.join("rules/garner.md"), "- Not yours.\n");
        })
    },
    Start {
        settings: Some((1, "is read-only")),
        ..start("read-only settings", |_, claude| {
            write(&claude.join("settings.json"), SETTINGS);
            set_mode(&claude.join("settings.json"), 0o444);
        })
    },
    Start {
        plugin: Some((1, "is read-only")),
        settings: Some((1, "is read-only")),
        ..start("a read-only folder", |_, claude| {
            fs::create_dir_all(claude).unwrap();
            set_mode(claude, 0o555);
        })
    },
    Start {
        settings: Some((1, "is no JSON at line 2")),
        ..start("settings that are no JSON", |_, claude| {
            write(&claude.join("settings.json"), "{\n  model: opus\n}\n");
        })
    },
    Start {
        plugin: Some((3, "is a link to something that is not there")),
        settings: Some((3, "is a link to something that is not there")),
        ..start("skills behind a link that leads nowhere", |_, claude| {
            fs::create_dir_all(claude).unwrap();
            symlink("../gone", claude.join("skills")).unwrap();
        })
    },
];

/// Makes what an older version set up: another text in one file, and its record of it.
fn older(world: &World, claude: &Path) {
    world.ok(&["setup", "claude"]);
    let rules = claude.join("rules/garner.md");
    let old = "An older text.\n";
    let digest = |bytes: &[u8]| garner_kernel::Digest::of(bytes).to_string();
    let (record, path) = record(world);
    let record = record.replace(&digest(&fs::read(&rules).unwrap()), &digest(old.as_bytes()));
    write(&rules, old);
    fs::write(path, record.replace("\"garner\": \"0.1.0\"", "\"garner\": \"0.0.9\"")).unwrap();
}

/// Returns the record of the only setup, and its path.
fn record(world: &World) -> (String, PathBuf) {
    let entry = fs::read_dir(world.path("state/garner/setup")).unwrap().next().unwrap().unwrap();
    (fs::read_to_string(entry.path()).unwrap(), entry.path())
}

fn paths(value: &Value) -> Vec<&str> {
    items(value).iter().map(|path| path.as_str().unwrap()).collect()
}

#[test]
fn setup_and_undo_leave_every_kind_of_home_as_it_was() {
    for start in &STARTS {
        for (options, refused) in [(&[][..], start.plugin), (&["--settings"][..], start.settings)] {
            let world = World::new();
            (start.make)(&world, &world.path("home/.claude"));
            let name = format!("{} {options:?}", start.name);
            let before = tree(&world.path("."));
            let setup = [&["setup", "claude"][..], options].concat();
            world.run(&[&setup[..], &["--dry-run"]].concat());
            assert!(tree(&world.path(".")) == before, "{name}: a dry run changed something");
            if let Some((status, fact)) = refused {
                world.fails(&setup, status, &[fact, "hint: "]);
                assert!(tree(&world.path(".")) == before, "{name}: refused, and changed something");
                continue;
            }
            world.ok(&setup);
            let after = tree(&world.path("."));
            assert!(after != before, "{name}: nothing was made");
            assert!(world.path("home/.claude/rules/garner.md").is_file(), "{name}");
            let again = world.json(&setup);
            assert_eq!(again["made"], json!([]), "{name}");
            assert_eq!(again["changed"], json!([]), "{name}");
            assert!(tree(&world.path(".")) == after, "{name}: a second run changed something");
            world.ok(&["setup", "claude", "--undo", "--dry-run"]);
            assert!(tree(&world.path(".")) == after, "{name}: a dry run changed something");
            let undone = world.json(&["setup", "claude", "--undo"]);
            assert_eq!(undone["left"], json!([]), "{name}");
            assert_same(&tree(&world.path(".")), &before, &name);
        }
    }
}

#[track_caller]
pub(crate) fn assert_same(after: &Tree, before: &Tree, name: &str) {
    let without = |one: &Tree, other: &Tree| -> Vec<PathBuf> {
        one.iter().filter(|entry| !other.contains(entry)).map(|entry| entry.0.clone()).collect()
    };
    let (gone, new) = (without(before, after), without(after, before));
    assert!(gone.is_empty() && new.is_empty(), "{name}: gone {gone:?}, new {new:?}");
}

#[test]
fn a_second_undo_takes_the_older_version_back_as_well() {
    let world = World::new();
    let claude = world.path("home/.claude");
    older(&world, &claude);
    world.ok(&["setup", "claude"]);
    assert_eq!(world.json(&["setup", "claude", "--undo"])["earlier"], "0.0.9");
    assert_eq!(fs::read_to_string(claude.join("rules/garner.md")).unwrap(), "An older text.\n");
    assert_eq!(world.json(&["setup", "claude", "--undo"])["earlier"], Value::Null);
    let left: Vec<PathBuf> = tree(&world.path(".")).into_iter().map(|entry| entry.0).collect();
    assert_eq!(left, [world.path("./tmp")]);
}

#[test]
fn the_folder_of_claude_code_may_be_elsewhere() {
    let world = World::new();
    let before = tree(&world.path("."));
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("CLAUDE_CONFIG_DIR", world.path("elsewhere"));
        world.finish(command).succeeds()
    };
    run(&["setup", "claude"]);
    assert!(world.path("elsewhere/skills/garner/.claude-plugin/plugin.json").is_file());
    assert!(!world.path("home/.claude").exists());
    // The usual folder has a record of its own.
    world.ok(&["setup", "claude"]);
    world.ok(&["setup", "claude", "--undo"]);
    run(&["setup", "claude", "--undo"]);
    assert_same(&tree(&world.path(".")), &before, "elsewhere");
}

#[test]
fn the_record_of_a_setup_leaves_no_folder_behind_either() {
    for there in ["", ".local", ".local/state", ".local/state/garner", ".local/state/other"] {
        let world = World::new();
        fs::create_dir_all(world.path("home").join(there)).unwrap();
        let before = tree(&world.path("."));
        // Without the variables, records are kept in the home itself.
        for undo in [false, true] {
            let mut command = world.command(&["setup", "claude"]);
            command.args(undo.then_some("--undo")).env_remove("XDG_STATE_HOME");
            world.finish(command).succeeds();
            let record = world.path("home/.local/state/garner/setup");
            assert_eq!(record.is_dir(), !undo, "{there}");
        }
        assert_same(&tree(&world.path(".")), &before, there);
    }
}

#[test]
fn the_files_are_what_claude_code_reads() {
    let world = World::new();
    world.ok(&["setup", "claude"]);
    let read = |path: &str| fs::read_to_string(world.path("home/.claude").join(path)).unwrap();
    let plugin: Value =
        serde_json::from_str(&read("skills/garner/.claude-plugin/plugin.json")).unwrap();
    assert_eq!(plugin["name"], "garner");
    let hooks: Value = serde_json::from_str(&read("skills/garner/hooks/hooks.json")).unwrap();
    for event in ["SessionStart", "Stop", "PostCompact", "SessionEnd"] {
        let hook = &hooks["hooks"][event][0]["hooks"][0];
        assert_eq!(hook["type"], "command", "{event}");
        let command = hook["command"].as_str().unwrap();
        assert!(command.contains(&format!(" hook {event}")), "{command}");
        assert!(command.contains(env!("CARGO_BIN_EXE_garner")), "{command}");
    }
    let skill = read("skills/garner/skills/recall/SKILL.md");
    assert!(skill.starts_with("---\nname: recall\ndescription: "), "{skill}");
    // A server that does not start is an error in every session: it does, also without a store.
    let servers: Value = serde_json::from_str(&read("skills/garner/.mcp.json")).unwrap();
    let server = &servers["mcpServers"]["garner"];
    let mut asked = std::process::Command::new(server["command"].as_str().unwrap());
    asked.args(items(&server["args"]).iter().filter_map(Value::as_str));
    asked.envs(world.environment());
    let hello = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\
                 \"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}\n";
    let mut child = asked.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(hello.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("\"serverInfo\""), "{said}");
    // What a session is told about Garner is no knowledge to learn.
    let rules = read("rules/garner.md");
    assert_eq!(garner_compiler::injected::strip(&rules).trim(), "");
}

#[test]
fn a_hook_whose_program_is_gone_does_nothing_and_succeeds() {
    let world = World::new();
    world.ok(&["setup", "claude", "--settings"]);
    let settings = fs::read_to_string(world.path("home/.claude/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let command = settings["hooks"]["Stop"][0]["hooks"][0]["command"].as_str().unwrap();
    let gone = command.replace(env!("CARGO_BIN_EXE_garner"), "/gone/garner");
    let output = std::process::Command::new("sh").args(["-c", &gone]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(settings["hooks"].get("PostCompact"), None, "old versions do not know it");
}

#[test]
fn what_somebody_changed_since_stays_and_is_told() {
    let world = World::new();
    let claude = world.path("home/.claude");
    write(&claude.join("settings.json"), SETTINGS);
    world.ok(&["setup", "claude", "--settings"]);
    let (rules, settings) = (claude.join("rules/garner.md"), claude.join("settings.json"));
    write(&rules, "- My own words.\n");
    let edited = fs::read_to_string(&settings).unwrap().replace("opus", "sonnet");
    write(&settings, edited);
    // Running it again does not overwrite them either.
    let again = world.json(&["setup", "claude", "--settings"]);
    assert_eq!(paths(&again["left"]), [text(&rules)]);
    let undone = world.json(&["setup", "claude", "--undo"]);
    assert_eq!(paths(&undone["changed"]), [text(&settings)]);
    assert_eq!(paths(&undone["left"]), [text(&rules), text(&claude.join("rules"))]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), SETTINGS.replace("opus", "sonnet"));
    assert_eq!(fs::read_to_string(&rules).unwrap(), "- My own words.\n");
    assert!(!claude.join("skills").exists());
    assert_eq!(
        world.ok(&["setup", "claude", "--undo"]).lines().count(),
        1,
        "nothing is left to undo"
    );
}

#[test]
fn plugin_and_settings_take_turns() {
    let world = World::new();
    let claude = world.path("home/.claude");
    write(&claude.join("settings.json"), SETTINGS);
    let before = tree(&world.path("."));
    for turn in 1..=3 {
        world.ok(&["setup", "claude"]);
        assert!(claude.join("skills/garner/hooks/hooks.json").is_file(), "turn {turn}");
        assert_eq!(fs::read_to_string(claude.join("settings.json")).unwrap(), SETTINGS);
        world.ok(&["setup", "claude", "--settings"]);
        assert!(!claude.join("skills/garner/hooks").exists(), "turn {turn}");
        assert!(claude.join("skills/garner/SKILL.md").is_file(), "turn {turn}");
    }
    let after = tree(&world.path("."));
    world.ok(&["setup", "claude", "--undo"]);
    world.ok(&["setup", "claude", "--settings"]);
    assert_same(&tree(&world.path(".")), &after, "one step back and forth");
    let undone = world.json(&["setup", "claude", "--undo", "--all"]);
    assert_same(&tree(&world.path(".")), &before, "turns");
    assert_eq!((&undone["left"], &undone["earlier"]), (&json!([]), &Value::Null));
    let removed = paths(&undone["removed"]);
    assert!(removed.iter().all(|path| !Path::new(path).exists()), "{removed:?}");
    assert_eq!(paths(&undone["changed"]), [text(&claude.join("settings.json"))]);
}

#[test]
fn a_repository_is_prepared_for_sessions_that_keep_no_key() {
    let world = World::publisher();
    let repository = world.path("tidepool");
    write(&repository.join(".claude/settings.json"), SETTINGS);
    let before = tree(&world.path("."));
    world.ok(&["setup", "claude", "--repo", &text(&repository)]);
    let recipients = fs::read_to_string(repository.join(".garner/recipients")).unwrap();
    let device = world.ok(&["key", "show", "device"]);
    assert!(recipients.contains(device.trim()), "{recipients}");
    assert!(!recipients.contains("AGE-SECRET-KEY"));
    let settings = fs::read_to_string(repository.join(".claude/settings.json")).unwrap();
    assert!(settings.contains("command -v garner >/dev/null 2>&1 && exec garner hook Stop"));
    assert!(!settings.contains("SessionStart"), "the person's own hook tells what is known");
    assert!(!settings.contains(env!("CARGO_BIN_EXE_garner")), "the path of one machine");
    world.ok(&["setup", "claude", "--repo", &text(&repository), "--undo"]);
    assert_same(&tree(&world.path(".")), &before, "repository");
    // A machine without keys proposes what it learned to exactly these people.
    let cloud = World::new();
    fs::write(cloud.path("recipients"), recipients).unwrap();
    cloud.ok(&["compile", &crate::world::example("day-one.jsonl")]);
    let (to, out) = (text(&cloud.path("recipients")), text(&world.path("p.kernel")));
    cloud.ok(&["publish", "--ephemeral", "--recipients", &to, "--out", &out]);
    let promoted = world.ok(&["publish", "--promote", &out, "--dry-run"]);
    assert!(promoted.contains("added"), "{promoted}");
}

#[test]
fn people_and_programs_are_told_what_is_done() {
    let world = World::new();
    let plan = world.ok(&["setup", "claude", "--dry-run"]);
    assert_eq!(plan.lines().count(), 5);
    assert!(plan.lines().all(|line| line.starts_with("would make    /")), "{plan}");
    let made = json(&world.ok(&["--json", "setup", "claude"]));
    assert_eq!(paths(&made["made"]).len(), 5);
    let kept = world.ok(&["setup", "claude"]);
    assert!(kept.lines().all(|line| line.starts_with("kept     /")), "{kept}");
    world.fails(&["setup", "claude", "--repo", "/nonexistent"], 3, &["/nonexistent"]);
    assert_eq!(world.run(&["setup", "claude", "--repo", ".", "--settings"]).status, 2);
    assert_eq!(world.run(&["setup", "--name", "x", "claude"]).status, 2);
}
