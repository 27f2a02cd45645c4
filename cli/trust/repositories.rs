//! The repositories that are published to from this machine.

use garner_kernel::ChannelName;
use garner_kernel::bundle::{PublicKey, PublisherKey, RepositoryId, Right, Root, RootChain};
use garner_sync::{AnyRemote, ChannelSettings, Name, Remote as _};

use super::TrustError;
use crate::context::Context;
use crate::drill;
use crate::error::Error;
use crate::keys::{KeyError, KeyRole};

/// A repository on a remote, with the channels of it that are published from here.
pub(crate) struct Published {
    pub(crate) id: RepositoryId,
    pub(crate) remote: AnyRemote,
    pub(crate) chain: RootChain,
    pub(crate) channels: Vec<(ChannelName, ChannelSettings)>,
}

/// Returns the repositories that this machine publishes to, each with what its remote says now.
pub(crate) fn published(context: &Context) -> Result<Vec<Published>, Error> {
    let mut found: Vec<Published> = Vec::new();
    for (channel, settings) in drill::published(context)? {
        let id = settings.trust.repository.id.clone();
        let same = |known: &&mut Published| {
            known.id == id && known.channels.iter().any(|(_, other)| other.url == settings.url)
        };
        if let Some(known) = found.iter_mut().find(same) {
            known.channels.push((channel, settings));
            continue;
        }
        let remote = context.remote(&settings)?;
        let chain = RootChain::check(&id, &garner_sync::roots(&remote)?)?;
        found.push(Published { id, remote, chain, channels: vec![(channel, settings)] });
    }
    Ok(found)
}

impl Published {
    /// Returns whether the last root gives a key a right.
    pub(crate) fn gives(&self, right: &Right, key: &PublicKey) -> bool {
        self.chain.last().holders(right).0.contains(&key)
    }

    /// Returns the channels that hold a version already.
    pub(crate) fn with_versions(&self) -> Result<Vec<&(ChannelName, ChannelSettings)>, Error> {
        let mut found = Vec::new();
        for entry in &self.channels {
            let first = Name::head(&entry.0, garner_kernel::Version::FIRST);
            if self.remote.get(&first, garner_kernel::bundle::limits::HEAD as u64)?.is_some() {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Signs a root with these keys and adds it to the repository; returns its number.
    pub(crate) fn add_root(&self, root: &Root, keys: &[&PublisherKey]) -> Result<u64, Error> {
        Ok(garner_sync::add_root(&self.remote, &self.id, &root.sign(keys).to_bytes())?)
    }
}

/// How many root keys sign a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    /// That of this machine.
    Alone,
    /// That of this machine first, then others.
    Together,
}

/// Checks that the root key of this machine can sign the next root.
///
/// # Errors
/// [`KeyError::Elsewhere`], [`TrustError::OtherRoot`], or [`TrustError::Threshold`] if others have
/// to sign as well and were not asked.
pub(crate) fn check_root_key(
    chain: &RootChain,
    signing: Signing,
    context: &Context,
) -> Result<(), Error> {
    let places = &context.places;
    if KeyRole::Root.is_elsewhere(places) {
        let (what, path) = (KeyRole::Root.what(), KeyRole::Root.path(places));
        return Err(KeyError::Elsewhere { what, path }.into());
    }
    let ours: PublicKey = KeyRole::Root.public(places)?.parse()?;
    let (holders, needed) = chain.last().holders(&Right::Root);
    let repository = chain.repository().to_string();
    if !holders.contains(&&ours) {
        let holders = holders.iter().map(ToString::to_string).collect();
        return Err(TrustError::OtherRoot { repository, holders }.into());
    }
    if needed > 1 && signing == Signing::Alone {
        return Err(TrustError::Threshold { repository, needed }.into());
    }
    Ok(())
}
