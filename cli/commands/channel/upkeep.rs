//! `garner channel renew` and `remove`.

use garner_kernel::ChannelName;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::keys;
use crate::plan::{Consent, Plan};

pub(super) fn renew(name: &ChannelName, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let remote = context.remote(name, &settings)?;
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

pub(super) fn remove(name: &ChannelName, consent: Consent, context: &Context) -> Result<(), Error> {
    let settings = context.settings(name)?;
    let repository = settings.trust.repository.id.to_string();
    let facts = json!({ "channel": name.as_str(), "repository": repository });
    let mut plan = Plan::new(format!("forget `{name}` and its pin on this machine"), facts);
    plan.row("repository", repository);
    plan.row("invite", super::invite_of(&settings).unwrap_or_else(|| "none".to_owned()));
    plan.note("What is loaded and what is published stays.");
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
