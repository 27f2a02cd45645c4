//! `garner log`: the versions of a channel, and what models were told.

use clap::Args;
use garner_kernel::ChannelName;
use garner_kernel::bundle::Reason;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel (default: the only one)
    channel: Option<ChannelName>,
    /// Show what was injected into prompts instead
    #[arg(long)]
    injections: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    if arguments.injections {
        return injections(context);
    }
    let channel = context.the_channel(arguments.channel.as_ref())?;
    if channel.is_reserved() {
        return own(&channel, context);
    }
    let settings = context.settings(&channel)?;
    let releases = context.releases(&settings)?;
    let reading = match context.store() {
        Ok(store) => store.view()?.reading(&channel),
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => {
            garner_loader::Reading::default()
        }
        Err(other) => return Err(other),
    };
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for release in releases.iter().rev() {
        let reason = match release.reason {
            Reason::Publish => "publish".to_owned(),
            Reason::RollbackTo(version) => format!("rollback to {version}"),
            Reason::Promote(head) => format!("promote {}", head.short()),
        };
        let read = reading.version == Some(release.version);
        let signers: Vec<_> = release.signers.iter().map(ToString::to_string).collect();
        let mark = match (read, reading.held) {
            (true, true) => styled("<- read here, held", output::YELLOW),
            (true, false) => styled("<- read here", output::GREEN),
            (false, _) if release.revoked.is_some() => styled("revoked", output::RED),
            (false, _) => String::new(),
        };
        rows.push(vec![
            format!("{:4}", release.version),
            release.head.short(),
            release.created.to_string(),
            signers.join(", "),
            reason.clone(),
            mark,
        ]);
        items.push(json!({
            "version": release.version.get(),
            "head": release.head.to_string(),
            "previous": release.previous.map(|digest| digest.to_string()),
            "created": release.created.to_string(),
            "signers": signers,
            "reason": reason,
            "read": read,
            "revoked": release.revoked,
        }));
    }
    if context.global.json {
        let value = json!({ "channel": channel.as_str(), "versions": items });
        return context.output.print_json(value);
    }
    if rows.is_empty() {
        context.output.say("Nothing was pulled yet; run `garner pull`.");
    }
    context.output.print(&table::columns(&rows))
}

/// Lists the versions of a channel that the store makes itself, the newest first.
fn own(channel: &ChannelName, context: &Context) -> Result<(), Error> {
    let store = context.store()?;
    let reading = store.view()?.reading(channel);
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for kernel in store.versions(channel)?.iter().rev() {
        let read = reading.version == Some(kernel.version);
        let mark = match (read, reading.held) {
            (true, true) => styled("<- read here, held", output::YELLOW),
            (true, false) => styled("<- read here", output::GREEN),
            (false, _) => String::new(),
        };
        let did = super::undo::describe(&store.operation(kernel.operation)?);
        rows.push(vec![
            format!("{:4}", kernel.version),
            kernel.head.short(),
            kernel.created.to_string(),
            kernel.publisher.clone(),
            did.clone(),
            mark,
        ]);
        items.push(json!({
            "version": kernel.version.get(),
            "head": kernel.head.to_string(),
            "created": kernel.created.to_string(),
            "who": kernel.publisher,
            "operation": kernel.operation,
            "did": did,
            "read": read,
        }));
    }
    if context.global.json {
        return context
            .output
            .print_json(json!({ "channel": channel.as_str(), "versions": items }));
    }
    context.output.print(&table::columns(&rows))
}

fn injections(context: &Context) -> Result<(), Error> {
    let events = context.store()?.injections(usize::MAX >> 1)?;
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for event in &events {
        let injection = &event.injection;
        let placed: Vec<_> = injection.placed.iter().map(|(id, _)| id.short()).collect();
        rows.push(vec![
            event.number.to_string(),
            injection.at.to_string(),
            injection.model.clone(),
            format!("prompt {}", injection.prompt.short()),
            format!("{} tokens", injection.tokens),
            placed.join(" "),
        ]);
        items.push(json!({
            "number": event.number,
            "at": injection.at.to_string(),
            "model": injection.model,
            "prompt_sha256": injection.prompt.to_string(),
            "tokens": injection.tokens.get(),
            "placed": injection.placed.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(),
        }));
    }
    if context.global.json {
        return context.output.print_json(json!({ "injections": items }));
    }
    context.output.print(&table::columns(&rows))
}
