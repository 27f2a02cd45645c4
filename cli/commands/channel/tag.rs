//! `garner channel tag` and `tags`: names that versions keep.

use clap::Args;
use garner_kernel::bundle::VersionTag;
use garner_kernel::{ChannelName, TagName};
use serde_json::{Value, json};

use crate::context::Context;
use crate::drafts::names_in;
use crate::error::Error;
use crate::kernels::KernelName;
use crate::plan::Plan;
use crate::{keys, table};

/// Which version gets which name.
#[derive(Debug, Args)]
pub(crate) struct Tagging {
    /// The version: `notes@3`, or `notes` for the newest
    kernel: KernelName,
    /// Its name: `a-z`, `0-9` and `-`, no number
    name: TagName,
    /// Print what would be signed, and sign nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Which tags to show.
#[derive(Debug, Args)]
pub(crate) struct Tags {
    /// The channel
    channel: ChannelName,
    /// Look for these names on the remote as well, which cannot list its tags
    name: Vec<TagName>,
}

pub(super) fn tag(arguments: &Tagging, context: &Context) -> Result<(), Error> {
    let (channel, at) = match &arguments.kernel {
        KernelName::Channel(channel, at) => (channel, at),
        KernelName::File(path) => {
            let need = "a tag needs a version of a channel";
            return Err(Error::File { path: path.clone(), need });
        }
    };
    let version = context.version_at(channel, at)?;
    let settings = context.settings(channel)?;
    let remote = context.remote(&settings)?;
    if arguments.dry_run {
        let facts = json!({
            "channel": channel.as_str(),
            "tag": arguments.name.as_str(),
            "version": version.get(),
        });
        let title = format!("tag {version} of `{channel}` as `{}`, for good", arguments.name);
        let mut plan = Plan::new(title, facts);
        plan.row("readers write", format!("{channel}@{}", arguments.name));
        return plan.print(context);
    }
    let (key, mirror) = (keys::publisher(context)?, context.mirror(&settings)?);
    let what = (&arguments.name, version);
    let given = garner_sync::tag((&remote, &mirror), &settings.trust, &key, what, context.now())?;
    if context.global.json {
        return context.output.print_json(json_of(&given));
    }
    context.output.print(&format!(
        "{version} of `{channel}` is tagged `{0}`: `{channel}@{0}` names it from now on.\n",
        arguments.name
    ))
}

pub(super) fn list(arguments: &Tags, context: &Context) -> Result<(), Error> {
    let channel = &arguments.channel;
    for name in &arguments.name {
        context.tag(channel, name)?;
    }
    let settings = context.settings(channel)?;
    let mirror = context.mirror(&settings)?;
    let folder = context.places.mirror(&settings.trust.repository.id).join("tag");
    let mut tags = Vec::new();
    for name in names_in::<TagName>(&folder, ".note")? {
        match garner_sync::kept_tag(&mirror, &settings.trust, &name) {
            Ok(tag) => tags.extend(tag),
            // The repository has other channels, whose tags are not of this one.
            Err(garner_sync::Error::Refused {
                source: garner_kernel::Error::Mismatch { what: "channel of the tag", .. },
                ..
            }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    tags.sort_by_key(|tag| tag.version);
    if context.global.json {
        let items: Vec<Value> = tags.iter().map(json_of).collect();
        let value = json!({ "channel": channel.as_str(), "tags": items });
        return context.output.print_json(value);
    }
    if tags.is_empty() {
        context.output.say(&format!(
            "No tag of `{channel}` is known here; `garner channel tags {channel} NAME` asks the \
             remote for one."
        ));
    }
    let row = |tag: &VersionTag| {
        vec![
            tag.name.to_string(),
            tag.version.to_string(),
            tag.head.short(),
            tag.created.to_string(),
        ]
    };
    context.output.print(&table::columns(&tags.iter().map(row).collect::<Vec<_>>()))
}

fn json_of(tag: &VersionTag) -> Value {
    json!({
        "channel": tag.channel.as_str(),
        "tag": tag.name.as_str(),
        "version": tag.version.get(),
        "head": tag.head.to_string(),
        "created": tag.created.to_string(),
    })
}
