//! `garner store backup`: a sealed copy of the store, and which older ones are kept.

use std::path::PathBuf;

use clap::Args;
use garner_kernel::backup::Listed;
use garner_loader::BackupEvent;
use garner_sync::RemoteUrl;
use serde_json::{Value, json};

use crate::backup::{self, KeepArguments, Made, Policy, Pruning, Target, Turn, Vault, pruning};
use crate::context::Context;
use crate::error::Error;
use crate::keys;
use crate::plan::Plan;
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where it goes, from now on: `file:/FOLDER`, `git:…`, `s3://…` (default: where the last one went)
    #[arg(long, value_name = "REMOTE")]
    to: Option<RemoteUrl>,
    /// Write one file instead, and remove no older backup
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    out: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArguments,
    /// Print what would be kept and removed, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    // What could never be restored, or never be signed, is found out before anything is copied.
    let recipient = backup::recipient(context)?.to_string();
    let signer = keys::publisher_public(&context.places)?;
    let turn = Turn::take(context)?;
    if let Some(path) = &arguments.out {
        return to_file(path, &turn, context);
    }
    let policy = Policy::read(context)?;
    let url = match &arguments.to {
        Some(url) => url.clone(),
        None => policy.remote(context)?,
    };
    let is_beside = Policy::is_beside(&url, context);
    let vault = Vault::open(url, signer, context)?;
    let keep = policy.keep.or(arguments.keep);
    let good = context.store()?.last_drill()?.filter(|drill| drill.passed).map(|d| d.backup);
    if arguments.dry_run {
        let listing = vault.listing()?;
        let mut all = listing.map(|listing| listing.backups).unwrap_or_default();
        all.push(backup::planned(context.now()));
        return plan(&vault, &recipient, &pruning(&all, keep, good), context);
    }
    let made = backup::make(&Target::Vault(&vault), &turn, context)?;
    if let Some(url) = &arguments.to {
        policy.choose(url, context)?;
    }
    let pruning = pruning(&made.backups, keep, good);
    if !pruning.removed.is_empty() {
        let signer = keys::publisher(context)?;
        backup::prune(&vault, &pruning, &signer, context)?;
    }
    record(&made, context)?;
    if is_beside {
        context.output.warn(
            "this backup is on the same disk as the store; `--to REMOTE` puts the next one elsewhere",
        );
    }
    print(&made, &vault.url().to_string(), Some(&pruning), context)
}

fn to_file(path: &std::path::Path, turn: &Turn, context: &Context) -> Result<(), Error> {
    if path.exists() {
        let exists = std::io::ErrorKind::AlreadyExists.into();
        return Err(Error::io("write", path, exists));
    }
    let made = backup::make(&Target::File(path), turn, context)?;
    record(&made, context)?;
    print(&made, &path.display().to_string(), None, context)
}

/// Writes down in the store that it has a backup.
fn record(made: &Made, context: &Context) -> Result<(), Error> {
    let (backup, bytes) = (made.listed.digest, made.listed.size);
    let event = BackupEvent { at: context.now(), backup, bytes };
    context.store_to_write()?.record_backup(&event)?;
    Ok(())
}

fn item(backup: &Listed) -> Value {
    json!({ "backup": backup.digest.to_string(), "at": backup.at.to_string(), "bytes": backup.size })
}

fn kept_item((backup, reasons): &(Listed, Vec<&'static str>)) -> Value {
    let mut item = item(backup);
    if let Some(fields) = item.as_object_mut() {
        fields.insert("kept_as".to_owned(), json!(reasons));
    }
    item
}

fn print(
    made: &Made,
    place: &str,
    pruning: Option<&Pruning>,
    context: &Context,
) -> Result<(), Error> {
    let recipients: Vec<String> =
        made.manifest.recipients.iter().map(ToString::to_string).collect();
    if context.global.json {
        return context.output.print_json(json!({
            "backup": made.listed.digest.to_string(),
            "at": made.manifest.at.to_string(),
            "operations": made.operations,
            "bytes": made.listed.size,
            "parts": made.manifest.parts.len(),
            "place": place,
            "recipients": recipients,
            "kept": pruning.map(|p| p.kept.iter().map(kept_item).collect::<Vec<_>>()),
            "removed": pruning.map(|p| p.removed.iter().map(item).collect::<Vec<_>>()),
        }));
    }
    let mut text = format!(
        "Backup {} of {}: {} bytes, at {place}.\nOnly the recovery key opens it ({}).\n",
        made.listed.digest.short(),
        table::count(usize::try_from(made.operations).unwrap_or(usize::MAX), "operation"),
        made.listed.size,
        recipients.join(", "),
    );
    if let Some(pruning) = pruning.filter(|pruning| !pruning.removed.is_empty()) {
        text.push_str(&format!(
            "Kept {}; removed:\n{}",
            table::count(pruning.kept.len(), "backup"),
            table::columns(&pruning.removed.iter().map(row).collect::<Vec<_>>())
        ));
    }
    context.output.print(&text)
}

fn row(backup: &Listed) -> Vec<String> {
    vec![format!("  {}", backup.digest.short()), backup.at.to_string(), backup.size.to_string()]
}

fn plan(vault: &Vault, recipient: &str, pruning: &Pruning, context: &Context) -> Result<(), Error> {
    let counts = context.store()?.counts()?;
    let facts = json!({
        "place": vault.url().to_string(),
        "recipients": [recipient],
        "kept": pruning.kept.iter().map(kept_item).collect::<Vec<_>>(),
        "removed": pruning.removed.iter().map(item).collect::<Vec<_>>(),
    });
    let mut plan = Plan::new("make a backup of the store", facts);
    plan.row("  store", format!("{} bytes", counts.bytes));
    plan.row("  to", vault.url().to_string());
    plan.row("  opened by", recipient);
    for (backup, reasons) in &pruning.kept {
        let is_new = *backup == backup::planned(backup.at);
        let name = if is_new { "the new one".to_owned() } else { backup.digest.short() };
        plan.row("  keep", format!("{name}  {}  ({})", backup.at, reasons.join(", ")));
    }
    for backup in &pruning.removed {
        plan.row("  remove", format!("{}  {}", backup.digest.short(), backup.at));
    }
    plan.print(context)
}
