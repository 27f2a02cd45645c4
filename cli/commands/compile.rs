//! `garner compile`: sessions into the draft of a channel.

use std::path::PathBuf;

use clap::Args;
use garner_compiler::{Compiler, Known, KnownSession, Options, Report};
use garner_kernel::{ChannelName, Contents, Draft, Entry, ProjectName, Status};
use serde_json::json;

use crate::context::Context;
use crate::distil::{Consult, Consulted, Extent, ModelArguments};
use crate::error::Error;
use crate::files;
use crate::inputs::{self, Found, Memory, News, Search};
use crate::output::{self, styled};
use crate::spool::catch_up::catch_up;
use crate::{markdown, table};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub(crate) struct Arguments {
    /// Inputs (docs/inputs.md lists their formats), archives, or folders to search for them
    #[arg(required_unless_present = "spool", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Compile the sessions that hooks noticed (`garner setup claude`)
    #[arg(long, conflicts_with_all = ["paths", "dry_run", "audit"])]
    spool: bool,
    /// Add to the draft of this channel (default: the only one, or `notes`)
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Name the project of sessions that do not say where they ran
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// Read every file from its start, also what was compiled before
    #[arg(long)]
    again: bool,
    /// Keep STATE.md, DECISIONS.md, CORRECTIONS.md and HANDOFF.md in this folder in step
    #[arg(long, value_name = "DIR")]
    markdown: Option<PathBuf>,
    /// Print what would be added and what a model would take; write nothing, ask nobody
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Report what would be masked in the files, without any value, and write nothing
    #[arg(long)]
    audit: bool,
    #[command(flatten)]
    model: ModelArguments,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let options = Options { project: arguments.project.clone(), ..Options::default() };
    let compiler = Compiler::new(options)?;
    if arguments.spool {
        let channel = channel(arguments.channel.as_ref(), context)?;
        return catch_up(&channel, context, |paths| {
            // Nobody named them, so one that cannot be read is passed over.
            let found = |path: &PathBuf| Found { path: path.clone(), member: None, named: false };
            let found = paths.iter().map(found).collect();
            distil(arguments, &compiler, &Search { found, ..Search::default() }, context)
        });
    }
    let search = inputs::find(&arguments.paths)?;
    if arguments.audit {
        return audit(&compiler, &search, context);
    }
    distil(arguments, &compiler, &search, context)
}

/// Adds what inputs teach to the draft, and tells it.
fn distil(
    arguments: &Arguments,
    compiler: &Compiler,
    search: &Search,
    context: &Context,
) -> Result<(), Error> {
    let channel = channel(arguments.channel.as_ref(), context)?;
    let consult = Consult::prepare(&arguments.model, &channel, context)?;
    let extent = if consult.is_some() { Whole::Yes } else { Whole::No };
    let (mut memory, news) = read(arguments, (compiler, extent), (&channel, search), context)?;
    let consulted = match &consult {
        Some(consult) => consult.ask(compiler, &news, asked(arguments))?,
        None => Consulted::default(),
    };
    let _lock = files::lock(&context.draft_path(&channel))?;
    let before = context.draft(&channel)?.unwrap_or_default();
    let mut draft = before.clone();
    let (contents, embedder) = (published(&channel, context), context.embedder_at_hand());
    let sessions: Vec<&KnownSession> = news.known.iter().collect();
    let known =
        Known { contents: contents.as_ref(), embedder: embedder.as_deref(), sessions: &sessions };
    let report = compiler.compile_with(&news.sessions, &mut draft, &known, &consulted.proposals);
    if let Some(reason) = &report.unembedded {
        context.output.warn(&format!("statements were compared by their words alone: {reason}"));
    }
    if !arguments.dry_run {
        // What a model answered is remembered beside a draft, even one that is empty.
        let first = consult.is_some() && !context.draft_path(&channel).exists();
        if draft != before || first {
            context.save_draft(&channel, &draft)?;
        }
        // The draft comes first: what is read twice changes nothing, what is not read is missed.
        memory.save(&context.draft_path(&channel))?;
        consult.iter().try_for_each(|consult| consult.keep(&consulted))?;
    }
    let markdown = arguments.markdown.as_deref().filter(|_| !arguments.dry_run);
    let files = markdown.map_or(Ok(Vec::new()), |folder| markdown::keep(folder, &draft))?;
    let new: Vec<&Entry> =
        draft.entries.values().filter(|e| !before.entries.contains_key(&e.fragment.id)).collect();
    if context.global.json {
        let entries: Vec<_> = new.iter().map(|entry| entry_json(entry)).collect();
        let path = context.draft_path(&channel);
        let report = report.to_json();
        let mut value = json!({
            "channel": channel.as_str(),
            "draft": path,
            "new": entries,
            "markdown": files,
            "report": report,
            "inputs": news.to_json(),
        });
        if let (Some(value), Some(model)) = (value.as_object_mut(), consulted.to_json()) {
            value.insert("model".to_owned(), model.clone());
        }
        context.output.print_json(value)?;
        return consulted.finish();
    }
    context.output.print(&text(&report, &news, &new))?;
    context.output.print(&consulted.text)?;
    for path in &files {
        context.output.say(&format!("Changed `{}`.", path.display()));
    }
    next(&channel, &draft, arguments.dry_run, context);
    consulted.finish()
}

/// How much is asked of a model.
const fn asked(arguments: &Arguments) -> Extent {
    match (arguments.dry_run, arguments.again) {
        (true, _) => Extent::Forecast,
        (false, true) => Extent::Again,
        (false, false) => Extent::New,
    }
}

/// Returns what the newest version that was pulled holds, to compare with; where it cannot be
/// opened, a machine without a key above all, publishing compares.
fn published(channel: &ChannelName, context: &Context) -> Option<Contents> {
    let newest = super::review::newest(channel, context);
    newest.unwrap_or_else(|error| {
        tracing::info!(%error, "the newest version is not compared with");
        None
    })
}

/// Returns the channel to add to.
pub(crate) fn channel(
    named: Option<&ChannelName>,
    context: &Context,
) -> Result<ChannelName, Error> {
    match context.the_channel(named) {
        Err(Error::NoChannels) => Ok("notes".parse()?),
        found => found,
    }
}

/// Whether inputs are read from their start although they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// For a model, which is asked about windows that it has not answered, wherever they stand.
    Yes,
    No,
}

/// Reads what is new in the inputs, as far as this channel knows them.
fn read(
    arguments: &Arguments,
    (compiler, whole): (&Compiler, Whole),
    (channel, search): (&ChannelName, &Search),
    context: &Context,
) -> Result<(Memory, News), Error> {
    let mut memory = Memory::open(channel, &compiler.edition(), arguments.again, context)?;
    if whole == Whole::Yes {
        memory.unread(search);
    }
    let news = inputs::read(search, arguments.project.as_ref(), &mut memory, context)?;
    Ok((memory, news))
}

/// Returns what was read, and what of it was passed over or masked.
pub(crate) fn read_lines(report: &Report, news: &News) -> String {
    let read = [
        table::count(report.files as usize, "file"),
        table::count(report.records as usize, "record"),
    ];
    let mut text = format!("Read {} with {}.\n", read[0], read[1]);
    text.push_str(&news.lines());
    if !report.skipped.is_empty() {
        let parts: Vec<_> =
            report.skipped.iter().map(|(part, count)| format!("{part} ({count})")).collect();
        text.push_str(&format!("Left out: {}.\n", parts.join(", ")));
    }
    for (kind, count) in &report.unknown {
        let records = table::count(*count as usize, "record");
        text.push_str(&format!("Passed over {records} of unknown type `{kind}`.\n"));
    }
    if report.broken > 0 {
        let lines = table::count(report.broken as usize, "broken line");
        text.push_str(&format!("Passed over {lines}.\n"));
    }
    if report.half_written > 0 {
        text.push_str(&format!(
            "Kept back {} that is not finished yet.\n",
            table::count(report.half_written as usize, "last line")
        ));
    }
    let masked: u32 = report.redacted.values().sum();
    if masked > 0 {
        let kinds: Vec<_> = report.redacted.keys().copied().collect();
        let values = table::count(masked as usize, "value");
        text.push_str(&format!("Masked {values}: {}.\n", kinds.join(", ")));
    }
    text
}

fn text(report: &Report, news: &News, new: &[&Entry]) -> String {
    let mut text = read_lines(report, news);
    for status in ["active", "candidate", "quarantined"] {
        let entries: Vec<_> = new.iter().filter(|e| e.status.as_str() == status).collect();
        if entries.is_empty() {
            continue;
        }
        let style = if status == "active" { output::GREEN } else { output::YELLOW };
        text.push_str(&format!("\n{}\n", styled(&format!("{} {status}", entries.len()), style)));
        for entry in entries {
            text.push_str(&table::fragment_lines(&entry.fragment, 3));
            if let Status::Quarantined { reason } = &entry.status {
                text.push_str(&format!("              {reason}\n"));
            }
        }
    }
    let outcome = &report.outcome;
    if new.is_empty() {
        text.push_str("Nothing new.\n");
    }
    let rest = [
        (outcome.sourced, "known from elsewhere"),
        (outcome.known, "known already"),
        (outcome.buried, "rejected before"),
        (outcome.junk, "passed over as junk"),
        (outcome.leaking, "dropped because a secret stayed visible"),
    ];
    let rest: Vec<_> =
        rest.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !rest.is_empty() {
        text.push_str(&format!("\nAlso: {}.\n", rest.join(", ")));
    }
    text
}

fn next(channel: &ChannelName, draft: &Draft, dry_run: bool, context: &Context) {
    if dry_run {
        context.output.say("Nothing was written.");
        return;
    }
    let waiting = draft.entries.values().filter(|e| e.status != Status::Active).count();
    let review = if waiting > 0 {
        format!("`garner review -c {channel}` shows the {waiting} that wait for you. ")
    } else {
        String::new()
    };
    context.output.say(&format!("{review}`garner publish {channel}` seals the active ones."));
}

/// Returns an entry as JSON.
pub(crate) fn entry_json(entry: &Entry) -> serde_json::Value {
    let mut value = super::fragment::json(&entry.fragment);
    if let Some(object) = value.as_object_mut() {
        object.insert("status".to_owned(), entry.status.as_str().into());
        if let Status::Quarantined { reason } = &entry.status {
            object.insert("reason".to_owned(), reason.as_str().into());
        }
    }
    value
}

fn audit(compiler: &Compiler, search: &Search, context: &Context) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut found = Vec::new();
    for input in &search.found {
        for finding in compiler.audit(&inputs::bytes_of(input)?) {
            let place = format!("{}:{}", input.text(), finding.line);
            rows.push(vec![place, finding.rule.to_owned(), finding.count.to_string()]);
            found.push(json!({
                "file": input.whole(),
                "line": finding.line,
                "rule": finding.rule,
                "count": finding.count,
            }));
        }
    }
    if context.global.json {
        return context.output.print_json(json!({ "findings": found }));
    }
    context.output.print(&table::columns(&rows))?;
    context.output.say(&format!("{} would be masked.", table::count(rows.len(), "place")));
    Ok(())
}
