//! A channel on a real web server.
//!
//! Where `nginx` is not installed, the test says so and passes; with `GARNER_SERVERS` set, as in
//! `.ci/run`, it fails instead.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::world::{World, example, text};

const QUESTION: &str = "how are heights stored?";
/// What the test asks for itself.
const LAST: &str = "/the-last-request";
/// A while after everything was published.
const LATER: &str = "2026-03-20T13:00:00Z";

/// Returns whether there is a server; says so if not.
fn installed() -> bool {
    if Command::new("nginx").arg("-v").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("GARNER_SERVERS").is_none(), "`nginx` is not installed");
    eprintln!("skipped: `nginx` is not installed");
    false
}

/// A running `nginx`, until it is dropped.
struct Nginx {
    process: Child,
    port: u16,
}

impl Nginx {
    /// Serves `root`; everything that it writes goes under `folder`.
    fn start(folder: &Path, root: &Path) -> Self {
        fs::create_dir(folder).unwrap();
        let port = free_port();
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(folder, root, port)).unwrap();
        let process = Command::new("nginx")
            .args(["-c", &text(&config), "-p", &text(folder), "-e", &text(&folder.join("errors"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { process, port };
        for _ in 0..400 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return nginx;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("{}", fs::read_to_string(folder.join("errors")).unwrap_or_default());
    }

    /// Returns the address of the channel.
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/notes", self.port)
    }

    /// Returns what was asked so far. A request is written down only after its answer was sent: one
    /// of ours is asked last, and when it is there, all others are.
    fn requests(&self, log: &Path) -> Vec<String> {
        let lines = |log: &Path| -> Vec<String> {
            fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
        };
        let ours = |line: &&String| line.contains(LAST);
        let before = lines(log).iter().filter(ours).count();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        write!(connection, "GET {LAST} HTTP/1.0\r\n\r\n").unwrap();
        connection.read_to_end(&mut Vec::new()).unwrap();
        for _ in 0..400 {
            let mut written = lines(log);
            if written.iter().filter(ours).count() > before {
                written.retain(|line| !line.contains(LAST));
                return written;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("the server writes nothing down");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Returns the configuration of a server that is one process in the foreground.
fn configuration(folder: &Path, root: &Path, port: u16) -> String {
    let folder = text(folder);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{temporary}\
         access_log {folder}/requests;\nserver {{\nlisten 127.0.0.1:{port};\n\
         location /notes/ {{\nalias {}/;\n}}\n}}\n}}\n",
        text(root)
    )
}

#[test]
fn a_channel_is_read_from_a_web_server() {
    if !installed() {
        return;
    }
    let (publisher, reader) = (World::publisher(), World::new());
    reader.ok(&["setup"]);
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "laptop"]);
    publisher.learn("day-one.jsonl");
    let nginx = Nginx::start(&publisher.path("nginx"), &publisher.remote());
    let shown = publisher.json(&["channel", "show", "notes"]);
    let repository = shown["repository"].as_str().unwrap();
    let invite = format!("{}#{repository}", nginx.url());
    let added = reader.json(&["channel", "add", "notes", &invite]);
    assert_eq!(added["invite"], format!("garner+{invite}"));
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    assert_eq!(reader.ok(&["recall", QUESTION]), publisher.ok(&["recall", QUESTION]));
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["publish", "notes"]);
    let version = |pulled: serde_json::Value| pulled["channels"][0]["version"].clone();
    assert_eq!(
        version(reader.json(&["pull", "notes"])),
        version(publisher.json(&["pull", "notes"]))
    );
    reader.ok(&["load", "notes"]);
    // Where nothing is new, one question is enough.
    let requests = || nginx.requests(&publisher.path("nginx/requests"));
    reader.run_at(LATER, &["pull", "notes"]).succeeds();
    let before = requests().len();
    reader.run_at(LATER, &["pull", "notes"]).succeeds();
    let after = requests();
    let new = &after[before..];
    assert!(
        new.len() == 1 && new[0].contains("/latest.note") && new[0].contains(" 304 "),
        "{new:?}"
    );
    let asked = requests();
    let agent = concat!("\"garner/", env!("CARGO_PKG_VERSION"), "\"");
    assert!(asked.len() > 10 && asked.iter().all(|line| line.contains(agent)), "{asked:?}");
    // A repository is made where files can be written.
    let empty = format!("{}/empty", nginx.url());
    reader.fails(&["channel", "add", "mine", &empty], 1, &["can only be read", &empty]);
}

#[test]
fn an_address_with_a_secret_is_refused() {
    let world = World::new();
    world.ok(&["setup"]);
    let add = ["channel", "add", "notes", "https://ada:hush@host.invalid/notes"];
    world.fails(&add, 2, &["an address holds no name and no password"]);
}
