//! `garner channel renew` and `remove`.

use garner_kernel::ChannelName;
use garner_kernel::bundle::RootChain;
use garner_sync::{AnyRemote, ChannelSettings, next_root};
use serde_json::json;

use super::KEY_DAYS;
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::plan::{Consent, Plan};
use crate::trust;

/// How early `renew` extends a root, in days.
pub(crate) const ROOT_DAYS: u32 = 90;

/// Signs a new `latest` note, and the next root where the last one nears its end.
pub(super) fn renew(name: &ChannelName, dry_run: bool, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let remote = context.remote(&settings)?;
    let due = root_is_due(&settings, &remote, context)?;
    if dry_run {
        let title = format!("say that `{name}` is looked after");
        let facts = json!({ "channel": name.as_str(), "root": due.then_some(KEY_DAYS) });
        let mut plan = Plan::new(title, facts);
        let until = context.now().plus_days(garner_kernel::bundle::LATEST_DAYS);
        plan.row("latest", format!("until {}", until.date()));
        if due {
            let until = context.now().plus_days(KEY_DAYS);
            plan.row("root", format!("the next one, until {}, with the same keys", until.date()));
        }
        return plan.print(context);
    }
    let key = keys::publisher(context)?;
    let root = if due { Some(extend_root(name, &settings, &remote, context)?) } else { None };
    let renewed = garner_sync::renew(&remote, &settings.trust, &key, context.now())?;
    let latest = renewed.ok_or_else(|| garner_sync::Error::Empty { channel: name.clone() })?;
    context.pull(name, None)?;
    if context.global.json {
        return context.output.print_json(json!({
            "channel": name.as_str(),
            "version": context.settings(name)?.trust.known.floor.map(|floor| floor.version.get()),
            "expires": latest.expires.to_string(),
            "root": root,
        }));
    }
    if let Some(root) = root {
        let until = context.now().plus_days(KEY_DAYS);
        let text = format!("Root {root} of `{name}` is good until {}.\n", until.date());
        context.output.print(&text)?;
    }
    context.output.print(&format!(
        "`{name}` is at {}; readers believe that until {}.\n",
        latest.version,
        latest.expires.date()
    ))
}

/// Returns whether the root should be extended and can be: its key is here and signs alone.
fn root_is_due(
    settings: &ChannelSettings,
    remote: &AnyRemote,
    context: &Context,
) -> Result<bool, Error> {
    let id = &settings.trust.repository.id;
    let chain = RootChain::check(id, &garner_sync::roots(remote)?)?;
    let ends = trust::end_of(chain.last());
    if ends > context.now().plus_days(ROOT_DAYS) {
        return Ok(false);
    }
    let can = KeyRole::Root.path(&context.places).exists()
        && trust::check_root_key(&chain, trust::Signing::Alone, context).is_ok();
    if !can {
        let ends = ends.date();
        context.output.warn(&format!("the root ends on {ends}, and no key here can sign another"));
    }
    Ok(can)
}

/// Adds the next root, with the same keys for longer, and a version that names it.
fn extend_root(
    name: &ChannelName,
    settings: &ChannelSettings,
    remote: &AnyRemote,
    context: &Context,
) -> Result<u64, Error> {
    let id = &settings.trust.repository.id;
    let chain = RootChain::check(id, &garner_sync::roots(remote)?)?;
    let until = context.now().plus_days(KEY_DAYS);
    let mut root = next_root(&chain, until);
    for grant in root.keys.iter_mut().filter(|grant| grant.revoked_at.is_none()) {
        grant.not_after = grant.not_after.max(until);
    }
    let note = root.sign(&[&keys::root(context)?]).to_bytes();
    let number = garner_sync::add_root(remote, id, &note)?;
    if settings.trust.known.floor.is_some() {
        context.publish(name, &garner_kernel::Draft::default())?;
    }
    Ok(number)
}

pub(super) fn remove(name: &ChannelName, consent: Consent, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let repository = settings.trust.repository.id.to_string();
    let facts = json!({ "channel": name.as_str(), "repository": repository });
    let mut plan = Plan::new(format!("forget `{name}` and its pin on this machine"), facts);
    plan.row("repository", repository);
    plan.row("invite", super::invite_of(&settings).unwrap_or_else(|| "none".to_owned()));
    plan.note("What is loaded and what is published stays.");
    if settings.receipts.is_some() {
        let off = format!("`garner channel receipts {name} --off` removes it first");
        plan.note(format!("So does the receipt of this machine: {off}."));
    }
    if !plan.agreed(consent, context)? {
        return Ok(());
    }
    let path = context.places.channel(name);
    std::fs::remove_file(&path).map_err(|e| Error::io("remove", path, e))?;
    if context.global.json {
        return context.output.print_json(json!({ "removed": name.as_str() }));
    }
    context.output.print(&format!("Forgot `{name}`; what is loaded and published stays.\n"))
}
