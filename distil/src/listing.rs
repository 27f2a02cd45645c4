//! Batches that a server has, searched for one of which no id was noted.
//!
//! The list tells how many requests a batch has, and not which: their names come with its results.
//! So what the list can rule out is left out here, and the rest is looked into when it has ended.

use crate::anthropic::{Anthropic, read};
use crate::batch::escaped;
use crate::error::Error;
use crate::state::Intent;
use crate::wire::{BatchPage, BatchReply};

/// How many batches of the list are asked for at once.
const PAGE: usize = 100;
/// The most pages that are read.
const MAX_PAGES: usize = 100;

/// Returns the newest batch of a server.
pub(crate) fn newest(server: &Anthropic) -> Result<Option<String>, Error> {
    let page = page(server, 1, None)?;
    Ok(page.data.into_iter().next().map(|batch| batch.id))
}

/// Returns the batches that may be the one that was meant, those that have ended first.
pub(crate) fn candidates(server: &Anthropic, intent: &Intent) -> Result<Vec<BatchReply>, Error> {
    let mut found: Vec<BatchReply> = Vec::new();
    let mut last: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let BatchPage { data, has_more } = page(server, PAGE, last.as_deref())?;
        last = data.last().map(|batch| batch.id.clone());
        for batch in data {
            if intent.after.as_deref() == Some(&batch.id) {
                return Ok(sorted(found));
            }
            let all = usize::try_from(batch.request_counts.all()).ok();
            if batch.archived_at.is_none() && all == Some(intent.windows.len()) {
                found.push(batch);
            }
        }
        if !has_more || last.is_none() {
            break;
        }
    }
    Ok(sorted(found))
}

fn sorted(mut found: Vec<BatchReply>) -> Vec<BatchReply> {
    found.sort_by_key(|batch| !batch.has_ended());
    found
}

fn page(server: &Anthropic, limit: usize, after: Option<&str>) -> Result<BatchPage, Error> {
    let after = after.map(|id| format!("&after_id={}", escaped(id))).unwrap_or_default();
    read(&server.get(&format!("v1/messages/batches?limit={limit}{after}"))?)
}
