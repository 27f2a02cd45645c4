//! Commands of a shell that failed because they were used wrongly, and what worked soon after.
//!
//! Only the usage counts: a test that fails says nothing about how tests are run.

use garner_kernel::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::checkpoint::Mark;
use super::wire;

/// How many calls later a command may still be the cure of an earlier one.
const WITHIN: u8 = 3;
/// How much of an error is looked at, in bytes.
const LOOKED_AT: usize = 4_000;
/// The longest command that is compared, in bytes; longer ones are scripts.
const LONGEST: usize = 400;

/// What a shell or a program says when it was called wrongly.
const USAGE: &[&str] = &[
    "unknown option",
    "unknown flag",
    "unknown argument",
    "unknown command",
    "unknown subcommand",
    "unrecognized option",
    "unrecognized argument",
    "unrecognized subcommand",
    "unrecognized arguments",
    "unrecognised option",
    "invalid option",
    "invalid flag",
    "invalid argument",
    "illegal option",
    "unexpected argument",
    "no such option",
    "no such command",
    "no such subcommand",
    "no such file or directory: --",
    "is not a git command",
    "command not found",
    "missing script",
    "missing required argument",
    "required arguments were not provided",
    "requires an argument",
    "requires a value",
    "too many arguments",
    "wrong number of arguments",
    "usage:",
    "no module named",
    "did you mean",
    "bad option",
];

/// Words in front of a program that do not say what is run.
const IN_FRONT: &[&str] = &["sudo", "time", "env", "command", "nohup", "exec"];
/// Programs that only prepare for the next one.
const PREPARING: &[&str] = &["cd", "export", "source", "set", "echo", "pushd", ".", "mkdir"];

/// Commands that failed, and for which a cure is still awaited.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    failures: Vec<Failure>,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Failure {
    command: String,
    error: String,
    /// The lines that tell of it, and those of the calls since.
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Open {
    failure: usize,
    remaining: u8,
}

/// A command whose result has not come yet.
#[derive(Debug)]
pub(crate) struct Run {
    command: String,
    cures: Option<usize>,
}

/// A command that failed and one that worked in its place.
pub(crate) struct Cure {
    pub(crate) failed: Text,
    pub(crate) worked: Text,
    pub(crate) error: Text,
    pub(crate) marks: Vec<Mark>,
}

impl Run {
    /// Returns whether the command may cure an earlier one.
    pub(crate) fn may_cure(&self) -> bool {
        self.cures.is_some()
    }

    /// Returns the command.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }
}

impl Commands {
    /// Takes a call of the shell; `None` where it names no command.
    pub(crate) fn call(&mut self, input: &RawValue, mark: Mark) -> Option<Run> {
        #[derive(Deserialize)]
        struct Input {
            command: String,
        }
        let command = wire::read::<Input>(input)?.command.trim().to_owned();
        let family = family(&command);
        let mut cures = None;
        for open in &mut self.open {
            let Some(failure) = self.failures.get_mut(open.failure) else { continue };
            failure.marks.push(mark);
            open.remaining -= 1;
            let same = family.is_some() && family == self::family(&failure.command);
            if same && failure.command != command && command.len() <= LONGEST {
                cures = Some(open.failure);
            }
        }
        self.open.retain(|open| open.remaining > 0);
        Some(Run { command, cures })
    }

    /// Takes a result that failed.
    pub(crate) fn failed(&mut self, run: Run, error: &str, marks: [Mark; 2]) {
        let head = error.get(..error.floor_char_boundary(LOOKED_AT)).unwrap_or(error);
        let said = head.to_lowercase();
        let usage = USAGE.iter().any(|phrase| said.contains(phrase));
        if !usage || run.command.len() > LONGEST || family(&run.command).is_none() {
            return;
        }
        let telling = head.lines().find(|line| {
            let line = line.to_lowercase();
            USAGE.iter().any(|phrase| line.contains(phrase))
        });
        let error = telling.unwrap_or_default().trim().to_owned();
        self.open.push(Open { failure: self.failures.len(), remaining: WITHIN });
        self.failures.push(Failure { command: run.command, error, marks: marks.to_vec() });
    }

    /// Takes a result that worked; returns what it cured.
    pub(crate) fn worked(&mut self, run: &Run) -> Option<Cure> {
        let cured = run.cures?;
        let failure = self.failures.get(cured)?;
        let family = family(&failure.command)?;
        let cure = Cure {
            failed: Text::new(&failure.command),
            worked: Text::new(&run.command),
            error: Text::new(&failure.error),
            marks: failure.marks.clone(),
        };
        let failures = &self.failures;
        self.open.retain(|open| {
            let other = failures.get(open.failure).and_then(|f| self::family(&f.command));
            other.as_deref() != Some(family.as_str())
        });
        Some(cure)
    }

    /// Returns the lines that tell of commands whose cure may still come, also by `pending` runs.
    pub(crate) fn live<'a>(&'a self, pending: impl Iterator<Item = &'a Run>) -> Vec<Mark> {
        let open = self.open.iter().map(|open| open.failure);
        open.chain(pending.filter_map(|run| run.cures))
            .filter_map(|failure| self.failures.get(failure))
            .flat_map(|failure| failure.marks.iter().copied())
            .collect()
    }
}

/// Returns the program that a command runs, with the versions of one program as one.
pub(crate) fn family(command: &str) -> Option<String> {
    let steps = command.split(['\n', ';']).flat_map(|part| part.split("&&"));
    let program = steps.map(str::trim).find_map(|step| {
        let mut words = step.split_whitespace();
        let program = words.find(|word| !IN_FRONT.contains(word) && !word.contains('='))?;
        (!PREPARING.contains(&program)).then_some(program)
    })?;
    let name = program.rsplit('/').next()?.trim_matches(['"', '\'', '(', ')', '$', '{']);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_ascii_lowercase())
}

/// Returns the subject of a commit from what `git commit` prints: `[main 1a2b3c4] subject`.
pub(crate) fn commit_subject<'t>(command: &str, output: &'t str) -> Option<&'t str> {
    if !command.contains("git") || !command.contains("commit") {
        return None;
    }
    output.lines().take(20).find_map(|line| {
        let (place, subject) = line.strip_prefix('[')?.split_once("] ")?;
        let hash = place.split_whitespace().last()?;
        let is_hash = hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hash && !subject.trim().is_empty()).then(|| subject.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_of_a_command_is_its_program() {
        let rows = [
            ("cargo test", Some("cargo")),
            ("cd /tmp && cargo test", Some("cargo")),
            ("RUST_LOG=debug sudo cargo test", Some("cargo")),
            ("python3 -m pytest", Some("python")),
            ("python3.11 -m pytest", Some("python")),
            ("/usr/bin/sed -i s/a/b/ x", Some("sed")),
            ("cd build; make -j", Some("make")),
            ("export A=1\nnpm run x", Some("npm")),
            ("cd /tmp", None),
            ("", None),
            ("[[ -f x ]]", None),
        ];
        for (command, expected) in rows {
            assert_eq!(family(command).as_deref(), expected, "{command}");
        }
    }

    #[test]
    fn the_subject_of_a_commit_is_read_from_what_git_says() {
        let rows = [
            (
                "git commit -m x",
                "[main 1a2b3c4] store: one file\n 1 file changed",
                Some("store: one file"),
            ),
            ("git commit -m x", "[main (root-commit) 1a2b3c4] first", Some("first")),
            ("git log", "[main 1a2b3c4] store: one file", None),
            ("git commit -m x", "nothing to commit", None),
            ("git commit -m x", "[main not-a-hash] x", None),
        ];
        for (command, output, expected) in rows {
            assert_eq!(commit_subject(command, output), expected, "{command} {output}");
        }
    }
}
