//! Drills: what the recovery key was tried on, and when.
//!
//! A drill opens the newest pulled version of a channel with the recovery key alone. It counts for
//! the repository and the key that it was made with; `drills.json` in the state folder remembers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use garner_kernel::bundle::{self, Identity};
use garner_kernel::{ChannelName, Moment, Version};
use garner_sync::ChannelSettings;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Error;
use crate::files;
use crate::keys::{KeyError, KeyRole};
use crate::output::{self, styled};

/// How long a drill is good for, in days.
pub(crate) const DAYS: u32 = 180;

/// A drill that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drill {
    pub(crate) at: Moment,
    pub(crate) version: Version,
}

/// What was opened in a drill.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) version: Version,
    pub(crate) fragments: usize,
    pub(crate) seconds: f64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    drills: BTreeMap<String, WireDrill>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDrill {
    repository: String,
    recipient: String,
    version: u64,
    at: String,
}

/// Opens the newest pulled version of a channel with `key` alone; `None` if nothing was pulled.
pub(crate) fn open_newest(
    settings: &ChannelSettings,
    key: &dyn Identity,
    context: &Context,
) -> Result<Option<Opened>, Error> {
    let started = Instant::now();
    let mirror = context.mirror(settings)?;
    let survey = match garner_sync::survey(&mirror, &settings.trust) {
        Err(garner_sync::Error::NoRepository) => return Ok(None),
        found => found?,
    };
    let Some(newest) = survey.history().newest() else { return Ok(None) };
    let version = newest.head.version;
    let fetched = survey.fetch(&mirror, &settings.trust, version)?;
    // Opening ends with the tree digest: every fragment is there and is what was published.
    let kernel = bundle::open(&fetched.bundle, &fetched.anchor, &[key])?.into_inner();
    let fragments = kernel.contents.fragments().len();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Some(Opened { version, fragments, seconds }))
}

/// Remembers a drill of a channel.
pub(crate) fn remember(
    settings: &ChannelSettings,
    recipient: &str,
    version: Version,
    context: &Context,
) -> Result<(), Error> {
    let path = path(context);
    let _lock = files::lock(&path)?;
    let mut wire = read(context)?;
    wire.format = 1;
    let drill = WireDrill {
        repository: settings.trust.repository.id.to_string(),
        recipient: recipient.to_owned(),
        version: version.get(),
        at: context.now().to_string(),
    };
    wire.drills.insert(settings.trust.repository.channel.to_string(), drill);
    let malformed = |source| KeyError::DrillLog { path: path.clone(), source };
    let text = serde_json::to_string_pretty(&wire).map_err(malformed)?;
    Ok(garner_sync::write_over(&path, format!("{text}\n").as_bytes())?)
}

/// Returns the last drill of a channel with the recovery key of this machine; `None` if there was
/// none.
pub(crate) fn last(settings: &ChannelSettings, context: &Context) -> Result<Option<Drill>, Error> {
    let recovery = match KeyRole::Recovery.public(&context.places) {
        Err(Error::NoKey { .. }) => return Ok(None),
        found => found?,
    };
    let repository = settings.trust.repository.id.to_string();
    let mut wire = read(context)?;
    let drill = wire.drills.remove(settings.trust.repository.channel.as_str());
    let drill = drill.filter(|d| d.repository == repository && d.recipient == recovery);
    let Some(drill) = drill else { return Ok(None) };
    let version = Version::new(drill.version);
    version.map(|version| Ok(Drill { at: drill.at.parse()?, version })).transpose()
}

/// Returns what is to be said of a channel whose last drill is too long ago; `None` if all is well.
pub(crate) fn warning(
    channel: &ChannelName,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<Option<String>, Error> {
    let Some(drill) = last(settings, context)? else {
        return Ok(Some(format!("the recovery key was never tried on `{channel}`")));
    };
    let days = drill.at.days_until(context.now());
    let text = format!("the last drill of `{channel}` was {days} days ago, on {}", drill.at.date());
    Ok((days > DAYS).then_some(text))
}

/// Warns before a version is published over one that no drill was made for in time.
///
/// A first version has nothing to try the key on yet, and whoever asked for silence gets it.
pub(crate) fn warn(channel: &ChannelName, settings: &ChannelSettings, context: &Context) {
    if settings.trust.known.floor.is_none() {
        return;
    }
    let text = match warning(channel, settings, context) {
        Ok(None) => return,
        Ok(Some(text)) => format!("{text}; run `garner key drill {channel}`"),
        Err(error) => error.to_string(),
    };
    context.output.say(&format!("{} {text}", styled("warning:", output::YELLOW)));
}

/// Returns the channels of this machine that it publishes to: those with readers.
pub(crate) fn published(context: &Context) -> Result<Vec<(ChannelName, ChannelSettings)>, Error> {
    let mut published = Vec::new();
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        if !settings.readers.is_empty() {
            published.push((channel, settings));
        }
    }
    Ok(published)
}

fn path(context: &Context) -> PathBuf {
    context.places.state.join("drills.json")
}

fn read(context: &Context) -> Result<Wire, Error> {
    let path = path(context);
    if !path.exists() {
        return Ok(Wire::default());
    }
    let bytes = files::read(&path)?;
    Ok(serde_json::from_slice(&bytes).map_err(|source| KeyError::DrillLog { path, source })?)
}
