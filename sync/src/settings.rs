//! What this machine knows of a channel: its remote, its pin, its readers, and the last seen head.

use std::fs;
use std::io;
use std::path::Path;

use garner_kernel::bundle::{Floor, Known, NoteRef, Reader, Recipient};
use garner_kernel::{ChannelName, Moment, Version};
use serde::{Deserialize, Serialize};

use crate::atomic::write_over;
use crate::error::Error;
use crate::fleet::{Member, Receipts};
use crate::repository::{Polled, Repository, Trust};
use crate::url::RemoteUrl;

/// A channel as it is set up on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The address of its remote; `None` where bundles arrive as files only.
    pub url: Option<RemoteUrl>,
    /// Which repository and channel it is, and what is trusted already.
    pub trust: Trust,
    /// Who can read, as far as this machine knows; empty on machines that only read.
    pub readers: Vec<Reader>,
    /// Who is being let in, until a version for them is published.
    pub joining: Vec<Reader>,
    /// Who is being taken out, until a version without them is published.
    pub leaving: Vec<Recipient>,
    /// When the repository was pinned by what a file said of itself, if nobody compared its id.
    pub first_use: Option<Moment>,
    /// Where this machine says what it reads; `None` unless somebody asked for it.
    pub receipts: Option<Receipts>,
    /// Whose receipts are looked at.
    pub fleet: Vec<Member>,
}

impl ChannelSettings {
    /// Returns the settings of a channel that is new on this machine.
    pub fn new(url: Option<RemoteUrl>, trust: Trust) -> Self {
        Self {
            url,
            trust,
            readers: Vec::new(),
            joining: Vec::new(),
            leaving: Vec::new(),
            first_use: None,
            receipts: None,
            fleet: Vec::new(),
        }
    }
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
    #[serde(default, skip_serializing_if = "is_zero")]
    roots: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocations: Option<WireRevocations>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh_until: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    polled: Option<WirePolled>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    readers: Vec<WireReader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    joining: Vec<WireReader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leaving: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_use: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipts: Option<WireReceipts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fleet: Vec<WireMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReceipts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMember {
    label: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFloor {
    version: u64,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRevocations {
    number: u64,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePolled {
    tag: String,
    at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReader {
    name: String,
    recipient: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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
    let polled = |p: &Polled| WirePolled { tag: p.tag.clone(), at: p.at.to_string() };
    let known = &settings.trust.known;
    let wire = Wire {
        format: 1,
        remote: settings.url.as_ref().map(ToString::to_string),
        repository: settings.trust.repository.id.to_string(),
        floor: known.floor.as_ref().map(floor),
        roots: known.roots,
        revocations: known.revocations.map(|reference| WireRevocations {
            number: reference.number,
            digest: reference.digest.to_string(),
        }),
        seen: settings.trust.seen.map(|at| at.to_string()),
        fresh_until: settings.trust.fresh_until.map(|at| at.to_string()),
        polled: settings.trust.polled.as_ref().map(polled),
        readers: settings.readers.iter().map(reader).collect(),
        joining: settings.joining.iter().map(reader).collect(),
        leaving: settings.leaving.iter().map(ToString::to_string).collect(),
        first_use: settings.first_use.map(|at| at.to_string()),
        receipts: settings
            .receipts
            .as_ref()
            .map(|receipts| WireReceipts { to: receipts.to.as_ref().map(ToString::to_string) }),
        fleet: settings.fleet.iter().map(wire_member).collect(),
    };
    let broken = |e: serde_json::Error| Error::Settings { path: path.to_owned(), source: e.into() };
    let text = serde_json::to_string_pretty(&wire).map_err(broken)?;
    write_over(path, format!("{text}\n").as_bytes())
}

fn wire_member(member: &Member) -> WireMember {
    WireMember {
        label: member.label.clone(),
        key: member.key.to_string(),
        from: member.from.as_ref().map(ToString::to_string),
    }
}

fn member_of(wire: &WireMember) -> Result<Member, Error> {
    let from = wire.from.as_deref().map(str::parse).transpose()?;
    Ok(Member { label: wire.label.clone(), key: wire.key.parse()?, from })
}

fn settings_of(wire: &Wire, channel: &ChannelName) -> Result<ChannelSettings, Error> {
    let repository = Repository { id: wire.repository.parse()?, channel: channel.clone() };
    let floor = wire.floor.as_ref().map(|f| {
        let version = Version::new(f.version)
            .ok_or(Error::NoVersion { channel: channel.clone(), version: Version::FIRST })?;
        Ok::<_, Error>(Floor { version, head: f.head.parse()? })
    });
    let reader = |r: &WireReader| {
        Ok::<_, Error>(Reader { name: r.name.clone(), recipient: r.recipient.parse()? })
    };
    let revocations = wire
        .revocations
        .as_ref()
        .map(|r| Ok::<_, Error>(NoteRef { number: r.number, digest: r.digest.parse()? }));
    let moment = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
    let known = Known {
        roots: wire.roots,
        revocations: revocations.transpose()?,
        floor: floor.transpose()?,
        vouched: None,
    };
    let (seen, fresh_until) = (moment(&wire.seen)?, moment(&wire.fresh_until)?);
    let first_use = moment(&wire.first_use)?;
    let polled = |p: &WirePolled| Ok::<_, Error>(Polled { tag: p.tag.clone(), at: p.at.parse()? });
    let polled = wire.polled.as_ref().map(polled).transpose()?;
    let receipts = |r: &WireReceipts| {
        let to = r.to.as_deref().map(str::parse).transpose()?;
        Ok::<_, Error>(Receipts { to })
    };
    Ok(ChannelSettings {
        url: wire.remote.as_deref().map(str::parse).transpose()?,
        trust: Trust { repository, known, seen, fresh_until, polled },
        readers: wire.readers.iter().map(reader).collect::<Result<_, _>>()?,
        joining: wire.joining.iter().map(reader).collect::<Result<_, _>>()?,
        leaving: wire.leaving.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        first_use,
        receipts: wire.receipts.as_ref().map(receipts).transpose()?,
        fleet: wire.fleet.iter().map(member_of).collect::<Result<_, _>>()?,
    })
}
