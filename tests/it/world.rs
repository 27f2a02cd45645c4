//! A machine for one test: its own home, clock, embedder and files.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use garner_kernel::{Draft, record};
use serde_json::Value;
use tempfile::TempDir;

/// The present of every test, a few days after the example sessions.
pub(crate) const NOW: &str = "2026-03-20T12:00:00Z";

/// A machine.
pub(crate) struct World {
    folder: TempDir,
    said: RefCell<Vec<u8>>,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) command: String,
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// Makes an empty machine.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("garner-it-").tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, said: RefCell::default() }
    }

    /// Makes a machine with keys and channel `notes`, whose remote is an empty folder.
    pub(crate) fn publisher() -> Self {
        let world = Self::new();
        world.ok(&["setup"]);
        fs::create_dir(world.remote()).unwrap();
        world.ok(&["channel", "add", "notes", &format!("file:{}", text(&world.remote()))]);
        world
    }

    /// Makes a publisher that published and loaded the first example session.
    pub(crate) fn of_day_one() -> Self {
        let world = Self::publisher();
        world.learn("day-one.jsonl");
        world
    }

    /// Compiles an example session, publishes and loads it.
    pub(crate) fn learn(&self, session: &str) {
        self.ok(&["compile", &example(session)]);
        self.ok(&["publish", "notes"]);
        self.ok(&["load", "notes"]);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.path("remote")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("data/garner/store.db")
    }

    pub(crate) fn key(&self, role: &str) -> PathBuf {
        self.path(&format!("config/garner/keys/{role}.key"))
    }

    /// Returns the draft of channel `notes`; `None` if there is none.
    pub(crate) fn draft(&self) -> Option<Draft> {
        self.draft_text().map(|text| record::parse_draft(&text).unwrap())
    }

    /// Returns the bytes of the draft of channel `notes`.
    pub(crate) fn draft_text(&self) -> Option<String> {
        fs::read_to_string(self.path("data/garner/drafts/notes.jsonl")).ok()
    }

    /// Copies an example session to the machine and returns its path.
    pub(crate) fn copy_example(&self, name: &str) -> PathBuf {
        let sessions = self.path("sessions");
        fs::create_dir_all(&sessions).unwrap();
        fs::copy(example(name), sessions.join(name)).unwrap();
        sessions.join(name)
    }

    /// Returns the environment of every command.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let folder = |name: &str| text(&self.path(name));
        vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", folder("home")),
            ("TMPDIR", folder("tmp")),
            ("XDG_DATA_HOME", folder("data")),
            ("XDG_CONFIG_HOME", folder("config")),
            ("XDG_STATE_HOME", folder("state")),
            ("XDG_CACHE_HOME", folder("cache")),
            ("USER", "tester".to_owned()),
            ("GARNER_NOW", NOW.to_owned()),
            ("GARNER_EMBEDDER", "hash".to_owned()),
            // Port 9 discards: nobody answers there.
            ("OLLAMA_HOST", "127.0.0.1:9".to_owned()),
        ]
    }

    /// Returns a command of this machine that has not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_garner"));
        command.args(arguments).env_clear().envs(self.environment());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.finish(self.command(arguments))
    }

    /// Runs a command at another time.
    pub(crate) fn run_at(&self, now: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("GARNER_NOW", now);
        self.finish(command)
    }

    /// Runs a prepared command.
    pub(crate) fn finish(&self, mut command: Command) -> Output {
        let output = command.output().unwrap();
        let mut said = self.said.borrow_mut();
        said.extend_from_slice(&output.stdout);
        said.extend_from_slice(&output.stderr);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        Output {
            command: words.join(" "),
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed and returns its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).succeeds()
    }

    /// Runs a command with `--json` that must succeed, and returns the object.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = [&["--json"], arguments].concat();
        json(&self.ok(&arguments))
    }

    /// Runs a command that must fail with `status` and name every one of `facts`.
    pub(crate) fn fails(&self, arguments: &[&str], status: i32, facts: &[&str]) -> Output {
        let output = self.run(arguments);
        output.fails(status, facts);
        self.leaves_nothing_half_done();
        output
    }

    /// Returns everything that commands printed so far.
    pub(crate) fn said(&self) -> Vec<u8> {
        self.said.borrow().clone()
    }

    /// Returns all files of the machine but the sessions, with their bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut paths = Vec::new();
        walk(self.folder.path(), &mut paths);
        paths.retain(|path| !path.starts_with(self.path("sessions")));
        paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// Checks that no temporary file is left anywhere.
    pub(crate) fn leaves_nothing_half_done(&self) {
        assert_eq!(self.temporary_files(), Vec::<PathBuf>::new());
    }

    /// Returns every file that is not whole yet.
    pub(crate) fn temporary_files(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        walk(self.folder.path(), &mut paths);
        let temporary = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            path.starts_with(self.path("tmp")) || name.starts_with(".tmp")
        };
        paths.retain(temporary);
        paths
    }
}

/// Returns a publisher with a version, and a machine that reads it as `laptop`.
pub(crate) fn pair() -> (World, World) {
    let (publisher, reader) = (World::publisher(), World::new());
    reader.ok(&["setup"]);
    let device = reader.ok(&["key", "show", "device"]);
    publisher.ok(&["channel", "grant", "notes", device.trim(), "--as", "laptop"]);
    publisher.learn("day-one.jsonl");
    let shown = publisher.json(&["channel", "show", "notes"]);
    reader.ok(&["channel", "add", "notes", shown["invite"].as_str().unwrap()]);
    reader.ok(&["load", "notes"]);
    (publisher, reader)
}

impl Output {
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.status, 0, "garner {}\n{}{}", self.command, self.stdout, self.stderr);
        self.stdout
    }

    /// Checks the status, and that the error names every one of `facts`.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32, facts: &[&str]) {
        let Self { command, stderr, stdout, .. } = self;
        assert_eq!(self.status, status, "garner {command}\n{stdout}{stderr}");
        for fact in facts {
            assert!(stderr.contains(fact), "garner {command}: no `{fact}` in\n{stderr}");
        }
        // Usage errors are worded by clap; every other error has the same two or three parts.
        assert!(stderr.contains("error: "), "garner {command}\n{stderr}");
        assert!(!stderr.contains("panicked"), "garner {command}\n{stderr}");
    }
}

/// Reads what `--json` printed.
#[track_caller]
pub(crate) fn json(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
    assert_eq!(value["format"], 1, "{text}");
    value
}

/// Returns the elements of an array.
#[track_caller]
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}"))
}

/// Returns the text of a path.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Returns the path of an example session.
pub(crate) fn example(name: &str) -> String {
    text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sessions").join(name))
}

/// Returns strings that were planted in the example sessions.
pub(crate) fn planted(group: &str) -> Vec<String> {
    let planted = fs::read_to_string(example("planted.json")).unwrap();
    let planted: Value = serde_json::from_str(&planted).unwrap();
    items(&planted[group]).iter().map(|s| s.as_str().unwrap().to_owned()).collect()
}

/// Returns real transcripts by name; none, with a notice, where the shared folder is absent.
pub(crate) fn transcripts(names: &[&str]) -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/transcripts");
    if !shared.is_dir() {
        eprintln!("skipped: no real transcripts in `{}`", shared.display());
        return Vec::new();
    }
    names.iter().map(|name| shared.join(name)).collect()
}

/// The large real transcripts.
pub(crate) const LARGE: [&str; 3] = [
    "entire-63_bd3f9b02f2-design.jsonl",
    "entire-6d_63c3a51594-claudemd.jsonl",
    "packmind-16_b343528434-askuser.jsonl",
];

/// Returns the first characters of an id, as commands print it.
pub(crate) fn short(id: &Value) -> String {
    id.as_str().unwrap().chars().take(12).collect()
}

/// Returns whether `bytes` hold `part`.
pub(crate) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Adds the files under a folder, the folders themselves left out.
pub(crate) fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
    paths.sort();
}
