//! `garner key rotate`: a new key in the place of one that signs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use garner_kernel::{ChannelName, Moment};
use garner_sync::ChannelSettings;
use serde_json::{Value, json};

use super::channel::KEY_DAYS;
use crate::context::Context;
use crate::error::Error;
use crate::files;
use crate::keys::KeyRole;
use crate::plan::Plan;
use crate::trust::{Outcome, Published, Request, Rotation, Signing, TrustError};

/// A key that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SigningRole {
    /// Signs kernels
    Publisher,
    /// Signs the roots of repositories
    Root,
}

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which key
    role: SigningRole,
    /// Refuse unless the repository of this channel is all that the key serves
    channel: Option<ChannelName>,
    /// For how many days the new key is good
    #[arg(long, value_name = "N", default_value_t = KEY_DAYS,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// The old key is in wrong hands: refuse what it signed after this time
    #[arg(long, value_name = "SINCE", value_parser = moment)]
    compromised: Option<Moment>,
    /// Write the root to this file for others to sign, where one root key is not enough
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Reads a time, or a date for its first second.
fn moment(text: &str) -> Result<Moment, String> {
    let whole = format!("{text}T00:00:00Z");
    let parsed = text.parse().or_else(|_| whole.parse());
    parsed.map_err(|_| "write a time as 2026-01-02T03:04:05Z, or a date".to_owned())
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let role = match arguments.role {
        SigningRole::Publisher => KeyRole::Publisher,
        SigningRole::Root => KeyRole::Root,
    };
    let lock = context.places.state.join("rotation");
    let _lock = files::lock(&lock)?;
    if !arguments.dry_run && role.finish_succession(&context.places)? {
        let public = role.public(&context.places)?;
        let text = format!("The rotation that was stopped is finished: the key is {public} now.\n");
        if context.global.json {
            return context.output.print_json(json!({ "role": role.as_str(), "new": public }));
        }
        return context.output.print(&text);
    }
    if role == KeyRole::Root && arguments.compromised.is_some() {
        return Err(TrustError::RootSince.into());
    }
    let request = Request {
        role,
        channel: arguments.channel.clone(),
        days: arguments.days,
        compromised: arguments.compromised,
        signing: if arguments.out.is_some() { Signing::Together } else { Signing::Alone },
    };
    let rotation = Rotation::prepare(request, context)?;
    if arguments.dry_run {
        return plan(&rotation, context)?.print(context);
    }
    if let Some(out) = &arguments.out {
        return super::sign::tell(&rotation.propose(out, context)?, out, context);
    }
    report(&rotation, &rotation.run(context)?, context)
}

fn plan(rotation: &Rotation, context: &Context) -> Result<Plan, Error> {
    let (what, old) = (rotation.request.role.what(), &rotation.old);
    let since = rotation.since(context);
    let not_after = rotation.not_after(context);
    let ids = rotation.repositories.iter().map(|repository| repository.id.to_string());
    let mut plan = Plan::new(
        format!("replace the {what} {}+{} by a new one", old.name(), old.id()),
        json!({
            "role": rotation.request.role.as_str(),
            "old": old.to_string(),
            "new": rotation.new_name.to_string(),
            "revoked_at": since.to_string(),
            "not_after": not_after.to_string(),
            "repositories": ids.collect::<Vec<_>>(),
        }),
    );
    plan.row("new key", format!("{}, until {}", rotation.new_name, not_after.date()));
    plan.row("old key", format!("counts for nothing after {since}"));
    let mut refused = Vec::new();
    for repository in &rotation.repositories {
        let next = repository.chain.last().version + 1;
        plan.row("repository", format!("{}: root {next}", repository.id));
        for (channel, settings) in repository.with_versions()? {
            plan.row("channel", format!("`{channel}`: a new version under that root"));
            refused.extend(describe_refused(&mut plan, rotation, repository, settings, since));
        }
    }
    plan.fact("refused", refused.into());
    if rotation.request.compromised.is_some() {
        plan.note(
            "A stolen key can date back what it signs: compare this with what you published.",
        );
        plan.note(
            "The old key can still sign revocations, so that those that it signed stay good.",
        );
    }
    plan.note(format!(
        "The old key stays in the folder of keys, as `{}.old-{}.key`.",
        rotation.request.role.as_str(),
        old.id()
    ));
    Ok(plan)
}

/// Adds to a plan what the old key signed too late, and returns it as JSON.
fn describe_refused(
    plan: &mut Plan,
    rotation: &Rotation,
    repository: &Published,
    settings: &ChannelSettings,
    since: Moment,
) -> Vec<Value> {
    let channel = &settings.trust.repository.channel;
    // A rotation that was stopped has left a remote that shows no newest version.
    let survey = garner_sync::survey(&repository.remote, &settings.trust);
    let releases = survey.map(|survey| survey.releases()).unwrap_or_default();
    let old = rotation.old.name();
    let (good, bad): (Vec<_>, Vec<_>) =
        releases.iter().partition(|r| r.created <= since || !r.signers.contains(old));
    for release in &bad {
        plan.row("refused", format!("{} of `{channel}`, {}", release.version, release.created));
    }
    if let (Some(last), false) = (good.last(), bad.is_empty()) {
        plan.note(format!("`{channel}` goes on from what {} holds.", last.version));
    }
    let item = |release: &&garner_sync::Release| json!({ "channel": channel.as_str(), "version": release.version.get() });
    bad.iter().map(item).collect()
}

fn report(rotation: &Rotation, outcome: &Outcome, context: &Context) -> Result<(), Error> {
    let (role, new) = (rotation.request.role, &outcome.new);
    if context.global.json {
        let repositories = outcome.repositories.iter().map(|done| {
            let versions = done.versions.iter();
            let channel = |(name, version): &(ChannelName, garner_kernel::Version)| {
                json!({ "channel": name.as_str(), "version": version.get() })
            };
            json!({
                "repository": done.repository.to_string(),
                "root": done.root,
                "channels": versions.map(channel).collect::<Vec<_>>(),
            })
        });
        return context.output.print_json(json!({
            "role": role.as_str(),
            "old": rotation.old.to_string(),
            "new": new.to_string(),
            "kept": outcome.kept,
            "repositories": repositories.collect::<Vec<_>>(),
        }));
    }
    let mut text = format!("The {} is {}+{} now.\n", role.what(), new.name(), new.id());
    for done in &outcome.repositories {
        text.push_str(&format!("Root {} of repository {} names it.\n", done.root, done.repository));
        for (channel, version) in &done.versions {
            text.push_str(&format!("`{channel}` is at {version} under that root.\n"));
        }
    }
    context.output.print(&text)?;
    if let Some(kept) = &outcome.kept {
        context.output.say(&format!("The old key is kept as `{}`.", kept.display()));
    }
    Ok(())
}
