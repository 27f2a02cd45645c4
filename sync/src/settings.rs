//! What this machine knows of a channel: its remote, its pin, its readers, and the last seen head.

use std::fs;
use std::io;
use std::path::Path;

use garner_kernel::bundle::{Floor, Reader};
use garner_kernel::{ChannelName, Version};
use serde::{Deserialize, Serialize};

use crate::atomic::write_over;
use crate::error::Error;
use crate::repository::{Repository, Trust};
use crate::url::RemoteUrl;

/// A channel as it is set up on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The address of its remote; `None` where bundles arrive as files only.
    pub url: Option<RemoteUrl>,
    /// Which repository and channel it is, and what is trusted already.
    pub trust: Trust,
    /// Who gets the next keyring; empty on machines that only read.
    pub readers: Vec<Reader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    repository: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<WireFloor>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    readers: Vec<WireReader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFloor {
    version: u64,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReader {
    name: String,
    recipient: String,
}

/// Reads the settings of a channel from `path`; `None` if there are none.
///
/// # Errors
/// [`Error::Settings`] if the file is malformed.
pub fn load_settings(path: &Path, channel: &ChannelName) -> Result<Option<ChannelSettings>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| Error::Settings {
        path: path.to_owned(),
        source,
    };
    let wire: Wire = serde_json::from_str(&text).map_err(|e| broken(e.into()))?;
    let settings = settings_of(&wire, channel).map_err(|e| broken(e.into()))?;
    Ok(Some(settings))
}

/// Writes the settings of a channel to `path`.
///
/// # Errors
/// [`Error::Io`]; the old settings are untouched then.
pub fn save_settings(path: &Path, settings: &ChannelSettings) -> Result<(), Error> {
    let reader =
        |r: &Reader| WireReader { name: r.name.clone(), recipient: r.recipient.to_string() };
    let floor = |f: &Floor| WireFloor { version: f.version.get(), head: f.head.to_string() };
    let wire = Wire {
        format: 1,
        remote: settings.url.as_ref().map(ToString::to_string),
        repository: settings.trust.repository.id.to_string(),
        floor: settings.trust.floor.as_ref().map(floor),
        readers: settings.readers.iter().map(reader).collect(),
    };
    let broken = |e: serde_json::Error| Error::Settings { path: path.to_owned(), source: e.into() };
    let text = serde_json::to_string_pretty(&wire).map_err(broken)?;
    write_over(path, format!("{text}\n").as_bytes())
}

fn settings_of(wire: &Wire, channel: &ChannelName) -> Result<ChannelSettings, Error> {
    let repository = Repository { id: wire.repository.parse()?, channel: channel.clone() };
    let floor = wire.floor.as_ref().map(|f| {
        let version = Version::new(f.version)
            .ok_or(Error::NoVersion { channel: channel.clone(), version: Version::FIRST })?;
        Ok::<_, Error>(Floor { version, head: f.head.parse()? })
    });
    let readers = wire
        .readers
        .iter()
        .map(|r| Ok::<_, Error>(Reader { name: r.name.clone(), recipient: r.recipient.parse()? }));
    Ok(ChannelSettings {
        url: wire.remote.as_deref().map(str::parse).transpose()?,
        trust: Trust { repository, floor: floor.transpose()? },
        readers: readers.collect::<Result<_, _>>()?,
    })
}
