//! `garner store export`: what the store shows, for other programs and other machines.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use garner_kernel::{Change, Fragment, Kind, Scope, Trust, record};
use garner_loader::{Filters, inject};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::{files, markdown, table};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// Write to this file, for `markdown` into this folder (default: standard output)
    #[arg(long, value_name = "PATH", required_if_eq_any = [("format", "markdown"), ("format", "sqlite")])]
    out: Option<PathBuf>,
    /// Write what has at least this trust (default: all, for `sft` what has `assistant`)
    #[arg(long, value_name = "TRUST")]
    min_trust: Option<Trust>,
    /// The model that a Modelfile starts from
    #[arg(long, value_name = "NAME", required_if_eq("format", "modelfile"))]
    model: Option<String>,
}

/// In which form the store is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A record a line, whole: `garner store import` takes it back as it was
    Jsonl,
    /// STATE.md, DECISIONS.md, CORRECTIONS.md and HANDOFF.md
    Markdown,
    /// Rules and preferences as the system prompt of an Ollama Modelfile
    Modelfile,
    /// A conversation a line, for fine-tuning: what was asked, and what the fragment says
    Sft,
    /// The store itself, one consistent copy
    Sqlite,
}

pub(crate) fn export(arguments: &Export, context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    if let (Format::Sqlite, Some(out)) = (arguments.format, &arguments.out) {
        files::check_writable(out)?;
        let bytes = store.copy_to(out, &mut |_, _| {})?;
        return told(out, &format!("{bytes} bytes"), context);
    }
    // What was taken into weights cannot be taken out of them again.
    let floor = (arguments.format == Format::Sft).then_some(Trust::Assistant);
    let filters = Filters { min_trust: arguments.min_trust.or(floor), ..Filters::default() };
    let fragments = store.fragments(None, &filters, context.now())?;
    let count = table::count(fragments.len(), "fragment");
    let text = match (arguments.format, &arguments.out) {
        (Format::Markdown, Some(folder)) => {
            markdown::export(folder, &fragments)?;
            return told(folder, &count, context);
        }
        (Format::Modelfile, _) => modelfile(arguments.model.as_deref(), &fragments),
        (Format::Sft, _) => fragments.iter().map(conversation).collect(),
        _ => lines(&fragments),
    };
    match &arguments.out {
        None => context.output.print(&text),
        Some(out) => {
            garner_sync::write_over(out, text.as_bytes())?;
            told(out, &count, context)
        }
    }
}

fn told(out: &Path, what: &str, context: &Context) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({ "path": out, "wrote": what }));
    }
    context.output.print(&format!("Wrote {what} to {}.\n", out.display()))
}

fn lines(fragments: &[Fragment]) -> String {
    let line = |fragment: &Fragment| record::line(&Change::Put(Box::new(fragment.clone()))) + "\n";
    fragments.iter().map(line).collect()
}

/// Returns a Modelfile whose model knows the rules and preferences, for machines with no loader.
fn modelfile(model: Option<&str>, fragments: &[Fragment]) -> String {
    let mut text = format!("FROM {}\nSYSTEM \"\"\"\n", model.unwrap_or_default());
    text.push_str("What this person asked for in earlier sessions, with the date of each:\n");
    let kinds = [Kind::Rule, Kind::Preference];
    for fragment in fragments.iter().filter(|fragment| kinds.contains(&fragment.kind)) {
        // Three quotes would end the prompt.
        let statement = inject::neutralize(fragment.statement.as_str()).replace("\"\"\"", "'''");
        let words: Vec<&str> = statement.split_whitespace().collect();
        let (date, scope) = (fragment.created.date(), &fragment.scope);
        // Writing to a string does not fail.
        let _ = writeln!(text, "- {date} ({scope}): {}", words.join(" "));
    }
    text.push_str("\"\"\"\n");
    text
}

/// Returns a fragment as a conversation of two messages, on one line.
fn conversation(fragment: &Fragment) -> String {
    let statement = fragment.statement.as_str().trim();
    let context = fragment.context.as_ref().map(|context| context.as_str().trim());
    let (asked, said) = match (statement.split_once(ANSWERS), context) {
        (Some((asked, said)), _) if asked.ends_with('?') => (asked.to_owned(), said),
        (_, Some(asked)) if asked.ends_with('?') => (asked.to_owned(), statement),
        _ => (question(fragment), statement),
    };
    // As everybody writes it: the role first.
    let message = |role: &str, text: &str| {
        format!("{{\"role\":\"{role}\",\"content\":{}}}", json!(inject::neutralize(text)))
    };
    let (asked, said) = (message("user", &asked), message("assistant", said));
    format!("{{\"messages\":[{asked},{said}]}}\n")
}

/// What stands between a question and its answer in a statement that holds both.
const ANSWERS: &str = " — ";

/// Returns a question that a fragment answers which answered none.
fn question(fragment: &Fragment) -> String {
    let what = match fragment.kind {
        Kind::Rule => "Which rule holds",
        Kind::Preference => "What is preferred",
        Kind::Decision => "What was decided",
        Kind::Correction => "What was put right",
        Kind::Procedure => "How is it done",
        Kind::Fix => "What mends it",
        Kind::Fact => "What is known",
        Kind::State => "How do things stand",
        Kind::Handoff => "What is left to do",
    };
    let place = match &fragment.scope {
        Scope::Project(name) => format!(" in project {name}"),
        Scope::User => String::new(),
    };
    format!("{what}{place} as of {}?", fragment.created.date())
}
