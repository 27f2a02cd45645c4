//! Channels in a bucket of a real server, from the outside.
//!
//! The server is moto, in the Python that `GARNER_INTEROP` names, on the loopback; without it the
//! tests say so and pass.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::world::{Output, World, example};

/// A running server; it ends with the test.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts a server with an empty bucket; `None` where there is none to start.
    fn start() -> Option<Self> {
        let Ok(python) = std::env::var("GARNER_INTEROP") else {
            eprintln!("skipped: `GARNER_INTEROP` names no Python that has moto");
            return None;
        };
        let mut child = Command::new(&python)
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/bucket_server.py")])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        });
        // Whoever writes to a closed pipe stops: read on until the server ends.
        std::thread::spawn(move || lines.for_each(drop));
        let endpoint = endpoint.expect("tests/interop/requirements.txt is not installed");
        let server = Self { child, endpoint };
        let script = "import sys, urllib.request as u; \
                      u.urlopen(u.Request(sys.argv[1], method='PUT')).read()";
        let bucket = format!("{}/notes-bucket", server.endpoint);
        let made = Command::new(&python).args(["-c", script, &bucket]).status().unwrap();
        assert!(made.success());
        Some(server)
    }

    /// Runs a command of a machine that knows the server and its credentials.
    fn run(&self, world: &World, arguments: &[&str]) -> Output {
        let mut command = world.command(arguments);
        command.envs([
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "an-id"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
        ]);
        world.finish(command)
    }

    fn ok(&self, world: &World, arguments: &[&str]) -> String {
        self.run(world, arguments).succeeds()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SECRET: &str = "a-secret-that-nobody-prints";

#[test]
fn a_channel_in_a_bucket_is_published_granted_pulled_and_loaded() {
    let Some(server) = Server::start() else { return };
    let (ada, bob) = (World::new(), World::new());
    ada.ok(&["setup"]);
    bob.ok(&["setup"]);
    server.ok(&ada, &["channel", "add", "notes", "s3://notes-bucket/channels/notes"]);
    let device = bob.ok(&["key", "show", "device"]);
    server.ok(&ada, &["channel", "grant", "notes", device.trim(), "--as", "bob"]);
    ada.ok(&["compile", &example("day-one.jsonl")]);
    server.ok(&ada, &["publish", "notes"]);
    let shown = ada.json(&["channel", "show", "notes"]);
    let invite = shown["invite"].as_str().unwrap();
    assert!(invite.starts_with("garner+s3://notes-bucket/channels/notes#"), "{invite}");
    server.ok(&bob, &["channel", "add", "notes", invite]);
    server.ok(&bob, &["pull", "notes"]);
    bob.ok(&["load", "notes"]);
    ada.ok(&["compile", &example("day-two.jsonl")]);
    server.ok(&ada, &["publish", "notes"]);
    server.ok(&bob, &["pull", "notes"]);
    let log = bob.json(&["log", "notes"]);
    assert_eq!(log["versions"].as_array().map(Vec::len), Some(2), "{log}");
    for said in [ada.said(), bob.said()] {
        assert!(!String::from_utf8(said).unwrap().contains(SECRET));
    }
}

#[test]
fn a_bucket_that_is_not_there_is_not_an_empty_channel() {
    let Some(server) = Server::start() else { return };
    let world = World::new();
    world.ok(&["setup"]);
    let refused = server.run(&world, &["channel", "add", "notes", "s3://no-such-bucket/notes"]);
    refused.fails(5, &["no such bucket", "s3://no-such-bucket/notes"]);
}

#[test]
fn of_many_machines_one_makes_the_repository() {
    let Some(server) = Server::start() else { return };
    for round in 0..3 {
        let address = format!("s3://notes-bucket/race-{round}");
        let statuses: Vec<i32> = std::thread::scope(|scope| {
            let machines: Vec<_> = (0..4)
                .map(|_| {
                    let (server, address) = (&server, &address);
                    scope.spawn(move || {
                        let world = World::new();
                        world.ok(&["setup"]);
                        server.run(&world, &["channel", "add", "notes", address]).status
                    })
                })
                .collect();
            machines.into_iter().map(|machine| machine.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 0).count(), 1, "{statuses:?}");
    }
}

#[test]
fn backups_go_to_a_bucket_are_thinned_out_there_and_come_back() {
    let Some(server) = Server::start() else { return };
    let ada = World::of_day_one();
    ada.ok(&["load", "notes"]);
    server.ok(&ada, &["store", "backup", "--to", "s3://notes-bucket/backups"]);
    ada.ok(&["fragment", "add", "What came after the first backup."]);
    let second = server.ok(&ada, &["store", "backup"]);
    assert!(second.contains("Kept 1 backup; removed:"), "{second}");
    server.ok(&ada, &["store", "drill"]);
    ada.ok(&["fragment", "add", "What came too late."]);
    server.ok(&ada, &["store", "restore", "latest", "--yes"]);
    let list = ada.ok(&["fragment", "list"]);
    assert!(list.contains("after the first backup") && !list.contains("too late"), "{list}");
    assert!(!String::from_utf8(ada.said()).unwrap().contains(SECRET));
}
