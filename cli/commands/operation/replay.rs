//! `garner op replay`: does the log, done again, give the store that is here?

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use garner_kernel::{ChannelName, Digest, Version};
use garner_loader::{OpenOptions, Replayed, Store};
use serde_json::json;

use crate::backup::Turn;
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::table;
use crate::upkeep::UpkeepError;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Keep the store that is built, in this folder
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let live = context.store()?;
    let digest = live.operations(1)?.first().map(|last| last.digest_after);
    let started = Instant::now();
    let turn = Turn::take(context)?;
    let scratch = turn.scratch()?;
    let folder = match &arguments.into {
        Some(folder) => {
            if folder.join(Store::FILE).exists() {
                return Err(UpkeepError::StoreThere { path: folder.clone() }.into());
            }
            fs::create_dir_all(folder).map_err(|e| Error::io("create folder", folder, e))?;
            folder.as_path()
        }
        None => scratch.path(),
    };
    let replayed = replay(&live, folder, context)?;
    let seconds = started.elapsed().as_secs_f64();
    let mut differences = replayed.differences.clone();
    if digest.is_some_and(|digest| digest != replayed.digest) {
        differences.push("the view at the end has another digest".to_owned());
    }
    print(&replayed, &differences, seconds, context)?;
    match differences.into_iter().next() {
        None => Ok(()),
        Some(what) => Err(UpkeepError::ReplayDiffers { what }.into()),
    }
}

fn replay(live: &Store, folder: &std::path::Path, context: &Context) -> Result<Replayed, Error> {
    let mut new = Store::open(folder, &OpenOptions::write())?;
    let bar = context.output.bar("Doing operations again", 0);
    let mut open = |channel: &ChannelName, version: Version| {
        context.open_kernel(&KernelName::Channel(channel.clone(), At::Number(version)))
    };
    let replayed = new.replay(live, &mut open, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let mut replayed = replayed?;
    let checks = new.verify()?.checks;
    replayed.differences.extend(checks.into_iter().flat_map(|check| check.problems));
    Ok(replayed)
}

fn print(
    replayed: &Replayed,
    differences: &[String],
    seconds: f64,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({
            "operations": replayed.operations,
            "view_sha256": replayed.digest.to_string(),
            "same": differences.is_empty(),
            "differences": differences,
            "seconds": seconds,
        }));
    }
    let operations = usize::try_from(replayed.operations).unwrap_or(usize::MAX);
    let done = table::count(operations, "operation");
    let end = end(differences, &replayed.digest);
    context.output.print(&format!("Did {done} again in {seconds:.1} s: {end}.\n"))?;
    for difference in differences {
        context.output.print(&format!("  {difference}\n"))?;
    }
    Ok(())
}

fn end(differences: &[String], digest: &Digest) -> String {
    if differences.is_empty() {
        return format!("the same store, every version and the view {}", digest.short());
    }
    format!("{} from the store that is here", table::count(differences.len(), "difference"))
}
