//! `garner rollback`: read a channel as it was, here or everywhere.

use clap::Args;
use garner_kernel::bundle::Reason;
use garner_kernel::{ChannelName, Contents, Version, diff};
use garner_sync::Published;
use serde_json::json;

use super::diff::{self as differing, Form};
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::keys;
use crate::plan::{Consent, Plan};
use crate::publication::{Change, Next};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The version to read: `notes@3`, `notes@prev`, or `notes@TAG`
    kernel: KernelName,
    /// Publish a version that brings it back for every reader
    #[arg(long)]
    publish: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (channel, at) = match &arguments.kernel {
        KernelName::Channel(channel, at) => (channel, at),
        KernelName::File(path) => {
            let need = "a rollback needs a version of a channel";
            return Err(Error::File { path: path.clone(), need });
        }
    };
    let version = context.version_at(channel, at)?;
    if arguments.publish {
        return publish(channel, version, arguments.consent, context);
    }
    let mut store = context.store_to_write()?;
    let before = match store.view()?.reading(channel).version {
        Some(read) => store.contents_at(channel, read)?,
        None => Contents::default(),
    };
    let differences = diff(&before, &store.contents_at(channel, version)?);
    if arguments.consent.is_dry_run() {
        return differing::print(&differences, &[], &Form::Full, context);
    }
    let operation = store.rollback(channel, version, &context.stamp()?)?;
    if context.global.json {
        return context.output.print_json(json!({
            "channel": channel.as_str(),
            "reads": version.get(),
            "held": true,
            "operation": operation.number,
            "changes": differing::counts(&differences),
        }));
    }
    context.output.print(&format!(
        "`{channel}` is read at {version} and held there ({}).\n",
        differing::summary(&differences)
    ))?;
    context.output.say(&format!(
        "`garner undo` takes it back; `garner load {channel} --release` follows the newest again."
    ));
    Ok(())
}

/// Publishes the next version with the contents of an older one.
fn publish(
    channel: &ChannelName,
    version: Version,
    consent: Consent,
    context: &Context,
) -> Result<(), Error> {
    let settings = context.settings(channel)?;
    let key = keys::publisher(context)?;
    let newest = context.pull(channel, None)?.floor.version;
    let contents = |version| {
        let name = KernelName::Channel(channel.clone(), At::Number(version));
        Ok::<_, Error>(context.open_kernel(&name)?.into_inner().contents)
    };
    let (base, older) = (contents(newest)?, contents(version)?);
    let ours = base.rolled_back(&older, context.now())?;
    let differences = diff(&base, &ours);
    if differences.is_empty() {
        return unchanged(channel, newest, context);
    }
    let mut plan = Plan::new(
        format!("publish a version of `{channel}` that brings {version} back"),
        json!({
            "channel": channel.as_str(),
            "restores": version.get(),
            "counts": differing::counts(&differences),
            "differences": differing::items(&differences),
        }),
    );
    plan.body(differing::text(&differences, &Form::Full, context.output.look()));
    plan.note(
        "What others publish meanwhile stays, and so does what was rejected or revoked since.",
    );
    if !plan.agreed(consent, context)? {
        return Ok(());
    }
    let change = Change::Rollback { base: &base, ours: &ours };
    let next = Next { change, key: &key, reason: Reason::RollbackTo(version) };
    match context.publish_next(&settings, &next)? {
        Published::New(sealed) => super::publish::report(channel, &sealed, &settings, context),
        Published::Unchanged(newest) => unchanged(channel, newest, context),
    }
}

fn unchanged(channel: &ChannelName, newest: Version, context: &Context) -> Result<(), Error> {
    if context.global.json {
        let value = json!({ "channel": channel.as_str(), "published": null });
        return context.output.print_json(value);
    }
    context.output.print(&format!("Nothing to publish: {newest} of `{channel}` says the same.\n"))
}
