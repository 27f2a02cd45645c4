//! Publishing: make a repository, seal the next version, and commit it by creating its head.

use garner_kernel::bundle::{
    self, Anchor, Identity, Keyring, Plugins, PublisherKey, Reader, RepositoryId, Right, Root,
    Seal, Sealed, SecretScan, limits,
};
use garner_kernel::{Contents, Digest, Moment, Version};

use crate::error::Error;
use crate::history::{self, Release};
use crate::layout::Name;
use crate::mirror;
use crate::pull;
use crate::remote::{Put, Remote};
use crate::repository::Trust;

/// How often a lost race is run again on top of what won.
const TRIES: u32 = 10;

/// Everything that publishing needs besides the fragments.
pub struct Publication<'a> {
    /// The channel and what is trusted of it.
    pub trust: &'a Trust,
    /// Who can read the new version.
    pub readers: &'a [Reader],
    /// The key that signs.
    pub publisher: &'a PublisherKey,
    /// The keys that open the version before.
    pub devices: &'a [&'a dyn Identity],
    /// What encrypts to readers whose keys age plugins hold.
    pub plugins: &'a dyn Plugins,
    /// The present.
    pub now: Moment,
    /// The program that publishes, with its version.
    pub tool: String,
    /// What the search for secrets found.
    pub scan: SecretScan,
}

/// What came of publishing.
#[derive(Debug, Clone)]
pub enum Published {
    /// A new version is on the remote.
    New(Box<Sealed>),
    /// The newest version already says the same to the same readers.
    Unchanged(Version),
}

/// Creates a repository with this first root and returns its id.
///
/// # Errors
/// [`Error::RepositoryExists`] if the remote holds one already.
pub fn create_repository(
    remote: &impl Remote,
    root: &Root,
    keys: &[&PublisherKey],
) -> Result<RepositoryId, Error> {
    let note = root.sign(keys);
    let id = bundle::repository_of(&note)?;
    if remote.put_new(&Name::root(1), &note)? == Put::Exists {
        let there = mirror::required(remote, &Name::root(1), limits::ROOT as u64)?;
        let there = bundle::repository_of(&there)?;
        if there != id {
            return Err(Error::RepositoryExists { repository: there.to_string() });
        }
    }
    remote.put_over(&Name::readme(), README.as_bytes())?;
    Ok(id)
}

/// Publishes the next version: `change` turns the newest contents into those to publish.
///
/// When somebody else publishes at the same time, `change` is applied again to what they published.
///
/// # Errors
/// [`Error::LostRace`] after ten tries; otherwise what sealing or the remote refused. Unless the
/// result is `Ok`, readers see no new version.
pub fn publish(
    remote: &impl Remote,
    publication: &Publication<'_>,
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Published, Error> {
    let channel = &publication.trust.repository.channel;
    for _ in 0..TRIES {
        let releases = history::log(remote, publication.trust)?;
        // Publishing on top of a history that was cut would sign a fork of our own channel.
        pull::check_floor(&releases, publication.trust)?;
        let sealed = match seal_next(remote, publication, &releases, change)? {
            Published::New(sealed) => sealed,
            unchanged @ Published::Unchanged(_) => return Ok(unchanged),
        };
        if commit(remote, publication.trust, &sealed)? {
            tracing::info!(%channel, version = %sealed.version, "published");
            return Ok(Published::New(sealed));
        }
    }
    Err(Error::LostRace { channel: channel.clone(), tries: TRIES })
}

/// Seals the version after the newest release and opens it again, as a reader would.
fn seal_next(
    remote: &impl Remote,
    publication: &Publication<'_>,
    releases: &[Release],
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Published, Error> {
    let trust = publication.trust;
    let anchor = trust.anchor();
    let roots = mirror::roots(remote)?;
    let root = bundle::check_chain(&trust.repository.id, &roots)?;
    let ours = publication.publisher.public();
    if !root.holders(Right::Publish).0.contains(&&ours) {
        let reason = "the root of the repository does not name it".to_owned();
        let key = ours.name().to_string();
        return Err(garner_kernel::Error::KeyScope { key, reason }.into());
    }
    let newest = match releases.last() {
        None => None,
        Some(release) => {
            let bundle = mirror::bundle_at(remote, trust, release.version)?;
            let (mut parent, keyring) = bundle::open_parent(&bundle, &anchor, publication.devices)?;
            parent.skip = history::skip_digest(releases, release.version.next());
            Some((parent, keyring, bundle.keyring))
        }
    };
    let before = newest.as_ref().map(|(parent, ..)| parent.contents.clone()).unwrap_or_default();
    let contents = change(&before)?;
    let (keyring, file) = match &newest {
        Some((_, keyring, file)) if keyring.readers == publication.readers => {
            (keyring.clone(), file.clone())
        }
        found => {
            let mut keyring =
                Keyring::new(trust.repository.id.clone(), publication.readers.to_vec());
            if let Some((_, before, _)) = found {
                keyring.epochs.clone_from(&before.epochs);
            }
            let file = keyring.seal_with(publication.plugins)?;
            (keyring, file)
        }
    };
    if let Some((parent, before_keyring, _)) = &newest
        && contents == before
        && before_keyring.readers == keyring.readers
    {
        return Ok(Published::Unchanged(parent.head.version));
    }
    let sealed = bundle::seal(
        &contents,
        &Seal {
            repository: trust.repository.id.clone(),
            roots,
            root: root.version,
            channel: trust.repository.channel.clone(),
            parent: newest.as_ref().map(|(parent, ..)| parent),
            keyring: (&keyring, file),
            publisher: publication.publisher,
            now: publication.now,
            tool: publication.tool.clone(),
            scan: publication.scan.clone(),
        },
    )?;
    check_own(&sealed, &anchor, publication, &contents)?;
    Ok(Published::New(Box::new(sealed)))
}

/// Opens what was sealed: what we cannot read ourselves must not reach anybody.
fn check_own(
    sealed: &Sealed,
    anchor: &Anchor,
    publication: &Publication<'_>,
    contents: &Contents,
) -> Result<(), Error> {
    let kernel = bundle::open(&sealed.bundle, anchor, publication.devices)?;
    let (got, want) = (kernel.get().contents.tree_digest(), contents.tree_digest());
    if got == want {
        return Ok(());
    }
    Err(garner_kernel::Error::WrongDigest { what: "sealed tree".to_owned(), got, want }.into())
}

/// Writes the files of a version, its head last; returns whether the head was ours.
fn commit(remote: &impl Remote, trust: &Trust, sealed: &Sealed) -> Result<bool, Error> {
    let channel = &trust.repository.channel;
    let bundle = &sealed.bundle;
    for object in &bundle.objects {
        put_whole(remote, &Name::object(&Digest::of(object)), object)?;
    }
    put_whole(remote, &Name::keyring(&Digest::of(&bundle.keyring)), &bundle.keyring)?;
    put_whole(remote, &Name::manifest(&Digest::of(&bundle.manifest)), &bundle.manifest)?;
    let name = Name::head(channel, sealed.version);
    if remote.put_new(&name, &bundle.head)? == Put::Exists {
        // The answer to an earlier try may have been lost: the same bytes are our own success.
        let there = mirror::required(remote, &name, limits::HEAD as u64)?;
        if there != bundle.head {
            return Ok(false);
        }
    }
    remote.put_over(&Name::latest(channel), &sealed.latest)?;
    Ok(true)
}

/// Creates a file that is named by its digest, or mends one that is damaged.
fn put_whole(remote: &impl Remote, name: &Name, bytes: &[u8]) -> Result<(), Error> {
    let damaged = remote.put_new(name, bytes)? == Put::Exists
        && remote.get(name, limits::OBJECT)?.as_deref() != Some(bytes);
    if damaged { remote.put_over(name, bytes) } else { Ok(()) }
}

/// What people without Garner find on a remote.
const README: &str = include_str!("readme.txt");
