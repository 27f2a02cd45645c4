//! `garner store compact`: put away what nobody needs in front of them, and give room back.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use garner_kernel::Moment;
use garner_loader::{
    Archived, Compaction, CompactionStep, OpenOptions, Residency, Rewrite, Step, Store, Tidied,
};
use serde_json::{Value, json};

use crate::backup::Turn;
use crate::context::Context;
use crate::error::Error;
use crate::plan::{Consent, Plan};
use crate::table;
use crate::upkeep::{RetentionPolicy, UpkeepError};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave no byte of what was revoked: write the file anew, and delete stores that were replaced
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    consent: Consent,
}

/// What is to be done.
struct Work {
    compaction: Compaction,
    /// Injections before this are forgotten.
    before: Moment,
    injections: u64,
    /// The stores that a restore kept.
    replaced: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let turn = Turn::take(context)?;
    let work = work(arguments, &turn, context)?;
    if !arguments.consent.is_given() {
        let plan = plan(arguments, &work, context)?;
        if !plan.agreed(arguments.consent, context)? {
            return Ok(());
        }
    }
    let mut store = context.store_to_write()?;
    let mut operations = Vec::new();
    for step in &work.compaction.steps {
        operations.push((step, store.put_away(step, &context.stamp()?)?.number));
    }
    let forgotten = store.forget_injections(work.before, context.now())?;
    for folder in &work.replaced {
        fs::remove_dir_all(folder).map_err(|e| Error::io("remove", folder, e))?;
    }
    let spinner = context.output.spinner();
    spinner.set_message("Tidying the file.");
    let rewrite = if arguments.purge { Rewrite::Always } else { Rewrite::IfWorth };
    let tidied = store.tidy(rewrite);
    spinner.finish_and_clear();
    let tidied = tidied?;
    print(&operations, forgotten, &work, tidied, context)?;
    if arguments.purge && !tidied.journal_cleared {
        return Err(UpkeepError::JournalHeld { path: store.path().to_owned() }.into());
    }
    Ok(())
}

fn work(arguments: &Arguments, turn: &Turn, context: &Context) -> Result<Work, Error> {
    let policy = RetentionPolicy::read(context)?;
    // The nearest of every fragment are looked for: that is fast where all are in memory.
    let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    drop(context.store()?);
    let store = Store::open(&context.places.data, &options)?;
    store.warm()?;
    let bar = context.output.bar("Comparing fragments", 0);
    let same = garner_compiler::name_the_same;
    let retention = policy.of_fragments();
    let compaction = store.plan_compaction(&retention, &same, context.now(), &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let before = context.now().minus_days(policy.injection_days);
    let injections = store.forgettable_injections(before)?;
    let replaced = if arguments.purge { replaced(turn)? } else { Vec::new() };
    Ok(Work { compaction: compaction?, before, injections, replaced })
}

/// Returns the folders of the stores that a restore replaced.
fn replaced(turn: &Turn) -> Result<Vec<PathBuf>, Error> {
    let folder = turn.kept();
    let listed = |e| Error::io("list", &folder, e);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).map_err(listed)?;
    let mut found: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(listed)?;
    found.sort();
    Ok(found)
}

/// Returns what a step does, in words.
const fn title(step: Step) -> &'static str {
    match step {
        Step::Expired => "too old",
        Step::States => "told by newer states",
        Step::Duplicates => "said by others as well",
    }
}

/// How many fragments of a step are shown.
const SHOWN: usize = 10;

fn plan(arguments: &Arguments, work: &Work, context: &Context) -> Result<Plan, Error> {
    let store = context.store()?;
    let steps: Vec<_> = work.compaction.steps.iter().map(step_json).collect();
    let facts = json!({
        "steps": steps,
        "stay": work.compaction.stay,
        "injections": work.injections,
        "free_bytes": store.free_bytes()?,
        "replaced_stores": work.replaced,
        "purge": arguments.purge,
    });
    let mut plan = Plan::new("compact the store", facts);
    let mut body = String::new();
    for step in &work.compaction.steps {
        let count = table::count(step.archived.len(), "fragment");
        plan.row("  archive", format!("{count}, {}", title(step.step)));
        for Archived { fragment, by, .. } in step.archived.iter().take(SHOWN) {
            body.push_str(&line(&store, *fragment, *by)?);
        }
        if step.archived.len() > SHOWN {
            body.push_str(&format!("  … and {} more\n", step.archived.len() - SHOWN));
        }
    }
    plan.row("  stay", table::count(work.compaction.stay, "fragment"));
    plan.row("  forget", table::count(usize::try_from(work.injections).unwrap_or(0), "injection"));
    plan.row("  free", format!("{} kB of the file", store.free_bytes()?.div_ceil(1024)));
    for folder in &work.replaced {
        plan.row("  delete", format!("the replaced store `{}`", folder.display()));
    }
    plan.body(body);
    if !work.compaction.steps.is_empty() {
        plan.note(
            "What is archived is not deleted: `garner undo` takes each step back, and \
             `garner fragment list --archived` shows it.",
        );
    }
    if arguments.purge {
        plan.note(
            "Older backups still hold what was revoked, sealed; a new one does not. What replaced \
             stores held is gone.",
        );
    }
    Ok(plan)
}

/// Returns a line about a fragment that is put away.
fn line(
    store: &Store,
    id: garner_kernel::FragmentId,
    by: Option<garner_kernel::FragmentId>,
) -> Result<String, Error> {
    let text = |id| -> Result<String, Error> {
        let found = store.get(id)?;
        Ok(found.map(|f| table::one_line(f.statement.as_str(), 80)).unwrap_or_default())
    };
    let mut lines = format!("  {}  {}\n", id.short(), text(id)?);
    if let Some(by) = by {
        lines.push_str(&format!("    by {}  {}\n", by.short(), text(by)?));
    }
    Ok(lines)
}

fn step_json(step: &CompactionStep) -> Value {
    let archived = |archived: &Archived| {
        json!({
            "fragment": archived.fragment.to_string(),
            "by": archived.by.map(|by| by.to_string()),
        })
    };
    let archived: Vec<_> = step.archived.iter().map(archived).collect();
    json!({ "step": step.step.as_str(), "archived": archived })
}

fn print(
    operations: &[(&CompactionStep, u64)],
    forgotten: u64,
    work: &Work,
    tidied: Tidied,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let step = |(step, operation): &(&CompactionStep, u64)| {
            let mut value = step_json(step);
            if let Some(object) = value.as_object_mut() {
                object.insert("operation".to_owned(), (*operation).into());
            }
            value
        };
        return context.output.print_json(json!({
            "steps": operations.iter().map(step).collect::<Vec<_>>(),
            "stay": work.compaction.stay,
            "injections_forgotten": forgotten,
            "replaced_stores_deleted": work.replaced,
            "bytes_before": tidied.before,
            "bytes_after": tidied.after,
            "rewritten": tidied.rewritten,
            "journal_cleared": tidied.journal_cleared,
        }));
    }
    let mut text = String::new();
    for (step, operation) in operations {
        let count = table::count(step.archived.len(), "fragment");
        text.push_str(&format!(
            "Archived {count}, {} (operation {operation}).\n",
            title(step.step)
        ));
    }
    if operations.is_empty() {
        text.push_str("Nothing to archive.\n");
    }
    if forgotten > 0 {
        let count = table::count(usize::try_from(forgotten).unwrap_or(0), "injection");
        text.push_str(&format!("Forgot {count}.\n"));
    }
    for folder in &work.replaced {
        text.push_str(&format!("Deleted the replaced store `{}`.\n", folder.display()));
    }
    let kilobytes = |bytes: u64| bytes.div_ceil(1024);
    let (before, after) = (kilobytes(tidied.before), kilobytes(tidied.after));
    let how = if tidied.rewritten { "written anew" } else { "left in its place" };
    text.push_str(&format!("The file was {how}: {before} kB, now {after} kB.\n"));
    context.output.print(&text)
}
