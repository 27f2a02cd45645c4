//! `garner rollback`: read a channel as it was.

use clap::Args;
use garner_kernel::diff;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::kernels::KernelName;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The version to read: `notes@3` or `notes@prev`
    kernel: KernelName,
    /// Print what would change, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (channel, at) = match &arguments.kernel {
        KernelName::Channel(channel, at) => (channel, at),
        KernelName::File(path) => {
            let need = "a rollback needs a version that is loaded";
            return Err(Error::File { path: path.clone(), need });
        }
    };
    let version = context.version_at(channel, at)?;
    let mut store = context.store_to_write()?;
    let before = match store.view()?.reading(channel).version {
        Some(read) => store.contents_at(channel, read)?,
        None => garner_kernel::Contents::default(),
    };
    let differences = diff(&before, &store.contents_at(channel, version)?);
    if arguments.dry_run {
        return super::diff::print(&differences, &super::diff::Form::Full, context);
    }
    let operation = store.rollback(channel, version, &context.stamp()?)?;
    if context.global.json {
        return context.output.print_json(json!({
            "channel": channel.as_str(),
            "reads": version.get(),
            "held": true,
            "operation": operation.number,
            "changes": super::diff::counts(&differences),
        }));
    }
    context.output.print(&format!(
        "`{channel}` is read at {version} and held there ({}).\n",
        super::diff::summary(&differences)
    ))?;
    context.output.say(&format!(
        "`garner undo` takes it back; `garner load {channel} --release` follows the newest again."
    ));
    Ok(())
}
