//! A branch of a git repository as a remote, through the system's `git`.
//!
//! The files of a channel are the files of branch `garner`; every change is a commit that is pushed
//! under the condition that the branch did not move, so that one of any number of writers wins.
//! A bare clone in the cache keeps what was fetched; nothing is ever checked out, no link is
//! followed, and no hook runs.
//!
//! Files that are named by their digest become visible together with the next file of another name:
//! a version is one commit and one push. Whoever writes such a file writes the same bytes, so it does
//! not matter who did it first.

mod blobs;
mod program;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Put, Remote};
use blobs::{Blobs, Entry};
use program::{BRANCH, Program, Task, finish, is_denial};

/// How often a commit is made again on top of what others pushed.
const TRIES: u32 = 20;

/// How often a server is asked that does not answer.
const ASKED: u32 = 3;

/// The ref of the clone that keeps what was fetched last; only a hint of what need not be fetched.
const KEPT: &str = "refs/garner/tip";

/// Keeps each file in a branch of a repository.
#[derive(Debug)]
pub struct GitRemote {
    program: Program,
    state: Mutex<State>,
}

/// What one opened remote knows.
#[derive(Debug, Default)]
struct State {
    /// Whether the branch was looked at since the remote was opened.
    fetched: bool,
    /// The newest commit of the branch; `None` while there is no branch.
    tip: Option<String>,
    /// Files that wait for the next push, with their blobs.
    waiting: BTreeMap<Name, String>,
    blobs: Option<Blobs>,
}

/// A change of the branch.
#[derive(Clone, Copy)]
enum Change<'a> {
    Create(&'a Name, &'a str),
    Replace(&'a Name, &'a str),
    /// At least one.
    Remove(&'a [Name]),
}

/// What came of a push.
enum Pushed {
    Landed,
    /// Somebody else was faster, or nobody knows; with the reason.
    Unclear(String),
}

impl GitRemote {
    /// Uses the repository at `address`, as `git clone` takes it, with a clone under `cache`. Asks
    /// nobody yet.
    ///
    /// # Errors
    /// [`Error::Url`] if the address could be an option, a command, or holds a password;
    /// [`Error::Io`] if the clone cannot be made.
    pub fn open(address: &str, cache: &Path) -> Result<Self, Error> {
        let program = Program::open(&check_address(address)?, cache)?;
        Ok(Self { program, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the branch unless this remote did already.
    fn fetch_once(&self, state: &mut State, task: Task<'_>) -> Result<(), Error> {
        if state.fetched { Ok(()) } else { self.fetch(state, task) }
    }

    /// Fetches the branch as it is now.
    fn fetch(&self, state: &mut State, task: Task<'_>) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match self.try_fetch(state) {
                Ok(tip) => {
                    (state.tip, state.fetched) = (tip, true);
                    return Ok(());
                }
                Err(reason) if tries == ASKED || self.program.is_final(&reason) => {
                    return Err(self.program.error(task, reason, tries));
                }
                Err(_) => wait(200, tries),
            }
            tries += 1;
        }
    }

    /// Returns the newest commit of the branch, with everything that it holds in the clone.
    fn try_fetch(&self, state: &State) -> Result<Option<String>, String> {
        let address = self.program.address();
        let listed = self.program.run(&["ls-remote", "--", address, BRANCH], &[]);
        let listed = listed.map_err(|failure| failure.reason)?;
        let lines = listed.lines().filter_map(|line| line.split_once('\t'));
        let tip = lines.into_iter().find(|(_, name)| *name == BRANCH).map(|(commit, _)| commit);
        let Some(tip) = tip else { return Ok(None) };
        if !tip.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`{tip}` is no commit"));
        }
        // That a commit is there does not say that its files are: a fetch may have been stopped.
        let kept = || self.program.run(&["rev-parse", "--quiet", "--verify", KEPT], &[]).ok();
        if state.tip.as_deref() != Some(tip) && kept().as_deref() != Some(tip) {
            let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
            let fetch = [&fetch[..], &["--recurse-submodules=no", "--", address, BRANCH]].concat();
            self.program.run(&fetch, &[]).map_err(|failure| failure.reason)?;
            // The branch may have been replaced since it was listed.
            let commit = format!("{tip}^{{commit}}");
            let there = self.program.run(&["cat-file", "-e", &commit], &[]);
            there.map_err(|_| "the branch was replaced meanwhile".to_owned())?;
            self.keep(tip);
        }
        Ok(Some(tip.to_owned()))
    }

    /// Remembers in the clone that a commit is there in full.
    fn keep(&self, commit: &str) {
        // Another process may hold the ref: then that much is fetched again.
        let _ = self.program.run(&["update-ref", "--no-deref", KEPT, commit], &[]);
    }

    /// Stores bytes in the clone and returns their id.
    fn store(&self, bytes: &[u8], task: Task<'_>) -> Result<String, Error> {
        let stored = self.program.run(&["hash-object", "-w", "--stdin"], bytes);
        stored.map_err(|failure| self.program.error(task, failure.reason, 1))
    }

    /// Returns whether the newest commit has something of a name.
    fn exists(&self, state: &State, name: &Name) -> bool {
        let Some(tip) = &state.tip else { return false };
        self.program.run(&["rev-parse", "--quiet", "--verify", &at(tip, name)], &[]).is_ok()
    }

    /// Makes a change part of the branch; [`Put::Exists`] if a file to create is there.
    fn land(&self, state: &mut State, change: Change<'_>) -> Result<Put, Error> {
        let task = change.task();
        let (mut ours, mut reason) = (None::<String>, String::new());
        for tries in 1..=TRIES {
            self.fetch(state, task)?;
            // An answer that was lost: the commit may have landed, and others may have gone on.
            if let (Some(ours), Some(tip)) = (&ours, &state.tip)
                && self.program.run(&["merge-base", "--is-ancestor", ours, tip], &[]).is_ok()
            {
                self.landed(state, change);
                return Ok(Put::Created);
            }
            match change {
                Change::Create(name, _) if self.exists(state, name) => return Ok(Put::Exists),
                Change::Remove(names) if !names.iter().any(|name| self.exists(state, name)) => {
                    return Ok(Put::Created);
                }
                _ => {}
            }
            let Some(commit) = self.commit(state, change)? else { return Ok(Put::Created) };
            match self.push(&commit, state.tip.as_deref(), task)? {
                Pushed::Landed => {
                    self.keep(&commit);
                    state.tip = Some(commit);
                    self.landed(state, change);
                    return Ok(Put::Created);
                }
                Pushed::Unclear(said) => reason = said,
            }
            ours = Some(commit);
            wait(20, tries);
        }
        Err(self.program.error(task, reason, TRIES))
    }

    /// Forgets what no longer waits.
    fn landed(&self, state: &mut State, change: Change<'_>) {
        tracing::debug!(remote = %self.program.address(), name = %change.name(), "pushed");
        if !matches!(change, Change::Remove(_)) {
            state.waiting.clear();
        }
    }

    /// Makes a commit on top of the branch; `None` if nothing would change.
    fn commit(&self, state: &State, change: Change<'_>) -> Result<Option<String>, Error> {
        let task = change.task();
        let failed = |reason| self.program.error(task, reason, 1);
        let folder = self.program.folder();
        let index = tempfile::Builder::new().prefix("index-").tempdir_in(folder);
        let index = index.map_err(|e| Error::io("create folder in", folder, e))?;
        let run = |arguments: &[&str], stdin: &[u8]| {
            let mut command = self.program.command(arguments);
            command.env("GIT_INDEX_FILE", index.path().join("index"));
            finish(command, stdin).map_err(|failure| failed(failure.reason))
        };
        if let Some(tip) = &state.tip {
            run(&["read-tree", tip], &[])?;
        }
        run(&["update-index", "--replace", "--index-info"], change.entries(state).as_bytes())?;
        let tree = run(&["write-tree"], &[])?;
        let mut arguments = vec!["commit-tree", &tree, "-m", change.name()];
        if let Some(tip) = &state.tip {
            if run(&["rev-parse", &format!("{tip}^{{tree}}")], &[])? == tree {
                return Ok(None);
            }
            arguments.extend(["-p", tip]);
        }
        run(&arguments, &[]).map(Some)
    }

    /// Makes a commit the newest of the branch if `tip` still is.
    fn push(&self, commit: &str, tip: Option<&str>, task: Task<'_>) -> Result<Pushed, Error> {
        let lease = format!("--force-with-lease={BRANCH}:{}", tip.unwrap_or_default());
        let address = self.program.address();
        let target = format!("{commit}:{BRANCH}");
        let push = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"];
        let push = [&push[..], &[&lease, "--", address, &target]].concat();
        let Err(failure) = self.program.run(&push, &[]) else { return Ok(Pushed::Landed) };
        // Who was refused reads why in a line that starts with an exclamation mark.
        let line = failure.stdout.lines().find(|line| line.starts_with('!'));
        let reason = line.and_then(|line| line.rsplit('\t').next());
        let reason = reason.map_or(failure.reason.clone(), |line| {
            format!("{}: {}", program::without_user(line), failure.reason)
        });
        if is_denial(&reason) || (line.is_none() && self.program.is_final(&reason)) {
            return Err(self.program.error(task, reason, 1));
        }
        Ok(Pushed::Unclear(reason))
    }

    /// Returns what git has of an object.
    fn read(&self, state: &mut State, object: &str, limit: u64) -> io::Result<Entry> {
        let mut blobs = match state.blobs.take() {
            Some(blobs) => blobs,
            None => Blobs::start(&self.program)?,
        };
        let entry = blobs.read(object, limit)?;
        if matches!(entry, Entry::None | Entry::File(_)) {
            state.blobs = Some(blobs);
        }
        Ok(entry)
    }
}

impl Remote for GitRemote {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut state = self.lock();
        let task = Task { action: "read", name: name.as_str() };
        self.fetch_once(&mut state, task)?;
        let waiting = state.waiting.get(name).cloned();
        let there = || state.tip.as_ref().map(|tip| at(tip, name));
        let Some(object) = waiting.or_else(there) else { return Ok(None) };
        let failed = |reason| self.program.error(task, reason, 1);
        match self.read(&mut state, &object, limit).map_err(|e| failed(e.to_string()))? {
            Entry::None => Ok(None),
            Entry::File(bytes) => Ok(Some(bytes)),
            Entry::TooLarge(got) => {
                Err(Error::TooLarge { name: name.to_string(), got, max: limit })
            }
            Entry::NoFile => Err(failed("what has this name is not a file".to_owned())),
        }
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        let mut state = self.lock();
        let task = Task { action: "write", name: name.as_str() };
        if name.digest().is_none() {
            let blob = self.store(bytes, task)?;
            return self.land(&mut state, Change::Create(name, &blob));
        }
        self.fetch_once(&mut state, task)?;
        if state.waiting.contains_key(name) || self.exists(&state, name) {
            return Ok(Put::Exists);
        }
        let blob = self.store(bytes, task)?;
        state.waiting.insert(name.clone(), blob);
        Ok(Put::Created)
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        let mut state = self.lock();
        let blob = self.store(bytes, Task { action: "write", name: name.as_str() })?;
        state.waiting.remove(name);
        self.land(&mut state, Change::Replace(name, &blob)).map(drop)
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.delete_all(std::slice::from_ref(name))
    }

    fn delete_all(&self, names: &[Name]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        for name in names {
            state.waiting.remove(name);
        }
        self.land(&mut state, Change::Remove(names)).map(drop)
    }
}

impl<'a> Change<'a> {
    /// Returns the name of the file, or of the first of them.
    fn name(self) -> &'a str {
        match self {
            Self::Create(name, _) | Self::Replace(name, _) => name.as_str(),
            Self::Remove(names) => names.first().map_or("", Name::as_str),
        }
    }

    fn task(self) -> Task<'a> {
        let action = if matches!(self, Self::Remove(_)) { "remove" } else { "write" };
        Task { action, name: self.name() }
    }

    /// Returns what changes in the index, as `git update-index --index-info` takes it.
    fn entries(self, state: &State) -> String {
        let write = |name: &Name, blob: &str| format!("100644 {blob}\t{name}\n");
        match self {
            Self::Remove(names) => {
                let nothing = "0".repeat(40);
                let lines =
                    names.iter().flat_map(|name| ["0 ", &nothing, "\t", name.as_str(), "\n"]);
                lines.collect()
            }
            Self::Create(name, blob) | Self::Replace(name, blob) => {
                let waiting = state.waiting.iter().map(|(name, blob)| write(name, blob));
                waiting.chain([write(name, blob)]).collect()
            }
        }
    }
}

/// Returns what git calls a file of a commit.
fn at(commit: &str, name: &Name) -> String {
    format!("{commit}:{name}")
}

/// Waits a random time that grows with the tries: up to `unit` milliseconds at first, two seconds
/// at most.
fn wait(unit: u64, tries: u32) {
    let most = (unit << tries.min(10)).min(2_000);
    let random = RandomState::new().build_hasher().finish();
    std::thread::sleep(Duration::from_millis(random % most));
}

/// Returns an address that is safe to hand to git, and to show.
pub(crate) fn check_address(address: &str) -> Result<String, Error> {
    let refused = |reason| {
        // What may be a password is not repeated.
        let shown = match address.rsplit_once('@') {
            Some((_, host)) => format!("git:…@{host}"),
            None => format!("git:{address}"),
        };
        Err(Error::Url { text: shown, reason })
    };
    if address.starts_with('-') || address.chars().any(char::is_control) {
        return refused("git would not take it for an address");
    }
    if address.starts_with('/') && !address.starts_with("//") {
        return Ok(address.to_owned());
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        // `user@host:path`, as ssh takes it.
        let host = address.split('/').next().unwrap_or_default();
        return match host.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                refused("it may name a user, and neither a password nor a program")
            }
            Some((host, _))
                if host.split('@').all(|part| !part.is_empty() && !part.starts_with('-')) =>
            {
                Ok(address.to_owned())
            }
            _ => refused("name a host (`git:https://host/repo.git`) or an absolute path"),
        };
    };
    let host = rest.split('/').next().unwrap_or_default();
    let user = host.rsplit_once('@').map(|(user, _)| user);
    match (scheme, user) {
        ("https" | "http" | "git", Some(_)) => refused("credentials come from git's own helpers"),
        (_, Some(user)) if user.contains(':') => refused("it may name a user, and no password"),
        ("https" | "http" | "git" | "ssh" | "file", _) => Ok(address.to_owned()),
        _ => refused("git repositories are reached by https, http, ssh, git, or as files"),
    }
}
