//! A machine before a command, as often as it is needed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::platter::Tree;
use super::trace;
use crate::world::World;

/// The calls that change files, or open what is changed.
pub(super) const CALLS: [&str; 15] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
];

/// Returns whether commands can be run under `strace`; says so if not.
pub(super) fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-f", "-qq", "-e", "trace=none", "true"]).output();
    if traced.is_ok_and(|output| output.status.success()) {
        return true;
    }
    eprintln!("skipped: there is no `strace`, or it may not trace");
    false
}

/// A machine, copies of its files, and the command that it is about to run.
pub(super) struct Scene {
    pub(super) world: World,
    arguments: Vec<String>,
    copies: TempDir,
}

/// How a command ended.
pub(super) struct Ended {
    /// `None` if it was killed.
    pub(super) status: Option<i32>,
    pub(super) stderr: String,
}

impl Scene {
    pub(super) fn new(world: World, arguments: &[&str]) -> Self {
        let copies = tempfile::Builder::new().prefix("garner-copies-").tempdir().unwrap();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let scene = Self { world, arguments, copies };
        scene.keep("before");
        scene
    }

    /// Copies the files of the machine.
    pub(super) fn keep(&self, copy: &str) {
        replace(&self.world.path("."), &self.copies.path().join(copy));
    }

    /// Makes the files of the machine those of a copy.
    pub(super) fn restore(&self, copy: &str) {
        replace(&self.copies.path().join(copy), &self.world.path("."));
    }

    /// Runs the command.
    pub(super) fn run(&self) -> Ended {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        ended(self.world.command(&arguments))
    }

    /// Runs the command at another time.
    pub(super) fn run_at(&self, now: &str) -> Ended {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        end(self.world.command(&arguments).env("GARNER_NOW", now))
    }

    /// Completes a command that runs the one of this scene, and runs it.
    pub(super) fn run_as(&self, runner: &mut Command) -> Ended {
        runner.args(&self.arguments).envs(self.world.environment());
        end(runner)
    }

    /// Runs the command and kills it after some time.
    pub(super) fn run_until(&self, after: Duration) -> Ended {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.world.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        thread::sleep(after);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ended { status: output.status.code(), stderr }
    }

    /// Runs the command and returns every call of [`CALLS`] that it made: which, and the how
    /// manieth of its kind.
    pub(super) fn calls(&self) -> Vec<(String, usize)> {
        let trace = self.copies.path().join("trace");
        let mut command = self.traced(&[]);
        assert_eq!(ended_with(&mut command, &trace).status, Some(0), "{:?}", self.arguments);
        let lines = fs::read_to_string(&trace).unwrap();
        let mut seen = BTreeMap::<(String, String), usize>::new();
        let mut calls = Vec::new();
        for line in lines.lines() {
            // Calls are counted for each thread: `PID call(…) = …`.
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
            if !CALLS.contains(&call) {
                continue;
            }
            let count = seen.entry((thread.to_owned(), call.to_owned())).or_default();
            *count += 1;
            let point = (call.to_owned(), *count);
            if !calls.contains(&point) {
                calls.push(point);
            }
        }
        calls
    }

    /// Runs the command and returns what it did to files.
    pub(super) fn record(&self) -> Vec<trace::Call> {
        let path = self.copies.path().join("trace");
        let _ = fs::remove_file(&path);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-y", "-xx", "-s", "16777216"]);
        command.args(["-e", &format!("trace={}", trace::CALLS), "-e", "signal=none"]);
        let ended = end(self.under(&mut command, &path));
        assert_eq!(ended.status, Some(0), "{:?}: {}", self.arguments, ended.stderr);
        trace::calls(&fs::read_to_string(&path).unwrap())
    }

    /// Makes the files of the machine those of a disk.
    pub(super) fn become_tree(&self, tree: &Tree) {
        let root = self.world.path(".");
        clear(&root);
        let mut names = BTreeMap::<usize, &Path>::new();
        for (path, mode, bytes, node) in tree {
            let to = root.join(path);
            match (bytes, names.get(node)) {
                (None, _) => fs::create_dir(&to).unwrap(),
                (_, Some(first)) => fs::hard_link(root.join(first), &to).unwrap(),
                (Some(bytes), None) => fs::write(&to, bytes).unwrap(),
            }
            fs::set_permissions(&to, fs::Permissions::from_mode(*mode)).unwrap();
            names.insert(*node, path);
        }
    }

    /// Runs the command; `happens` befalls the n-th call of a kind.
    pub(super) fn run_with(&self, (call, number): &(String, usize), happens: &str) -> Ended {
        let inject = format!("inject={call}:{happens}:when={number}");
        ended_with(&mut self.traced(&["-e", &inject]), &self.copies.path().join("trace"))
    }

    fn traced(&self, options: &[&str]) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", &format!("trace={}", CALLS.join(","))]);
        command.args(options);
        self.under(&mut command, &self.copies.path().join("trace"));
        command
    }

    /// Completes a command that runs the one of this scene and writes a trace of it.
    fn under<'c>(&self, tracer: &'c mut Command, trace: &Path) -> &'c mut Command {
        tracer.arg("-o").arg(trace).arg(env!("CARGO_BIN_EXE_garner")).args(&self.arguments);
        tracer.env_clear().envs(self.world.environment()).current_dir(self.world.path("."))
    }
}

fn ended_with(command: &mut Command, trace: &Path) -> Ended {
    let _ = fs::remove_file(trace);
    end(command)
}

fn ended(mut command: Command) -> Ended {
    end(&mut command)
}

fn end(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let signal = output.status.signal();
    assert!(matches!(signal, None | Some(9)), "ended by signal {signal:?}: {stderr}");
    Ended { status: output.status.code(), stderr }
}

/// Makes folder `to` hold what `from` holds, and nothing else.
fn replace(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    clear(to);
    copy(from, to, &mut BTreeMap::new());
}

fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.unwrap();
    }
}

/// Copies a folder; a file with two names stays one file.
fn copy(from: &Path, to: &Path, copied: &mut BTreeMap<u64, PathBuf>) {
    let entries = fs::read_dir(from).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            fs::set_permissions(&target, fs::metadata(&path).unwrap().permissions()).unwrap();
            copy(&path, &target, copied);
        } else if let Some(first) = copied.get(&fs::metadata(&path).unwrap().ino()) {
            fs::hard_link(first, &target).unwrap();
        } else {
            fs::copy(&path, &target).unwrap();
            copied.insert(fs::metadata(&path).unwrap().ino(), target);
        }
    }
}
