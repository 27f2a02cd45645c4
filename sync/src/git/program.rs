//! The `git` program of the system, and what it says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use garner_kernel::Digest;

use crate::error::Error;

/// The branch that holds a channel's files.
pub(super) const BRANCH: &str = "refs/heads/garner";

/// Options of every call: nothing that a user set up runs, and no transport starts a program of
/// its own choice. Credentials still come from where git always looks for them.
const OPTIONS: [&str; 9] = [
    "gc.auto=0",
    "maintenance.auto=false",
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=false",
    "protocol.ext.allow=never",
    "push.gpgSign=false",
    "push.recurseSubmodules=no",
    // A server that stops sending is given up after a minute.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// What a hook or another git around us would hand down.
const FOREIGN: [&str; 12] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_DEFAULT_HASH",
];

/// Who wrote every commit: the signatures in the files say who it was.
const WHO: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "garner"),
    ("GIT_AUTHOR_EMAIL", "garner@localhost"),
    ("GIT_COMMITTER_NAME", "garner"),
    ("GIT_COMMITTER_EMAIL", "garner@localhost"),
];

/// What git says when it needs credentials that it does not have, or that do not suffice.
const DENIALS: [&str; 14] = [
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "Permission denied",
    "Host key verification failed",
    "returned error: 401",
    "returned error: 403",
    "access denied",
    "Access denied",
    "denied to",
    "hook declined",
    "protected branch",
    "prohibited",
];

/// Most lines of git's own words in an error.
const LINES: usize = 3;

/// Git, a bare clone that it keeps, and the address of the repository that is cloned.
#[derive(Debug)]
pub(super) struct Program {
    address: String,
    folder: PathBuf,
}

/// Why a call of git failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What it wrote to its standard output.
    pub(super) stdout: String,
    /// The last lines of its standard error.
    pub(super) reason: String,
}

/// What was to be done, for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) action: &'static str,
    pub(super) name: &'a str,
}

impl Program {
    /// Uses the clone of `address` under `cache`, which is made if it is not there.
    pub(super) fn open(address: &str, cache: &Path) -> Result<Self, Error> {
        let folder = cache.join(format!("git-{}", Digest::of(address.as_bytes())));
        let program = Self { address: address.to_owned(), folder };
        if !program.is_there() {
            program.init(cache)?;
        }
        Ok(program)
    }

    fn is_there(&self) -> bool {
        self.folder.join("HEAD").is_file()
    }

    fn init(&self, cache: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(cache).map_err(|e| Error::io("create folder", cache, e))?;
        let made = tempfile::Builder::new().prefix(".git-").tempdir_in(cache);
        let made = made.map_err(|e| Error::io("create folder in", cache, e))?;
        let clone = made.path().join("clone");
        let mut init = git();
        init.args(["init", "--quiet", "--bare", "--template=", "--"]).arg(&clone);
        let task = Task { action: "make a clone of", name: BRANCH };
        finish(init, &[]).map_err(|failure| self.error(task, failure.reason, 1))?;
        match std::fs::rename(&clone, &self.folder) {
            // Another process was first; its clone is as good.
            Err(_) if self.is_there() => Ok(()),
            renamed => renamed.map_err(|e| Error::io("create folder", &self.folder, e)),
        }
    }

    /// Returns the address of the repository.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the folder of the clone.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a call of git on the clone.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = git();
        command.arg("--git-dir").arg(&self.folder).args(arguments);
        command
    }

    /// Runs git on the clone and returns what it wrote, trimmed.
    pub(super) fn run(&self, arguments: &[&str], stdin: &[u8]) -> Result<String, Failure> {
        finish(self.command(arguments), stdin)
    }

    /// Returns the error for what git said of a task.
    pub(super) fn error(&self, task: Task<'_>, reason: String, tries: u32) -> Error {
        let Task { action, name } = task;
        let (remote, name) = (format!("git:{}", self.address), name.to_owned());
        if is_denial(&reason) {
            return Error::Denied { remote, name, action, reason };
        }
        if self.is_missing_folder() {
            return Error::Unreachable { path: PathBuf::from(&self.address) };
        }
        Error::Transport { remote, name, action, reason, tries }
    }

    /// Returns whether trying again cannot help.
    pub(super) fn is_final(&self, reason: &str) -> bool {
        is_denial(reason) || self.is_missing_folder() || reason.contains("git repository")
    }

    fn is_missing_folder(&self) -> bool {
        let path = Path::new(&self.address);
        path.is_absolute() && !path.exists()
    }
}

/// Returns whether these words of git mean that somebody says no.
pub(super) fn is_denial(reason: &str) -> bool {
    DENIALS.iter().any(|denial| reason.contains(denial))
}

/// Returns a call of git without a repository.
fn git() -> Command {
    let mut command = Command::new("git");
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    // Its words are read here, so they come in one language; it asks nobody anything.
    command.env("LC_ALL", "C").env_remove("LANGUAGE").env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_NO_REPLACE_OBJECTS", "1").envs(WHO);
    command.args(OPTIONS.iter().flat_map(|option| ["-c", option]));
    command
}

/// Runs a prepared call of git and returns what it wrote, trimmed.
pub(super) fn finish(mut command: Command, stdin: &[u8]) -> Result<String, Failure> {
    let output = output(&mut command, stdin).map_err(|error| {
        let reason = format!("the program `git` cannot be run: {error}");
        Failure { stdout: String::new(), reason }
    })?;
    let stdout = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    Err(Failure { stdout, reason: last_lines(&String::from_utf8_lossy(&output.stderr)) })
}

fn output(command: &mut Command, stdin: &[u8]) -> std::io::Result<Output> {
    let input = if stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A git that ends before it read everything says why in its status.
        let _ = pipe.write_all(stdin);
    }
    child.wait_with_output()
}

/// Returns the last lines of what git said, without what could be a secret or steer a terminal.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("; ");
    let plain: String = last.chars().filter(|c| !c.is_control()).collect();
    let told = without_user(&plain);
    if told.is_empty() { "git gave no reason".to_owned() } else { told }
}

/// Returns a text in which no address says who asks: a password may stand there.
pub(super) fn without_user(text: &str) -> String {
    let mut parts = text.split("://");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', ' ', '\'', '"', '`']).unwrap_or(part.len());
        let (host, rest) = part.split_at(end);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        told = format!("{told}://{host}{rest}");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_without_passwords_and_control_characters() {
        for (said, told) in [
            (
                "fatal: https://me:secret@host/x.git/ not found",
                "fatal: https://host/x.git/ not found",
            ),
            ("a\nb\n\nc\nd\n", "b; c; d"),
            ("remote: \u{1b}[31mred", "remote: [31mred"),
            ("ssh://git@host/x and http://t@h", "ssh://host/x and http://h"),
            ("", "git gave no reason"),
        ] {
            assert_eq!(last_lines(said), told);
        }
    }
}
