//! `garner pull`: fetch and verify what is new.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_kernel::{ChannelName, Version};
use garner_sync::{ChannelSettings, Overdue, Pulled};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::transfer::Pace;
use crate::{files, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel (default: every one that has a remote)
    channel: Option<ChannelName>,
    /// Write the newest version to this `.kernel` file as well
    #[arg(long, value_name = "FILE", requires = "channel")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    context.keep_to(arguments.pace);
    let channels = match &arguments.channel {
        Some(channel) => vec![channel.clone()],
        None => context.known_channels()?,
    };
    if channels.is_empty() {
        return Err(Error::NoChannels);
    }
    let mut results = Vec::new();
    for channel in &channels {
        if arguments.channel.is_none() && context.settings(channel)?.url.is_none() {
            continue;
        }
        let before = context.meter.moved();
        let pulled = context.pull(channel, None)?;
        let after = context.meter.moved();
        let bytes = after.bytes - before.bytes;
        let requests = after.requests - before.requests;
        if !context.global.json {
            context.output.print(&format!(
                "`{channel}` is at {}: {}, {bytes} bytes in {}.\n",
                pulled.floor.version,
                table::count(pulled.new, "new version"),
                table::count(requests, "request"),
            ))?;
        }
        results.push(json!({
            "channel": channel.as_str(),
            "version": pulled.floor.version.get(),
            "head": pulled.floor.head.to_string(),
            "new": pulled.new,
            "bytes": bytes,
            "requests": requests,
        }));
        context.write_bundle(channel, pulled.floor.version, arguments.out.as_deref())?;
    }
    if context.global.json {
        return context.output.print_json(json!({ "channels": results }));
    }
    context.output.say("`garner load` merges what is new into the store.");
    Ok(())
}

impl Context {
    /// Writes a pulled version to a `.kernel` file, if one is named.
    pub(crate) fn write_bundle(
        &self,
        channel: &ChannelName,
        version: Version,
        path: Option<&Path>,
    ) -> Result<(), Error> {
        let Some(path) = path else { return Ok(()) };
        let fetched = self.fetch(channel, version)?;
        Ok(garner_sync::write_over(path, &fetched.bundle.to_bytes())?)
    }

    /// Returns whether what the mirror has must do: the remote is on the network, where `--offline`
    /// forbids to go.
    pub(crate) fn stays_here(&self, settings: &ChannelSettings) -> bool {
        settings.url.as_ref().is_some_and(|url| self.check_reachable(url).is_err())
    }

    /// Pulls a channel into its mirror and remembers the newest head.
    pub(crate) fn pull(
        &self,
        channel: &ChannelName,
        version: Option<Version>,
    ) -> Result<Pulled, Error> {
        let _lock = files::lock(&self.places.channel(channel))?;
        let mut settings = self.settings(channel)?;
        let mirror = self.mirror(&settings)?;
        if self.stays_here(&settings) {
            return match garner_sync::pulled(&mirror, &settings.trust) {
                Err(garner_sync::Error::Empty { channel }) => {
                    Err(Error::NotFetched { channel, version: None })
                }
                found => Ok(found?),
            };
        }
        let remote = self.remote(&settings)?;
        let now = self.now();
        if settings.trust.clock_is_behind(now) {
            self.output.say(&format!(
                "The clock of this machine is behind: signed times up to {} were seen.",
                settings.trust.time(now)
            ));
        }
        let shown = self.show_transfer(format!("Pulling `{channel}`"));
        let pulled = garner_sync::pull(&remote, &mirror, &settings.trust, version, now)?;
        drop(shown);
        for Overdue { what, expired } in &pulled.overdue {
            self.output.say(&format!(
                "The {what} of `{channel}` expired on {}; its publisher should run \
                 `garner channel renew {channel}`.",
                expired.date()
            ));
        }
        if settings.trust != pulled.trust {
            settings.trust = pulled.trust.clone();
            garner_sync::save_settings(&self.places.channel(channel), &settings)?;
        }
        Ok(pulled)
    }
}
