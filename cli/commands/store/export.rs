//! `garner store export` and `garner store import`: what the store shows, for other programs and
//! other machines, and back.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use garner_compiler::Redactor;
use garner_kernel::{Change, Fragment, Kind, record};
use garner_loader::{Filters, Imported, inject};
use serde_json::json;

use crate::backup::BackupError;
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
    /// The store itself, one consistent copy
    Sqlite,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file that `garner store export --format jsonl` wrote; `-` is standard input
    file: PathBuf,
    /// Say what it holds, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn export(arguments: &Export, context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    if let (Format::Sqlite, Some(out)) = (arguments.format, &arguments.out) {
        files::check_writable(out)?;
        let bytes = store.copy_to(out, &mut |_, _| {})?;
        return told(out, &format!("{bytes} bytes"), context);
    }
    let fragments = store.fragments(None, &Filters::default(), context.now())?;
    let count = table::count(fragments.len(), "fragment");
    let text = match (arguments.format, &arguments.out) {
        (Format::Markdown, Some(folder)) => {
            markdown::export(folder, &fragments)?;
            return told(folder, &count, context);
        }
        (Format::Modelfile, _) => modelfile(arguments.model.as_deref(), &fragments),
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

pub(crate) fn import(arguments: &Import, context: &Context) -> Result<(), Error> {
    let fragments = read(&arguments.file)?;
    if arguments.dry_run {
        return report(fragments.len(), None, context);
    }
    let mut store = context.store_to_write()?;
    let imported = store.import(&fragments, &context.stamp()?)?;
    if let Some(embedder) = context.embedder_to_load() {
        let bar = context.output.bar("Embedding fragments", 0);
        let embedded = store.embed_missing(embedder.as_ref(), &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        embedded?;
    }
    report(fragments.len(), Some(imported), context)
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

fn report(read: usize, imported: Option<Imported>, context: &Context) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({
            "read": read,
            "added": imported.map(|i| i.added),
            "known": imported.map(|i| i.known),
            "hidden": imported.map(|i| i.hidden),
            "operations": imported.and_then(|i| i.operations).map(|(a, b)| [a, b]),
        }));
    }
    let read = table::count(read, "fragment");
    let Some(imported) = imported else {
        return context.output.print(&format!("{read} could be imported; nothing was changed.\n"));
    };
    let Imported { added, known, hidden, operations } = imported;
    let mut text = format!("Read {read}: {added} added, {known} known already");
    if hidden > 0 {
        let _ = write!(text, ", {hidden} hidden by what is here");
    }
    text.push_str(".\n");
    if let Some((first, last)) = operations {
        let before = first - 1;
        let _ = if before > 0 {
            writeln!(
                text,
                "Operations {first} to {last}; `garner op restore {before}` takes them back."
            )
        } else {
            writeln!(text, "Operations {first} to {last}.")
        };
    }
    context.output.print(&text)
}
