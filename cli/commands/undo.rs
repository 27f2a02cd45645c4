//! `garner undo`: take the last change to the store back.

use clap::Args;
use garner_loader::{Action, Operation, View};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, context: &Context) -> Result<(), Error> {
    let mut store = context.store_to_write()?;
    let operation = store.undo(&context.stamp()?)?;
    let undone = match operation.action {
        Action::Undo { operation } => Some(store.operation(operation)?),
        _ => None,
    };
    if context.global.json {
        return context.output.print_json(json!({
            "operation": operation.number,
            "undone": undone.as_ref().map(|o| o.number),
        }));
    }
    let what = undone.map(|o| format!("{} ({})", o.number, describe(&o))).unwrap_or_default();
    context.output.print(&format!("Undid operation {what}; {}.\n", reading(&operation.after)))
}

/// Returns what an operation did, in words.
pub(crate) fn describe(operation: &Operation) -> String {
    match &operation.action {
        Action::Load { channel, version, .. } => format!("load {channel}@{}", version.get()),
        Action::Rollback { channel, version } => format!("rollback {channel}@{}", version.get()),
        Action::Release { channel } => format!("release {channel}"),
        Action::Policy { channel, policy } => format!("policy {channel} ({policy})"),
        Action::Undo { operation } => format!("undo {operation}"),
        Action::Restore { operation } => format!("restore {operation}"),
        Action::Pin { fragment } => format!("pin {}", fragment.short()),
        Action::Unpin { fragment } => format!("unpin {}", fragment.short()),
        Action::Remove { fragment } => format!("remove {}", fragment.short()),
        Action::Remember { fragment, .. } => format!("remember {}", fragment.short()),
        Action::Compact { step, archived, .. } => {
            let count = crate::table::count(archived.len(), "fragment");
            format!("archive {count} ({})", step.as_str())
        }
        Action::Recover { backup } => format!("recover from backup {}", backup.short()),
        Action::Revoke { channel, fragments } => {
            format!("revoke {} of {channel}", crate::table::count(fragments.len(), "fragment"))
        }
    }
}

/// Returns what is read, in words.
pub(crate) fn reading(view: &View) -> String {
    let channels: Vec<_> = view
        .active()
        .map(|(channel, version)| format!("`{channel}` is read at {version}"))
        .collect();
    if channels.is_empty() { "no channel is read".to_owned() } else { channels.join(", ") }
}
