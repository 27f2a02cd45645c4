//! Catching up: the sessions that hooks noticed are compiled, and their notices taken away.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::PathBuf;

use garner_kernel::ChannelName;

use super::backlog::Last;
use super::conversations::Waiting;
use super::file::{self, Taken};
use super::{briefing, summary};
use crate::context::Context;
use crate::error::Error;
use crate::table;

/// Compiles everything that waits with `compile`, which is given the paths of transcripts and of
/// conversations.
///
/// Where it fails, everything still waits. Only one process catches up at a time; another one has
/// nothing to do.
pub(crate) fn catch_up(
    channel: &ChannelName,
    context: &Context,
    mut compile: impl FnMut(&[PathBuf]) -> Result<(), Error>,
) -> Result<(), Error> {
    let folder = super::folder(&context.places);
    file::make_folder(&folder).map_err(|e| Error::io("create folder", &folder, e))?;
    let path = folder.join("catch-up.lock");
    let lock = File::create(&path).map_err(|e| Error::io("create", &path, e))?;
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        context.output.say("Another process is compiling what waits.");
        return Ok(());
    }
    let mut compiled = false;
    loop {
        let (taken, heard) = (file::take(&folder)?, Waiting::find(&folder)?);
        if taken.is_empty() && heard.is_empty() {
            break;
        }
        let noticed = taken.notices.iter().map(|notice| notice.at).max();
        let before = Last::find(context).and_then(|last| last.noticed);
        let mut transcripts = transcripts(&taken, context)?;
        transcripts.extend(heard.paths());
        if !transcripts.is_empty() {
            compile(&transcripts)?;
            compiled = true;
        }
        let all = taken.remove()? & heard.remove()?;
        Last { noticed: noticed.max(before), compiled: context.now() }.save(&folder)?;
        if !all {
            break;
        }
    }
    if !compiled && context.global.json {
        compile(&[])?;
    } else if !compiled {
        context.output.print("Nothing waits to be compiled.\n")?;
    }
    if let Err(error) = briefing::prepare(channel, context) {
        // What was compiled is safe; the next time tries again.
        tracing::debug!(%error, "the briefings are as they were");
        context.output.warn(
            "what sessions are told at their start is not renewed; `garner verify` looks at the \
             store",
        );
    }
    Ok(())
}

/// Returns the transcripts that the notices name, each once, with those of subagents beside them.
fn transcripts(taken: &Taken, context: &Context) -> Result<Vec<PathBuf>, Error> {
    let named: BTreeSet<&PathBuf> =
        taken.notices.iter().filter_map(|notice| notice.transcript.as_ref()).collect();
    let is_transcript =
        |path: &PathBuf| path.extension().is_some_and(|e| e == "jsonl") && path.is_file();
    let mut paths = Vec::new();
    let mut gone = 0_usize;
    for path in named {
        if !is_transcript(path) {
            gone += 1;
            continue;
        }
        paths.push(path.clone());
        let subagents = path.with_extension("").join("subagents");
        if let Ok(entries) = std::fs::read_dir(&subagents) {
            let mut beside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            beside.retain(is_transcript);
            beside.sort();
            paths.extend(beside);
        }
    }
    let summaries = super::folder(&context.places).join("summaries");
    paths.extend(summary::keep(&taken.notices, &summaries)?);
    if gone > 0 {
        context.output.warn(&format!("{} not there any more", is_or_are(gone)));
    }
    if taken.junk > 0 {
        let lines = table::count(taken.junk, "line");
        context.output.warn(&format!("{lines} of the spool passed over"));
    }
    Ok(paths)
}

fn is_or_are(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", table::count(count, "transcript"))
}
