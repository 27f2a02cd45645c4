//! The commands that are drilled: how to get there, and what must hold afterwards.

use std::fs;

use super::scene::Scene;
use super::state::State;
use crate::world::{World, text};

/// A command.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) scene: fn() -> Scene,
    pub(super) changes: Changes,
    pub(super) again: Again,
}

/// What a command changes at once: it is as before or as after, and never between.
#[derive(Clone, Copy)]
pub(super) enum Changes {
    Channel,
    Mirror,
    Store,
    Draft,
    /// Several things, one after the other; each is whole.
    Steps,
}

/// Whether the command may be run again once it did its work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Always,
    /// Not where it is done: it would do more.
    IfNotDone,
}

impl Changes {
    /// Returns what changes at once.
    pub(super) fn of(self, state: &State) -> Vec<String> {
        match self {
            Self::Channel => state.channel.clone(),
            Self::Mirror => state.mirror.clone(),
            Self::Store => state.store.clone(),
            Self::Draft => state.draft.iter().cloned().collect(),
            Self::Steps => Vec::new(),
        }
    }
}

const fn row(name: &'static str, scene: fn() -> Scene, changes: Changes, again: Again) -> Row {
    Row { name, scene, changes, again }
}

/// Every command that is drilled.
pub(super) const ROWS: [Row; 31] = [
    row("setup", setup, Changes::Steps, Again::Always),
    row("setup claude", setup_claude, Changes::Steps, Again::Always),
    row("setup claude, settings", setup_settings, Changes::Steps, Again::Always),
    row("setup claude, undo", undo_claude, Changes::Steps, Again::Always),
    row("channel add", add, Changes::Steps, Again::IfNotDone),
    row("channel add, of a reader", join, Changes::Steps, Again::IfNotDone),
    row("compile", compile, Changes::Draft, Again::Always),
    row("compile, of the spool", catch_up, Changes::Draft, Again::Always),
    row("compile, with Markdown", compile_markdown, Changes::Draft, Again::Always),
    row("review", review, Changes::Draft, Again::Always),
    row("publish, the first version", publish_first, Changes::Channel, Again::Always),
    row("publish, the next version", publish_next, Changes::Channel, Again::Always),
    row("channel grant", grant, Changes::Channel, Again::Always),
    row("channel revoke", revoke, Changes::Channel, Again::IfNotDone),
    row("channel renew", renew, Changes::Channel, Again::Always),
    row("key rotate publisher", rotate, Changes::Steps, Again::IfNotDone),
    row("pull, of everything", pull_all, Changes::Mirror, Again::Always),
    row("pull, of what is new", pull_new, Changes::Mirror, Again::Always),
    row("load", load, Changes::Store, Again::Always),
    row("rollback", rollback, Changes::Store, Again::IfNotDone),
    row("undo", undo, Changes::Store, Again::IfNotDone),
    row("fragment add", remember, Changes::Store, Again::Always),
    row("revoke", yank, Changes::Steps, Again::Always),
    row("revoke, with purge", purge, Changes::Steps, Again::Always),
    row("channel gc", collect, Changes::Steps, Again::Always),
    row("load, after a revocation", load_revoked, Changes::Steps, Again::Always),
    row("store backup", backup, Changes::Steps, Again::IfNotDone),
    row("store restore", restore, Changes::Store, Again::Always),
    row("store drill", drill, Changes::Steps, Again::Always),
    row("store compact", compact, Changes::Steps, Again::Always),
    row("store compact, with purge", compact_purge, Changes::Steps, Again::Always),
];

/// The key of somebody who is let in.
const BOB: &str = "age16cfdqz5k4p2fn4mllmpyr34pxm09xpjh7u33wagaz5guhydnd46qefyj5e";

fn setup() -> Scene {
    Scene::new(World::new(), &["setup"])
}

/// A machine whose person has settings for Claude Code.
fn with_settings() -> World {
    let world = World::new();
    let claude = world.path("home/.claude");
    fs::create_dir_all(&claude).unwrap();
    fs::write(claude.join("settings.json"), "{\n  // mine\n  \"model\": \"opus\"\n}\n").unwrap();
    world
}

fn setup_claude() -> Scene {
    Scene::new(with_settings(), &["setup", "claude"])
}

pub(super) fn setup_settings() -> Scene {
    Scene::new(with_settings(), &["setup", "claude", "--settings"])
}

fn undo_claude() -> Scene {
    let world = with_settings();
    world.ok(&["setup", "claude", "--settings"]);
    Scene::new(world, &["setup", "claude", "--undo"])
}

fn add() -> Scene {
    let world = World::new();
    world.ok(&["setup"]);
    fs::create_dir(world.remote()).unwrap();
    let address = format!("file:{}", text(&world.remote()));
    Scene::new(world, &["channel", "add", "notes", &address])
}

/// A machine that reads what another one published on its remote, and the other one.
fn reader() -> (World, World, String) {
    let (reader, publisher) = (World::new(), World::new());
    reader.ok(&["setup"]);
    publisher.ok(&["setup"]);
    fs::create_dir(reader.remote()).unwrap();
    publisher.ok(&["channel", "add", "notes", &format!("file:{}", text(&reader.remote()))]);
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "laptop"]);
    publisher.learn("day-one.jsonl");
    let shown = publisher.json(&["channel", "show", "notes"]);
    (reader, publisher, shown["invite"].as_str().unwrap().to_owned())
}

fn join() -> Scene {
    let (reader, _, invite) = reader();
    Scene::new(reader, &["channel", "add", "notes", &invite])
}

fn compile() -> Scene {
    let world = World::of_day_one();
    world.copy_example("day-two.jsonl");
    Scene::new(world, &["compile", "sessions/day-two.jsonl"])
}

fn review() -> Scene {
    let world = World::of_day_one();
    let waiting = world.json(&["review"]);
    let id = waiting["waiting"][0]["id"].as_str().unwrap().to_owned();
    Scene::new(world, &["review", "--accept", &id])
}

fn compile_markdown() -> Scene {
    let world = World::of_day_one();
    world.copy_example("day-two.jsonl");
    Scene::new(world, &["compile", "sessions/day-two.jsonl", "--markdown", "home/memory"])
}

/// A machine where a hook noticed a session.
fn catch_up() -> Scene {
    let world = World::of_day_one();
    let transcript = world.copy_example("day-two.jsonl");
    let input = serde_json::json!({ "session_id": "s-2", "transcript_path": transcript });
    let path = world.path("sessions/input.json");
    fs::write(&path, input.to_string()).unwrap();
    let mut hook = world.command(&["hook", "Stop"]);
    hook.stdin(fs::File::open(path).unwrap());
    world.finish(hook).succeeds();
    Scene::new(world, &["compile", "--spool"])
}

fn publish_first() -> Scene {
    let world = World::publisher();
    world.copy_example("day-one.jsonl");
    world.ok(&["compile", "sessions/day-one.jsonl"]);
    Scene::new(world, &["publish", "notes"])
}

/// A publisher with one version and a draft of the next.
fn before_day_two() -> World {
    let world = World::of_day_one();
    world.copy_example("day-two.jsonl");
    world.ok(&["compile", "sessions/day-two.jsonl"]);
    world
}

/// A publisher that loaded two versions.
fn of_day_two() -> World {
    let world = before_day_two();
    world.ok(&["publish", "notes"]);
    world.ok(&["load", "notes"]);
    world
}

fn publish_next() -> Scene {
    Scene::new(before_day_two(), &["publish", "notes"])
}

fn grant() -> Scene {
    Scene::new(World::of_day_one(), &["channel", "grant", "notes", BOB, "--as", "bob"])
}

fn revoke() -> Scene {
    let world = World::of_day_one();
    world.ok(&["channel", "grant", "notes", BOB, "--as", "bob"]);
    Scene::new(world, &["channel", "revoke", "notes", "bob", "--yes"])
}

fn renew() -> Scene {
    let world = World::of_day_one();
    fs::remove_file(world.remote().join("ch/notes/latest.note")).unwrap();
    Scene::new(world, &["channel", "renew", "notes"])
}

fn rotate() -> Scene {
    Scene::new(World::of_day_one(), &["key", "rotate", "publisher"])
}

fn pull_all() -> Scene {
    let (reader, _, invite) = reader();
    reader.ok(&["channel", "add", "notes", &invite]);
    Scene::new(reader, &["pull", "notes"])
}

fn pull_new() -> Scene {
    let (reader, publisher, invite) = reader();
    reader.ok(&["channel", "add", "notes", &invite]);
    reader.ok(&["pull", "notes"]);
    publisher.learn("day-two.jsonl");
    Scene::new(reader, &["pull", "notes"])
}

fn load() -> Scene {
    let world = before_day_two();
    world.ok(&["publish", "notes"]);
    Scene::new(world, &["load", "notes"])
}

fn rollback() -> Scene {
    Scene::new(of_day_two(), &["rollback", "notes@1"])
}

fn undo() -> Scene {
    Scene::new(of_day_two(), &["undo"])
}

fn remember() -> Scene {
    Scene::new(of_day_two(), &["fragment", "add", "--kind", "rule", "Read the gauge twice."])
}

/// Returns the id of a fragment that the first example session brings.
fn some_fragment(world: &World) -> String {
    let list = world.json(&["fragment", "list"]);
    list["fragments"][0]["id"].as_str().unwrap().to_owned()
}

fn yank() -> Scene {
    let world = World::of_day_one();
    let id = some_fragment(&world);
    Scene::new(world, &["revoke", &id, "--yes"])
}

fn purge() -> Scene {
    let world = of_day_two();
    let id = some_fragment(&world);
    Scene::new(world, &["revoke", &id, "--purge", "--yes"])
}

/// A publisher with two versions, of which the older one is nobody's for more than a week.
fn collect() -> Scene {
    let world = World::publisher();
    for (day, session) in [("11", "day-one.jsonl"), ("12", "day-two.jsonl")] {
        let path = text(&world.copy_example(session));
        for arguments in [&["compile", &path][..], &["publish", "notes"]] {
            world.run_at(&format!("2026-03-{day}T09:00:00Z"), arguments).succeeds();
        }
    }
    Scene::new(world, &["channel", "gc", "notes", "--keep", "1", "--days", "7", "--yes"])
}

/// A reader that holds the first version, with a revocation that was pulled.
fn load_revoked() -> Scene {
    let (reader, publisher, invite) = reader();
    reader.ok(&["channel", "add", "notes", &invite]);
    reader.ok(&["load", "notes"]);
    reader.ok(&["rollback", "notes@1"]);
    let id = some_fragment(&publisher);
    publisher.ok(&["revoke", &id, "--yes"]);
    reader.ok(&["pull", "notes"]);
    Scene::new(reader, &["load", "notes"])
}

/// A machine with a backup of its first version.
fn with_backup() -> World {
    let world = World::of_day_one();
    fs::create_dir(world.path("usb")).unwrap();
    world.ok(&["store", "backup", "--to", &format!("file:{}", text(&world.path("usb")))]);
    world
}

/// A newer backup of the same day takes the place of the one that is there.
fn backup() -> Scene {
    let world = with_backup();
    world.ok(&["fragment", "add", "What the first backup does not have."]);
    Scene::new(world, &["store", "backup"])
}

fn restore() -> Scene {
    let world = with_backup();
    world.learn("day-two.jsonl");
    world.ok(&["fragment", "add", "What came too late."]);
    Scene::new(world, &["store", "restore", "latest", "--yes"])
}

fn drill() -> Scene {
    let world = with_backup();
    world.learn("day-two.jsonl");
    Scene::new(world, &["store", "drill"])
}

/// A store in which one state is told by a newer one, and that was restored once.
fn to_compact() -> World {
    let world = with_backup();
    world.ok(&["store", "restore", "latest", "--yes"]);
    for (day, state) in [("10", "The pump runs on bearing two."), ("15", "The pump is off.")] {
        let typed = ["fragment", "add", "--kind", "state", "--tag", "pump", state];
        world.run_at(&format!("2025-03-{day}T09:00:00Z"), &typed).succeeds();
    }
    world
}

fn compact() -> Scene {
    Scene::new(to_compact(), &["store", "compact", "--yes"])
}

fn compact_purge() -> Scene {
    Scene::new(to_compact(), &["store", "compact", "--purge", "--yes"])
}
