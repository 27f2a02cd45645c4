//! `garner channel`: where knowledge is published to and read from.

use clap::Subcommand;
use garner_kernel::ChannelName;
use garner_kernel::bundle::{
    self, Holders, KeyGrant, Reader, Recipient, RepositoryId, Right, Root, RootChain,
};
use garner_sync::{ChannelSettings, Invite, Repository, Trust};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::{files, table};

/// How long the keys of a new repository are good for, in days.
const KEY_DAYS: u32 = 730;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the channels of this machine
    List,
    /// Show a channel, and the invite for others
    Show {
        /// The channel
        name: ChannelName,
    },
    /// Add a channel: makes a repository in an empty folder, or reads one by its invite
    Add {
        /// The channel
        name: ChannelName,
        /// The address: `file:/FOLDER`, followed by `#ID` for a repository of somebody else
        invite: Invite,
    },
    /// Trust a repository whose kernels arrive as files
    Trust {
        /// The channel
        name: ChannelName,
        /// The id of the repository, as its publisher tells it
        repository: RepositoryId,
    },
    /// Let another device read a channel
    Grant {
        /// The channel
        name: ChannelName,
        /// The public half of its device key (`age1…`)
        recipient: Recipient,
        /// What to call it
        #[arg(long = "as", value_name = "LABEL")]
        label: String,
    },
    /// Say that a channel is still looked after, so that readers keep trusting their copies
    Renew {
        /// The channel
        name: ChannelName,
    },
    /// Forget a channel on this machine; what is loaded and published stays
    Remove {
        /// The channel
        name: ChannelName,
        /// Do it without being asked
        #[arg(short, long)]
        yes: bool,
    },
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List => list(context),
        Command::Show { name } => show(name, &context.settings(name)?, context),
        Command::Add { name, invite } => add(name, invite, context),
        Command::Trust { name, repository } => {
            if let Some(settings) = known(name, Some(repository), context)? {
                return show(name, &settings, context);
            }
            let repository = Repository { id: repository.clone(), channel: name.clone() };
            let trust = Trust::pin(repository);
            save(name, &ChannelSettings { url: None, trust, readers: Vec::new() }, context)
        }
        Command::Grant { name, recipient, label } => grant(name, recipient, label, context),
        Command::Renew { name } => renew(name, context),
        Command::Remove { name, yes } => remove(name, *yes, context),
    }
}

fn list(context: &Context) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        let url = settings.url.as_ref().map(ToString::to_string);
        let version = settings.trust.known.floor.map(|floor| floor.version);
        rows.push(vec![
            channel.to_string(),
            version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            url.clone().unwrap_or_else(|| "files only".to_owned()),
        ]);
        items.push(json!({
            "name": channel.as_str(),
            "remote": url,
            "repository": settings.trust.repository.id.to_string(),
            "pulled": version.map(garner_kernel::Version::get),
        }));
    }
    if context.global.json {
        return context.output.print_json(json!({ "channels": items }));
    }
    if rows.is_empty() {
        context.output.say("No channels yet; `garner channel add NAME file:/FOLDER` adds one.");
    }
    context.output.print(&table::columns(&rows))
}

fn show(name: &ChannelName, settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    let repository = settings.trust.repository.id.clone();
    let invite = settings
        .url
        .clone()
        .map(|url| Invite { url, repository: Some(repository.clone()) }.to_string());
    if context.global.json {
        let reader = |r: &Reader| json!({ "name": r.name, "recipient": r.recipient.to_string() });
        return context.output.print_json(json!({
            "name": name.as_str(),
            "repository": repository.to_string(),
            "invite": invite,
            "pulled": settings.trust.known.floor.map(|floor| floor.version.get()),
            "readers": settings.readers.iter().map(reader).collect::<Vec<_>>(),
        }));
    }
    let mut rows = vec![
        vec!["channel".to_owned(), name.to_string()],
        vec!["repository".to_owned(), repository.to_string()],
        vec!["invite".to_owned(), invite.unwrap_or_else(|| "none: files only".to_owned())],
    ];
    for reader in &settings.readers {
        rows.push(vec!["reader".to_owned(), format!("{} {}", reader.recipient, reader.name)]);
    }
    context.output.print(&table::columns(&rows))
}

fn save(name: &ChannelName, settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    garner_sync::save_settings(&context.places.channel(name), settings)?;
    show(name, settings, context)
}

/// Returns the settings of a channel that is set up for this repository already.
///
/// # Errors
/// [`Error::ChannelExists`] if it is set up for another one: its pin is not replaced unasked.
fn known(
    name: &ChannelName,
    repository: Option<&RepositoryId>,
    context: &Context,
) -> Result<Option<ChannelSettings>, Error> {
    match context.settings(name) {
        Err(Error::UnknownChannel { .. }) => Ok(None),
        Ok(settings) if repository == Some(&settings.trust.repository.id) => Ok(Some(settings)),
        Ok(_) => Err(Error::ChannelExists { channel: name.clone() }),
        Err(other) => Err(other),
    }
}

fn add(name: &ChannelName, invite: &Invite, context: &Context) -> Result<(), Error> {
    if let Some(mut settings) = known(name, invite.repository.as_ref(), context)? {
        // The same repository may have moved; what was seen and who reads stays.
        settings.url = Some(invite.url.clone());
        return save(name, &settings, context);
    }
    let remote = invite.url.open()?;
    let notes = match garner_sync::roots(&remote) {
        Err(garner_sync::Error::NoRepository) => Vec::new(),
        notes => notes?,
    };
    let ours = keys::publisher_public(&context.places);
    let (id, publishes) = match (notes.first(), &invite.repository) {
        (None, None) => (create(&remote, context)?, true),
        (None, Some(_)) => return Err(garner_sync::Error::NoRepository.into()),
        (Some(first), pin) => {
            let there = bundle::repository_of(first)?;
            let pin = pin.clone().ok_or_else(|| garner_sync::Error::RepositoryExists {
                repository: there.to_string(),
            })?;
            let roots = RootChain::check(&pin, &notes)?;
            let (publishers, _) = roots.last().holders(&Right::Publish);
            (pin, ours.is_ok_and(|ours| publishers.contains(&&ours)))
        }
    };
    let readers = if publishes { keys::own_readers(&context.places)? } else { Vec::new() };
    let repository = Repository { id, channel: name.clone() };
    let trust = Trust::pin(repository);
    save(name, &ChannelSettings { url: Some(invite.url.clone()), trust, readers }, context)?;
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

/// Makes a repository whose root key is ours.
fn create(remote: &garner_sync::FolderRemote, context: &Context) -> Result<RepositoryId, Error> {
    let (root_key, publisher) = (keys::root(context)?, keys::publisher(context)?);
    let not_after = context.now().plus_days(KEY_DAYS);
    let grant = |key| KeyGrant::until(key, not_after);
    let holder = |key: &bundle::PublisherKey| Holders {
        keys: vec![key.public().name().clone()],
        threshold: 1,
    };
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

fn grant(
    name: &ChannelName,
    recipient: &Recipient,
    label: &str,
    context: &Context,
) -> Result<(), Error> {
    keys::check_plugin(recipient)?;
    let lock = files::lock(&context.places.channel(name))?;
    let mut settings = context.settings(name)?;
    settings.readers.retain(|reader| reader.recipient != *recipient);
    settings.readers.push(Reader { name: label.to_owned(), recipient: recipient.clone() });
    garner_sync::save_settings(&context.places.channel(name), &settings)?;
    drop(lock);
    if settings.trust.known.floor.is_some() {
        // Only the keyring changes: the fragments stay those of the newest version.
        context.publish(name, &garner_kernel::Draft::default())?;
    }
    show(name, &context.settings(name)?, context)
}

fn renew(name: &ChannelName, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let url = settings.url.as_ref();
    let remote = url.ok_or_else(|| Error::NoRemote { channel: name.clone() })?.open()?;
    let key = keys::publisher(context)?;
    let renewed = garner_sync::renew(&remote, &settings.trust, &key, context.now())?;
    let latest = renewed.ok_or_else(|| garner_sync::Error::Empty { channel: name.clone() })?;
    if context.global.json {
        return context.output.print_json(json!({
            "channel": name.as_str(),
            "version": latest.version.get(),
            "expires": latest.expires.to_string(),
        }));
    }
    context.output.print(&format!(
        "`{name}` is at {}; readers believe that until {}.\n",
        latest.version,
        latest.expires.date()
    ))
}

fn remove(name: &ChannelName, yes: bool, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    if !yes {
        show(name, &settings, context)?;
        context.output.say("This machine would forget the channel and its pin.");
        return Err(Error::Unconfirmed);
    }
    let path = context.places.channel(name);
    std::fs::remove_file(&path).map_err(|e| Error::io("remove", path, e))?;
    if context.global.json {
        return context.output.print_json(json!({ "removed": name.as_str() }));
    }
    context.output.print(&format!("Forgot `{name}`; what is loaded and published stays.\n"))
}
