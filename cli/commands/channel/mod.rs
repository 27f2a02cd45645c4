//! `garner channel`: where knowledge is published to and read from.

mod fleet;
pub(crate) mod gc;
mod pin;
pub(crate) mod policy;
mod probe;
mod readers;
pub(crate) mod receipts;
mod root;
mod tag;
mod upkeep;

pub(crate) use self::pin::KEY_DAYS;
pub(crate) use self::upkeep::ROOT_DAYS;

use clap::Subcommand;
use garner_kernel::ChannelName;
use garner_kernel::bundle::{Reader, Recipient, Root};
use garner_loader::Policy;
use garner_sync::{ChannelSettings, Invite};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::plan::Consent;
use crate::{qr, table, trust};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the channels of this machine
    List,
    /// Show a channel, and the invite for others
    Show {
        /// The channel
        name: ChannelName,
        /// Print the invite as a QR code as well
        #[arg(long)]
        qr: bool,
    },
    /// Add a channel: makes a repository in an empty folder, or reads one by its invite
    Add {
        /// The channel
        name: ChannelName,
        /// The address: `file:/FOLDER` or `https://HOST/PATH`, followed by `#ID` for a repository of somebody else
        invite: Invite,
    },
    /// Trust a repository whose kernels arrive as files
    Trust(pin::Trusting),
    /// Let another device read a channel
    Grant {
        /// The channel
        name: ChannelName,
        /// The public half of its device key (`age1…`)
        recipient: Recipient,
        /// What to call it
        #[arg(long = "as", value_name = "LABEL")]
        label: String,
        /// Print what would be done, and do nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Take a device out of the readers: what comes now is encrypted to a key that it never had
    Revoke(readers::Revocation),
    /// Say that a channel is still looked after, so that readers keep trusting their copies
    Renew {
        /// The channel
        name: ChannelName,
        /// Print what would be signed, and sign nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Give a version a name that nobody can give to another one
    Tag(tag::Tagging),
    /// List the tags that are known here
    Tags(tag::Tags),
    /// Show or set whom to believe where channels disagree, and how little trust is too little
    Policy(policy::Arguments),
    /// Show how a channel stands here, and with `--fleet` who reads which version
    Status(fleet::Standing),
    /// Say to the publisher which version is read here, or stop it
    Receipts(Box<receipts::Arguments>),
    /// Register whose receipts to look at
    Fleet(fleet::Fleet),
    /// Let writers race on a remote, to see whether it is safe for more than one publisher
    Probe(probe::Probing),
    /// Add a root that enough holders of root keys signed
    Root(root::Submission),
    /// Remove from the remote what only old versions need
    Gc(gc::Arguments),
    /// Forget a channel on this machine; what is loaded and published stays
    Remove {
        /// The channel
        name: ChannelName,
        #[command(flatten)]
        consent: Consent,
    },
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List => list(context),
        Command::Show { name, qr } => {
            let settings = context.settings(name)?;
            show(&settings, None, context)?;
            if *qr && !context.global.json { show_qr(&settings, context) } else { Ok(()) }
        }
        Command::Add { name, invite } => pin::add(name, invite, context),
        Command::Trust(arguments) => pin::trust(arguments, context),
        Command::Grant { name, recipient, label, dry_run } => {
            let reader = Reader { name: label.clone(), recipient: recipient.clone() };
            if *dry_run {
                return readers::plan_grant(name, &reader, context);
            }
            readers::grant(name, &reader, context)
        }
        Command::Revoke(arguments) => readers::revoke(arguments, context),
        Command::Renew { name, dry_run } => upkeep::renew(name, *dry_run, context),
        Command::Tag(arguments) => tag::tag(arguments, context),
        Command::Tags(arguments) => tag::list(arguments, context),
        Command::Policy(arguments) => policy::run(arguments, context),
        Command::Status(arguments) => fleet::status(arguments, context),
        Command::Receipts(arguments) => receipts::run(arguments, context),
        Command::Fleet(arguments) => fleet::fleet(arguments, context),
        Command::Probe(arguments) => probe::probe(arguments, context),
        Command::Root(arguments) => root::submit(arguments, context),
        Command::Gc(arguments) => gc::run(arguments, context),
        Command::Remove { name, consent } => upkeep::remove(name, *consent, context),
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

/// Returns the address and the pin of a channel as one text; `None` where files are all there is.
fn invite_of(settings: &ChannelSettings) -> Option<String> {
    let repository = Some(settings.trust.repository.id.clone());
    settings.url.clone().map(|url| Invite { url, repository }.to_string())
}

/// Shows a channel, with the keys of its repository where `root` is told.
fn show(settings: &ChannelSettings, root: Option<&Root>, context: &Context) -> Result<(), Error> {
    let name = &settings.trust.repository.channel;
    let repository = settings.trust.repository.id.to_string();
    let invite = invite_of(settings);
    let policy = policy::view(context)?.reading(name).policy;
    if context.global.json {
        let reader = |r: &Reader| json!({ "name": r.name, "recipient": r.recipient.to_string() });
        return context.output.print_json(json!({
            "name": name.as_str(),
            "repository": repository,
            "invite": invite,
            "pulled": settings.trust.known.floor.map(|floor| floor.version.get()),
            "policy": policy::json_of(policy),
            "readers": settings.readers.iter().map(reader).collect::<Vec<_>>(),
            "first_use": settings.first_use.map(|at| at.to_string()),
            "root": root.map(trust::json),
        }));
    }
    let mut rows = vec![
        vec!["channel".to_owned(), name.to_string()],
        vec!["repository".to_owned(), repository],
        vec!["invite".to_owned(), invite.unwrap_or_else(|| "none: files only".to_owned())],
    ];
    if let Some(at) = settings.first_use {
        let text = format!("on first use, {}: nobody compared the id", at.date());
        rows.push(vec!["trusted".to_owned(), text]);
    }
    if policy != Policy::default() {
        rows.push(vec!["policy".to_owned(), policy.to_string()]);
    }
    rows.extend(root.map(trust::rows).unwrap_or_default());
    for reader in &settings.readers {
        rows.push(vec!["reader".to_owned(), format!("{} {}", reader.recipient, reader.name)]);
    }
    context.output.print(&table::columns(&rows))
}

/// Prints the invite as a QR code; without an address, the id of the repository.
fn show_qr(settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    let text = invite_of(settings).unwrap_or_else(|| settings.trust.repository.id.to_string());
    context.output.print(&qr::render(&text)?)
}

fn save(name: &ChannelName, settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    Ok(garner_sync::save_settings(&context.places.channel(name), settings)?)
}
