//! `garner compile`: sessions into the draft of a channel.

use std::path::PathBuf;

use clap::Args;
use garner_compiler::{Compiler, Known, Options, Report, Session, read_session};
use garner_kernel::{ChannelName, Contents, Draft, Entry, ProjectName, Status};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::files::{self, Transcript};
use crate::output::{self, styled};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Transcripts, or folders to search for `*.jsonl`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Add to the draft of this channel (default: the only one, or `notes`)
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Name the project of sessions that do not say where they ran
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// Print what would be added, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Report what would be masked in the files, without any value, and write nothing
    #[arg(long)]
    audit: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let options = Options { project: arguments.project.clone(), ..Options::default() };
    let compiler = Compiler::new(options)?;
    let transcripts = files::transcripts(&arguments.paths)?;
    if arguments.audit {
        return audit(&compiler, &transcripts, context);
    }
    let sessions = sessions(&transcripts, context)?;
    let channel = channel(arguments.channel.as_ref(), context)?;
    let _lock = files::lock(&context.draft_path(&channel))?;
    let before = context.draft(&channel)?.unwrap_or_default();
    let mut draft = before.clone();
    let (contents, embedder) = (published(&channel, context), context.embedder_at_hand());
    let known = Known { contents: contents.as_ref(), embedder: embedder.as_deref() };
    let report = compiler.compile_beside(&sessions, &mut draft, &known);
    if let Some(reason) = &report.unembedded {
        context.output.warn(&format!("statements were compared by their words alone: {reason}"));
    }
    if !arguments.dry_run && draft != before {
        context.save_draft(&channel, &draft)?;
    }
    let new: Vec<&Entry> =
        draft.entries.values().filter(|e| !before.entries.contains_key(&e.fragment.id)).collect();
    if context.global.json {
        let entries: Vec<_> = new.iter().map(|entry| entry_json(entry)).collect();
        let path = context.draft_path(&channel);
        let report = report.to_json();
        let value =
            json!({ "channel": channel.as_str(), "draft": path, "new": entries, "report": report });
        return context.output.print_json(value);
    }
    context.output.print(&text(&report, &new))?;
    next(&channel, &draft, arguments.dry_run, context);
    Ok(())
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

/// Reads every transcript; one that was found in a folder and cannot be read is passed over.
fn sessions(transcripts: &[Transcript], context: &Context) -> Result<Vec<Session>, Error> {
    let bar = context.output.bar("Reading sessions", transcripts.len() as u64);
    let mut sessions = Vec::new();
    for transcript in transcripts {
        let path = &transcript.path;
        let bytes = files::read(path)?;
        match read_session(&bytes, files::name(path)?) {
            Ok(session) => sessions.push(session),
            Err(source) => {
                let error = Error::Transcript { path: path.clone(), source };
                if transcript.named {
                    return Err(error);
                }
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                context.output.warn(&format!("{error}: {}", cause.unwrap_or_default()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(sessions)
}

fn text(report: &Report, new: &[&Entry]) -> String {
    let read = [
        table::count(report.files as usize, "file"),
        table::count(report.records as usize, "record"),
    ];
    let mut text = format!("Read {} with {}.\n", read[0], read[1]);
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

fn audit(compiler: &Compiler, transcripts: &[Transcript], context: &Context) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut found = Vec::new();
    for transcript in transcripts {
        for finding in compiler.audit(&files::read(&transcript.path)?) {
            let place = format!("{}:{}", transcript.path.display(), finding.line);
            rows.push(vec![place, finding.rule.to_owned(), finding.count.to_string()]);
            found.push(json!({
                "file": transcript.path,
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
