//! `garner store restore`: a verified copy in the place of the store.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use garner_kernel::bundle::{Identity, PublicKey};
use garner_loader::{OpenOptions, Replaced, Store};
use garner_sync::RemoteUrl;
use serde_json::json;

use crate::backup::{self, BackupError, Recovered, Source, Turn, Wanted};
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyError, KeyRole};
use crate::plan::{Consent, Plan};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The backup: `latest`, the beginning of its digest, or a file
    #[arg(value_name = "latest|FILE")]
    backup: String,
    #[command(flatten)]
    pub(super) place: Place,
    /// Restore into this folder, which must be new or empty, and leave this machine as it is
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

/// Where a backup is, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Where backups are (default: where this machine's go)
    #[arg(long, value_name = "REMOTE")]
    from: Option<RemoteUrl>,
    /// Read the recovery key from this file, such as a copy typed from paper; `-` is standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The publisher key that signed the backup (default: that of this machine)
    #[arg(long, value_name = "KEY")]
    signed_by: Option<PublicKey>,
}

impl Place {
    /// Finds a backup and checks who signed it.
    pub(super) fn found(&self, name: &str, context: &Context) -> Result<Source, Error> {
        let (from, signed_by) = (self.from.as_ref(), self.signed_by.as_ref());
        backup::found(Wanted { name, from, signed_by }, context)
    }

    /// Returns the recovery key.
    pub(super) fn recovery_key(&self, context: &Context) -> Result<Box<dyn Identity>, Error> {
        if let Some(path) = &self.key {
            return keys::reading_from(KeyRole::Recovery, path, context);
        }
        match keys::recovery(context) {
            Err(Error::NoKey { .. } | Error::Key(KeyError::Elsewhere { .. })) => {
                Err(BackupError::RecoveryElsewhere.into())
            }
            key => key,
        }
    }
}

/// How long to wait for a process that has the store open.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let started = Instant::now();
    let turn = Turn::take(context)?;
    let source = arguments.place.found(&arguments.backup, context)?;
    let is_there = context.places.data.join(Store::FILE).exists();
    if arguments.consent.is_dry_run()
        || (is_there && arguments.to.is_none() && !arguments.consent.is_given())
    {
        plan(arguments, &source, context).agreed(arguments.consent, context)?;
        return Ok(());
    }
    let key = arguments.place.recovery_key(context)?;
    if let Some(folder) = &arguments.to {
        return into_folder(folder, &source, &*key, context);
    }
    let scratch = turn.scratch()?;
    let recovered = backup::unpack(&source, &*key, scratch.path())?;
    let mut store = Store::open(scratch.path(), &OpenOptions::write())?;
    let operation = store.recover(recovered.digest, &context.stamp()?)?.number;
    store.close_whole()?;
    let kept = free(&turn.kept().join(context.now().date()));
    let replaced = Store::replace(&context.places.data, scratch.path(), &kept, PATIENCE)?;
    let rest = backup::keep_rest(&recovered, scratch.path(), context)?;
    let done = Done {
        recovered: &recovered,
        source: &source,
        operation: Some(operation),
        kept: (replaced != Replaced::Nothing).then_some(kept),
        folder: context.places.data.clone(),
        rest,
        seconds: started.elapsed().as_secs_f64(),
    };
    print(&done, context)
}

/// Unpacks and checks a backup in a folder that nobody uses.
fn into_folder(
    folder: &Path,
    source: &Source,
    key: &dyn Identity,
    context: &Context,
) -> Result<(), Error> {
    let started = Instant::now();
    let made = |e| Error::io("create folder", folder, e);
    garner_sync::make_folder(folder)?;
    if std::fs::read_dir(folder).map_err(made)?.next().is_some() {
        return Err(Error::NotEmpty { path: folder.to_owned() });
    }
    // What does not hold leaves nothing behind that could be taken for a store.
    let scratch = tempfile::Builder::new().prefix(".tmp-backup-").tempdir_in(folder);
    let scratch = scratch.map_err(|e| Error::io("make a folder in", folder, e))?;
    let recovered = backup::unpack(source, key, scratch.path())?;
    Store::open(scratch.path(), &OpenOptions::write())?.close_whole()?;
    let moved = |e| Error::io("write", folder, e);
    for entry in std::fs::read_dir(scratch.path()).map_err(moved)? {
        let path = entry.map_err(moved)?.path();
        std::fs::rename(&path, folder.join(path.file_name().unwrap_or_default())).map_err(moved)?;
    }
    garner_sync::sync_folder(folder)?;
    let done = Done {
        recovered: &recovered,
        source,
        operation: None,
        kept: None,
        folder: folder.to_owned(),
        rest: Vec::new(),
        seconds: started.elapsed().as_secs_f64(),
    };
    print(&done, context)
}

/// Returns a path that nothing has yet: the given one, or with a number.
fn free(path: &Path) -> PathBuf {
    let numbered = |n: u32| match n {
        1 => path.to_owned(),
        n => PathBuf::from(format!("{}-{n}", path.display())),
    };
    (1..u32::MAX).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| path.to_owned())
}

fn plan(arguments: &Arguments, source: &Source, context: &Context) -> Plan {
    let folder = arguments.to.as_ref().unwrap_or(&context.places.data);
    let facts = json!({
        "backup": source.digest.to_string(),
        "at": source.manifest.at.to_string(),
        "bytes": source.manifest.size(),
        "place": source.place(),
        "signed_by": source.signer.to_string(),
        "folder": folder,
    });
    let mut plan = Plan::new("restore a backup", facts);
    plan.row("  backup", format!("{}, of {}", source.digest.short(), source.manifest.at));
    plan.row("  from", source.place());
    plan.row("  signed by", source.signer.to_string());
    plan.row("  to", folder.display().to_string());
    if arguments.to.is_none() {
        plan.note(
            "It is verified first. What was remembered since then is not in it; the store that is \
             here now stays beside it.",
        );
    }
    plan
}

/// What was done.
struct Done<'a> {
    recovered: &'a Recovered,
    source: &'a Source,
    operation: Option<u64>,
    kept: Option<PathBuf>,
    folder: PathBuf,
    rest: Vec<String>,
    seconds: f64,
}

fn print(done: &Done<'_>, context: &Context) -> Result<(), Error> {
    let Recovered { digest, at, operations, checks, questions, .. } = done.recovered;
    if context.global.json {
        return context.output.print_json(json!({
            "backup": digest.to_string(),
            "at": at.to_string(),
            "signed_by": done.source.signer.to_string(),
            "operations": operations,
            "operation": done.operation,
            "folder": done.folder,
            "kept": done.kept,
            "brought": done.rest,
            "checks": checks,
            "questions": questions.0,
            "answers_differ": questions.1,
            "seconds": done.seconds,
        }));
    }
    let count = usize::try_from(*operations).unwrap_or(usize::MAX);
    let mut text = format!(
        "Restored backup {} of {at}: {}, in {:.1} s.\nVerified: signature, digests, {}.\n",
        digest.short(),
        table::count(count, "operation"),
        done.seconds,
        checks.join(", "),
    );
    if questions.1 > 0 {
        text.push_str(&format!(
            "{} of {} questions are answered in another way than by the store that was backed up.\n",
            questions.1, questions.0
        ));
    }
    if let Some(kept) = &done.kept {
        let shown = kept.display();
        text.push_str(&format!(
            "The store that was here is in {shown} (`garner --store {shown} …` reads it).\n"
        ));
    }
    if !done.rest.is_empty() {
        text.push_str(&format!("Also brought back: {}.\n", done.rest.join(", ")));
    }
    text.push_str(match done.operation {
        Some(_) => "Run `garner load` next: it brings what was published since, and takes out what was revoked.\n",
        None => "This machine is as it was.\n",
    });
    context.output.print(&text)
}
