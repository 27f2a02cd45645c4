//! `garner channel receipts`: whether this machine says what it reads, and where.

use clap::{ArgGroup, Args};
use garner_kernel::bundle::{KeyId, PublisherKey, Receipt};
use garner_kernel::{ChannelName, KeyName};
use garner_sync::{ChannelSettings, Receipts, RemoteUrl};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::plan::Plan;
use crate::publication::TOOL;
use crate::{files, table};

/// Whether to say what is read; without `--on` and `--off`, how it stands is shown.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("turn").args(["on", "off"]))]
pub(crate) struct Arguments {
    /// The channel
    name: ChannelName,
    /// From now on, write with each load which version is read
    #[arg(long)]
    on: bool,
    /// Write no more, and remove what was written
    #[arg(long)]
    off: bool,
    /// What to call the key that signs receipts, where it is made now
    #[arg(long = "as", value_name = "LABEL", requires = "on")]
    label: Option<KeyName>,
    /// Write them there, where the remote of the channel can only be read
    #[arg(long, value_name = "URL", requires = "turn")]
    to: Option<RemoteUrl>,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long, requires = "turn")]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let settings = context.settings(&arguments.name)?;
    match (arguments.on, arguments.off) {
        (true, _) => on(arguments, &settings, context),
        (_, true) => off(arguments, &settings, context),
        _ => show(&arguments.name, settings.receipts.as_ref(), context),
    }
}

/// Returns where receipts go.
///
/// # Errors
/// [`Error::NoReceiptPlace`] if nothing can be written there.
fn place(settings: &ChannelSettings, to: Option<&RemoteUrl>) -> Result<RemoteUrl, Error> {
    let channel = || settings.trust.repository.channel.clone();
    match to.or(settings.url.as_ref()) {
        None => Err(Error::NoReceiptPlace { channel: channel(), remote: None }),
        Some(url @ RemoteUrl::Web(_)) => {
            let remote = Some(url.to_string());
            Err(Error::NoReceiptPlace { channel: channel(), remote })
        }
        Some(url) => Ok(url.clone()),
    }
}

fn on(arguments: &Arguments, settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let to = arguments.to.clone().or_else(|| settings.receipts.clone().and_then(|r| r.to));
    let place = place(settings, to.as_ref())?;
    let there = KeyRole::Receipt.path(&context.places).exists();
    if arguments.dry_run {
        let facts = json!({ "channel": name.as_str(), "to": place.to_string(), "key": !there });
        let mut plan = Plan::new(format!("say what of `{name}` this machine reads"), facts);
        plan.row("to", place.to_string());
        plan.row("key", if there { "the one that is here" } else { "a new one" });
        plan.note(REVEALS);
        return plan.print(context);
    }
    if !there {
        // Nothing of the machine stands in a receipt, nor in the name of its key, unasked.
        let label = arguments.label.as_ref().map_or("reader", KeyName::as_str);
        KeyRole::Receipt.generate(&context.places, label)?;
    }
    let key = KeyRole::Receipt.public(&context.places)?;
    if there && let Some(label) = &arguments.label {
        context.output.warn(&format!("the key is there already and is not renamed `{label}`"));
    }
    change(name, context, |settings| settings.receipts = Some(Receipts { to }))?;
    if context.global.json {
        let value = json!({
            "channel": name.as_str(),
            "receipts": { "to": place.to_string(), "key": key },
        });
        return context.output.print_json(value);
    }
    context.output.print(&format!("{key}\n"))?;
    context.output.say(&format!(
        "From now on each load of `{name}` writes a receipt to {place}.\n{REVEALS}\n\
         Send the publisher the line above, who registers it:\n\
         garner channel fleet {name} add KEY --as LABEL"
    ));
    Ok(())
}

/// What a reader gives away with a receipt.
const REVEALS: &str = "A receipt tells whoever sees that place which version is read, whether it is \
                       held, when it was loaded, and by which version of Garner.";

fn off(arguments: &Arguments, settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let to = arguments.to.clone().or_else(|| settings.receipts.clone().and_then(|r| r.to));
    let place = to.or_else(|| settings.url.clone());
    if arguments.dry_run {
        let facts = json!({ "channel": name.as_str() });
        let mut plan = Plan::new(format!("say no more what of `{name}` is read here"), facts);
        plan.row("removed from", place.map_or_else(|| "nowhere".to_owned(), |p| p.to_string()));
        return plan.print(context);
    }
    // Nothing more is written, whether or not what is there can be removed.
    change(name, context, |settings| settings.receipts = None)?;
    let key = key_id(context)?;
    if let (Some(key), Some(place)) = (key, &place) {
        garner_sync::remove_receipt(&context.open_remote(place)?, name, key)?;
    }
    if context.global.json {
        return context.output.print_json(json!({ "channel": name.as_str(), "receipts": null }));
    }
    context.output.print(&format!("No receipt of `{name}` is written, and none is left.\n"))
}

fn show(name: &ChannelName, receipts: Option<&Receipts>, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let to = receipts.and_then(|r| r.to.clone()).or(settings.url);
    let to = to.filter(|_| receipts.is_some()).map(|to| to.to_string());
    let key = match KeyRole::Receipt.public(&context.places) {
        Err(Error::NoKey { .. }) => None,
        key => Some(key?),
    };
    if context.global.json {
        let on = receipts.map(|_| json!({ "to": to, "key": key }));
        let value = json!({ "channel": name.as_str(), "receipts": on.unwrap_or(Value::Null) });
        return context.output.print_json(value);
    }
    let mut rows = vec![
        vec!["channel".to_owned(), name.to_string()],
        vec!["receipts".to_owned(), to.unwrap_or_else(|| "none are written".to_owned())],
    ];
    rows.extend(key.map(|key| vec!["key".to_owned(), key]));
    context.output.print(&table::columns(&rows))
}

/// Returns the id of the key that signs receipts; `None` where there is none yet.
fn key_id(context: &Context) -> Result<Option<KeyId>, Error> {
    match KeyRole::Receipt.public(&context.places) {
        Err(Error::NoKey { .. }) => Ok(None),
        key => Ok(Some(key?.parse::<garner_kernel::bundle::PublicKey>()?.id())),
    }
}

/// Changes the settings of a channel while no other process does.
pub(super) fn change(
    name: &ChannelName,
    context: &Context,
    change: impl FnOnce(&mut ChannelSettings),
) -> Result<(), Error> {
    let _lock = files::lock(&context.places.channel(name))?;
    let mut settings = context.settings(name)?;
    change(&mut settings);
    super::save(name, &settings, context)
}

/// Writes a receipt after a load, if this machine was told to; what fails is told and harms nothing.
pub(crate) fn after_load(name: &ChannelName, context: &Context) {
    if let Err(error) = send(name, context) {
        context.output.warn(&format!("no receipt of `{name}` was written: {}", full(&error)));
    }
}

fn send(name: &ChannelName, context: &Context) -> Result<(), Error> {
    let settings = match context.settings(name) {
        Err(Error::UnknownChannel { .. }) => return Ok(()),
        settings => settings?,
    };
    let Some(receipts) = &settings.receipts else { return Ok(()) };
    let place = place(&settings, receipts.to.as_ref())?;
    if context.check_reachable(&place).is_err() {
        // Who said `--offline` knows that nothing is sent.
        return Ok(());
    }
    let store = context.store()?;
    let reading = store.view()?.reading(name);
    let loaded = store.versions(name)?;
    let Some(read) = loaded.iter().find(|kernel| Some(kernel.version) == reading.version) else {
        return Ok(());
    };
    let receipt = Receipt {
        repository: settings.trust.repository.id.clone(),
        channel: name.clone(),
        version: read.version,
        head: read.head,
        loaded: context.now(),
        held: reading.held,
        tool: TOOL.to_owned(),
    };
    let key: PublisherKey = keys::receipt(context)?;
    Ok(garner_sync::put_receipt(&context.open_remote(&place)?, &receipt, &key)?)
}

/// Returns an error with its causes, on one line.
pub(super) fn full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
