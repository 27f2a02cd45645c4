//! `garner channel probe`: is a remote safe for more than one publisher?

use clap::Args;
use garner_kernel::ChannelName;
use garner_sync::{Promise, RemoteUrl, WRITERS};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};

#[derive(Debug, Args)]
pub(crate) struct Probing {
    /// A channel, or the address of a remote
    target: String,
    /// How often writers race for a name
    #[arg(long, default_value_t = 20, value_name = "N")]
    rounds: usize,
}

pub(super) fn probe(arguments: &Probing, context: &Context) -> Result<(), Error> {
    let url = address(&arguments.target, context)?;
    context.check_reachable(&url)?;
    context.output.say(&format!(
        "{WRITERS} writers meet {} times at `{url}`; what they write is removed.",
        arguments.rounds
    ));
    let open = || url.open(&context.places.cache.join("remotes"));
    let promises = garner_sync::probe(&open, arguments.rounds)?;
    show(&url, &promises, context)?;
    let broken = promises.iter().filter(|promise| promise.broken.is_some()).count();
    if broken == 0 {
        return Ok(());
    }
    Err(garner_sync::Error::NotAtomic { remote: url.to_string(), broken }.into())
}

/// Returns the address of a channel, or the one that the text is.
fn address(target: &str, context: &Context) -> Result<RemoteUrl, Error> {
    if let Ok(channel) = target.parse::<ChannelName>() {
        let url = context.settings(&channel)?.url;
        return url.ok_or(Error::NoRemote { channel });
    }
    Ok(target.parse()?)
}

fn show(url: &RemoteUrl, promises: &[Promise], context: &Context) -> Result<(), Error> {
    if context.global.json {
        let promise = |p: &Promise| json!({ "promise": p.name, "broken": p.broken });
        let promises: Vec<_> = promises.iter().map(promise).collect();
        return context
            .output
            .print_json(json!({ "remote": url.to_string(), "promises": promises }));
    }
    let mut text = String::new();
    for promise in promises {
        let (mark, why) = match &promise.broken {
            None => (styled("ok    ", output::GREEN), String::new()),
            Some(why) => (styled("BROKEN", output::RED), format!("\n        {why}")),
        };
        text.push_str(&format!("{mark}  {}{why}\n", promise.name));
    }
    context.output.print(&text)
}
