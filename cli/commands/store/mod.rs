//! `garner store`: what is in the store on this machine, and what can be made of it again.

mod backup;
mod compact;
mod drill;
mod export;
mod restore;

use clap::{Args, Subcommand};
use garner_loader::{Counts, Store};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::plan::{Consent, Plan};
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how much is in the store
    Show,
    /// Make text index, vectors and codes again from the texts
    ///
    /// Recall goes on meanwhile. Texts are embedded a few at a time: what is done stays done when
    /// it is stopped, and running it again goes on.
    Reindex(Reindex),
    /// Put away what is too old or said twice, and give room back
    ///
    /// What is put away stays in the archive, and every step can be undone.
    Compact(compact::Arguments),
    /// Make a backup that the recovery key opens
    ///
    /// The copy is consistent also while other processes write. It holds the store, drafts, the
    /// public halves of keys and what this machine trusts; no secret key is in it.
    Backup(backup::Arguments),
    /// Put the store of a backup in the place of this one, once it is verified
    ///
    /// The store that is here stays beside it.
    Restore(restore::Arguments),
    /// Restore the newest backup into a scratch folder, and measure what a loss would cost
    Drill(drill::Arguments),
    /// Write what recall can see, for other programs and other machines
    Export(export::Export),
    /// Take in what another store exported, with its sources, in one transaction
    ///
    /// What was not exported by Garner goes through `garner compile`, which judges who spoke.
    Import(export::Import),
}

#[derive(Debug, Args)]
pub(crate) struct Reindex {
    /// Delete the vectors of every other embedder
    #[arg(long)]
    drop_others: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Show => show(context),
        Command::Reindex(arguments) => reindex(arguments, context),
        Command::Compact(arguments) => compact::run(arguments, context),
        Command::Backup(arguments) => backup::run(arguments, context),
        Command::Restore(arguments) => restore::run(arguments, context),
        Command::Drill(arguments) => drill::run(arguments, context),
        Command::Export(arguments) => export::export(arguments, context),
        Command::Import(arguments) => export::import(arguments, context),
    }
}

fn show(context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    let counts = store.counts()?;
    if context.global.json {
        let vectors = counts.vectors.iter().map(|(embedder, vectors)| {
            let (id, name) = (embedder.id.to_string(), &embedder.name);
            json!({ "embedder": name, "id": id, "dimensions": embedder.dimensions, "vectors": vectors })
        });
        return context.output.print_json(json!({
            "path": store.path(),
            "bytes": counts.bytes,
            "fragments": counts.fragments,
            "rows": counts.rows,
            "tombstones": counts.tombstones,
            "kernels": counts.kernels,
            "operations": counts.operations,
            "events": counts.events,
            "vectors": vectors.collect::<Vec<_>>(),
        }));
    }
    let rows = table::columns(&rows(&counts));
    context.output.print(&format!("{}\n{rows}", store.path().display()))
}

fn rows(counts: &Counts) -> Vec<Vec<String>> {
    let mut rows = vec![
        vec!["  size".to_owned(), format!("{} kB", counts.bytes.div_ceil(1024))],
        vec![
            "  fragments".to_owned(),
            format!("{}, in {}", counts.fragments, table::count(counts.rows, "revision")),
        ],
        vec!["  tombstones".to_owned(), counts.tombstones.to_string()],
        vec!["  kernels".to_owned(), counts.kernels.to_string()],
        vec!["  operations".to_owned(), counts.operations.to_string()],
        vec!["  events".to_owned(), counts.events.to_string()],
    ];
    for (embedder, vectors) in &counts.vectors {
        let of = format!("{vectors} of {} ({} dimensions)", embedder.name, embedder.dimensions);
        rows.push(vec!["  vectors".to_owned(), of]);
    }
    rows
}

fn reindex(arguments: &Reindex, context: &Context) -> Result<(), Error> {
    let counts = context.store()?.counts()?;
    if !arguments.consent.is_given() && (arguments.drop_others || arguments.consent.is_dry_run()) {
        let plan = plan(arguments, &counts);
        if !plan.agreed(arguments.consent, context)? {
            return Ok(());
        }
    }
    let mut store = context.store_to_write()?;
    let spinner = context.output.spinner();
    spinner.set_message("Making the text index.");
    let rows = store.reindex()?;
    spinner.finish_and_clear();
    let (embedded, dropped) = embed(arguments, &mut store, context)?;
    if context.global.json {
        let value = json!({ "rows": rows, "embedded": embedded, "dropped": dropped });
        return context.output.print_json(value);
    }
    let dropped = match dropped {
        0 => String::new(),
        dropped => format!(", {dropped} vectors of other embedders deleted"),
    };
    let count = table::count(rows, "revision");
    context.output.print(&format!("Indexed {count}: {embedded} embedded{dropped}.\n"))
}

/// Embeds what has no vector, with progress; returns how many texts that was, and how many vectors
/// were deleted.
fn embed(arguments: &Reindex, store: &mut Store, context: &Context) -> Result<(usize, u64), Error> {
    let Some(embedder) = context.embedder_to_load() else { return Ok((0, 0)) };
    let bar = context.output.bar("Embedding fragments", 0);
    let texts = store.embed_missing(embedder.as_ref(), &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let texts = texts?;
    let dropped = if arguments.drop_others { store.drop_other_vectors(embedder.id())? } else { 0 };
    Ok((texts, dropped))
}

fn plan(arguments: &Reindex, counts: &Counts) -> Plan {
    let facts = json!({ "rows": counts.rows, "drop_others": arguments.drop_others });
    let mut plan = Plan::new("make what is derived from the texts again", facts);
    plan.rows(rows(counts));
    if arguments.drop_others {
        plan.note(
            "The vectors of every embedder but the present one are deleted; to have them back, \
             every text is embedded again.",
        );
    }
    plan
}
