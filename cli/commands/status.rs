//! `garner status`: how things stand on this machine.

use clap::Args;
use garner_kernel::{ChannelName, Status};
use garner_loader::{ChannelStatus, Policy, Store};
use serde_json::json;

use super::channel::policy;
use super::setup::claude;
use crate::context::Context;
use crate::drill::{self, Drill};
use crate::error::Error;
use crate::keys::KeyRole;
use crate::output::{self, styled};
use crate::spool::{Backlog, Last};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, context: &Context) -> Result<(), Error> {
    let store = match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => None,
        found => Some(found?),
    };
    let channels = store.as_ref().map(Store::channels).transpose()?.unwrap_or_default();
    let counts = store.as_ref().map(Store::counts).transpose()?;
    let model = context.model_files().is_ok();
    if context.global.json {
        let channel = |c: &ChannelStatus| {
            json!({
                "name": c.name.as_str(),
                "reads": c.reading.version.map(garner_kernel::Version::get),
                "held": c.reading.held,
                "policy": policy::json_of(c.reading.policy),
                "newest": c.newest.map(garner_kernel::Version::get),
                "fragments": c.fragments,
            })
        };
        return context.output.print_json(json!({
            "store": context.places.data,
            "bytes": counts.as_ref().map(|c| c.bytes),
            "operations": counts.as_ref().map(|c| c.operations),
            "channels": channels.iter().map(channel).collect::<Vec<_>>(),
            "drills": drills(context)?.into_iter().map(drill_item).collect::<Vec<_>>(),
            "hooks": hooks_json(context)?,
            "model_installed": model,
        }));
    }
    let heading = |text: &str| format!("{}\n", styled(text, output::BOLD));
    let mut text = heading("Store");
    match &counts {
        None => text.push_str("  none yet; `garner setup` makes it\n"),
        Some(counts) => text.push_str(&format!(
            "  {} with {} in {} bytes, {}\n",
            context.places.data.display(),
            table::count(counts.fragments, "fragment"),
            counts.bytes,
            table::count(counts.operations, "operation"),
        )),
    }
    text.push_str(&heading("Channels"));
    text.push_str(&channel_lines(&channels, context)?);
    text.push_str(&heading("Drafts"));
    text.push_str(&draft_lines(context)?);
    text.push_str(&heading("Hooks"));
    text.push_str(&hook_lines(context)?);
    text.push_str(&heading("Keys"));
    for role in KeyRole::ALL {
        let public = role.public(&context.places);
        let line = public.unwrap_or_else(|error| format!("{error}"));
        text.push_str(&format!("  {:10} {line}\n", role.as_str()));
    }
    text.push_str(&drill_lines(context)?);
    text.push_str(&heading("Embedding model"));
    text.push_str(if model {
        "  installed: recall works on words and meaning\n"
    } else {
        "  not installed: recall works on keywords; `garner model install` gets it\n"
    });
    context.output.print(&text)
}

/// Returns the channels that are published here, each with its last drill.
fn drills(context: &Context) -> Result<Vec<(ChannelName, Option<Drill>)>, Error> {
    let published = drill::published(context)?.into_iter();
    published.map(|(channel, settings)| Ok((channel, drill::last(&settings, context)?))).collect()
}

fn drill_item((channel, drill): (ChannelName, Option<Drill>)) -> serde_json::Value {
    json!({
        "channel": channel.as_str(),
        "version": drill.as_ref().map(|drill| drill.version.get()),
        "at": drill.map(|drill| drill.at.to_string()),
    })
}

fn drill_lines(context: &Context) -> Result<String, Error> {
    let mut text = String::new();
    for (channel, drill) in drills(context)? {
        let last = drill.map_or_else(
            || format!("`{channel}` never; `garner key drill` tries the recovery key"),
            |drill| format!("`{channel}` {} on {}", drill.version, drill.at.date()),
        );
        text.push_str(&format!("  {:10} {last}\n", "drill"));
    }
    Ok(text)
}

fn hooks_json(context: &Context) -> Result<serde_json::Value, Error> {
    let (backlog, last) = (Backlog::find(context)?, Last::find(context));
    Ok(json!({
        "set_up": claude::find(context)?.is_some(),
        "sessions_waiting": backlog.sessions,
        "oldest": backlog.oldest.map(|at| at.to_string()),
        "newest": backlog.newest.map(|at| at.to_string()),
        "unreadable_lines": backlog.junk,
        "compiled": last.map(|last| last.compiled.to_string()),
    }))
}

fn hook_lines(context: &Context) -> Result<String, Error> {
    let (backlog, last) = (Backlog::find(context)?, Last::find(context));
    let waits = match (backlog.sessions, backlog.oldest) {
        (0, _) | (_, None) => match last {
            Some(last) => format!("nothing waits; compiled last at {}", last.compiled),
            None if claude::find(context)?.is_some() => "set up; none ran yet".to_owned(),
            None => "none; `garner setup claude` sets them up for Claude Code".to_owned(),
        },
        (sessions, Some(oldest)) => format!(
            "{} noticed since {oldest}; `garner compile --spool` compiles what waits",
            table::count(sessions, "session")
        ),
    };
    Ok(format!("  {waits}\n"))
}

fn channel_lines(loaded: &[ChannelStatus], context: &Context) -> Result<String, Error> {
    let mut rows = Vec::new();
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        let pulled =
            settings.trust.known.floor.map_or_else(|| "-".into(), |f| f.version.to_string());
        let status = loaded.iter().find(|status| status.name == channel);
        let read = status.and_then(|s| s.reading.version);
        let read = read.map_or_else(|| "-".to_owned(), |version| version.to_string());
        let held = if status.is_some_and(|s| s.reading.held) { " (held)" } else { "" };
        let url = settings.url.map_or_else(|| "files only".to_owned(), |url| url.to_string());
        let fragments = status.map_or(0, |s| s.fragments);
        let policy = status.map(|s| s.reading.policy).filter(|p| *p != Policy::default());
        rows.push(vec![
            format!("  {channel}"),
            format!("reads {read}{held}"),
            format!("pulled {pulled}"),
            table::count(fragments, "fragment"),
            policy.map_or_else(|| url.clone(), |policy| format!("{url} ({policy})")),
        ]);
    }
    for (name, what) in [
        (ChannelName::local(), "remembered on this machine"),
        (ChannelName::archive(), "put away by `garner store compact`"),
    ] {
        let Some(status) = loaded.iter().find(|status| status.name == name) else { continue };
        let read = status.reading.version.map_or_else(|| "-".to_owned(), |v| v.to_string());
        let held = if status.reading.held { " (held)" } else { "" };
        rows.push(vec![
            format!("  {}", status.name),
            format!("reads {read}{held}"),
            String::new(),
            table::count(status.fragments, "fragment"),
            what.to_owned(),
        ]);
    }
    if rows.is_empty() {
        return Ok("  none; `garner channel add NAME file:/FOLDER` adds one\n".to_owned());
    }
    Ok(table::columns(&rows))
}

fn draft_lines(context: &Context) -> Result<String, Error> {
    let mut rows = Vec::new();
    for channel in context.drafted_channels()? {
        let Some(draft) = context.draft(&channel)? else { continue };
        let count = |wanted: fn(&Status) -> bool| {
            draft.entries.values().filter(|entry| wanted(&entry.status)).count()
        };
        rows.push(vec![
            format!("  {channel}"),
            format!("{} active", count(|s| *s == Status::Active)),
            format!("{} waiting for review", count(|s| *s != Status::Active)),
            format!("{} rejected", draft.tombstones.len()),
        ]);
    }
    if rows.is_empty() {
        return Ok("  none; `garner compile SESSION.jsonl` makes one\n".to_owned());
    }
    Ok(table::columns(&rows))
}
