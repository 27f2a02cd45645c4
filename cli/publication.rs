//! Publications: what the next version of a channel is made of, and how it reaches the remote.

use garner_compiler::{Compiler, Options};
use garner_kernel::bundle::{Identity, PublisherKey, Reason, Role, Sealed, SecretScan};
use garner_kernel::{ChannelName, Contents, Draft, Fragment, rebase};
use garner_sync::{AnyRemote, Cached, ChannelSettings, FolderRemote, Publication, Published};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::{files, keys, table};

/// The remote of a channel, behind its mirror.
type Near<'a> = Cached<'a, AnyRemote, FolderRemote>;

/// What turns the newest version into the next, however often others are first.
pub(crate) enum Change<'a> {
    /// A draft is added.
    Draft(&'a Draft),
    /// An older version is brought back.
    Rollback {
        /// What was the newest when that was decided.
        base: &'a Contents,
        /// What it becomes.
        ours: &'a Contents,
    },
}

impl Change<'_> {
    /// Returns what the next version holds.
    fn onto(&self, newest: &Contents) -> Result<Contents, garner_kernel::Error> {
        match self {
            Self::Draft(draft) => draft.onto(newest),
            // What others published meanwhile is not what was to be taken back.
            Self::Rollback { base, ours } => Ok(rebase(base, ours, newest)?.contents),
        }
    }

    /// Searches what it brings for secrets once more: what is sealed cannot be taken back.
    fn scan(&self) -> Result<SecretScan, Error> {
        match self {
            Self::Draft(draft) => scan(draft.active()),
            Self::Rollback { base, ours } => {
                scan(ours.fragments().filter(|f| base.fragment(&f.id) != Some(f)))
            }
        }
    }
}

/// The next version of a channel.
pub(crate) struct Next<'a> {
    /// How it differs from the newest.
    pub(crate) change: Change<'a>,
    /// The key that signs it.
    pub(crate) key: &'a PublisherKey,
    /// Why it is made.
    pub(crate) reason: Reason,
}

impl Context {
    /// Publishes a draft on top of the newest version and pulls the result into the mirror.
    pub(crate) fn publish(&self, channel: &ChannelName, draft: &Draft) -> Result<Published, Error> {
        let settings = self.settings(channel)?;
        self.remote(&settings)?;
        let key = keys::publisher(self)?;
        let reason = Reason::Publish;
        self.publish_next(&settings, &Next { change: Change::Draft(draft), key: &key, reason })
    }

    /// Publishes the next version and pulls it into the mirror.
    pub(crate) fn publish_next(
        &self,
        settings: &ChannelSettings,
        next: &Next<'_>,
    ) -> Result<Published, Error> {
        let channel = &settings.trust.repository.channel;
        let published = self.with_publication(settings, next, |remote, publication| {
            garner_sync::publish(remote, publication, &|before| next.change.onto(before))
        })?;
        let version = match &published {
            Published::New(sealed) => sealed.version,
            Published::Unchanged(version) => *version,
        };
        self.settle_readers(settings, &published)?;
        self.pull(channel, None).map_err(|source| {
            let (channel, source) = (channel.clone(), Box::new(source));
            Error::NotCopied { channel, version, source }
        })?;
        Ok(published)
    }

    /// Remembers who reads now: what was pending has come to pass.
    fn settle_readers(
        &self,
        published_with: &ChannelSettings,
        published: &Published,
    ) -> Result<(), Error> {
        let channel = &published_with.trust.repository.channel;
        let _lock = files::lock(&self.places.channel(channel))?;
        let before = self.settings(channel)?;
        let mut settings = before.clone();
        settings.joining.retain(|reader| !published_with.joining.contains(reader));
        settings.leaving.retain(|recipient| !published_with.leaving.contains(recipient));
        if let Published::New(sealed) = published {
            settings.readers.clone_from(&sealed.readers);
        }
        if settings != before {
            garner_sync::save_settings(&self.places.channel(channel), &settings)?;
        }
        Ok(())
    }

    /// Seals the next version and writes nothing.
    pub(crate) fn preview_next(
        &self,
        settings: &ChannelSettings,
        next: &Next<'_>,
    ) -> Result<Published, Error> {
        self.with_publication(settings, next, |remote, publication| {
            garner_sync::preview(remote, publication, &|before| next.change.onto(before))
        })
    }

    fn with_publication(
        &self,
        settings: &ChannelSettings,
        next: &Next<'_>,
        run: impl FnOnce(&Near<'_>, &Publication<'_>) -> Result<Published, garner_sync::Error>,
    ) -> Result<Published, Error> {
        let remote = self.remote(settings)?;
        let devices = keys::devices(self)?;
        let devices: Vec<&dyn Identity> = devices.iter().map(|key| &**key).collect();
        let publication = Publication {
            trust: &settings.trust,
            readers: &settings.readers,
            granted: &settings.joining,
            removed: &settings.leaving,
            publisher: next.key,
            devices: &devices,
            plugins: &keys::InstalledPlugins,
            now: self.now(),
            reason: next.reason.clone(),
            tool: TOOL.to_owned(),
            scan: next.change.scan()?,
        };
        // What the mirror holds already need not be fetched to build on it.
        let mirror = self.mirror(settings)?;
        let channel = &settings.trust.repository.channel;
        let _shown = self.show_transfer(format!("Publishing `{channel}`"));
        Ok(run(&Cached::new(&remote, &mirror, &settings.trust), &publication)?)
    }
}

/// The program, as manifests name it.
pub(crate) const TOOL: &str = concat!("garner ", env!("CARGO_PKG_VERSION"));

/// Searches fragments for secrets.
pub(crate) fn scan<'a>(fragments: impl Iterator<Item = &'a Fragment>) -> Result<SecretScan, Error> {
    let compiler = Compiler::new(Options::default())?;
    let texts = fragments.flat_map(|f| [Some(&f.statement), f.context.as_ref()]).flatten();
    let findings = texts
        .flat_map(|text| compiler.audit(text.as_str().as_bytes()))
        .map(|finding| u64::from(finding.count))
        .sum();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(SecretScan { tool: "garner".to_owned(), version, findings })
}

/// Returns what a sealed version would write, as rows.
pub(crate) fn rows(sealed: &Sealed) -> Vec<Vec<String>> {
    let bytes = |size: u64| format!("{size} bytes");
    let mut rows = Vec::new();
    for role in [Role::Base, Role::Delta] {
        let (new, kept) = objects(sealed, role);
        if let Some(size) = new.iter().copied().reduce(|a, b| a + b) {
            rows.push(vec![role.as_str().to_owned(), format!("{}, encrypted anew", bytes(size))]);
        }
        if let Some(size) = kept.iter().copied().reduce(|a, b| a + b) {
            let text = format!("{} of {} stay", table::count(kept.len(), "file"), bytes(size));
            rows.push(vec![role.as_str().to_owned(), text]);
        }
    }
    for (name, size) in notes(sealed) {
        rows.push(vec![name.to_owned(), bytes(size)]);
    }
    rows
}

/// Returns what a sealed version would write, as JSON.
pub(crate) fn json(sealed: &Sealed) -> Value {
    let mut new = serde_json::Map::new();
    for role in [Role::Base, Role::Delta] {
        new.insert(role.as_str().to_owned(), objects(sealed, role).0.iter().sum::<u64>().into());
    }
    new.extend(notes(sealed).into_iter().map(|(name, size)| (name.to_owned(), size.into())));
    json!({ "version": sealed.version.get(), "new_bytes": new })
}

/// Returns the sizes of the objects of a role: those that are new, and those that stay.
fn objects(sealed: &Sealed, role: Role) -> (Vec<u64>, Vec<u64>) {
    let of = sealed.manifest.objects.iter().filter(|object| object.role == role);
    let (new, kept): (Vec<_>, Vec<_>) = of.partition(|object| object.to == sealed.version.get());
    let size = |o: &garner_kernel::bundle::ObjectRef| o.file.size;
    (new.into_iter().map(size).collect(), kept.into_iter().map(size).collect())
}

/// Returns the sizes of the small files that every version has.
fn notes(sealed: &Sealed) -> [(&'static str, u64); 4] {
    let index = sealed.manifest.objects.last().map_or(0, |object| object.file.size);
    let head = sealed.bundle.heads.last().map_or(0, Vec::len) as u64;
    let manifest = sealed.bundle.manifest.len() as u64;
    [
        ("index", index),
        ("keyring", sealed.bundle.keyring.len() as u64),
        ("manifest", manifest),
        ("head", head),
    ]
}
