//! `garner channel fleet` and `status`: who is at which version.

use std::str::FromStr;

use clap::{Args, Subcommand};
use garner_kernel::bundle::{Freshness, PublicKey, Receipt};
use garner_kernel::{ChannelName, Version};
use garner_loader::{Policy, Reading};
use garner_sync::{AnyRemote, ChannelSettings, Member, RemoteUrl, Survey};
use serde_json::{Value, json};

use super::policy;
use super::receipts::{change, full};
use crate::context::Context;
use crate::error::Error;
use crate::plan::Plan;
use crate::table;

/// Whose receipts to look at.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// The channel
    name: ChannelName,
    #[command(subcommand)]
    command: Option<Change>,
}

/// Who comes and who goes; without either, the list is shown.
#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Look at the receipts that this key signs; it decides nothing else
    Add(Box<Addition>),
    /// Look at them no more
    Remove {
        /// The label, or the key
        who: String,
        /// Print what would be done, and do nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
}

/// A reader who says what it reads.
#[derive(Debug, Args)]
pub(crate) struct Addition {
    /// The public half of the reader's receipt key (`name+id+base64`)
    key: PublicKey,
    /// What to call the reader (default: the name of the key)
    #[arg(long = "as", value_name = "LABEL")]
    label: Option<String>,
    /// Where its receipts are, if not on the remote of the channel
    #[arg(long, value_name = "URL")]
    from: Option<RemoteUrl>,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// How a channel stands.
#[derive(Debug, Args)]
pub(crate) struct Standing {
    /// The channel
    name: ChannelName,
    /// Fetch the receipts of those who are registered, and tell who reads which version
    #[arg(long)]
    fleet: bool,
}

pub(super) fn fleet(arguments: &Fleet, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let mut settings = context.settings(name)?;
    let (title, dry_run) = match &arguments.command {
        None => return list(&settings, context),
        Some(Change::Add(added)) => {
            let Addition { key, label, from, dry_run } = &**added;
            let label = label.clone().unwrap_or_else(|| key.name().to_string());
            let member = Member { label, key: key.clone(), from: from.clone() };
            let title = format!("look at the receipts of `{}`", member.label);
            let same = |known: &Member| known.key == member.key || known.label == member.label;
            settings.fleet.retain(|known| !same(known));
            settings.fleet.push(member);
            (title, *dry_run)
        }
        Some(Change::Remove { who, dry_run }) => {
            let key = PublicKey::from_str(who).ok();
            let is = |known: &Member| known.label == *who || Some(&known.key) == key.as_ref();
            if !settings.fleet.iter().any(is) {
                return Err(Error::NoMember { channel: name.clone(), who: who.clone() });
            }
            settings.fleet.retain(|known| !is(known));
            (format!("look at no more receipts of `{who}`"), *dry_run)
        }
    };
    if dry_run {
        let facts = json!({ "channel": name.as_str(), "fleet": members(&settings) });
        let mut plan = Plan::new(title, facts);
        plan.rows(rows(&settings));
        return plan.print(context);
    }
    let fleet = settings.fleet.clone();
    change(name, context, |settings| settings.fleet = fleet)?;
    list(&settings, context)
}

fn members(settings: &ChannelSettings) -> Vec<Value> {
    let member = |member: &Member| {
        json!({
            "label": member.label,
            "key": member.key.to_string(),
            "from": member.from.as_ref().map(ToString::to_string),
        })
    };
    settings.fleet.iter().map(member).collect()
}

fn rows(settings: &ChannelSettings) -> Vec<Vec<String>> {
    let row = |member: &Member| {
        let from = member.from.as_ref().map(ToString::to_string);
        vec![member.label.clone(), member.key.to_string(), from.unwrap_or_default()]
    };
    settings.fleet.iter().map(row).collect()
}

fn list(settings: &ChannelSettings, context: &Context) -> Result<(), Error> {
    let name = &settings.trust.repository.channel;
    if context.global.json {
        let value = json!({ "channel": name.as_str(), "fleet": members(settings) });
        return context.output.print_json(value);
    }
    if settings.fleet.is_empty() {
        say_nobody(name, context);
    }
    context.output.print(&table::columns(&rows(settings)))
}

fn say_nobody(name: &ChannelName, context: &Context) {
    context.output.say(&format!(
        "Nobody is registered; a reader runs `garner channel receipts {name} --on`, and \
         `garner channel fleet {name} add KEY` takes what that prints."
    ));
}

/// What is known of a reader.
enum Known {
    /// It says what it reads.
    Receipt(Receipt),
    /// It says nothing.
    Nothing,
    /// What it says cannot be believed.
    Refused(String),
    /// It was shown another history.
    Fork(String),
    /// The place of its receipts cannot be reached.
    Unreachable(String),
}

impl Known {
    const fn word(&self) -> &'static str {
        match self {
            Self::Receipt(_) => "receipt",
            Self::Nothing => "none",
            Self::Refused(_) => "refused",
            Self::Fork(_) => "fork",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

pub(super) fn status(arguments: &Standing, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let mut settings = context.settings(name)?;
    let mut fleet = Vec::new();
    if arguments.fleet {
        // A reader may be ahead of what was pulled here.
        context.pull(name, None)?;
        settings = context.settings(name)?;
        fleet = known(&settings, context)?;
    }
    let newest = settings.trust.known.floor.map(|floor| floor.version);
    let reading = policy::view(context)?.reading(name);
    if context.global.json {
        let mut value = status_json(&settings, reading, context);
        if let Some(object) = value.as_object_mut().filter(|_| arguments.fleet) {
            let items = fleet.iter().map(|(member, known)| known_json(member, known, newest));
            object.insert("fleet".to_owned(), items.collect());
        }
        return context.output.print_json(value);
    }
    let read = reading.version.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
    let held = if reading.held { ", held" } else { "" };
    let newest_text = newest.map_or_else(|| "nothing was pulled".to_owned(), |v| v.to_string());
    let mut rows = vec![
        vec!["channel".to_owned(), name.to_string()],
        vec!["newest".to_owned(), newest_text],
        vec!["read here".to_owned(), format!("{read}{held}{}", behind(reading.version, newest))],
        vec!["looked after".to_owned(), freshness(&settings, context)],
    ];
    if reading.policy != Policy::default() {
        rows.push(vec!["policy".to_owned(), reading.policy.to_string()]);
    }
    let mut text = table::columns(&rows);
    if arguments.fleet {
        let rows: Vec<_> = fleet.iter().map(|(m, known)| known_row(m, known, newest)).collect();
        text.push_str(&format!("\n{}", table::columns(&rows)));
        if rows.is_empty() {
            say_nobody(name, context);
        }
    }
    context.output.print(&text)
}

/// Returns how far a version is behind the newest, as the end of a phrase.
fn behind(version: Option<Version>, newest: Option<Version>) -> String {
    match count_behind(version, newest) {
        None | Some(0) => String::new(),
        Some(count) => format!(", {count} behind"),
    }
}

fn count_behind(version: Option<Version>, newest: Option<Version>) -> Option<u64> {
    Some(newest?.get().saturating_sub(version?.get()))
}

fn freshness(settings: &ChannelSettings, context: &Context) -> String {
    let Some(until) = settings.trust.fresh_until else {
        return "nobody said until when".to_owned();
    };
    match settings.trust.freshness(context.now()) {
        Some(Freshness::Fresh) | None => format!("until {}", until.date()),
        Some(Freshness::Overdue) => format!("until {}, which is over", until.date()),
        Some(Freshness::Stale) => format!("until {}: nothing new is taken", until.date()),
    }
}

fn status_json(settings: &ChannelSettings, reading: Reading, context: &Context) -> Value {
    let newest = settings.trust.known.floor.map(|floor| floor.version);
    let fresh = settings.trust.freshness(context.now()).map(|freshness| match freshness {
        Freshness::Fresh => "fresh",
        Freshness::Overdue => "overdue",
        Freshness::Stale => "stale",
    });
    json!({
        "channel": settings.trust.repository.channel.as_str(),
        "newest": newest.map(Version::get),
        "reads": reading.version.map(Version::get),
        "held": reading.held,
        "behind": count_behind(reading.version, newest),
        "freshness": fresh,
        "fresh_until": settings.trust.fresh_until.map(|at| at.to_string()),
        "policy": policy::json_of(reading.policy),
    })
}

/// Fetches the receipts of everybody who is registered.
fn known(settings: &ChannelSettings, context: &Context) -> Result<Vec<(Member, Known)>, Error> {
    if settings.fleet.is_empty() {
        return Ok(Vec::new());
    }
    let survey = garner_sync::survey(&context.mirror(settings)?, &settings.trust)?;
    let ours = match &settings.url {
        Some(_) => Some(context.remote(settings)?),
        None => None,
    };
    let known = |member: &Member| {
        let known = match (&member.from, &ours) {
            (Some(from), _) => match context.open_remote(from) {
                Ok(remote) => one(&remote, &survey, settings, member),
                Err(error) => Known::Unreachable(full(&error)),
            },
            (None, Some(remote)) => one(remote, &survey, settings, member),
            (None, None) => Known::Nothing,
        };
        (member.clone(), known)
    };
    Ok(settings.fleet.iter().map(known).collect())
}

fn one(remote: &AnyRemote, survey: &Survey, settings: &ChannelSettings, member: &Member) -> Known {
    use garner_sync::Error::{MissingFile, Refused, TooLarge};
    match garner_sync::receipt(remote, survey, &settings.trust, &member.key) {
        Ok(Some(receipt)) => Known::Receipt(receipt),
        Ok(None) => Known::Nothing,
        Err(Refused { source: source @ garner_kernel::Error::Fork { .. }, .. }) => {
            Known::Fork(source.to_string())
        }
        Err(Refused { source, .. }) => Known::Refused(full(&source)),
        Err(error @ (MissingFile { .. } | TooLarge { .. })) => Known::Refused(error.to_string()),
        Err(error) => Known::Unreachable(full(&error)),
    }
}

fn known_row(member: &Member, known: &Known, newest: Option<Version>) -> Vec<String> {
    let mut row = vec![table::one_line(&member.label, 40)];
    match known {
        Known::Receipt(receipt) => row.extend([
            receipt.version.to_string(),
            format!("{} behind", count_behind(Some(receipt.version), newest).unwrap_or_default()),
            receipt.loaded.to_string(),
            if receipt.held { "held".to_owned() } else { String::new() },
        ]),
        Known::Nothing => row.push("no receipt".to_owned()),
        Known::Refused(why) | Known::Fork(why) | Known::Unreachable(why) => {
            row.push(format!("{}: {}", known.word(), table::without_tricks(why)));
        }
    }
    row
}

fn known_json(member: &Member, known: &Known, newest: Option<Version>) -> Value {
    let mut value = json!({
        "label": member.label,
        "key": member.key.to_string(),
        "state": known.word(),
    });
    let facts = match known {
        Known::Receipt(receipt) => json!({
            "version": receipt.version.get(),
            "behind": count_behind(Some(receipt.version), newest),
            "loaded": receipt.loaded.to_string(),
            "held": receipt.held,
            "tool": receipt.tool,
        }),
        Known::Nothing => return value,
        Known::Refused(why) | Known::Fork(why) | Known::Unreachable(why) => json!({ "why": why }),
    };
    if let (Some(value), Value::Object(facts)) = (value.as_object_mut(), facts) {
        value.extend(facts);
    }
    value
}
