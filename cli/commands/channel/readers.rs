//! `garner channel grant` and `revoke`: who can read what comes next.

use clap::Args;
use garner_kernel::bundle::{self, Identity, Keyring, Reader, Reason, Recipient};
use garner_kernel::{ChannelName, Draft};
use garner_sync::{ChannelSettings, Published};
use serde_json::{Value, json};

use super::{save, show};
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::plan::{Consent, Plan};
use crate::publication::{self, Change, Next};
use crate::trust::TrustError;
use crate::{files, table};

/// Who is taken out, and whether this machine itself may be.
#[derive(Debug, Args)]
pub(crate) struct Revocation {
    /// The channel
    name: ChannelName,
    /// The reader: its label, or its recipient (`age1…`)
    reader: String,
    /// Even if it is the device or recovery key of this machine
    #[arg(long)]
    own: bool,
    #[command(flatten)]
    consent: Consent,
}

/// Checks that the readers of a channel are decided here: where it is published.
fn check_ours(name: &ChannelName, settings: &ChannelSettings) -> Result<(), Error> {
    if settings.readers.is_empty() {
        return Err(TrustError::NotOurs { channel: name.clone() }.into());
    }
    Ok(())
}

/// Adds a reader, or gives one a new label; the next version is for it.
fn join(settings: &mut ChannelSettings, reader: &Reader) {
    for readers in [&mut settings.readers, &mut settings.joining] {
        readers.retain(|known| known.recipient != reader.recipient);
        readers.push(reader.clone());
    }
    settings.leaving.retain(|recipient| *recipient != reader.recipient);
}

/// Takes a reader out; the next version is not for it.
fn leave(settings: &mut ChannelSettings, gone: &Recipient) {
    for readers in [&mut settings.readers, &mut settings.joining] {
        readers.retain(|known| known.recipient != *gone);
    }
    if !settings.leaving.contains(gone) {
        settings.leaving.push(gone.clone());
    }
}

pub(super) fn grant(name: &ChannelName, reader: &Reader, context: &Context) -> Result<(), Error> {
    keys::check_plugin(&reader.recipient)?;
    let lock = files::lock(&context.places.channel(name))?;
    let mut settings = context.settings(name)?;
    check_ours(name, &settings)?;
    join(&mut settings, reader);
    save(name, &settings, context)?;
    drop(lock);
    if settings.trust.known.floor.is_some() {
        // Only the keyring changes: the fragments stay those of the newest version.
        context.publish(name, &Draft::default())?;
    }
    show(&context.settings(name)?, None, context)
}

/// Prints what a grant would write.
pub(super) fn plan_grant(
    name: &ChannelName,
    reader: &Reader,
    context: &Context,
) -> Result<(), Error> {
    keys::check_plugin(&reader.recipient)?;
    let mut settings = context.settings(name)?;
    check_ours(name, &settings)?;
    let who = reader.name.clone();
    join(&mut settings, reader);
    let readers = &settings.readers;
    let mut plan = Plan::new(
        format!("let `{who}` read `{name}`"),
        json!({ "channel": name.as_str(), "readers": json_of(readers), "next": Value::Null }),
    );
    plan.rows(rows_of(readers));
    describe_next(&mut plan, &settings, context)?;
    plan.print(context)
}

/// Adds to a plan what the next version for these readers would write.
fn describe_next(
    plan: &mut Plan,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<(), Error> {
    if settings.trust.known.floor.is_none() {
        plan.note("Nothing was published yet; the first version will be for these readers.");
        return Ok(());
    }
    let (draft, key) = (Draft::default(), keys::publisher(context)?);
    let next = Next { change: Change::Draft(&draft), key: &key, reason: Reason::Publish };
    match context.preview_next(settings, &next)? {
        Published::New(sealed) => {
            plan.row("version", sealed.version.to_string());
            plan.rows(publication::rows(&sealed));
            plan.fact("next", publication::json(&sealed));
        }
        Published::Unchanged(version) => {
            plan.note(format!("{version} is for these readers already."));
        }
    }
    Ok(())
}

fn rows_of(readers: &[Reader]) -> Vec<Vec<String>> {
    let row = |r: &Reader| vec!["reader".to_owned(), format!("{} {}", r.recipient, r.name)];
    readers.iter().map(row).collect()
}

fn json_of(readers: &[Reader]) -> Value {
    let reader = |r: &Reader| json!({ "name": r.name, "recipient": r.recipient.to_string() });
    readers.iter().map(reader).collect()
}

pub(super) fn revoke(arguments: &Revocation, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let mut settings = context.settings(name)?;
    check_ours(name, &settings)?;
    let gone = find(name, &arguments.reader, &settings, context)?;
    leave(&mut settings, &gone.recipient);
    let stay = settings.readers.clone();
    check_stays(name, &gone, &stay, arguments.own, context)?;
    let mut plan = Plan::new(
        format!("take `{}` out of the readers of `{name}`", gone.name),
        json!({
            "channel": name.as_str(),
            "removed": json_of(std::slice::from_ref(&gone)),
            "readers": json_of(&stay),
            "next": Value::Null,
        }),
    );
    plan.row("removed", format!("{} {}", gone.recipient, gone.name));
    plan.rows(rows_of(&stay));
    if !arguments.consent.is_given() {
        describe_next(&mut plan, &settings, context)?;
    }
    plan.note("A new epoch starts: what comes now is encrypted to a key that it never had.");
    plan.note("What it could read before, it may have kept: rotate the secrets that it saw.");
    if !plan.agreed(arguments.consent, context)? {
        return Ok(());
    }
    // Remembered first: whatever happens to the version below, no later one is for it.
    let lock = files::lock(&context.places.channel(name))?;
    let mut settings = context.settings(name)?;
    leave(&mut settings, &gone.recipient);
    save(name, &settings, context)?;
    drop(lock);
    let published = match settings.trust.known.floor {
        Some(_) => Some(context.publish(name, &Draft::default())?),
        None => None,
    };
    report(name, &gone, published.as_ref(), context)
}

/// Returns the reader that `who` names: among those of the settings and of the newest keyring.
///
/// A revocation that was stopped has left the settings, and is still in the keyring.
fn find(
    name: &ChannelName,
    who: &str,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<Reader, Error> {
    let mut known = settings.readers.clone();
    if settings.trust.known.floor.is_some() {
        let there = keyring(name, settings, context)?.readers;
        known.extend(there.into_iter().filter(|there| {
            !settings.readers.iter().any(|reader| reader.recipient == there.recipient)
        }));
    }
    let named = |r: &&Reader| r.name == who || r.recipient.to_string() == who;
    let found: Vec<&Reader> = known.iter().filter(named).collect();
    let (channel, who) = (name.clone(), who.to_owned());
    match found.as_slice() {
        [] => Err(TrustError::NoReader { channel, who }.into()),
        [reader] => Ok((*reader).clone()),
        several => Err(TrustError::WhichReader { channel, who, count: several.len() }.into()),
    }
}

/// Opens the keyring of the newest version that was pulled.
fn keyring(
    name: &ChannelName,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<Keyring, Error> {
    let floor = settings.trust.known.floor;
    let version = floor.map_or(garner_kernel::Version::FIRST, |floor| floor.version);
    let fetched = context.fetch(name, version)?;
    bundle::check(&fetched.bundle, &fetched.anchor)?;
    let devices = keys::devices(context)?;
    let devices: Vec<&dyn Identity> = devices.iter().map(|key| &**key).collect();
    Ok(Keyring::open(&fetched.bundle.keyring, &devices)?)
}

/// Checks that somebody still reads, and that this machine does unless it was said.
fn check_stays(
    name: &ChannelName,
    gone: &Reader,
    stay: &[Reader],
    own: bool,
    context: &Context,
) -> Result<(), Error> {
    let (channel, who) = (name.clone(), gone.name.clone());
    if stay.is_empty() {
        return Err(TrustError::LastReader { channel, who }.into());
    }
    for role in [KeyRole::Device, KeyRole::Recovery] {
        let public = match role.public(&context.places) {
            Err(Error::NoKey { .. }) => continue,
            found => found?,
        };
        if !own && public == gone.recipient.to_string() {
            return Err(TrustError::OwnReader { channel, who, what: role.what() }.into());
        }
    }
    Ok(())
}

fn report(
    name: &ChannelName,
    gone: &Reader,
    published: Option<&Published>,
    context: &Context,
) -> Result<(), Error> {
    let (sealed, why) = match published {
        Some(Published::New(sealed)) => (Some(sealed), ""),
        Some(Published::Unchanged(_)) => (None, "the newest version is not for it"),
        None => (None, "nothing was published yet"),
    };
    if context.global.json {
        return context.output.print_json(json!({
            "channel": name.as_str(),
            "removed": gone.recipient.to_string(),
            "published": sealed.map(|sealed| sealed.version.get()),
            "epoch": sealed.map(|sealed| sealed.manifest.epoch),
        }));
    }
    let who = table::one_line(&gone.name, 60);
    context.output.print(&match sealed {
        Some(sealed) => format!(
            "`{who}` reads `{name}` no more: {} starts epoch {}.\n",
            sealed.version, sealed.manifest.epoch
        ),
        None => format!("`{who}` reads `{name}` no more: {why}.\n"),
    })?;
    context.output.say("Rotate the secrets that it saw: what it could read, it may have kept.");
    Ok(())
}
