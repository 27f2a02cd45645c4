//! Rotation: a signing key gives way to a new one, in every repository that it serves.
//!
//! The steps, each of which finds out by itself whether it was done before:
//!
//! 1. The new key is on the disk, beside the old one.
//! 2. Each repository gets a root that names it, and says until when the old one counts.
//! 3. Each channel gets a version under that root, signed by the key that publishes now.
//! 4. The new key's file takes the place of the old one's, which is kept.

use std::path::{Path, PathBuf};

use garner_kernel::bundle::{PublicKey, PublisherKey, Reason, RepositoryId, Right, Root};
use garner_kernel::{ChannelName, Draft, KeyName, Moment, Version};
use garner_sync::{Left, Succession, next_root};

use super::TrustError;
use super::repositories::{Published, Signing, check_root_key, published};
use super::root_note::RootNote;
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, KeyRole};
use crate::publication::{Change, Next};

/// Which key is rotated, and how.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// [`KeyRole::Publisher`] or [`KeyRole::Root`].
    pub(crate) role: KeyRole,
    /// Only if all that the key serves is the repository of this channel.
    pub(crate) channel: Option<ChannelName>,
    /// For how many days the new key is good.
    pub(crate) days: u32,
    /// Since when the old key is in wrong hands, if it is.
    pub(crate) compromised: Option<Moment>,
    /// Whether others have to sign the root.
    pub(crate) signing: Signing,
}

/// A rotation that can be done: the keys are known, and every repository can be changed.
pub(crate) struct Rotation {
    pub(crate) request: Request,
    pub(crate) old: PublicKey,
    pub(crate) new_name: KeyName,
    pub(crate) repositories: Vec<Published>,
    /// Whether a root is still to be signed.
    unsigned: bool,
}

/// What was done in a repository.
#[derive(Debug)]
pub(crate) struct Rotated {
    pub(crate) repository: RepositoryId,
    pub(crate) root: u64,
    pub(crate) versions: Vec<(ChannelName, Version)>,
}

/// What a rotation did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) new: PublicKey,
    pub(crate) kept: Option<PathBuf>,
    pub(crate) repositories: Vec<Rotated>,
}

/// Returns the right that a key of this role has and hands on.
fn right_of(role: KeyRole) -> Right {
    if role == KeyRole::Root { Right::Root } else { Right::Publish }
}

impl Rotation {
    /// Looks at every repository that the key serves, and changes nothing.
    ///
    /// # Errors
    /// Whatever would stop the rotation in the middle: a root key that is not here, a repository
    /// that would be left without a publisher, a remote that cannot be reached.
    pub(crate) fn prepare(request: Request, context: &Context) -> Result<Self, Error> {
        let role = request.role;
        let old: PublicKey = role.public(&context.places)?.parse()?;
        let waiting = role.successor_public(&context.places)?;
        let right = right_of(role);
        let serves = |repository: &Published| {
            let keys = waiting.iter().chain([&old]);
            keys.into_iter().any(|key| repository.gives(&right, key))
        };
        let mut repositories = published(context)?;
        repositories.retain(serves);
        if let Some(channel) = &request.channel {
            check_alone(channel, &repositories)?;
        }
        if repositories.is_empty() {
            return Err(TrustError::NothingToRotate { what: role.what() }.into());
        }
        // A repository that was done before the rotation stopped needs no root any more.
        let is_done = |repository: &Published| {
            waiting.as_ref().is_some_and(|new| repository.gives(&right, new))
        };
        let open = || repositories.iter().filter(|repository| !is_done(repository));
        for repository in open() {
            check_root_key(&repository.chain, request.signing, context)?;
        }
        let unsigned = open().next().is_some();
        let new_name = match waiting {
            Some(key) => key.name().clone(),
            None => next_name(&old, role, &repositories)?,
        };
        Ok(Self { request, old, new_name, repositories, unsigned })
    }

    /// Returns from when on the old key does not count.
    pub(crate) fn since(&self, context: &Context) -> Moment {
        self.request.compromised.unwrap_or_else(|| context.now())
    }

    /// Returns until when the new key is good.
    pub(crate) fn not_after(&self, context: &Context) -> Moment {
        context.now().plus_days(self.request.days)
    }

    /// Takes every step that was not taken yet.
    ///
    /// # Errors
    /// What a step refuses; the same command goes on from there.
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Error> {
        let role = self.request.role;
        // Asked for first, while nothing has changed: it may not be here, or need a passphrase.
        let root_key = if self.unsigned { Some(keys::root(context)?) } else { None };
        let new = role.successor(self.new_name.clone(), context)?;
        let mut done = Vec::new();
        for repository in &self.repositories {
            let root = self.add_root(repository, root_key.as_ref(), &new, context)?;
            let versions = self.publish(repository, &new, context)?;
            done.push(Rotated { repository: repository.id.clone(), root, versions });
        }
        let kept = role.succeed(&self.old, &context.places)?;
        Ok(Outcome { new: new.public(), kept, repositories: done })
    }

    /// Makes the new key and writes the root that names it to a file, for others to sign.
    ///
    /// # Errors
    /// [`TrustError::OneRootAtATime`] unless there is one repository whose root is to change.
    pub(crate) fn propose(&self, out: &Path, context: &Context) -> Result<RootNote, Error> {
        let role = self.request.role;
        let root_key = keys::root(context)?;
        let [repository] = self.repositories.as_slice() else {
            let channels = self.repositories.iter().flat_map(|r| r.channels.iter());
            let channels = channels.map(|(name, _)| name.clone()).collect();
            return Err(TrustError::OneRootAtATime { channels }.into());
        };
        if out.exists() {
            return Err(TrustError::NoteExists { path: out.to_owned() }.into());
        }
        let new = role.successor(self.new_name.clone(), context)?;
        let root = self.root(repository, &new.public(), context);
        match role {
            KeyRole::Root => RootNote::create(out, &root, &[&root_key, &new]),
            _ => RootNote::create(out, &root, &[&root_key]),
        }
    }

    /// Returns the root that names the new key in a repository.
    fn root(&self, repository: &Published, new: &PublicKey, context: &Context) -> Root {
        let not_after = self.not_after(context);
        let mut root = next_root(&repository.chain, not_after);
        let since = self.since(context);
        let left =
            if self.request.compromised.is_some() { Left::Compromised } else { Left::Retired };
        Succession { old: &self.old, new, since, not_after, left }.apply(&mut root);
        root
    }

    fn add_root(
        &self,
        repository: &Published,
        root_key: Option<&PublisherKey>,
        new: &PublisherKey,
        context: &Context,
    ) -> Result<u64, Error> {
        let role = self.request.role;
        let Some(root_key) = root_key.filter(|_| !repository.gives(&right_of(role), &new.public()))
        else {
            return Ok(repository.chain.last().version);
        };
        let root = self.root(repository, &new.public(), context);
        match role {
            KeyRole::Root => repository.add_root(&root, &[root_key, new]),
            _ => repository.add_root(&root, &[root_key]),
        }
    }

    /// Publishes a version of each channel under the new root.
    fn publish(
        &self,
        repository: &Published,
        new: &PublisherKey,
        context: &Context,
    ) -> Result<Vec<(ChannelName, Version)>, Error> {
        let publisher = match self.request.role {
            KeyRole::Root => match keys::publisher(context) {
                Ok(key) => Some(key),
                // Who holds the root key alone leaves the next version to whoever publishes.
                Err(Error::NoKey { .. }) => None,
                Err(other) => return Err(other),
            },
            _ => None,
        };
        let key = match (self.request.role, &publisher) {
            (KeyRole::Root, None) => return Ok(Vec::new()),
            (KeyRole::Root, Some(key)) => key,
            _ => new,
        };
        let mut versions = Vec::new();
        for (channel, settings) in repository.with_versions()? {
            let draft = Draft::default();
            let next = Next { change: Change::Draft(&draft), key, reason: Reason::Publish };
            let version = match context.publish_next(settings, &next)? {
                garner_sync::Published::New(sealed) => sealed.version,
                garner_sync::Published::Unchanged(version) => version,
            };
            versions.push((channel.clone(), version));
        }
        Ok(versions)
    }
}

/// Checks that a key serves the repository of one channel and no other.
fn check_alone(channel: &ChannelName, repositories: &[Published]) -> Result<(), Error> {
    let has = |repository: &&Published| repository.channels.iter().any(|(name, _)| name == channel);
    if !repositories.iter().any(|repository| has(&repository)) {
        return Err(TrustError::NotOurs { channel: channel.clone() }.into());
    }
    let others = repositories.iter().filter(|repository| !has(repository));
    let left: Vec<ChannelName> =
        others.flat_map(|other| other.channels.iter().map(|(name, _)| name.clone())).collect();
    if left.is_empty() { Ok(()) } else { Err(TrustError::LeftBehind { channels: left }.into()) }
}

/// Returns a name for the new key that no root of these repositories has: names tell keys apart.
fn next_name(old: &PublicKey, role: KeyRole, repositories: &[Published]) -> Result<KeyName, Error> {
    let suffix = format!("-{}", role.as_str());
    let name = old.name().as_str();
    let base = name.strip_suffix(&suffix).unwrap_or(name);
    let counted = base.rsplit_once('-').and_then(|(base, n)| Some((base, n.parse::<u32>().ok()?)));
    let (base, number) = counted.unwrap_or((base, 1));
    for number in number.saturating_add(1)..=u32::MAX {
        let name: KeyName = format!("{base}-{number}{suffix}").parse()?;
        let taken = |repository: &Published| repository.chain.last().grant(&name).is_some();
        if !repositories.iter().any(taken) {
            return Ok(name);
        }
    }
    Ok(old.name().clone())
}
