//! `garner fragment`: look at fragments, add, pin and remove them.

mod add;

pub(crate) use add::TYPED;

use clap::Subcommand;
use garner_kernel::{Change, Fragment, record};
use garner_loader::{Filters, PutAway, ReadFrom, StoredFragment};
use serde_json::{Value, json};

use crate::args::FilterArguments;
use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the fragments that recall can see
    List {
        /// List what `garner store compact` put away instead
        #[arg(long)]
        archived: bool,
        #[command(flatten)]
        filters: FilterArguments,
    },
    /// Show a fragment and where it came from
    Show {
        /// The id, or its first characters
        id: String,
    },
    /// Remember a statement on this machine, in the channel `local`
    Add(add::Arguments),
    /// Print fragments as JSON lines, whole, for `garner compile` on another machine
    Export {
        /// Where from: `store`, a kernel, or a `.kernel` file
        #[arg(default_value = "store")]
        target: String,
    },
    /// Put a fragment into every prompt
    Pin {
        /// The id, or its first characters
        id: String,
    },
    /// Take a fragment out of every prompt
    Unpin {
        /// The id, or its first characters
        id: String,
    },
    /// Hide a fragment on this machine; `garner undo` brings it back
    Remove {
        /// The id, or its first characters
        id: String,
    },
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List { archived: true, filters } => archived(filters, context),
        Command::List { archived: false, filters } => list(filters, context),
        Command::Show { id } => show(id, context),
        Command::Add(arguments) => add::run(arguments, context),
        Command::Export { target } => export(target, context),
        Command::Pin { id } => change(id, "Pinned", context),
        Command::Unpin { id } => change(id, "Unpinned", context),
        Command::Remove { id } => change(id, "Removed", context),
    }
}

fn list(filters: &FilterArguments, context: &Context) -> Result<(), Error> {
    let fragments = context.store()?.fragments(None, &filters.filters(), context.now())?;
    print_list(&fragments, context)
}

/// Lists what is in the archive.
fn archived(filters: &FilterArguments, context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    print_list(&store.archived(&filters.filters())?, context)
}

fn print_list(fragments: &[Fragment], context: &Context) -> Result<(), Error> {
    if context.global.json {
        let items: Vec<_> = fragments.iter().map(json).collect();
        return context.output.print_json(json!({ "fragments": items }));
    }
    let lines = fragments.iter().map(|fragment| table::fragment_lines(fragment, 2));
    context.output.print(&lines.collect::<String>())?;
    context.output.say(&format!("{}.", table::count(fragments.len(), "fragment")));
    Ok(())
}

/// Prints the records of fragments: who spoke, when, and where it was said come along.
fn export(target: &str, context: &Context) -> Result<(), Error> {
    let mut fragments: Vec<Fragment> = match target {
        "store" => context.store()?.fragments(None, &Filters::default(), context.now())?,
        kernel => context.contents(&kernel.parse()?)?.fragments().cloned().collect(),
    };
    fragments.sort_by_key(|fragment| fragment.id);
    let lines = fragments.into_iter().map(|fragment| {
        let mut line = record::line(&Change::Put(Box::new(fragment)));
        line.push('\n');
        line
    });
    context.output.print(&lines.collect::<String>())
}

fn show(id: &str, context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    let stored = store.fragment(id)?;
    let from = store.read_from(stored.fragment.id, context.now())?;
    if context.global.json {
        let mut value = json(&stored.fragment);
        if let Some(object) = value.as_object_mut() {
            object.insert("read_from".to_owned(), from.as_ref().map_or(Value::Null, from_json));
            let put_away = stored.put_away.as_ref().map_or(Value::Null, put_away_json);
            object.insert("put_away".to_owned(), put_away);
        }
        return context.output.print_json(value);
    }
    context.output.print(&text(&stored, from.as_ref()))
}

fn put_away_json(put_away: &PutAway) -> Value {
    json!({
        "operation": put_away.operation,
        "step": put_away.step.as_str(),
        "by": put_away.by.map(|by| by.to_string()),
    })
}

fn from_json(from: &ReadFrom) -> Value {
    json!({
        "channel": from.channel.as_str(),
        "version": from.version.get(),
        "revision": from.revision,
        "policy": super::channel::policy::json_of(from.policy),
    })
}

fn text(stored: &StoredFragment, from: Option<&ReadFrom>) -> String {
    let fragment = &stored.fragment;
    let mut text = format!(
        "{}\n{}\n\n",
        styled(&fragment.id.to_string(), output::BOLD),
        table::without_tricks(fragment.statement.as_str())
    );
    let mut rows = vec![
        vec!["kind".to_owned(), format!("{} ({})", fragment.kind, fragment.kind.class())],
        vec!["scope".to_owned(), fragment.scope.to_string()],
        vec!["trust".to_owned(), fragment.trust.to_string()],
        vec!["confidence".to_owned(), format!("{}%", fragment.confidence.as_percent())],
        vec!["said".to_owned(), fragment.created.to_string()],
    ];
    for member in &stored.members {
        let to = member.to.map_or_else(String::new, |to| format!(" until {to}"));
        let value = format!("`{}` from {}{to}", member.channel, member.from);
        rows.push(vec!["channel".to_owned(), value]);
    }
    let from = from.map_or_else(
        || "nowhere: recall does not see it".to_owned(),
        |from| {
            let revision = match from.revision {
                same if same == fragment.revision => String::new(),
                other => format!(", in revision {other}"),
            };
            format!("`{}` at {}{revision} ({})", from.channel, from.version, from.policy)
        },
    );
    rows.push(vec!["read from".to_owned(), from]);
    for id in &fragment.supersedes {
        rows.push(vec!["replaces".to_owned(), id.short()]);
    }
    for id in &stored.superseded_by {
        rows.push(vec!["replaced by".to_owned(), id.short()]);
    }
    for source in &fragment.sources {
        let value = format!(
            "{} line {}, session {}, by {} (rule {}, sha256 {})",
            source.file,
            source.line,
            source.session,
            source.speaker,
            source.rule,
            source.digest.short()
        );
        rows.push(vec!["source".to_owned(), value]);
    }
    if let Some(PutAway { operation, step, by }) = &stored.put_away {
        let by = by.map_or_else(String::new, |by| format!(", {} stands in its place", by.short()));
        let value = format!("put away by operation {operation} ({}){by}", step.as_str());
        rows.push(vec!["archived".to_owned(), value]);
    }
    if stored.pinned || stored.removed {
        let value = if stored.pinned { "pinned" } else { "removed on this machine" };
        rows.push(vec!["here".to_owned(), value.to_owned()]);
    }
    text.push_str(&table::columns(&rows));
    if let Some(context) = &fragment.context {
        text.push_str(&format!("\n{}\n", styled(context.as_str(), output::DIM)));
    }
    text
}

fn change(id: &str, verb: &str, context: &Context) -> Result<(), Error> {
    let mut store = context.store_to_write()?;
    let stamp = context.stamp()?;
    let found = store.fragment(id)?.fragment.id;
    let operation = match verb {
        "Pinned" => store.pin(found, &stamp)?,
        "Unpinned" => store.unpin(found, &stamp)?,
        _ => store.remove(found, &stamp)?,
    };
    if context.global.json {
        return context.output.print_json(json!({ "operation": operation.number }));
    }
    context.output.print(&format!(
        "{verb} {} (operation {}; `garner undo` takes it back).\n",
        found.short(),
        operation.number
    ))
}

/// Returns a fragment as JSON.
pub(crate) fn json(fragment: &Fragment) -> Value {
    let source = |source: &garner_kernel::Source| {
        json!({
            "session": source.session.as_str(),
            "file": source.file.as_str(),
            "record": source.record.as_str(),
            "line": source.line,
            "sha256": source.digest.to_string(),
            "speaker": source.speaker.as_str(),
            "rule": source.rule.as_str(),
        })
    };
    json!({
        "id": fragment.id.to_string(),
        "revision": fragment.revision,
        "kind": fragment.kind.as_str(),
        "class": fragment.kind.class().as_str(),
        "scope": fragment.scope.to_string(),
        "trust": fragment.trust.as_str(),
        "confidence": fragment.confidence.as_percent(),
        "statement": fragment.statement.as_str(),
        "context": fragment.context.as_ref().map(garner_kernel::Text::as_str),
        "created": fragment.created.to_string(),
        "supersedes": fragment.supersedes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sources": fragment.sources.iter().map(source).collect::<Vec<_>>(),
    })
}
