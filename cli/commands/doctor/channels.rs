//! Whether channels are read at their newest, from publishers whose keys hold.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use garner_kernel::bundle::{KeyGrant, PublicKey, Right, limits};
use garner_kernel::{ChannelName, Version};
use garner_sync::{ChannelSettings, Name, RemoteUrl, Survey};

use super::{Finding, of_error, store};
use crate::context::Context;
use crate::error::Error;

/// How long a remote may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was pulled holds, and somebody's key may publish what comes next.
pub(super) fn publishers(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    // What becomes of our own key is told by the check that is about it.
    let own = crate::keys::publisher_public(&context.places).ok();
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        match garner_sync::survey(&context.mirror(&settings)?, &settings.trust) {
            Ok(survey) => findings.extend(keys(&channel, &survey, own.as_ref(), context)),
            Err(garner_sync::Error::NoRepository) => {}
            Err(error) => {
                let folder = context.places.mirror(&settings.trust.repository.id);
                let fix = format!("rm -r {}, then garner pull {channel}", folder.display());
                let found = of_error(&error.into());
                findings
                    .push(Finding::broken(format!("the copy of `{channel}`: {}", found.says), fix));
            }
        }
    }
    Ok(findings)
}

/// Tells of the keys that may publish to a channel, and do not any more.
fn keys(
    channel: &ChannelName,
    survey: &Survey,
    own: Option<&PublicKey>,
    context: &Context,
) -> Vec<Finding> {
    let (now, root) = (context.now(), survey.roots().last());
    let (holders, _) = root.holders(&Right::Publish);
    let grants: Vec<_> = holders.iter().filter_map(|key| root.grant(key.name())).collect();
    let counts = |grant: &KeyGrant| grant.check(now, channel).is_ok() || own == Some(&grant.key);
    let ended: Vec<_> = grants.iter().filter(|grant| !counts(grant)).collect();
    if ended.is_empty() {
        let names: Vec<&str> = holders.iter().map(|key| key.name().as_str()).collect();
        return vec![Finding::ok(format!("`{channel}` is published by {}", names.join(", ")))];
    }
    let all = ended.len() == grants.len();
    let finding = |grant: &&&KeyGrant| {
        let (name, date) = (grant.key.name(), grant.not_after.date());
        let says =
            format!("publisher key `{name}` of `{channel}` counts no more: it ended on {date}");
        let fix = "its holder runs `garner key rotate publisher`; then garner pull";
        if all { Finding::broken(says, fix) } else { Finding::warning(says, fix) }
    };
    ended.iter().map(finding).collect()
}

/// What was pulled is loaded, and read unless somebody holds it back.
pub(super) fn versions(context: &Context) -> Result<Vec<Finding>, Error> {
    let store = store::existing(context)?;
    let loaded = store.map_or_else(|| Ok(Vec::new()), |store| store.channels())?;
    let mut findings = Vec::new();
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        let fix = format!("garner load {channel}");
        let Some(pulled) = pulled(&settings, context) else {
            if settings.url.is_some() && settings.readers.is_empty() {
                let says = format!("nothing of `{channel}` was pulled yet");
                findings.push(Finding::warning(says, fix));
            }
            continue;
        };
        let status = loaded.iter().find(|status| status.name == channel);
        let newest = status.and_then(|status| status.newest);
        findings.push(match (newest, status.map(|status| status.reading)) {
            // Whoever only publishes needs no store.
            (None, _) if !settings.readers.is_empty() => {
                Finding::ok(format!("`{channel}` is published here, and not loaded"))
            }
            (None, _) => Finding::warning(format!("no version of `{channel}` is loaded"), fix),
            (Some(newest), _) if newest < pulled => {
                let says = format!("{pulled} of `{channel}` was pulled, and {newest} is loaded");
                Finding::warning(says, fix)
            }
            (Some(_), Some(reading)) if reading.held => Finding::ok(format!(
                "`{channel}` is held back; `garner load {channel} --release` follows it again"
            )),
            (Some(newest), _) => Finding::ok(format!("`{channel}` is read at {newest}")),
        });
    }
    Ok(findings)
}

/// Returns the newest version that was pulled; what cannot be read is told by [`publishers`].
fn pulled(settings: &ChannelSettings, context: &Context) -> Option<Version> {
    context.releases(settings).ok()?.last().map(|release| release.version)
}

/// What a remote said about a channel.
enum Said {
    /// The repository is not there.
    NoRepository,
    /// It has the version that was asked for.
    Newer,
    /// It has not.
    Same,
}

/// Every remote answers, and has nothing newer.
pub(super) fn remotes(context: &Context) -> Result<Vec<Finding>, Error> {
    let (mut findings, mut asked) = (Vec::new(), Vec::new());
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        let Some(url) = settings.url.clone() else { continue };
        if context.check_reachable(&url).is_err() {
            findings.push(Finding::ok(format!("`{url}` was not asked, as `--offline` says")));
            continue;
        }
        let pulled = pulled(&settings, context);
        let next = pulled.map_or(Version::FIRST, Version::next);
        let receiver = ask(url.clone(), channel.clone(), next, context)?;
        asked.push((channel, url, pulled, receiver));
    }
    for (channel, url, pulled, receiver) in asked {
        let at = pulled.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
        let fix = format!("garner pull {channel}");
        findings.push(match receiver.recv_timeout(PATIENCE) {
            Err(_) => {
                let says = format!("`{url}` does not answer within {} s", PATIENCE.as_secs());
                Finding::warning(says, format!("{fix}, once it does"))
            }
            Ok(Err(error)) => Finding { level: super::Level::Warning, ..of_error(&error.into()) },
            Ok(Ok(Said::NoRepository)) if pulled.is_none() => {
                Finding::ok(format!("`{url}` answers; nothing was published there yet"))
            }
            Ok(Ok(Said::NoRepository)) => {
                let mirror =
                    context.places.mirror(&context.settings(&channel)?.trust.repository.id);
                Finding::broken(
                    format!("`{url}` has no repository any more"),
                    format!("copy what this machine pulled back there, from {}", mirror.display()),
                )
            }
            Ok(Ok(Said::Newer)) => {
                Finding::warning(format!("`{url}` has newer than {at} of `{channel}`"), fix)
            }
            Ok(Ok(Said::Same)) => {
                Finding::ok(format!("`{url}` answers, with nothing newer than {at} of `{channel}`"))
            }
        });
    }
    Ok(findings)
}

/// Asks a remote on a thread of its own, which ends with the program if it gets no answer.
fn ask(
    url: RemoteUrl,
    name: ChannelName,
    next: Version,
    context: &Context,
) -> Result<Receiver<Result<Said, garner_sync::Error>>, Error> {
    let (sender, receiver) = channel();
    let cache = context.places.cache.join("remotes");
    let asking = move || {
        let remote = url.open(&cache)?;
        if remote.get(&Name::root(1), limits::ROOT as u64)?.is_none() {
            return Ok(Said::NoRepository);
        }
        let newer = remote.get(&Name::head(&name, next), limits::HEAD as u64)?;
        Ok(if newer.is_some() { Said::Newer } else { Said::Same })
    };
    std::thread::Builder::new()
        // Whoever asked may have given up.
        .spawn(move || drop(sender.send(asking())))
        .map_err(Error::Runtime)?;
    Ok(receiver)
}
