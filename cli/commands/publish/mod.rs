//! `garner publish`: seal the draft of a channel and push it.

mod ephemeral;
mod promote;

use std::path::PathBuf;

use clap::Args;
use garner_kernel::bundle::Sealed;
use garner_kernel::{ChannelName, Contents, diff};
use garner_sync::{ChannelSettings, Published};
use serde_json::json;

use crate::conflict::Conflict;
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::plan::Consent;
use crate::transfer::Pace;
use crate::{drill, files, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel (default: the only one)
    channel: Option<ChannelName>,
    #[command(flatten)]
    consent: Consent,
    /// Write the new version to this `.kernel` file as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Propose the draft in a file of its own, signed by a key that nobody keeps
    #[arg(long, requires = "out")]
    ephemeral: bool,
    #[command(flatten)]
    recipients: ephemeral::Recipients,
    /// Publish what this `.kernel` file proposes, countersigned by our key
    #[arg(long, value_name = "FILE", conflicts_with = "ephemeral")]
    promote: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    context.keep_to(arguments.pace);
    match (&arguments.promote, &arguments.out) {
        (Some(file), _) => promote::run(file, arguments, context),
        (None, Some(out)) if arguments.ephemeral => ephemeral::run(arguments, out, context),
        _ => publish(arguments, context),
    }
}

fn publish(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channel = context.the_channel(arguments.channel.as_ref())?;
    let draft =
        context.draft(&channel)?.ok_or_else(|| Error::NoDraft { channel: channel.clone() })?;
    let settings = context.settings(&channel)?;
    if arguments.consent.is_dry_run() {
        let before = newest(&channel, &settings, context)?;
        let after = draft.onto(&before)?;
        let conflicts = crate::commands::diff::conflicts(&before, &after);
        let form = crate::commands::diff::Form::Full;
        return crate::commands::diff::print(&diff(&before, &after), &conflicts, &form, context);
    }
    if let Some(path) = &arguments.out {
        // Before anything is published: a path that cannot be written fails the whole command.
        files::check_writable(path)?;
    }
    drill::warn(&channel, &settings, context);
    let sealed = match context.publish(&channel, &draft)? {
        Published::New(sealed) => sealed,
        Published::Unchanged(version) => {
            context.write_bundle(&channel, version, arguments.out.as_deref())?;
            if context.global.json {
                let value = json!({ "channel": channel.as_str(), "published": null });
                return context.output.print_json(value);
            }
            let mut text =
                format!("Nothing to publish: {version} of `{channel}` says all of it.\n");
            if let Some(path) = &arguments.out {
                text.push_str(&format!("`{}` holds {version}.\n", path.display()));
            }
            return context.output.print(&text);
        }
    };
    context.write_bundle(&channel, sealed.version, arguments.out.as_deref())?;
    report(&channel, &sealed, &settings, context)
}

/// Says what was published, and what it changed.
pub(crate) fn report(
    channel: &ChannelName,
    sealed: &Sealed,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<(), Error> {
    let bytes = sealed.bundle.to_bytes();
    // What was sealed, and on top of what: another publisher may have been first.
    let contents =
        |version| context.contents(&KernelName::Channel(channel.clone(), At::Number(version)));
    let before = sealed.version.previous().map(contents).transpose()?.unwrap_or_default();
    let after = contents(sealed.version)?;
    let differences = diff(&before, &after);
    let conflicts = crate::commands::diff::conflicts(&before, &after);
    if context.global.json {
        return context.output.print_json(json!({
            "channel": channel.as_str(),
            "published": sealed.version.get(),
            "head": sealed.head.to_string(),
            "fragments": after.fragments().len(),
            "bundle_bytes": bytes.len(),
            "changes": crate::commands::diff::counts(&differences),
            "conflicts": conflicts.iter().map(Conflict::json).collect::<Vec<_>>(),
        }));
    }
    context.output.print(&format!(
        "Published {} of `{channel}`: {} ({}), {} bytes sealed for {}.\n",
        sealed.version,
        table::count(after.fragments().len(), "fragment"),
        crate::commands::diff::summary(&differences),
        bytes.len(),
        table::count(settings.readers.len(), "reader"),
    ))?;
    if !conflicts.is_empty() {
        context.output.print(&conflicts.iter().map(Conflict::lines).collect::<String>())?;
        context.output.say(&format!("Settle it with `garner review -c {channel} --keep ID`."));
    }
    Ok(())
}

/// Returns the contents of the newest version on the remote, or nothing if there is none.
pub(crate) fn newest(
    channel: &ChannelName,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<Contents, Error> {
    match context.pull(channel, None) {
        Ok(_) => {}
        Err(Error::Sync(garner_sync::Error::Empty { .. })) => return Ok(Contents::default()),
        Err(other) => return Err(other),
    }
    let releases = context.releases(settings)?;
    let Some(release) = releases.last() else { return Ok(Contents::default()) };
    let name = KernelName::Channel(channel.clone(), At::Number(release.version));
    Ok(context.open_kernel(&name)?.into_inner().contents)
}
