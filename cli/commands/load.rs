//! `garner load`: a verified kernel into the store.

use clap::Args;
use garner_kernel::{Embedder, Kernel, Verified};
use garner_loader::{Effect, Erasure, LoadOptions, LoadReport, OrderRule, PlannedText, Vectors};
use serde_json::json;

use super::channel::receipts;
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::table;
use crate::transfer::Pace;

/// How often a plan is made again because another process changed the store.
const TRIES: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The kernel: `notes`, `notes@3` or a `.kernel` file (default: every channel's newest)
    kernel: Option<KernelName>,
    /// Print what would change, and load nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Load a version that is older than the newest loaded one, without reading it
    #[arg(long)]
    history: bool,
    /// Follow the newest version again after a rollback
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    pace: Pace,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    context.keep_to(arguments.pace);
    let kernels = match &arguments.kernel {
        Some(kernel) => vec![kernel.clone()],
        None => {
            let channels = context.known_channels()?.into_iter();
            channels.map(|channel| KernelName::Channel(channel, At::Latest)).collect()
        }
    };
    if kernels.is_empty() {
        return Err(Error::NoChannels);
    }
    let mut reports = Vec::new();
    for kernel in &kernels {
        let verified = context.open_kernel(kernel)?;
        let erasure = if arguments.dry_run { None } else { erase(&verified, context)? };
        let report = load(arguments, &verified, context)?;
        if !context.global.json {
            context.output.print(&text(&report, arguments.dry_run))?;
        }
        if !arguments.dry_run {
            receipts::after_load(&report.channel, context);
        }
        reports.push(json(&report, erasure.as_ref()));
    }
    if context.global.json {
        return context.output.print_json(json!({ "loaded": reports }));
    }
    Ok(())
}

/// Erases what was revoked from every loaded version, also where no version is to be loaded.
fn erase(verified: &Verified<Kernel>, context: &Context) -> Result<Option<Erasure>, Error> {
    if verified.get().revoked.is_empty() {
        return Ok(None);
    }
    let erasure = context.store_to_write()?.revoke(verified, &context.stamp()?)?;
    if let Some(erasure) = &erasure {
        let count = table::count(erasure.fragments.len(), "revoked fragment");
        let channel = &erasure.channel;
        context.output.say(&format!("Erased {count} from every loaded version of `{channel}`."));
        if !erasure.journal_cleared {
            context.output.say(
                "Another process reads the store, and its journal may still hold them: end it, \
                 then run `garner load` again.",
            );
        }
    }
    Ok(erasure)
}

fn load(
    arguments: &Arguments,
    verified: &Verified<Kernel>,
    context: &Context,
) -> Result<LoadReport, Error> {
    let order = if arguments.history { OrderRule::AnyOrder } else { OrderRule::NewerOnly };
    if arguments.dry_run {
        return dry_run(verified, order, context);
    }
    let embedder = context.embedder_to_load();
    let options = LoadOptions { embedder: embedder.as_ref().map(|e| e.id()), order };
    let mut store = context.store_to_write()?;
    let stamp = context.stamp()?;
    let mut tries = 0;
    let mut report = loop {
        let plan = store.plan(verified, &options)?;
        let vectors = match &embedder {
            Some(embedder) if !plan.texts().is_empty() => {
                Some(embed(plan.texts(), embedder.as_ref(), context)?)
            }
            _ => None,
        };
        match store.apply(plan, vectors, &stamp) {
            // Another process loaded something in between: what it left is planned anew.
            Err(garner_loader::Error::StalePlan { .. }) if tries < TRIES => tries += 1,
            applied => break applied?,
        }
    };
    if arguments.release && store.view()?.reading(&report.channel).held {
        store.release(&report.channel, &stamp)?;
        report.effect = Effect::Reads;
    }
    Ok(report)
}

/// Embeds the texts of a plan, with progress.
fn embed(
    texts: &[PlannedText],
    embedder: &dyn Embedder,
    context: &Context,
) -> Result<Vectors, Error> {
    let bar = context.output.bar("Embedding fragments", texts.len() as u64);
    let vectors = Vectors::embed(texts, embedder, &mut |done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    Ok(vectors?)
}

fn dry_run(
    verified: &Verified<Kernel>,
    order: OrderRule,
    context: &Context,
) -> Result<LoadReport, Error> {
    // Planning needs no write, but a store to read: a first load is planned against an empty one.
    let empty;
    let store = match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => {
            empty = tempfile::tempdir().map_err(|e| Error::io("create", "temporary folder", e))?;
            garner_loader::Store::open(empty.path(), &garner_loader::OpenOptions::write())?
        }
        found => found?,
    };
    let plan = store.plan(verified, &LoadOptions { embedder: None, order })?;
    Ok(LoadReport::of(&plan))
}

fn text(report: &LoadReport, dry_run: bool) -> String {
    let (channel, to) = (&report.channel, report.to);
    let verb = if dry_run { "Would load" } else { "Loaded" };
    let summary = &report.summary;
    match report.effect {
        Effect::Nothing => format!("{to} of `{channel}` is loaded already.\n"),
        Effect::History => format!("{verb} {to} of `{channel}` into the history.\n"),
        Effect::Held { at } => {
            let at = at.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
            format!(
                "{verb} {to} of `{channel}`, which stays held at {at}; \
                 `garner load {channel} --release` follows it again.\n"
            )
        }
        Effect::Reads => format!(
            "{verb} {to} of `{channel}`: {} ({} added, {} superseded, {} removed, {} changed), \
             {} embedded.\n",
            table::count(summary.fragments, "fragment"),
            summary.added,
            summary.superseded,
            summary.removed,
            summary.changed,
            report.embedded,
        ),
    }
}

fn json(report: &LoadReport, erasure: Option<&Erasure>) -> serde_json::Value {
    let erased = erasure.map(|erasure| &*erasure.fragments).unwrap_or_default();
    let effect = match report.effect {
        Effect::Reads => "reads",
        Effect::Held { .. } => "held",
        Effect::History => "history",
        Effect::Nothing => "nothing",
    };
    let summary = &report.summary;
    json!({
        "channel": report.channel.as_str(),
        "from": report.from.map(garner_kernel::Version::get),
        "to": report.to.get(),
        "effect": effect,
        "fragments": summary.fragments,
        "added": summary.added,
        "superseded": summary.superseded,
        "removed": summary.removed,
        "changed": summary.changed,
        "embedded": report.embedded,
        "operation": report.operation,
        "erased": erased.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
