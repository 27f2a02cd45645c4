//! Checking the archive: that each version is its parent and what its operation put away.

use std::collections::BTreeSet;

use garner_kernel::{ChannelName, Digest};
use rusqlite::Connection;

use super::write::link;
use crate::error::Trouble;
use crate::store::channel::{self, LoadedKernel};
use crate::store::fragment_row;
use crate::store::membership::{self, Table};
use crate::store::operation::{self, Action, Archived};

/// Says what is wrong with the versions of the archive, a line each.
pub(crate) fn problems(db: &Connection) -> Result<Vec<String>, Trouble> {
    let name = ChannelName::archive();
    let Some(channel) = channel::row(db, &name)? else { return Ok(Vec::new()) };
    let mut problems = Vec::new();
    for kernel in channel::kernels(db, channel)? {
        let mut wrong =
            |what: &str| problems.push(format!("{name}@{}: {what}", kernel.version.get()));
        let Action::Compact { version, archived, .. } =
            operation::get(db, kernel.operation)?.action
        else {
            wrong("its operation puts nothing away");
            continue;
        };
        if version != kernel.version || link(kernel.parent, version, &archived) != kernel.head {
            wrong("the chain is broken");
        }
        if !holds(db, channel, &kernel, &archived)? {
            wrong("it does not hold what was put away");
        }
    }
    Ok(problems)
}

/// Returns whether a version holds what was put away and what its parent held, but for what was
/// revoked since.
fn holds(
    db: &Connection,
    channel: i64,
    kernel: &LoadedKernel,
    archived: &[Archived],
) -> Result<bool, Trouble> {
    let rows = membership::rows(db, Table::Member, channel, kernel.version.get())?;
    let mut wanted = match kernel.parent {
        Some(parent) => rows_of(db, channel, &parent)?,
        None => Some(BTreeSet::new()),
    };
    for Archived { fragment, record, .. } in archived {
        if let Some(wanted) = &mut wanted {
            for (row, _) in fragment_row::revisions(db, fragment)? {
                wanted.remove(&row);
            }
            wanted.extend(fragment_row::row_of(db, *fragment, record)?);
        }
    }
    Ok(wanted == Some(rows))
}

/// Returns what the version with this head holds; `None` if there is none.
fn rows_of(db: &Connection, channel: i64, head: &Digest) -> Result<Option<BTreeSet<i64>>, Trouble> {
    let kernels = channel::kernels(db, channel)?;
    let kernel = kernels.iter().find(|kernel| kernel.head == *head);
    let rows =
        |kernel: &LoadedKernel| membership::rows(db, Table::Member, channel, kernel.version.get());
    kernel.map(rows).transpose()
}
