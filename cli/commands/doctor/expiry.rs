//! What ends one day: keys, roots, the word on what is newest, and a clock that lags.

use garner_kernel::bundle::{Freshness, Root, RootChain};
use garner_sync::ChannelSettings;

use super::Finding;
use crate::commands::channel::ROOT_DAYS;
use crate::context::Context;
use crate::drill;
use crate::error::Error;

/// How early the end of a key is told, in days.
const DAYS_BEFORE_EXPIRY: u32 = 30;
/// How early the end of a `latest` note is told, in days.
const LATEST_DAYS: u32 = 3;

/// The root of every channel that is published here names our key, for a while yet.
pub(super) fn keys(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let publisher = match crate::keys::publisher_public(&context.places) {
        Err(Error::NoKey { .. }) => return Ok(findings),
        found => found?,
    };
    for (channel, settings) in drill::published(context)? {
        let Some(root) = root(&settings, context)? else { continue };
        let Some(grant) = root.grant(publisher.name()).filter(|g| g.key == publisher) else {
            findings.push(Finding::broken(
                format!("the root of `{channel}` does not name our publisher key"),
                "ask whoever holds the root key to name it",
            ));
            continue;
        };
        let ends = grant.not_after;
        let (now, date) = (context.now(), ends.date());
        findings.push(if ends < now {
            Finding::broken(
                format!("our publisher key for `{channel}` expired on {date}"),
                "garner key rotate publisher",
            )
        } else if now.days_until(ends) <= DAYS_BEFORE_EXPIRY {
            Finding::warning(
                format!("our publisher key for `{channel}` expires on {date}"),
                "garner key rotate publisher",
            )
        } else {
            Finding::ok(format!("our publisher key for `{channel}` is good until {date}"))
        });
    }
    Ok(findings)
}

/// The root of every channel that is published here is good for a while yet.
pub(super) fn roots(context: &Context) -> Result<Vec<Finding>, Error> {
    let (mut findings, now) = (Vec::new(), context.now());
    for (channel, settings) in drill::published(context)? {
        let Some(root) = root(&settings, context)? else { continue };
        let (number, date) = (root.version, root.expires.date());
        let fix = format!("garner channel renew {channel}");
        findings.push(match Freshness::at(root.expires, now) {
            Freshness::Stale => {
                let says = format!("root {number} of `{channel}` expired on {date}: readers stop");
                Finding::broken(says, fix)
            }
            Freshness::Overdue => {
                Finding::warning(format!("root {number} of `{channel}` expired on {date}"), fix)
            }
            Freshness::Fresh if now.days_until(root.expires) < ROOT_DAYS => {
                Finding::warning(format!("root {number} of `{channel}` expires on {date}"), fix)
            }
            Freshness::Fresh => {
                Finding::ok(format!("root {number} of `{channel}` is good until {date}"))
            }
        });
    }
    Ok(findings)
}

/// Readers of every channel that is published here still believe what is newest.
pub(super) fn latest(context: &Context) -> Result<Vec<Finding>, Error> {
    let (mut findings, now) = (Vec::new(), context.now());
    for (channel, settings) in drill::published(context)? {
        let Some(until) = settings.trust.fresh_until else { continue };
        let (date, fix) = (until.date(), format!("garner channel renew {channel}"));
        let says = |what: &str| format!("readers {what} `{channel}` is at its newest until {date}");
        findings.push(match Freshness::at(until, now) {
            Freshness::Stale => {
                let says =
                    format!("readers take nothing of `{channel}`: it was renewed until {date}");
                Finding::broken(says, fix)
            }
            Freshness::Overdue => Finding::warning(says("believed that"), fix),
            Freshness::Fresh if now.days_until(until) <= LATEST_DAYS => {
                Finding::warning(says("believe that"), fix)
            }
            Freshness::Fresh => Finding::ok(says("believe that")),
        });
    }
    Ok(findings)
}

/// Returns the newest root that was pulled; `None` if there is none.
fn root(settings: &ChannelSettings, context: &Context) -> Result<Option<Root>, Error> {
    let roots = match garner_sync::roots(&context.mirror(settings)?) {
        Err(garner_sync::Error::NoRepository) => return Ok(None),
        found => found?,
    };
    Ok(Some(RootChain::check(&settings.trust.repository.id, &roots)?.last().clone()))
}

/// The clock is not behind what was published already.
pub(super) fn clock(context: &Context) -> Result<Vec<Finding>, Error> {
    let now = context.now();
    for channel in context.known_channels()? {
        let releases = context.releases(&context.settings(&channel)?)?;
        let Some(newest) = releases.last().filter(|release| release.created > now) else {
            continue;
        };
        return Ok(vec![Finding::warning(
            format!(
                "it is {now} here, but {} of `{channel}` was published at {}",
                newest.version, newest.created
            ),
            "set the clock of this machine",
        )]);
    }
    Ok(vec![Finding::ok(format!("it is {now}"))])
}
