//! Whether the store could be brought back, and when that was last tried.

use super::Finding;
use crate::backup;
use crate::context::Context;
use crate::error::Error;

/// How old the last backup and the last drill may be, in days.
const DAYS: u32 = 30;

/// The store was backed up, and the backup restored in a drill, not too long ago.
pub(super) fn backups(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for folder in backup::leftovers(context)? {
        let says = format!("`{}` was left by a command that was stopped", folder.display());
        findings.push(Finding::warning(says, "garner store backup"));
    }
    let store = match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => return Ok(findings),
        found => found?,
    };
    let Some(last) = store.last_backup()? else {
        if !store.operations(1)?.is_empty() {
            let says = "the store was never backed up";
            findings.push(Finding::warning(says, "garner store backup --to REMOTE"));
        }
        return Ok(findings);
    };
    let (days, date) = (last.at.days_until(context.now()), last.at.date());
    findings.push(if days > DAYS {
        let says = format!("the last backup was {days} days ago, on {date}");
        Finding::warning(says, "garner store backup")
    } else {
        Finding::ok(format!("the last backup was on {date}"))
    });
    let fix = "garner store drill";
    let Some(drill) = store.last_drill()? else {
        findings.push(Finding::warning("no backup was ever restored in a drill", fix));
        return Ok(findings);
    };
    let (days, date) = (drill.at.days_until(context.now()), drill.at.date());
    let seconds = drill.recovery_ms.div_ceil(1000);
    findings.push(if !drill.passed && drill.lost.is_empty() {
        Finding::broken(format!("no backup could be restored in the drill on {date}"), fix)
    } else if !drill.passed {
        Finding::warning(format!("the drill on {date} missed its targets"), fix)
    } else if days > DAYS {
        Finding::warning(format!("the last drill was {days} days ago, on {date}"), fix)
    } else {
        Finding::ok(format!("a backup was restored within {seconds} s in a drill on {date}"))
    });
    Ok(findings)
}
