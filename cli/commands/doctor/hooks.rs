//! Whether what Claude Code was told is still there, hooks run, and what they notice is compiled.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use garner_kernel::Moment;

use super::Finding;
use crate::commands::setup::claude;
use crate::context::Context;
use crate::error::Error;
use crate::spool::{self, Backlog, Last};
use crate::table;

/// For how many days notices may wait.
const WAIT: u32 = 7;
/// From how many conversations on that wait it is told: more than 4,096 are not kept.
const MANY: usize = 2_048;
/// How long after its transcript a session's notice may be, before hooks count as silent.
const SILENCE: Duration = Duration::from_hours(24);

pub(super) fn hooks(context: &Context) -> Result<Vec<Finding>, Error> {
    let backlog = Backlog::find(context)?;
    let Some(set_up) = claude::find(context)? else {
        let mut findings = waiting(&backlog, context);
        if findings.is_empty() && backlog.sessions == 0 {
            findings.push(Finding::ok("Claude Code is not set up on this machine"));
        }
        return Ok(findings);
    };
    let mut findings = Vec::new();
    for path in set_up.standing.missing.iter().chain(&set_up.standing.gone) {
        let says = format!("of what Claude Code was told, `{}` is gone", path.display());
        findings.push(Finding::warning(says, "garner setup claude"));
    }
    let last = Last::find(context);
    let noticed = backlog.newest.max(last.and_then(|last| last.noticed));
    let newest = newest(&context.places.claude.join("projects"), 2);
    let silent = |transcript: SystemTime| {
        let noticed = noticed.map_or(UNIX_EPOCH, time);
        transcript > set_up.since + SILENCE && transcript > noticed + SILENCE
    };
    if newest.is_some_and(silent) {
        findings.push(Finding::warning(
            "sessions ran since Claude Code was set up, and no hook did",
            "start a session anew; for older versions: garner setup claude --settings",
        ));
    }
    findings.extend(failure(context));
    findings.extend(waiting(&backlog, context));
    if findings.is_empty() {
        let noticed =
            noticed.map_or_else(|| "none ran yet".to_owned(), |at| format!("one ran at {at}"));
        findings.push(Finding::ok(format!("Claude Code is set up; of the hooks {noticed}")));
    }
    Ok(findings)
}

/// What waits for too long, or cannot be read.
fn waiting(backlog: &Backlog, context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(oldest) = backlog.oldest.filter(|at| at.days_until(context.now()) > WAIT) {
        let sessions = table::count(backlog.sessions, "session");
        let says = format!("{sessions} noticed and not compiled since {}", oldest.date());
        findings.push(Finding::warning(says, "garner compile --spool"));
    }
    if backlog.conversations > MANY {
        let count = backlog.conversations;
        let says =
            format!("{count} conversations with local models wait; soon none is kept any more");
        findings.push(Finding::warning(says, "garner compile --spool"));
    }
    if backlog.junk > 0 {
        let says = format!("{} of the spool cannot be read", table::count(backlog.junk, "line"));
        findings.push(Finding::warning(says, "garner compile --spool"));
    }
    findings
}

/// What the last catching up failed with.
fn failure(context: &Context) -> Option<Finding> {
    let log = std::fs::read(spool::folder(&context.places).join(spool::LOG)).ok()?;
    let log = String::from_utf8_lossy(&log).into_owned();
    let error = log.lines().find_map(|line| line.strip_prefix("error: "))?;
    let says = format!("what hooks noticed could not be compiled: {}", table::one_line(error, 200));
    Some(Finding::warning(says, "garner compile --spool"))
}

/// Returns when the newest transcript under a folder was written.
fn newest(folder: &Path, depth: usize) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?;
    let modified = |entry: std::fs::DirEntry| {
        let metadata = entry.metadata().ok()?;
        let path = entry.path();
        if metadata.is_dir() && depth > 1 {
            newest(&path, depth - 1)
        } else {
            let is_transcript = path.extension().is_some_and(|extension| extension == "jsonl");
            metadata.modified().ok().filter(|_| is_transcript)
        }
    };
    entries.flatten().filter_map(modified).max()
}

fn time(moment: Moment) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(moment.unix()).unwrap_or(0))
}
