//! `garner channel add` and `trust`: which repository a channel is, for good.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_kernel::bundle::{
    self, Holders, KeyGrant, PublisherKey, RepositoryId, Right, Root, RootChain, limits,
};
use garner_kernel::{ChannelName, Version};
use garner_sync::{ChannelSettings, Invite, Name, Remote as _, Repository, Trust};
use serde_json::json;

use super::{save, show};
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::plan::Plan;
use crate::{section, trust};

/// How long the keys of a new repository are good for, in days.
pub(crate) const KEY_DAYS: u32 = 730;

/// Which repository to trust, and how its id is known.
#[derive(Debug, Args)]
pub(crate) struct Trusting {
    /// The channel
    name: ChannelName,
    /// The id of the repository, as its publisher tells it
    #[arg(required_unless_present = "tofu", conflicts_with = "tofu")]
    repository: Option<RepositoryId>,
    /// Show the keys that this `.kernel` file of the repository names
    #[arg(long, value_name = "FILE", conflicts_with = "tofu")]
    from: Option<PathBuf>,
    /// Take the id from this `.kernel` file, on first use, without comparing it with anybody
    #[arg(long, value_name = "FILE")]
    tofu: Option<PathBuf>,
    /// Print what would be trusted, and trust nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn trust(arguments: &Trusting, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let file = arguments.from.as_deref().or(arguments.tofu.as_deref());
    let found = file.map(|path| repository_in(path, arguments.repository.as_ref())).transpose()?;
    let (id, root) = match (&arguments.repository, found) {
        (Some(id), None) => (id.clone(), None),
        (_, Some((id, root))) => (id, Some(root)),
        (None, None) => return Err(Error::UnknownChannel { channel: name.clone() }),
    };
    let before = known(name, Some(&id), context)?;
    let mut plan = Plan::new(
        format!("trust repository {id} for `{name}`"),
        json!({
            "channel": name.as_str(),
            "repository": id.to_string(),
            "first_use": arguments.tofu.is_some(),
            "root": root.as_ref().map(trust::json),
        }),
    );
    plan.row("channel", name.to_string());
    plan.row("repository", id.to_string());
    plan.rows(root.as_ref().map(trust::rows).unwrap_or_default());
    if arguments.tofu.is_some() {
        plan.note("The id comes from the file itself: whoever made the file chose it.");
    }
    if arguments.dry_run {
        return plan.print(context);
    }
    if let Some(mut settings) = before {
        if arguments.repository.is_some() && settings.first_use.take().is_some() {
            // The id was compared after all.
            save(name, &settings, context)?;
        }
        return show(&settings, root.as_ref(), context);
    }
    let trust = Trust::pin(Repository { id, channel: name.clone() });
    let first_use = arguments.tofu.as_ref().map(|_| context.now());
    let settings = ChannelSettings { first_use, ..ChannelSettings::new(None, trust) };
    save(name, &settings, context)?;
    show(&settings, root.as_ref(), context)
}

/// Returns the repository of a bundle file and its last root, checked against the id that is
/// expected, if any.
fn repository_in(
    path: &Path,
    expected: Option<&RepositoryId>,
) -> Result<(RepositoryId, Root), Error> {
    let refused = |source| Error::Bundle { path: path.to_owned(), source };
    let bundle = section::scan(path)?;
    let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
    let id = match expected {
        Some(id) => id.clone(),
        None => bundle::repository_of(first).map_err(refused)?,
    };
    let chain = RootChain::check(&id, &bundle.roots).map_err(refused)?;
    Ok((id, chain.last().clone()))
}

/// Returns the settings of a channel that is set up for this repository already.
///
/// # Errors
/// [`Error::OwnChannel`] for a name whose versions the store makes itself, [`Error::ChannelExists`]
/// if it is set up for another one: its pin is not replaced unasked.
fn known(
    name: &ChannelName,
    repository: Option<&RepositoryId>,
    context: &Context,
) -> Result<Option<ChannelSettings>, Error> {
    if name.is_reserved() {
        return Err(Error::OwnChannel { channel: name.clone() });
    }
    match context.settings(name) {
        Err(Error::UnknownChannel { .. }) => Ok(None),
        Ok(settings) if repository == Some(&settings.trust.repository.id) => Ok(Some(settings)),
        Ok(_) => Err(Error::ChannelExists { channel: name.clone() }),
        Err(other) => Err(other),
    }
}

pub(super) fn add(name: &ChannelName, invite: &Invite, context: &Context) -> Result<(), Error> {
    if let Some(mut settings) = known(name, invite.repository.as_ref(), context)? {
        // The same repository may have moved; what was seen and who reads stays.
        settings.url = Some(invite.url.clone());
        save(name, &settings, context)?;
        return show(&settings, None, context);
    }
    let remote = context.open_remote(&invite.url)?;
    let notes = match garner_sync::roots(&remote) {
        Err(garner_sync::Error::NoRepository) => Vec::new(),
        notes => notes?,
    };
    let ours = keys::publisher_public(&context.places);
    let (id, publishes, root) = match (notes.first(), &invite.repository) {
        (None, None) => (create(&remote, context)?, true, None),
        (None, Some(_)) => return Err(garner_sync::Error::NoRepository.into()),
        (Some(first), pin) => {
            let there = bundle::repository_of(first)?;
            let pin = match pin {
                Some(pin) => pin.clone(),
                None if is_unfinished(&remote, &there, (name, &notes), context)? => {
                    garner_sync::put_readme(&remote)?;
                    there
                }
                None => {
                    let repository = there.to_string();
                    return Err(garner_sync::Error::RepositoryExists { repository }.into());
                }
            };
            let roots = RootChain::check(&pin, &notes)?;
            let (holders, _) = roots.last().holders(&Right::Publish);
            let publishes = ours.is_ok_and(|ours| holders.contains(&&ours));
            (pin, publishes, Some(roots.last().clone()))
        }
    };
    let readers = if publishes { keys::own_readers(&context.places)? } else { Vec::new() };
    let trust = Trust::pin(Repository { id, channel: name.clone() });
    let url = Some(invite.url.clone());
    let settings = ChannelSettings { readers, ..ChannelSettings::new(url, trust) };
    save(name, &settings, context)?;
    show(&settings, root.as_ref(), context)?;
    if publishes {
        context.output.say("You publish here; `garner channel grant` lets other devices read.");
    } else {
        let device = KeyRole::Device.public(&context.places)?;
        context.output.say(&format!(
            "To read it, send the publisher this line, who grants it:\n\
             garner channel grant {name} {device} --as LABEL"
        ));
    }
    Ok(())
}

/// Returns whether a repository is what a command left that was stopped while it made one: our own
/// root key signed its first and only root, which lets our publisher key publish, no channel of
/// this machine has it, and nothing was published yet.
fn is_unfinished(
    remote: &garner_sync::AnyRemote,
    there: &RepositoryId,
    (name, notes): (&ChannelName, &[Vec<u8>]),
    context: &Context,
) -> Result<bool, Error> {
    let ours = (keys::root_public(&context.places), keys::publisher_public(&context.places));
    let ((Ok(root), Ok(publisher)), [_]) = (ours, notes) else { return Ok(false) };
    let Ok(chain) = RootChain::check(there, notes) else { return Ok(false) };
    let (roots, publishers) =
        (chain.last().holders(&Right::Root).0, chain.last().holders(&Right::Publish).0);
    if roots != [&root] || publishers != [&publisher] {
        return Ok(false);
    }
    for known in context.known_channels()? {
        if context.settings(&known)?.trust.repository.id == *there {
            return Ok(false);
        }
    }
    let first = Name::head(name, Version::FIRST);
    Ok(remote.get(&first, limits::HEAD as u64)?.is_none())
}

/// Makes a repository whose root key is ours.
fn create(remote: &garner_sync::AnyRemote, context: &Context) -> Result<RepositoryId, Error> {
    let (root_key, publisher) = (keys::root(context)?, keys::publisher(context)?);
    let not_after = context.now().plus_days(KEY_DAYS);
    let grant = |key| KeyGrant::until(key, not_after);
    let holder =
        |key: &PublisherKey| Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    let root = Root {
        repository: None,
        version: 1,
        expires: not_after,
        keys: vec![grant(publisher.public()), grant(root_key.public())],
        roles: [
            (Right::Root, holder(&root_key)),
            (Right::Publish, holder(&publisher)),
            (Right::Freshness, holder(&publisher)),
            (Right::Revoke, holder(&publisher)),
        ]
        .into(),
    };
    Ok(garner_sync::create_repository(remote, &root, &[&root_key])?)
}
