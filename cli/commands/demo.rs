//! `garner demo`: the whole way in one folder, each step as the command a user would type.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Parser as _};
use garner_kernel::{Entry, Status};

use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::{files, table};

/// The sessions that the demo compiles unless it is given others.
const SESSIONS: [(&str, &[u8]); 2] = [
    ("day-one.jsonl", include_bytes!("../../examples/sessions/day-one.jsonl")),
    ("day-two.jsonl", include_bytes!("../../examples/sessions/day-two.jsonl")),
];
/// What the demo asks about its own sessions: the answer changes from the first to the second.
const QUESTION: &str = "What happens when the tide table is out of date?";
/// The model whose prompt is shown; none has to be there.
const MODEL: &str = "llama3.2";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave store, keys, remote and bundles in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Use this transcript instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let started = Instant::now();
    let temporary;
    let folder = match &arguments.keep {
        Some(folder) => {
            make(folder)?;
            let mut entries = folder.read_dir().map_err(|e| Error::io("list", folder, e))?;
            if entries.next().is_some() {
                return Err(Error::NotEmpty { path: folder.clone() });
            }
            std::path::absolute(folder).map_err(|e| Error::io("find", folder, e))?
        }
        None => {
            temporary = tempfile::Builder::new()
                .prefix("garner-demo-")
                .tempdir()
                .map_err(|e| Error::io("create", "temporary folder", e))?;
            temporary.path().to_owned()
        }
    };
    // The model is fetched before the first step, so that its progress does not break the story.
    context.embedder_to_load();
    let story = Story { context: context.under(&folder), folder, step: 0.into() };
    match &arguments.session {
        None => story.own_sessions()?,
        Some(session) => story.any_session(session)?,
    }
    story.remarks(arguments)?;
    context.output.say(&format!("Done in {:.1} s.", started.elapsed().as_secs_f64()));
    Ok(())
}

/// A demo under way.
struct Story {
    context: Context,
    folder: PathBuf,
    step: std::cell::Cell<u32>,
}

impl Story {
    /// Two days of an invented project: what the second says replaces part of the first.
    fn own_sessions(&self) -> Result<(), Error> {
        let sessions = self.path("sessions");
        make(&sessions)?;
        for (name, bytes) in SESSIONS {
            garner_sync::write_over(&sessions.join(name), bytes)?;
        }
        let (one, two) = (sessions.join("day-one.jsonl"), sessions.join("day-two.jsonl"));
        self.set_up()?;
        self.tell("Distil a session. It holds secrets, a poisoned page and an old injection.")?;
        self.garner(&["compile", &text(&one)])?;
        self.tell("Distil it again: nothing is learned twice.")?;
        self.garner(&["compile", &text(&one)])?;
        let first = self.publish_and_load(1, QUESTION)?;
        self.drill()?;
        self.tell("The next day, a later session changes some of it.")?;
        self.garner(&["compile", &text(&two)])?;
        self.second_version(QUESTION)?;
        self.back_and_forth(QUESTION, &first)?;
        self.tell("Check every fragment against the line that it came from.")?;
        self.garner(&["verify", "--provenance", &text(&sessions)])
    }

    /// Any transcript: the second version is what a person accepts or rejects.
    fn any_session(&self, session: &Path) -> Result<(), Error> {
        files::read(session)?;
        self.set_up()?;
        self.tell("Distil the session.")?;
        self.garner(&["compile", &text(session)])?;
        let channel = "notes".parse()?;
        let draft = self.context.draft(&channel)?.unwrap_or_default();
        let active = draft.entries.values().find(|entry| entry.status == Status::Active);
        let candidate = draft.entries.values().find(|entry| entry.status == Status::Candidate);
        let Some(known) = active.or(candidate) else {
            return self.context.output.print("Nothing in this session is worth keeping.\n");
        };
        let question = question(known);
        if active.is_none() {
            self.tell("Nothing is certain enough by itself: a person accepts a candidate.")?;
            self.garner(&["review", "--accept", &known.fragment.id.short()])?;
        }
        let first = self.publish_and_load(1, &question)?;
        self.drill()?;
        match candidate.filter(|candidate| candidate.fragment.id != known.fragment.id) {
            Some(candidate) => {
                self.tell("A person accepts a candidate.")?;
                self.garner(&["review", "--accept", &candidate.fragment.id.short()])?;
            }
            None => {
                self.tell("A person rejects a fragment for ever.")?;
                self.garner(&["review", "--reject", &known.fragment.id.short()])?;
            }
        }
        self.second_version(&question)?;
        self.back_and_forth(&question, &first)?;
        self.tell("Check every fragment against the line that it came from.")?;
        self.garner(&["verify", "--provenance", &text(session)])
    }

    fn set_up(&self) -> Result<(), Error> {
        make(&self.path("remote"))?;
        self.tell("Make keys and a store.")?;
        self.garner(&["setup"])?;
        self.tell("Add a channel. Its remote is a folder: a USB stick would do.")?;
        let url = format!("file:{}", text(&self.path("remote")));
        self.garner(&["channel", "add", "notes", &url])
    }

    /// Publishes and loads a version, and returns what recall prints then.
    fn publish_and_load(&self, version: u32, question: &str) -> Result<String, Error> {
        let bundle = text(&self.path(&format!("notes-v{version}.kernel")));
        self.tell("Seal it: compressed, encrypted to its readers, signed. Then push it.")?;
        self.garner(&["publish", "notes", "--out", &bundle])?;
        self.tell("On the reading side: verify it and merge it into the store.")?;
        self.garner(&["load", "notes"])?;
        self.tell("Ask the store.")?;
        self.recall(question)
    }

    fn drill(&self) -> Result<(), Error> {
        self.tell("Would it survive this machine? Open it with the recovery key alone.")?;
        self.garner(&["key", "drill"])
    }

    fn second_version(&self, question: &str) -> Result<(), Error> {
        self.publish_and_load(2, question)?;
        self.tell("What changed between the versions?")?;
        self.garner(&["diff", "notes@1", "notes@2"])?;
        self.tell("See the exact prompt that a local model would get.")?;
        self.garner(&["ask", "-n", MODEL, question])
    }

    /// Rolls back and checks that recall says exactly what it said at the first version.
    fn back_and_forth(&self, question: &str, first: &str) -> Result<(), Error> {
        self.tell("Was the second version a mistake? Read the first one again.")?;
        self.garner(&["rollback", "notes@1"])?;
        let again = self.recall(question)?;
        if again != first {
            self.context.output.warn("recall differs from what it was at v1");
            return Err(Error::Problems { problems: 1 });
        }
        self.context.output.print("(The same bytes as at v1.)\n")?;
        self.tell("Or take that back as well.")?;
        self.garner(&["undo"])?;
        self.garner(&["log", "notes"])
    }

    fn recall(&self, question: &str) -> Result<String, Error> {
        self.context.output.record();
        self.garner(&["recall", "-k", "3", "--explain", question])?;
        Ok(self.context.output.recorded())
    }

    /// Says what comes next.
    fn tell(&self, what: &str) -> Result<(), Error> {
        self.step.set(self.step.get() + 1);
        let heading = format!("{}. {what}", self.step.get());
        self.context.output.print(&format!("\n{}\n", styled(&heading, output::BOLD)))
    }

    /// Shows a command and runs it.
    fn garner(&self, words: &[&str]) -> Result<(), Error> {
        let shown: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let line = format!("$ garner {}", shown.join(" "));
        self.context.output.print_unrecorded(&format!("{}\n", styled(&line, output::GREEN)))?;
        let words = ["garner"].iter().chain(words);
        // The words are ours, so they always parse.
        let parsed = crate::args::Arguments::try_parse_from(words)
            .map_err(|e| Error::KernelName { text: e.to_string() })?;
        super::run(&parsed.command, &self.context)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Says how to go on with what was kept.
    fn remarks(&self, arguments: &Arguments) -> Result<(), Error> {
        let Some(kept) = &arguments.keep else { return Ok(()) };
        let places = &self.context.places;
        let shell = format!(
            "# Lets `garner` use the files of this demo: . ./env.sh\n\
             export XDG_DATA_HOME='{0}/data' XDG_CONFIG_HOME='{0}/config'\n\
             export XDG_STATE_HOME='{0}/state' XDG_CACHE_HOME='{0}/cache'\n\
             export GARNER_MODEL_DIR='{1}'\n",
            self.folder.display(),
            places.models.display()
        );
        garner_sync::write_over(&self.path("env.sh"), shell.as_bytes())?;
        self.context.output.say(&format!(
            "\nEverything is in `{0}`. To go on with it: `. {0}/env.sh`, then any command above.",
            kept.display()
        ));
        Ok(())
    }
}

/// Returns a question whose answer is this entry: the first words of its statement.
fn question(entry: &Entry) -> String {
    let words = entry.fragment.statement.as_str().split_whitespace().take(8);
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    table::one_line(&words.map(plain).collect::<Vec<_>>().join(" "), 80)
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create folder", folder, e))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Returns a word as a shell would have it typed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
