//! `garner doctor`: each of many faults is named, and what it says to do makes the finding go away.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::hints;
use crate::hooks::{about, hook, spool};
use crate::ollama::ollama;
use crate::replay::{Asked, Replay, Reply};
use crate::serve::Running;
use crate::world::{NOW, World, example, items, pair, text, walk};

/// What holds a fault up until it is dropped.
type Guard = Option<Box<dyn Any>>;
type Environment = Vec<(&'static str, String)>;

/// How a fault is mended.
enum Mend {
    /// By the command that is printed.
    Printed,
    /// By what the printed words ask for.
    Hand(fn(&World)),
    /// By ending what holds it up.
    End,
    /// By nothing that a test can do: it needs a network, or another machine.
    Elsewhere,
}

/// A fault, and what has to be said of it.
struct Fault {
    check: &'static str,
    facts: &'static [&'static str],
    fix: &'static str,
    machine: fn() -> World,
    seed: fn(&World) -> Guard,
    mend: Mend,
    now: &'static str,
    environment: fn(&World) -> Environment,
    arguments: &'static [&'static str],
}

/// A fault of a machine that has everything, whose printed fix mends it.
fn fault(
    check: &'static str,
    facts: &'static [&'static str],
    fix: &'static str,
    seed: fn(&World) -> Guard,
) -> Fault {
    let environment = |_: &World| Vec::new();
    let (machine, mend, now) = (healthy, Mend::Printed, NOW);
    Fault { check, facts, fix, machine, seed, mend, now, environment, arguments: &[] }
}

/// Returns a publisher with a version, whose recovery key and whose backup were tried.
fn healthy() -> World {
    let world = backed_up();
    world.ok(&["key", "drill"]);
    world.ok(&["store", "drill"]);
    world
}

fn backed_up() -> World {
    let world = World::of_day_one();
    fs::create_dir(world.path("usb")).unwrap();
    world.ok(&["store", "backup", "--to", &format!("file:{}", text(&world.path("usb")))]);
    world
}

/// Returns what the doctor says of a check that is not well, as text and fix.
fn findings(world: &World, fault: &Fault) -> Vec<(String, String)> {
    let mut command = world.command(&[&["--json", "doctor"], fault.arguments].concat());
    command.env("GARNER_NOW", fault.now).envs((fault.environment)(world));
    let output = world.finish(command);
    let report = crate::world::json(&output.stdout);
    let broken = report["broken"].as_u64().unwrap();
    assert_eq!(output.status, if broken > 0 { 4 } else { 0 }, "{output:?}");
    let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = items(&report["checks"]).iter();
    let found = found.filter(|f| f["check"] == fault.check && f["level"] != "ok");
    found.map(|f| (said(&f["says"]), said(&f["fix"]))).collect()
}

/// Returns the finding that has every fact of a fault.
fn named(world: &World, fault: &Fault) -> Option<(String, String)> {
    let has = |says: &str| fault.facts.iter().all(|fact| says.contains(fact));
    findings(world, fault).into_iter().find(|(says, _)| has(says))
}

/// Types what was printed, as whoever reads it would.
fn type_in(world: &World, fault: &Fault, fix: &str) {
    let usb = format!("file:{}", text(&world.path("usb")));
    let command = fix.split('`').nth(1).unwrap_or(fix).replace("REMOTE", &usb);
    let mut words: Vec<&str> = command.split_whitespace().collect();
    let mut command = if words[0] == "garner" {
        let help = world.ok(&[&words[1..], &["--help"]].concat());
        if help.contains("--yes") {
            words.push("--yes");
        }
        world.command(&words[1..])
    } else {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    command.env("GARNER_NOW", fault.now);
    world.finish(command).succeeds();
}

/// Seeds every fault on a machine of its own, and looks what becomes of it.
fn check(faults: Vec<Fault>) {
    let mut help = BTreeMap::new();
    for fault in faults {
        let world = (fault.machine)();
        let guard = (fault.seed)(&world);
        let Some((says, fix)) = named(&world, &fault) else {
            panic!("{}: no {:?} in {:?}", fault.check, fault.facts, findings(&world, &fault));
        };
        assert!(!fix.is_empty(), "{}: {says}: nobody is told what to do", fault.check);
        assert!(fix.contains(fault.fix), "{}: {says}: no `{}` in `{fix}`", fault.check, fault.fix);
        let commands = fix.split(['`', ',']).filter(|part| part.starts_with("garner "));
        for command in commands {
            assert_eq!(hints::fault(&world, command, &mut help), None, "{command}");
        }
        match fault.mend {
            Mend::Printed => type_in(&world, &fault, &fix),
            Mend::Hand(mend) => mend(&world),
            Mend::End => drop(guard),
            Mend::Elsewhere => continue,
        }
        let left = named(&world, &fault);
        assert_eq!(left, None, "{}: {says}: `{fix}` did not mend it", fault.check);
    }
}

/// Changes rows of the store behind its back.
fn sql(world: &World, statements: &str) {
    let db = Connection::open(world.store()).unwrap();
    db.execute_batch(statements).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Returns a file of the mirror of channel `notes`.
fn mirrored(world: &World, part: &str) -> PathBuf {
    let mut paths = Vec::new();
    walk(&world.path("cache/garner/mirror"), &mut paths);
    paths.into_iter().find(|path| text(path).contains(part)).unwrap()
}

#[test]
fn a_machine_that_is_well_is_told_of_nothing_to_do() {
    let world = healthy();
    let report = world.json(&["doctor"]);
    assert_eq!((&report["warnings"], &report["broken"]), (&0.into(), &0.into()), "{report}");
    let checks: Vec<_> = items(&report["checks"]).iter().map(|f| f["check"].clone()).collect();
    for check in
        ["remote", "versions", "store", "lock", "disk", "model", "vectors", "publishers", "ollama"]
    {
        assert!(checks.contains(&json!(check)), "no `{check}` among {checks:?}");
    }
    let (_publisher, reader) = pair();
    let report = reader.json(&["--offline", "doctor"]);
    assert_eq!(report["broken"], 0, "{report}");
    assert_eq!(report["warnings"], 1, "nobody made a backup: {report}");
}

#[test]
fn faults_of_keys_are_named_and_mended() {
    check(vec![
        fault("keys", &["device key", "device.key"], "garner setup", |world| {
            fs::remove_file(world.key("device")).unwrap();
            None
        }),
        fault("key files", &["root.key", "mode 644"], "chmod 600", |world| {
            mode(&world.key("root"), 0o644);
            None
        }),
        fault("key files", &[".tmp-abc", "may hold a key"], "rm ", |world| {
            fs::write(world.path("config/garner/keys/.tmp-abc"), "half a key").unwrap();
            None
        }),
        fault("recovery", &["no reader of `notes`"], "garner channel grant notes", |world| {
            fs::remove_file(world.key("recovery")).unwrap();
            world.ok(&["key", "generate", "recovery"]);
            None
        }),
        Fault {
            machine: backed_up,
            ..fault("drill", &["never tried on `notes`"], "garner key drill notes", |_| None)
        },
        Fault {
            mend: Mend::Hand(|world| {
                fs::remove_file(world.path("state/garner/drills.json")).unwrap();
            }),
            ..fault("drill", &["drills.json"], "move it away", |world| {
                fs::write(world.path("state/garner/drills.json"), "{").unwrap();
                None
            })
        },
        Fault {
            now: "2028-03-01T12:00:00Z",
            ..fault("key expiry", &["expires on 2028-03-19"], "garner key rotate publisher", |_| {
                None
            })
        },
        Fault {
            now: "2027-12-31T12:00:00Z",
            ..fault("root", &["root 1 of `notes`"], "garner channel renew notes", |_| None)
        },
        Fault {
            now: "2026-04-15T12:00:00Z",
            ..fault("latest", &["readers take nothing"], "garner channel renew notes", |_| None)
        },
    ]);
}

#[test]
fn faults_of_backups_are_named_and_mended() {
    check(vec![
        Fault {
            machine: || {
                let world = World::of_day_one();
                fs::create_dir(world.path("usb")).unwrap();
                world
            },
            ..fault("backup", &["never backed up"], "garner store backup --to", |_| None)
        },
        Fault {
            machine: backed_up,
            ..fault("backup", &["ever restored in a drill"], "garner store drill", |_| None)
        },
        fault("backup", &[".tmp-backup-abc"], "garner store backup", |world| {
            fs::create_dir(world.path("data/garner/.tmp-backup-abc")).unwrap();
            None
        }),
        Fault {
            now: "2026-04-20T12:00:00Z",
            ..fault("backup", &["last backup was 31 days"], "garner store backup", |_| None)
        },
        Fault {
            now: "2026-04-20T12:00:00Z",
            ..fault("backup", &["last drill was 31 days"], "garner store drill", |_| None)
        },
    ]);
}

#[test]
fn faults_of_channels_are_named_and_mended() {
    check(vec![
        Fault {
            now: "2020-01-01T00:00:00Z",
            mend: Mend::Elsewhere,
            ..fault("clock", &["2020-01-01", "`notes`"], "set the clock", |_| None)
        },
        Fault {
            machine: || pair().1,
            now: "2028-06-01T12:00:00Z",
            mend: Mend::Elsewhere,
            ..fault("publishers", &["tester-publisher", "2028-03-19"], "key rotate", |_| None)
        },
        Fault {
            mend: Mend::Hand(|world| {
                fs::remove_dir_all(world.path("cache/garner/mirror")).unwrap();
                world.ok(&["pull", "notes"]);
            }),
            ..fault("publishers", &["the copy of `notes`"], "garner pull notes", |world| {
                fs::write(mirrored(world, "/root/"), "not a root").unwrap();
                None
            })
        },
        fault("versions", &["v2 of `notes` was pulled", "v1"], "garner load notes", |world| {
            world.ok(&["compile", &example("day-two.jsonl")]);
            world.ok(&["publish", "notes"]);
            None
        }),
        Fault {
            machine: || pair().1,
            mend: Mend::Elsewhere,
            ..fault("remote", &["cannot be reached"], "mount it", |_| None)
        },
        Fault {
            mend: Mend::Hand(|world| fs::rename(world.path("away"), world.remote()).unwrap()),
            ..fault("remote", &["/remote", "cannot be reached"], "mount it", |world| {
                fs::rename(world.remote(), world.path("away")).unwrap();
                None
            })
        },
        Fault {
            mend: Mend::Hand(|world| {
                let from = mirrored(world, "/root/").parent().unwrap().parent().unwrap().join(".");
                let to = text(&world.remote());
                let copied = Command::new("cp").args(["-R", &text(&from), &to]).status().unwrap();
                assert!(copied.success());
            }),
            ..fault("remote", &["/remote", "no repository any more"], "copy what", |world| {
                fs::remove_dir_all(world.remote()).unwrap();
                fs::create_dir(world.remote()).unwrap();
                None
            })
        },
        Fault {
            mend: Mend::Hand(|world| {
                fs::remove_file(world.path("state/garner/channels/x.json")).unwrap();
            }),
            ..fault("publishers", &["channels/x.json"], "", |world| {
                fs::write(world.path("state/garner/channels/x.json"), "{").unwrap();
                None
            })
        },
    ]);
}

#[test]
fn what_a_remote_has_more_is_pulled_and_loaded() {
    let (publisher, reader) = pair();
    publisher.learn("day-two.jsonl");
    let remote = fault("remote", &["newer than v1 of `notes`"], "garner pull notes", |_| None);
    let (_, fix) = named(&reader, &remote).unwrap();
    type_in(&reader, &remote, &fix);
    assert_eq!(named(&reader, &remote), None);
    let loaded = fault("versions", &["v2 of `notes` was pulled"], "garner load notes", |_| None);
    let (_, fix) = named(&reader, &loaded).unwrap();
    type_in(&reader, &loaded, &fix);
    assert_eq!(named(&reader, &loaded), None);
}

#[test]
fn faults_of_the_store_are_named_and_mended() {
    check(vec![
        fault("store", &["there is no store", "store.db"], "garner setup", |world| {
            fs::remove_dir_all(world.path("data")).unwrap();
            None
        }),
        fault("store", &["store.db", "mode 644"], "chmod 600", |world| {
            mode(&world.store(), 0o644);
            None
        }),
        fault("store", &["text index of `", "does not match"], "garner store reindex", |world| {
            sql(world, "INSERT INTO text_index (text_index) VALUES ('delete-all')");
            None
        }),
        fault("store", &["versions of `", "notes@1"], "garner store restore latest", |world| {
            sql(world, "UPDATE fragment SET context = 'A word too many.' WHERE row = 2");
            None
        }),
        fault("store", &["operations of `"], "garner store restore latest", |world| {
            sql(world, "UPDATE operation SET who = 'somebody else' WHERE n = 1");
            None
        }),
        Fault {
            mend: Mend::Hand(|world| {
                fs::remove_file(world.store()).unwrap();
                world.ok(&["store", "restore", "latest", "--yes"]);
            }),
            ..fault("store", &["store.db", "not a store of Garner"], "--store DIR", |world| {
                fs::write(world.store(), "a".repeat(10_000)).unwrap();
                None
            })
        },
        Fault {
            mend: Mend::End,
            ..fault("lock", &["holds `", "store.db"], "end it", |world| {
                let db = Connection::open(world.store()).unwrap();
                db.execute_batch("BEGIN IMMEDIATE").unwrap();
                Some(Box::new(db))
            })
        },
        Fault {
            mend: Mend::Hand(|world| {
                fs::remove_file(world.path("data/garner/drafts/notes.jsonl")).unwrap();
            }),
            ..fault("drafts", &["notes.jsonl", "not a draft"], "", |world| {
                fs::write(world.path("data/garner/drafts/notes.jsonl"), "{").unwrap();
                None
            })
        },
    ]);
}

#[test]
fn faults_of_recall_are_named_and_mended() {
    check(vec![
        Fault {
            machine: || {
                let world = World::publisher();
                world.ok(&["compile", &example("day-one.jsonl")]);
                world.ok(&["publish", "notes"]);
                let mut load = world.command(&["load", "notes"]);
                load.env("GARNER_EMBEDDER", "none");
                world.finish(load).succeeds();
                world
            },
            ..fault("vectors", &["15 texts of 15 have no vector"], "garner store reindex", |_| None)
        },
        fault(
            "vectors",
            &["`hash` embeds questions", "`older`"],
            "garner store reindex",
            |world| {
                sql(world, "UPDATE embedder SET name = 'older', id = randomblob(32)");
                None
            },
        ),
        fault("store", &["vectors of `", "no vector of `older`"], "--drop-others", |world| {
            sql(world, "UPDATE embedder SET name = 'older', id = randomblob(32)");
            world.learn("day-two.jsonl");
            None
        }),
        Fault {
            mend: Mend::Elsewhere,
            environment: |world| minilm(&world.path("no-models")),
            ..fault("model", &["words alone", "no-models"], "garner model install", |_| None)
        },
        Fault {
            mend: Mend::Elsewhere,
            environment: |world| minilm(&world.path("models")),
            ..fault(
                "model",
                &["models/tokenizer.json", "damaged"],
                "garner model install",
                |world| {
                    fs::create_dir(world.path("models")).unwrap();
                    fs::write(world.path("models/tokenizer.json"), "{}").unwrap();
                    None
                },
            )
        },
        Fault {
            mend: Mend::Elsewhere,
            environment: |_| vec![("GARNER_EMBEDDER", "ollama:nomic-embed-text".to_owned())],
            ..fault(
                "ollama",
                &["no Ollama server answers at http://127.0.0.1:9"],
                "ollama serve",
                |_| None,
            )
        },
    ]);
}

fn minilm(models: &Path) -> Environment {
    vec![("GARNER_EMBEDDER", "minilm".to_owned()), ("GARNER_MODEL_DIR", text(models))]
}

/// The models of a server, with everything that one says of each.
const TAGS: &str = r#"{"models":[{"name":"team:latest","modified_at":"2026-03-01T09:00:00Z","size":1,"digest":"b1"},{"name":"small:latest","modified_at":"2026-03-01T09:00:00Z","size":1,"digest":"d1"},{"name":"gpt-oss:120b-cloud","modified_at":"2026-03-01T09:00:00Z","size":1,"digest":"c1"}]}"#;

#[test]
fn a_server_that_lacks_a_model_is_named_with_what_to_type() {
    let world = healthy();
    let tags = |asked: &Asked| match asked.path.as_str() {
        "/api/tags" => Reply::json("200 OK", TAGS),
        _ => ollama(asked),
    };
    let server = Replay::start(tags);
    let ask = |model: &str| {
        let mut command = world.command(&["--json", "doctor", "--model", model]);
        command.env("OLLAMA_HOST", server.address());
        let report = crate::world::json(&world.finish(command).succeeds());
        let found = items(&report["checks"]).iter().filter(|f| f["check"] == "ollama");
        found.map(|f| format!("{} {} {}", f["level"], f["says"], f["fix"])).collect::<Vec<_>>()
    };
    let found = ask("nosuch");
    assert!(found[0].contains("answers, and has 3 models"), "{found:?}");
    assert!(
        found[1].contains("\"warning\"") && found[1].contains("no model `nosuch`"),
        "{found:?}"
    );
    assert!(found[1].contains("ollama pull nosuch"), "{found:?}");
    let found = ask("team");
    assert!(found[1].contains("tokens, up to"), "{found:?}");
    let found = ask("small");
    assert!(found[1].contains("no fragment fits in") && found[1].contains("num_ctx"), "{found:?}");
    let found = ask("gpt-oss:120b-cloud");
    assert!(found[1].contains("runs at a third party"), "{found:?}");
    // Whoever never asked a model needs no server; whoever asks for one is told that none is there.
    let silent = world.run(&["doctor", "--model", "team"]).succeeds();
    assert!(silent.contains("warning  ollama"), "{silent}");
    let offline = world.json(&["--offline", "doctor"]);
    assert_eq!(offline["warnings"], 0, "{offline}");
}

#[test]
fn faults_of_hooks_are_named_and_mended() {
    check(vec![
        fault("hooks", &["rules/garner.md", "is gone"], "garner setup claude", |world| {
            world.ok(&["setup", "claude"]);
            fs::remove_file(world.path("home/.claude/rules/garner.md")).unwrap();
            None
        }),
        Fault {
            now: "2026-04-01T12:00:00Z",
            ..fault(
                "hooks",
                &["1 session noticed", "2026-03-20"],
                "garner compile --spool",
                |world| {
                    let transcript = world.copy_example("day-two.jsonl");
                    assert_eq!(hook(world, "Stop", &about(&transcript)).status, 0);
                    None
                },
            )
        },
        fault("hooks", &["2049 conversations", "wait"], "garner compile --spool", |world| {
            let folder = spool(world).join("conversations");
            fs::create_dir_all(&folder).unwrap();
            let said = json!({ "uuid": "c-1", "chat_messages": [
                { "uuid": "m-1", "sender": "human", "created_at": NOW, "text": "hello" },
            ] });
            for number in 0..2049 {
                fs::write(folder.join(format!("{number}.json")), said.to_string()).unwrap();
            }
            None
        }),
        fault(
            "hooks",
            &["1 line of the spool cannot be read"],
            "garner compile --spool",
            |world| {
                let transcript = world.copy_example("day-two.jsonl");
                assert_eq!(hook(world, "Stop", &about(&transcript)).status, 0);
                let waiting = spool(world).join("hooks.jsonl");
                let lines = fs::read_to_string(&waiting).unwrap() + "no notice\n";
                fs::write(waiting, lines).unwrap();
                None
            },
        ),
    ]);
}

#[test]
fn a_proxy_that_shells_send_clients_to_has_to_run() {
    let world = healthy();
    let told = fault("proxy", &["clients are sent to http://", "nobody"], "garner serve", |_| None);
    assert_eq!(findings(&world, &told), []);
    // Somebody may listen at the usual port of the machine that runs this.
    world.ok(&["setup", "ollama", "--listen", "127.0.0.1:9"]);
    assert!(named(&world, &told).is_some(), "{:?}", findings(&world, &told));
    let server = Replay::start(ollama);
    world.ok(&["setup", "ollama", "--listen", &server.address()]);
    let found = findings(&world, &told);
    assert!(found[0].0.contains("a server without Garner answers"), "{found:?}");
    let proxy = Running::start(&world, &server, &[]);
    world.ok(&["setup", "ollama", "--listen", &proxy.address, "-c", "notes"]);
    assert_eq!(findings(&world, &told), []);
    fs::write(world.path("home/.bashrc"), "# empty\n").unwrap();
    let found = findings(&world, &told);
    assert!(found[0].0.contains(".bashrc` is gone"), "{found:?}");
}

/// The disk is a small one that this command alone sees; nothing is tried where that is not allowed.
#[test]
fn a_disk_without_room_is_named() {
    let world = healthy();
    let script = "mount -t tmpfs -o size=8m tmpfs \"$WORLD/small\" || exit 99; exec \"$@\"";
    fs::create_dir(world.path("small")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_garner")]);
    command.args(["--store", &text(&world.path("small")), "doctor"]);
    command.env_clear().envs(world.environment()).env("WORLD", world.path(""));
    let Ok(output) = command.output() else { return eprintln!("skipped: there is no `unshare`") };
    let (said, told) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    if output.status.code() == Some(99) || String::from_utf8_lossy(&told).contains("unshare failed")
    {
        return eprintln!("skipped: this user may not mount a small disk");
    }
    let line = said.lines().find(|line| line.starts_with("warning  disk")).unwrap_or(&said);
    assert!(line.contains("MB are free in `") && line.contains("/small`"), "{said}");
    assert!(said.contains("-> make room"), "{said}");
}
