//! `garner channel root`: a root that others signed as well reaches the remote.

use std::path::PathBuf;

use clap::Args;
use garner_kernel::bundle::RootChain;
use garner_kernel::{ChannelName, Draft};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::plan::Plan;
use crate::trust::{self, RootNote};

/// A signed root, and where it belongs.
#[derive(Debug, Args)]
pub(crate) struct Submission {
    /// The channel
    name: ChannelName,
    /// The root, with enough signatures
    file: PathBuf,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn submit(arguments: &Submission, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let settings = context.settings(name)?;
    let remote = context.remote(&settings)?;
    let note = RootNote::read(&arguments.file)?;
    if arguments.dry_run {
        let signed = note.signed(context)?;
        let mut plan = Plan::new(
            format!("add root {} to the repository of `{name}`", note.root.version),
            json!({
                "channel": name.as_str(),
                "root": trust::json(&note.root),
                "signed": trust::signature_json(&signed),
            }),
        );
        plan.rows(trust::rows(&note.root));
        plan.rows(trust::signature_rows(&signed));
        return plan.print(context);
    }
    let id = &settings.trust.repository.id;
    let number = garner_sync::add_root(&remote, id, note.bytes())?;
    let chain = RootChain::check(id, &garner_sync::roots(&remote)?)?;
    let waiting = waiting(&chain, context)?;
    let publishes = !settings.readers.is_empty() && settings.trust.known.floor.is_some();
    if waiting.is_none() && publishes && keys::publisher_public(&context.places).is_ok() {
        context.publish(name, &Draft::default())?;
    }
    if context.global.json {
        let value = json!({ "channel": name.as_str(), "root": number });
        return context.output.print_json(value);
    }
    context.output.print(&format!("Root {number} counts for `{name}` now.\n"))?;
    if let Some(role) = waiting {
        let role = role.as_str();
        context.output.say(&format!("`garner key rotate {role}` puts the new key in its place."));
    }
    Ok(())
}

/// Returns the role of a key that waits here and that the last root names.
fn waiting(chain: &RootChain, context: &Context) -> Result<Option<KeyRole>, Error> {
    for role in KeyRole::ALL.into_iter().filter(|role| role.signs()) {
        let new = role.successor_public(&context.places)?;
        let grants = &chain.last().keys;
        if new.is_some_and(|new| grants.iter().any(|grant| grant.key == new)) {
            return Ok(Some(role));
        }
    }
    Ok(None)
}
