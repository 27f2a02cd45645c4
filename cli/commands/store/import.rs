//! `garner store import`: what another store exported, or another system of memories.
//!
//! An export of Garner comes back as it was. Everything else is compiled, which judges who spoke,
//! masks secrets and sets poison aside; what states something is taken then, with the low trust that
//! it has. Nothing of low trust becomes a rule, and what only a conversation suggests waits for a
//! person.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use garner_compiler::{
    Compiler, Format, Known, Options, Redactor, Report, detect, is_for_documents,
};
use garner_kernel::{
    Change, ChannelName, Draft, Entry, Fragment, Kind, ProjectName, Status, Trust, record,
};
use garner_loader::Imported;
use serde_json::json;

use crate::backup::BackupError;
use crate::commands::compile::read_lines;
use crate::context::Context;
use crate::error::Error;
use crate::inputs::{self, Memory, News};
use crate::{files, table};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// What `garner store export --format jsonl` wrote (`-` is standard input), or an export of
    /// Mem0, Memori or claude.ai, Markdown with memories, or a folder of it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name the project of what does not say where it belongs
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// Say what it holds, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// What was read, and what becomes of it.
#[derive(Default)]
struct Batch {
    fragments: Vec<Fragment>,
    /// How many wait for a person.
    waiting: usize,
    /// How many are set aside.
    quarantined: usize,
    /// What is worth a line each about the files.
    lines: String,
}

pub(crate) fn import(arguments: &Import, context: &Context) -> Result<(), Error> {
    let batch = match arguments.paths.as_slice() {
        [path] if is_ours(path)? => Batch { fragments: read(path)?, ..Batch::default() },
        paths => compiled(paths, arguments.project.as_ref(), context)?,
    };
    if arguments.dry_run {
        return report(&batch, arguments, None, context);
    }
    let mut store = context.store_to_write()?;
    let imported = store.import(&batch.fragments, &context.stamp()?)?;
    if let Some(embedder) = context.embedder_to_load() {
        let bar = context.output.bar("Embedding fragments", 0);
        let embedded = store.embed_missing(embedder.as_ref(), &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        embedded?;
    }
    report(&batch, arguments, Some(imported), context)
}

/// Returns whether a file holds records of Garner, to be taken as they are.
fn is_ours(path: &Path) -> Result<bool, Error> {
    if path.as_os_str() == "-" {
        return Ok(true);
    }
    if path.is_dir() {
        return Ok(false);
    }
    let mut head = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
    file.take(HEAD).read_to_end(&mut head).map_err(|e| Error::io("read", path, e))?;
    // The first line tells, however long the file is.
    let first = head.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(detect("export.jsonl", first).is_ok_and(|format| format == Format::Fragments))
}

/// How much of a file is looked at to tell whose it is, in bytes.
const HEAD: u64 = 1 << 20;

/// Compiles files of other systems, and takes what states something.
fn compiled(
    paths: &[PathBuf],
    project: Option<&ProjectName>,
    context: &Context,
) -> Result<Batch, Error> {
    let compiler = Compiler::new(Options { project: project.cloned(), ..Options::default() })?;
    let search = inputs::find(paths)?;
    // Nothing is remembered of what was read: the store knows what it has.
    let mut memory = Memory::open(&ChannelName::local(), &compiler.edition(), true, context)?;
    let news = inputs::read(&search, project, &mut memory, context)?;
    let (mut draft, embedder) = (Draft::default(), context.embedder_at_hand());
    let known = Known { embedder: embedder.as_deref(), ..Known::default() };
    let told = compiler.compile_beside(&news.sessions, &mut draft, &known);
    Ok(judged(draft, &told, &news))
}

fn judged(draft: Draft, told: &Report, news: &News) -> Batch {
    let mut batch = Batch { lines: read_lines(told, news), ..Batch::default() };
    for entry in draft.entries.into_values() {
        match entry.status {
            Status::Quarantined { .. } => batch.quarantined += 1,
            _ if is_taken(&entry) => batch.fragments.push(entry.fragment),
            _ => batch.waiting += 1,
        }
    }
    batch
}

/// Returns whether an entry is taken without a person looking at it: who imports a document answers
/// for what it states, but not for what it says that others must do.
fn is_taken(entry: &Entry) -> bool {
    let fragment = &entry.fragment;
    let stated = fragment.sources.iter().any(|source| is_for_documents(source.rule.as_str()));
    let is_low_rule = fragment.kind == Kind::Rule && fragment.trust < Trust::Human;
    (entry.status == Status::Active || stated) && !is_low_rule
}

/// Reads an export; one line that does not hold refuses all of it.
fn read(path: &Path) -> Result<Vec<Fragment>, Error> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(|e| Error::io("read", "standard input", e))?;
        bytes
    } else {
        files::read(path)?
    };
    if bytes.len() as u64 > MOST {
        let (path, size) = (path.to_owned(), bytes.len() as u64);
        return Err(Error::TooLarge { path, size, limit: MOST });
    }
    let text = String::from_utf8_lossy(&bytes);
    let redactor = Redactor::new()?;
    let mut fragments = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let broken = |source| BackupError::ImportLine { path: path.to_owned(), line, source };
        // What a machine removed is no statement of its own.
        let Change::Put(fragment) = record::parse(text).map_err(broken)? else { continue };
        let says = [Some(&fragment.statement), fragment.context.as_ref()];
        for text in says.into_iter().flatten() {
            let masked = redactor.redact(text.as_str());
            if masked.is_none_or(|masked| masked.text != text.as_str()) {
                return Err(BackupError::ImportSecret { path: path.to_owned(), line }.into());
            }
        }
        fragments.push(*fragment);
    }
    Ok(fragments)
}

/// The largest export that is read, in bytes.
const MOST: u64 = 1 << 30;

fn report(
    batch: &Batch,
    arguments: &Import,
    imported: Option<Imported>,
    context: &Context,
) -> Result<(), Error> {
    let read = batch.fragments.len();
    if context.global.json {
        return context.output.print_json(json!({
            "read": read,
            "waiting": batch.waiting,
            "quarantined": batch.quarantined,
            "added": imported.map(|i| i.added),
            "known": imported.map(|i| i.known),
            "hidden": imported.map(|i| i.hidden),
            "operations": imported.and_then(|i| i.operations).map(|(a, b)| [a, b]),
        }));
    }
    let mut text = batch.lines.clone();
    let read = table::count(read, "fragment");
    if let Some(Imported { added, known, hidden, operations }) = imported {
        text.push_str(&format!("Read {read}: {added} added, {known} known already"));
        if hidden > 0 {
            text.push_str(&format!(", {hidden} hidden by what is here"));
        }
        text.push_str(".\n");
        text.push_str(&operations.map_or_else(String::new, back));
    } else {
        if !batch.lines.is_empty() {
            let lines = |fragment| table::fragment_lines(fragment, 3);
            text.push_str(&batch.fragments.iter().map(lines).collect::<String>());
        }
        text.push_str(&format!("{read} could be imported; nothing was changed.\n"));
    }
    text.push_str(&left(batch, &arguments.paths));
    context.output.print(&text)
}

/// Says how an import is taken back.
fn back((first, last): (u64, u64)) -> String {
    match first - 1 {
        0 => format!("Operations {first} to {last}.\n"),
        before => {
            format!("Operations {first} to {last}; `garner op restore {before}` takes them back.\n")
        }
    }
}

/// Says what was not taken, and how a person looks at it.
fn left(batch: &Batch, paths: &[PathBuf]) -> String {
    let mut text = String::new();
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if batch.waiting > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "Left out {}: rules of low trust, and what a conversation only suggests. `garner \
             compile {}` and `garner review` show them.",
            batch.waiting,
            paths.join(" ")
        );
    }
    if batch.quarantined > 0 {
        let _ = writeln!(text, "Set aside {}, which may be poison.", batch.quarantined);
    }
    text
}
