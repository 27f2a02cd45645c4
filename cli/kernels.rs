//! How people name kernels, and how a name becomes contents.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use garner_kernel::bundle::{self, Anchor, Blob, Bundle, Identity, NoteRef, VersionTag};
use garner_kernel::{ChannelName, Contents, Kernel, Moment, TagName, Verified, Version};
use garner_sync::{AnyRemote, ChannelSettings, Fetched, FolderRemote, Release};

use crate::context::Context;
use crate::drafts::names_in;
use crate::error::Error;
use crate::keys::{self, KeyError};
use crate::section::{self, Section};

/// A kernel as it is typed: `notes`, `notes@3`, `notes@prev`, `notes@latest`, `notes@TAG`, or a
/// file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KernelName {
    /// A bundle file.
    File(PathBuf),
    /// A version of a channel.
    Channel(ChannelName, At),
}

/// The contents of a kernel, and when they were said.
pub(crate) struct Dated {
    pub(crate) contents: Contents,
    pub(crate) created: Moment,
    /// Whether nothing newer is known here.
    pub(crate) is_newest: bool,
}

/// Which version of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The newest one that was pulled.
    Latest,
    /// The one before the version that is read.
    Previous,
    /// This one.
    Number(Version),
    /// The one that was given this name.
    Tag(TagName),
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
            Some((name, at)) => match at.strip_prefix('v').unwrap_or(at).parse() {
                Ok(number) => (name, At::Number(Version::new(number).ok_or_else(malformed)?)),
                Err(_) => (name, At::Tag(at.parse().map_err(|_| malformed())?)),
            },
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

    /// Opens the remote of a channel, which must be there.
    pub(crate) fn remote(&self, settings: &ChannelSettings) -> Result<AnyRemote, Error> {
        let channel = || settings.trust.repository.channel.clone();
        self.open_remote(
            settings.url.as_ref().ok_or_else(|| Error::NoRemote { channel: channel() })?,
        )
    }

    /// Returns the pulled versions of a channel, the oldest first.
    pub(crate) fn releases(&self, settings: &ChannelSettings) -> Result<Vec<Release>, Error> {
        match garner_sync::survey(&self.mirror(settings)?, &settings.trust) {
            Err(garner_sync::Error::NoRepository) => Ok(Vec::new()),
            other => Ok(other?.releases()),
        }
    }

    /// Returns the version of a channel that `at` stands for.
    pub(crate) fn version_at(&self, channel: &ChannelName, at: &At) -> Result<Version, Error> {
        if channel.is_reserved() {
            return self.own_version_at(channel, at);
        }
        let settings = self.settings(channel)?;
        match at {
            At::Number(version) => Ok(*version),
            At::Tag(name) => Ok(self.tag(channel, name)?.version),
            At::Latest => match self.releases(&settings)?.last() {
                Some(release) => Ok(release.version),
                // Nothing was pulled yet: the remote knows.
                None => Ok(self.pull(channel, None)?.floor.version),
            },
            At::Previous => {
                let read = self.store()?.view()?.reading(channel).version;
                let read = match read {
                    Some(version) => version,
                    None => self.version_at(channel, &At::Latest)?,
                };
                let version = read.previous();
                version.ok_or_else(|| {
                    let (channel, version) = (channel.clone(), Version::FIRST);
                    garner_sync::Error::NoVersion { channel, version }.into()
                })
            }
        }
    }

    /// Returns the version that `at` stands for of a channel that the store makes itself.
    fn own_version_at(&self, channel: &ChannelName, at: &At) -> Result<Version, Error> {
        let store = self.store()?;
        let versions = store.versions(channel)?;
        let read = store.view()?.reading(channel).version;
        let newest = versions.last().map(|kernel| kernel.version);
        let found = match at {
            At::Number(version) => Some(*version),
            At::Latest => newest,
            At::Previous => read.or(newest).and_then(Version::previous),
            At::Tag(name) => {
                let (channel, name) = (channel.clone(), name.clone());
                return Err(garner_sync::Error::NoTag { channel, name }.into());
            }
        };
        let known = found.filter(|found| versions.iter().any(|kernel| kernel.version == *found));
        known.ok_or_else(|| {
            let (channel, version) = (channel.clone(), found.unwrap_or(Version::FIRST));
            garner_loader::Error::UnknownVersion { channel, version }.into()
        })
    }

    /// Returns a tag of a channel: from the mirror, or from the remote where it lacks it.
    pub(crate) fn tag(&self, channel: &ChannelName, name: &TagName) -> Result<VersionTag, Error> {
        let settings = self.settings(channel)?;
        let mirror = self.mirror(&settings)?;
        let kept = garner_sync::kept_tag(&mirror, &settings.trust, name);
        if let Ok(Some(tag)) = kept {
            return Ok(tag);
        }
        let none = || garner_sync::Error::NoTag { channel: channel.clone(), name: name.clone() };
        if settings.url.is_none() || self.stays_here(&settings) {
            return kept?.ok_or_else(|| none().into());
        }
        // A tag may name a version that was published since the last pull.
        self.pull(channel, None)?;
        let settings = self.settings(channel)?;
        let remote = self.remote(&settings)?;
        let fetched = garner_sync::fetch_tag(&remote, &mirror, &settings.trust, name)?;
        fetched.ok_or_else(|| none().into())
    }

    /// Opens a kernel: fetches it from the remote if the mirror lacks its files.
    pub(crate) fn open_kernel(&self, name: &KernelName) -> Result<Verified<Kernel>, Error> {
        match name {
            KernelName::File(path) => self.open_file(path),
            KernelName::Channel(channel, at) => {
                let version = self.version_at(channel, at)?;
                self.open_version(channel, version)
            }
        }
    }

    /// Returns the contents of a kernel: from the store where it is loaded, else by opening it.
    pub(crate) fn contents(&self, name: &KernelName) -> Result<Contents, Error> {
        if let KernelName::Channel(channel, at) = name {
            let version = self.version_at(channel, at)?;
            if let Ok(store) = self.store()
                && let Ok(contents) = store.contents_at(channel, version)
            {
                return Ok(contents);
            }
        }
        Ok(self.open_kernel(name)?.into_inner().contents)
    }

    /// Returns the contents of a kernel with their time.
    pub(crate) fn dated(&self, name: &KernelName) -> Result<Dated, Error> {
        if let KernelName::Channel(channel, at) = name {
            let version = self.version_at(channel, at)?;
            if let Ok(store) = self.store()
                && let Ok(contents) = store.contents_at(channel, version)
            {
                let created = store.published_at(channel, version)?;
                let is_newest = self.newest_known(channel)? == Some(version);
                return Ok(Dated { contents, created, is_newest });
            }
        }
        let Kernel { channel, lineage, created, contents, .. } =
            self.open_kernel(name)?.into_inner();
        let is_newest = self.newest_known(&channel)? == Some(lineage.version);
        Ok(Dated { contents, created, is_newest })
    }

    /// Returns the newest version of a channel that was pulled or loaded here.
    fn newest_known(&self, channel: &ChannelName) -> Result<Option<Version>, Error> {
        let pulled = match self.settings(channel) {
            Ok(settings) => self.releases(&settings)?.last().map(|release| release.version),
            Err(Error::UnknownChannel { .. }) => None,
            Err(other) => return Err(other),
        };
        let loaded = match self.store() {
            Ok(store) => store.channels()?.into_iter().find(|c| c.name == *channel),
            Err(_) => None,
        };
        Ok(pulled.max(loaded.and_then(|channel| channel.newest)))
    }

    fn open_version(
        &self,
        channel: &ChannelName,
        version: Version,
    ) -> Result<Verified<Kernel>, Error> {
        let fetched = self.fetch(channel, version)?;
        self.open_bundle(&fetched.bundle, &fetched.anchor)
    }

    /// Returns a version with all its files: from the mirror, or from the remote where it lacks
    /// some.
    pub(crate) fn fetch(&self, channel: &ChannelName, version: Version) -> Result<Fetched, Error> {
        let settings = self.settings(channel)?;
        let mirror = self.mirror(&settings)?;
        let local = || {
            let survey = garner_sync::survey(&mirror, &settings.trust)?;
            survey.fetch(&mirror, &settings.trust, version)
        };
        match local() {
            Err(
                garner_sync::Error::MissingFile { .. }
                | garner_sync::Error::NoRepository
                | garner_sync::Error::NotKept { .. }
                | garner_sync::Error::NoVersion { .. },
            ) if settings.url.is_some() => {
                if self.stays_here(&settings) {
                    let (channel, version) = (channel.clone(), Some(version));
                    return Err(Error::NotFetched { channel, version });
                }
                self.pull(channel, Some(version))?;
                Ok(local()?)
            }
            found => Ok(found?),
        }
    }

    fn open_file(&self, path: &Path) -> Result<Verified<Kernel>, Error> {
        let (bundle, anchor) = self.judge_file(path)?;
        self.open_bundle(&bundle, &anchor).map_err(|error| match error {
            Error::Kernel(source) => Error::Bundle { path: path.to_owned(), source },
            other => other,
        })
    }

    /// Reads a bundle file and returns it with the anchor that judges it: what this machine knows
    /// of its channel.
    ///
    /// # Errors
    /// [`Error::Untrusted`] if nobody pinned its repository here.
    pub(crate) fn judge_file(&self, path: &Path) -> Result<(Bundle<Section>, Anchor), Error> {
        let refused = |source| Error::Bundle { path: path.to_owned(), source };
        let mut bundle = section::scan(path)?;
        let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
        let repository = bundle::repository_of(first).map_err(refused)?;
        let pin = Anchor::pin(repository.clone(), None);
        let head = bundle::read_head(&bundle, &pin).map_err(refused)?;
        let (channel, version) = (head.head.channel.clone(), head.head.version);
        let settings = match self.settings(&channel) {
            Ok(settings) if settings.trust.repository.id == repository => settings,
            Ok(_) | Err(Error::UnknownChannel { .. }) => {
                let repository = repository.to_string();
                return Err(Error::Untrusted { path: path.to_owned(), repository, channel });
            }
            Err(other) => return Err(other),
        };
        let mut known = settings.trust.known.clone();
        match garner_sync::survey(&self.mirror(&settings)?, &settings.trust) {
            Ok(survey) => {
                // A file may be older than what is known of who may publish, and of what was
                // revoked: the newer statements judge.
                if survey.root_notes().len() > bundle.roots.len() {
                    bundle.roots = survey.root_notes().to_vec();
                }
                bundle.revocations = newer(bundle.revocations, survey.revocations());
                let here = survey.history().at(version);
                let newest = survey.history().newest().map(|newest| newest.head.version);
                known.vouched = here
                    .filter(|here| here.digest == head.digest && newest > Some(version))
                    .map(|here| here.digest);
            }
            Err(garner_sync::Error::NoRepository) => {}
            Err(other) => return Err(other.into()),
        }
        // An older version may be looked at; one that claims to be newer must follow on.
        known.floor = known.floor.filter(|floor| floor.version <= version);
        Ok((bundle, Anchor { known, ..Anchor::pin(repository, Some(channel)) }))
    }

    fn open_bundle<B: Blob>(
        &self,
        bundle: &Bundle<B>,
        anchor: &Anchor,
    ) -> Result<Verified<Kernel>, Error> {
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

/// Returns the newer of the revocations in a file and those known here.
fn newer(file: Option<Vec<u8>>, known: Option<(NoteRef, Vec<u8>)>) -> Option<Vec<u8>> {
    let Some((reference, note)) = known else { return file };
    let number = file.as_deref().and_then(|note| bundle::Revocations::number_of(note).ok());
    if number >= Some(reference.number) { file } else { Some(note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_named_in_five_ways() {
        let channel = |at| KernelName::Channel("notes".parse().unwrap(), at);
        for (text, expected) in [
            ("notes", channel(At::Latest)),
            ("notes@latest", channel(At::Latest)),
            ("notes@prev", channel(At::Previous)),
            ("notes@12", channel(At::Number(Version::new(12).unwrap()))),
            ("notes@v12", channel(At::Number(Version::new(12).unwrap()))),
            ("notes@before-v2", channel(At::Tag("before-v2".parse().unwrap()))),
            ("notes@next", channel(At::Tag("next".parse().unwrap()))),
            ("usb/notes", KernelName::File("usb/notes".into())),
            ("notes.kernel", KernelName::File("notes.kernel".into())),
        ] {
            assert_eq!(text.parse::<KernelName>().unwrap(), expected);
        }
        for text in ["", "notes@", "notes@0", "notes@v0", "notes@Next", "a@b@c", "Notes"] {
            assert!(text.parse::<KernelName>().is_err(), "{text}");
        }
    }
}
