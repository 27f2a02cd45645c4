//! Commands run from the Markdown that documents them: README and `tests/cmd/*.md`.
//!
//! In a `console` block, `ada$` and `bob$` are two machines with homes of their own, and a line of
//! `…` stands for any lines. A command that fails shows its error and `? STATUS`. Ids, keys, digests
//! and numbers of bytes, kB and seconds differ from run to run and are not compared.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A command of a machine and the lines that it prints.
struct Step {
    machine: String,
    command: String,
    expected: Vec<String>,
}

/// What stays the same over one Markdown file.
struct Page {
    folder: tempfile::TempDir,
    embedder: &'static str,
    models: PathBuf,
    /// The device key that was shown last, for `age1…`.
    device: String,
    /// The page's id of the repository, and the one of this run.
    repository: Option<(String, String)>,
}

#[test]
fn readme_shows_what_a_user_sees() {
    let Some(models) = crate::model::model() else { return };
    let steps = check(&root().join("README.md"), "minilm", models);
    assert!(steps >= 15, "README shows {steps} commands");
}

#[test]
fn the_runbook_works_from_the_first_line_to_the_last() {
    let steps = check(&root().join("docs/recovery.md"), "hash", PathBuf::new());
    assert!(steps >= 60, "the runbook shows {steps} commands");
}

#[test]
fn documented_commands_do_what_their_pages_say() {
    let mut pages = 0;
    for entry in std::fs::read_dir(root().join("tests/cmd")).unwrap() {
        let path = entry.unwrap().path();
        assert!(check(&path, "hash", PathBuf::new()) > 0, "{} shows nothing", path.display());
        pages += 1;
    }
    assert!(pages >= 3, "{pages} pages");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs every command of a page, compares what it prints, and returns how many there were.
fn check(path: &Path, embedder: &'static str, models: PathBuf) -> usize {
    let steps = steps(&std::fs::read_to_string(path).unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("usb/notes")).unwrap();
    let mut page = Page { folder, embedder, models, device: String::new(), repository: None };
    for step in &steps {
        let printed = page.run(step);
        let printed: Vec<String> = printed.lines().map(masked).collect();
        let expected: Vec<String> = step.expected.iter().map(|line| masked(line)).collect();
        assert!(
            matches(&expected, &printed),
            "{}: {}$ {}\n--- the page ---\n{}\n--- printed ---\n{}\n",
            path.display(),
            step.machine,
            step.command,
            expected.join("\n"),
            printed.join("\n"),
        );
    }
    steps.len()
}

impl Page {
    /// Runs a command and returns what a person would see, in the words of the page.
    fn run(&mut self, step: &Step) -> String {
        let (usb, home) = (self.path("usb"), self.path("home"));
        let mut command = step.command.replace("/media/usb", &usb).replace("age1…", &self.device);
        if let Some((shown, real)) = &self.repository {
            command = command.replace(shown, real);
        }
        let own = format!("{home}/{}", step.machine);
        std::fs::create_dir_all(&own).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_garner")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root())
            .env_clear()
            .envs([("PATH", path), ("HOME", own), ("USER", step.machine.clone())])
            .env("GARNER_NOW", "2026-03-11T09:00:00Z")
            .env("GARNER_EMBEDDER", self.embedder)
            .env("GARNER_MODEL_DIR", &self.models)
            // Port 9 discards: nobody answers there.
            .env("OLLAMA_HOST", "127.0.0.1:9")
            .output()
            .unwrap();
        let mut printed = String::from_utf8(output.stdout).unwrap();
        if step.command == "garner key show device" && output.status.success() {
            printed.trim().clone_into(&mut self.device);
        }
        if !output.status.success() {
            printed.push_str(&String::from_utf8(output.stderr).unwrap());
            printed.push_str(&format!("? {}\n", output.status.code().unwrap()));
        }
        let shown = repository(step.expected.iter().map(String::as_str));
        let real = repository(printed.lines());
        self.repository = self.repository.take().or_else(|| shown.zip(real));
        printed.replace(&usb, "/media/usb").replace(&home, "/home")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

fn repository<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<String> {
    lines.find_map(|line| line.strip_prefix("repository  ").map(str::to_owned))
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match line.split_once("$ ") {
                Some((machine @ ("ada" | "bob"), command)) => steps.push(Step {
                    machine: machine.to_owned(),
                    command: command.to_owned(),
                    expected: Vec::new(),
                }),
                _ => steps.last_mut().unwrap().expected.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Returns whether `printed` is as `expected` says, where a line of `…` stands for any lines.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| first == line && matches(rest, others)),
    }
}

/// Returns the line with what differs from run to run masked.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.trim_end().chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let digest = word.len() >= 12 && word.chars().all(hex);
        let key = word.starts_with("age1") && word.len() > 20;
        out.push_str(if digest {
            "<digest>"
        } else if key {
            "<key>"
        } else {
            &word
        });
        word.clear();
        out.push(c);
    }
    let words: Vec<&str> = out.trim_end().split(' ').collect();
    let next = |at: usize, unit: &str| words.get(at + 1).is_some_and(|next| next.starts_with(unit));
    let is_decimal = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
    let shown = words.iter().enumerate().map(|(at, &word)| match word {
        _ if next(at, "bytes") || next(at, "kB") => "<n>",
        word if is_decimal(word) && next(at, "s") => "<n>",
        word => word,
    });
    shown.collect::<Vec<_>>().join(" ")
}
