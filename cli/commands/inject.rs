//! `garner inject`: what would be placed into a prompt, for scripts and for machines without Garner.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use garner_loader::inject::{self, Injection, Section};
use serde_json::{Value, json};

use crate::args::FilterArguments;
use crate::context::Context;
use crate::error::Error;
use crate::past::When;
use crate::setup::disk::{self, Content};

/// The longest question that is read from standard input; a prompt is never that long.
const MAX_QUERY: u64 = 1 << 20;

/// What is written for other programs is theirs to read.
const MODE: u32 = 0o644;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What is asked, `-` to read it from standard input; without it only rules and pinned fragments
    /// are placed
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    query: Option<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The model: that of the request, or the one that a Modelfile starts from
    #[arg(long, value_name = "MODEL", required_if_eq("format", "modelfile"))]
    model: Option<String>,
    /// Write it into this file; a skill into a folder of its own in this folder
    #[arg(short, long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filters: FilterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The block alone
    Text,
    /// The blocks, what was placed and what was left out
    Json,
    /// The body of a request to /api/chat of Ollama
    OllamaChat,
    /// A Modelfile for `ollama create`, with the block as system text
    Modelfile,
    /// A skill: a folder with SKILL.md, as agents read them
    Skill,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let question = question(arguments.query.as_deref())?;
    let injection =
        super::ask::inject(&question, &arguments.filters, &When::now(context), context)?;
    if injection.placed.is_empty() {
        context.output.say("Nothing matters to this: nothing is placed.");
    }
    let text = match arguments.format {
        Format::Text if context.global.json => pretty(&as_json(&injection)),
        Format::Text => line(&injection.text()),
        Format::Json => pretty(&as_json(&injection)),
        Format::OllamaChat => {
            // A system message takes the place of the model's own, so that has to stand in it.
            let model = arguments.model.as_deref();
            let facts = model.map(|model| super::ask::facts(model, context)).transpose()?;
            let system = facts.and_then(|facts| facts.system);
            pretty(&as_request(&injection, system.as_deref(), &question, model))
        }
        Format::Modelfile => modelfile(&injection, arguments.model.as_deref().unwrap_or_default()),
        Format::Skill => skill(&injection),
    };
    match &arguments.out {
        None => context.output.print(&text),
        Some(path) if arguments.format == Format::Skill => {
            write(&path.join(SKILL).join("SKILL.md"), text, context)
        }
        Some(path) => write(path, text, context),
    }
}

fn question(query: Option<&str>) -> Result<String, Error> {
    if query != Some("-") {
        return Ok(query.unwrap_or_default().to_owned());
    }
    let (mut text, path) = (String::new(), Path::new("standard input"));
    let read = std::io::stdin().lock().take(MAX_QUERY + 1).read_to_string(&mut text);
    if text.len() as u64 > MAX_QUERY {
        let size = MAX_QUERY + 1;
        return Err(Error::TooLarge { path: path.to_owned(), size, limit: MAX_QUERY });
    }
    read.map_err(|e| Error::io("read", path, e))?;
    Ok(text.trim().to_owned())
}

fn write(path: &Path, text: String, context: &Context) -> Result<(), Error> {
    disk::write(path, &Content { bytes: text.into_bytes(), mode: MODE })?;
    context.output.say(&format!("Wrote {}.", path.display()));
    Ok(())
}

fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn as_json(injection: &Injection) -> Value {
    let section = |section: Section| match section {
        Section::Core => "core",
        Section::Recalled => "recalled",
    };
    let placed: Vec<Value> = injection
        .placed
        .iter()
        .map(|placed| {
            let score = placed.score.map(garner_loader::Score::get);
            json!({ "id": placed.id.to_string(), "section": section(placed.section), "score": score })
        })
        .collect();
    let left_out: Vec<Value> = injection
        .left_out
        .iter()
        .map(|left| json!({ "id": left.id.to_string(), "reason": left.reason.as_str() }))
        .collect();
    json!({
        "format": 1,
        "core": injection.core.text(),
        "recalled": injection.recalled.text(),
        "tokens": injection.tokens().get(),
        "placed": placed,
        "left_out": left_out,
    })
}

fn as_request(
    injection: &Injection,
    system: Option<&str>,
    question: &str,
    model: Option<&str>,
) -> Value {
    let messages: Vec<Value> = inject::place(system, injection, question)
        .iter()
        .map(
            |message| json!({ "role": message.role.as_str(), "content": message.content.as_str() }),
        )
        .collect();
    match model {
        Some(model) => json!({ "model": model, "messages": messages }),
        None => json!({ "messages": messages }),
    }
}

/// Returns a Modelfile; three quotes end a text in it, and there is no way to write them in one.
fn modelfile(injection: &Injection, model: &str) -> String {
    let text = injection.text().replace("\"\"\"", "'''");
    let from = format!(
        "# Written by `garner inject`; `ollama create NAME -f FILE` makes a model.\nFROM {model}\n"
    );
    if text.is_empty() { from } else { format!("{from}SYSTEM \"\"\"{text}\"\"\"\n") }
}

/// The name of the skill and of its folder, which have to be the same.
const SKILL: &str = "garner";

/// Returns a skill by the specification at agentskills.io: front matter with a name and when to use
/// it, then the text.
fn skill(injection: &Injection) -> String {
    format!(
        "---\nname: {SKILL}\ndescription: What earlier sessions taught, as rules, preferences, decisions \
         and fixes. Use it before you decide or advise on anything that they may cover.\n---\n\n\
         # What earlier sessions taught\n\n{}",
        line(&injection.text())
    )
}
