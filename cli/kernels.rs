//! How people name kernels, and how a name becomes contents.

use std::path::PathBuf;
use std::str::FromStr;

use garner_kernel::bundle::{self, Anchor, Bundle, Identity};
use garner_kernel::{ChannelName, Contents, Kernel, Verified, Version};
use garner_sync::{ChannelSettings, FolderRemote, Release};

use crate::context::Context;
use crate::drafts::names_in;
use crate::error::Error;
use crate::files;
use crate::keys::{self, KeyError};

/// A kernel as it is typed: `notes`, `notes@3`, `notes@prev`, `notes@latest`, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KernelName {
    /// A bundle file.
    File(PathBuf),
    /// A version of a channel.
    Channel(ChannelName, At),
}

/// Which version of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The newest one that was pulled.
    Latest,
    /// The one before the version that is read.
    Previous,
    /// This one.
    Number(Version),
}

impl FromStr for KernelName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::KernelName { text: text.to_owned() };
        if text.contains(['/', '\\']) || text.ends_with(".kernel") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let (name, at) = match text.split_once('@') {
            None => (text, At::Latest),
            Some((name, "latest")) => (name, At::Latest),
            Some((name, "prev")) => (name, At::Previous),
            Some((name, number)) => {
                let number = number.trim_start_matches('v').parse().map_err(|_| malformed())?;
                (name, At::Number(Version::new(number).ok_or_else(malformed)?))
            }
        };
        Ok(Self::Channel(name.parse().map_err(|_| malformed())?, at))
    }
}

impl Context {
    /// Returns the settings of a channel.
    pub(crate) fn settings(&self, channel: &ChannelName) -> Result<ChannelSettings, Error> {
        garner_sync::load_settings(&self.places.channel(channel), channel)?
            .ok_or_else(|| Error::UnknownChannel { channel: channel.clone() })
    }

    /// Returns the channels that are set up here, by name.
    pub(crate) fn known_channels(&self) -> Result<Vec<ChannelName>, Error> {
        names_in(&self.places.channels(), ".json")
    }

    /// Returns the named channel, or the only one there is.
    pub(crate) fn the_channel(&self, named: Option<&ChannelName>) -> Result<ChannelName, Error> {
        if let Some(channel) = named {
            return Ok(channel.clone());
        }
        let known = self.known_channels()?;
        match known.as_slice() {
            [] => Err(Error::NoChannels),
            [only] => Ok(only.clone()),
            _ => Err(Error::WhichChannel { known }),
        }
    }

    /// Opens the local mirror of a channel.
    pub(crate) fn mirror(&self, settings: &ChannelSettings) -> Result<FolderRemote, Error> {
        let folder = self.places.mirror(&settings.trust.repository.id);
        Ok(FolderRemote::create(&folder)?)
    }

    /// Returns the pulled versions of a channel, the oldest first.
    pub(crate) fn releases(&self, settings: &ChannelSettings) -> Result<Vec<Release>, Error> {
        match garner_sync::log(&self.mirror(settings)?, &settings.trust) {
            Err(garner_sync::Error::NoRepository) => Ok(Vec::new()),
            other => Ok(other?),
        }
    }

    /// Returns the version of a channel that `at` stands for.
    pub(crate) fn version_at(&self, channel: &ChannelName, at: At) -> Result<Version, Error> {
        let settings = self.settings(channel)?;
        match at {
            At::Number(version) => Ok(version),
            At::Latest => match self.releases(&settings)?.last() {
                Some(release) => Ok(release.version),
                // Nothing was pulled yet: the remote knows.
                None => Ok(self.pull(channel, None)?.floor.version),
            },
            At::Previous => {
                let read = self.store()?.view()?.reading(channel).version;
                let read = match read {
                    Some(version) => version,
                    None => self.version_at(channel, At::Latest)?,
                };
                let version = read.previous();
                version.ok_or_else(|| {
                    let (channel, version) = (channel.clone(), Version::FIRST);
                    garner_sync::Error::NoVersion { channel, version }.into()
                })
            }
        }
    }

    /// Opens a kernel: fetches it from the remote if the mirror lacks its files.
    pub(crate) fn open_kernel(&self, name: &KernelName) -> Result<Verified<Kernel>, Error> {
        match name {
            KernelName::File(path) => self.open_file(path),
            KernelName::Channel(channel, at) => {
                let version = self.version_at(channel, *at)?;
                self.open_version(channel, version)
            }
        }
    }

    /// Returns the contents of a kernel: from the store where it is loaded, else by opening it.
    pub(crate) fn contents(&self, name: &KernelName) -> Result<Contents, Error> {
        if let KernelName::Channel(channel, at) = name {
            let version = self.version_at(channel, *at)?;
            if let Ok(store) = self.store()
                && let Ok(contents) = store.contents_at(channel, version)
            {
                return Ok(contents);
            }
        }
        Ok(self.open_kernel(name)?.into_inner().contents)
    }

    fn open_version(
        &self,
        channel: &ChannelName,
        version: Version,
    ) -> Result<Verified<Kernel>, Error> {
        let settings = self.settings(channel)?;
        let mirror = self.mirror(&settings)?;
        let bundle = match garner_sync::bundle_at(&mirror, &settings.trust, version) {
            Err(garner_sync::Error::MissingFile { .. } | garner_sync::Error::NoRepository)
                if settings.url.is_some() =>
            {
                self.pull(channel, Some(version))?;
                garner_sync::bundle_at(&mirror, &settings.trust, version)?
            }
            found => found?,
        };
        let channel = Some(channel.clone());
        let anchor = Anchor { repository: settings.trust.repository.id, channel, floor: None };
        self.open_bundle(&bundle, &anchor)
    }

    fn open_file(&self, path: &std::path::Path) -> Result<Verified<Kernel>, Error> {
        let refused = |source| Error::Bundle { path: path.to_owned(), source };
        let bytes = files::read(path)?;
        let bundle = Bundle::parse(&bytes).map_err(refused)?;
        let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
        let repository = bundle::repository_of(first).map_err(refused)?;
        let anchor = Anchor { repository: repository.clone(), channel: None, floor: None };
        let checked = bundle::check(&bundle, &anchor).map_err(refused)?;
        let channel = checked.head().channel.clone();
        let settings = match self.settings(&channel) {
            Ok(settings) if settings.trust.repository.id == repository => settings,
            Ok(_) | Err(Error::UnknownChannel { .. }) => {
                let repository = repository.to_string();
                return Err(Error::Untrusted { path: path.to_owned(), repository, channel });
            }
            Err(other) => return Err(other),
        };
        // A file may be older than what is known of who may publish: the longer chain judges.
        let bundle = match garner_sync::roots(&self.mirror(&settings)?) {
            Ok(roots) if roots.len() > bundle.roots.len() => Bundle { roots, ..bundle },
            Ok(_) | Err(garner_sync::Error::NoRepository) => bundle,
            Err(other) => return Err(other.into()),
        };
        // An older version may be looked at; one that claims to be newer must follow on.
        let floor = settings.trust.floor.filter(|floor| floor.version <= checked.head().version);
        let anchor = Anchor { floor, ..anchor };
        self.open_bundle(&bundle, &anchor).map_err(|error| match error {
            Error::Kernel(source) => refused(source),
            other => other,
        })
    }

    fn open_bundle(&self, bundle: &Bundle, anchor: &Anchor) -> Result<Verified<Kernel>, Error> {
        let devices = keys::devices(self)?;
        let devices: Vec<&dyn Identity> = devices.iter().map(|key| &**key).collect();
        match bundle::open(bundle, anchor, &devices) {
            Err(lost @ garner_kernel::Error::CannotDecrypt { .. }) => {
                match keys::protected_recovery(self) {
                    Ok(Some(recovery)) => Ok(bundle::open(bundle, anchor, &[&*recovery])?),
                    Ok(None) | Err(Error::Key(KeyError::NoPassphrase { .. })) => Err(lost.into()),
                    Err(other) => Err(other),
                }
            }
            opened => Ok(opened?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_named_in_four_ways() {
        let channel = |at| KernelName::Channel("notes".parse().unwrap(), at);
        for (text, expected) in [
            ("notes", channel(At::Latest)),
            ("notes@latest", channel(At::Latest)),
            ("notes@prev", channel(At::Previous)),
            ("notes@12", channel(At::Number(Version::new(12).unwrap()))),
            ("notes@v12", channel(At::Number(Version::new(12).unwrap()))),
            ("usb/notes", KernelName::File("usb/notes".into())),
            ("notes.kernel", KernelName::File("notes.kernel".into())),
        ] {
            assert_eq!(text.parse::<KernelName>().unwrap(), expected);
        }
        for text in ["", "notes@", "notes@0", "notes@next", "Notes"] {
            assert!(text.parse::<KernelName>().is_err(), "{text}");
        }
    }
}
