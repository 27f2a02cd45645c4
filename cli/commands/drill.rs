//! `garner key drill`: prove that the recovery key opens what was published.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_kernel::ChannelName;
use garner_kernel::bundle::Identity;
use garner_sync::ChannelSettings;
use serde_json::json;

use crate::context::Context;
use crate::drill::{self, Opened};
use crate::error::Error;
use crate::keys::{self, KeyError, KeyRole};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel (default: every channel that is published from this machine)
    channel: Option<ChannelName>,
    /// Read the recovery key from this file, such as a copy typed from paper; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channels = channels(arguments.channel.as_ref(), context)?;
    let key = recovery_key(arguments.from.as_deref(), context)?;
    let recipient = key.name();
    let mut tried = Vec::new();
    for (channel, settings) in &channels {
        match drill::open_newest(settings, &*key, context) {
            Ok(None) => {}
            Ok(Some(opened)) => {
                drill::remember(settings, &recipient, opened.version, context)?;
                tried.push((channel, Ok(opened)));
            }
            Err(error) => tried.push((channel, Err(error))),
        }
    }
    if tried.is_empty() {
        return Err(KeyError::NothingToDrill.into());
    }
    print(&tried, &recipient, context)?;
    let failed = tried.iter().filter(|(_, outcome)| outcome.is_err());
    let channels: Vec<ChannelName> = failed.map(|(channel, _)| (*channel).clone()).collect();
    if channels.is_empty() {
        return Ok(());
    }
    Err(KeyError::DrillFailed { channels, recipient }.into())
}

/// Returns the named channel; without a name those that are published here, or all.
fn channels(
    named: Option<&ChannelName>,
    context: &Context,
) -> Result<Vec<(ChannelName, ChannelSettings)>, Error> {
    if let Some(channel) = named {
        return Ok(vec![(channel.clone(), context.settings(channel)?)]);
    }
    let published = drill::published(context)?;
    if !published.is_empty() {
        return Ok(published);
    }
    let known = context.known_channels()?;
    if known.is_empty() {
        return Err(Error::NoChannels);
    }
    known.into_iter().map(|name| Ok((name.clone(), context.settings(&name)?))).collect()
}

/// Returns the recovery key from where it is kept; a copy must be that of the key known here.
fn recovery_key(from: Option<&Path>, context: &Context) -> Result<Box<dyn Identity>, Error> {
    let Some(path) = from else { return keys::recovery(context) };
    let key = keys::reading_from(KeyRole::Recovery, path, context)?;
    let found = key.name();
    match KeyRole::Recovery.public(&context.places) {
        Ok(known) if known != found => {
            let what = KeyRole::Recovery.what();
            Err(KeyError::NotOurs { what, found, known }.into())
        }
        Ok(_) | Err(Error::NoKey { .. }) => Ok(key),
        Err(other) => Err(other),
    }
}

fn print(
    tried: &[(&ChannelName, Result<Opened, Error>)],
    recipient: &str,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let item = |(channel, outcome): &(&ChannelName, Result<Opened, Error>)| match outcome {
            Ok(opened) => json!({
                "channel": channel.as_str(),
                "opened": true,
                "version": opened.version.get(),
                "fragments": opened.fragments,
                "seconds": opened.seconds,
            }),
            Err(error) => json!({
                "channel": channel.as_str(),
                "opened": false,
                "error": error.to_string(),
            }),
        };
        return context.output.print_json(json!({
            "recipient": recipient,
            "at": context.now().to_string(),
            "channels": tried.iter().map(item).collect::<Vec<_>>(),
        }));
    }
    let row = |(channel, outcome): &(&ChannelName, Result<Opened, Error>)| match outcome {
        Ok(opened) => vec![
            "opened".to_owned(),
            channel.to_string(),
            opened.version.to_string(),
            table::count(opened.fragments, "fragment"),
            format!("{:.3} s", opened.seconds),
        ],
        Err(error) => vec!["FAILED".to_owned(), channel.to_string(), error.to_string()],
    };
    context.output.print(&table::columns(&tried.iter().map(row).collect::<Vec<_>>()))
}
