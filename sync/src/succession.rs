//! Roots after the first: how one key follows another, and how a root reaches the remote.

use garner_kernel::Moment;
use garner_kernel::bundle::{KeyGrant, PublicKey, RepositoryId, Right, Root, RootChain, limits};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Put, Remote, required};
use crate::survey::roots;

/// One key that takes the place of another.
#[derive(Debug, Clone)]
pub struct Succession<'a> {
    /// The key that goes.
    pub old: &'a PublicKey,
    /// The key that comes, with the roles and bounds of the old one.
    pub new: &'a PublicKey,
    /// From when on nothing that the old key signed counts.
    pub since: Moment,
    /// Until when the new key is good.
    pub not_after: Moment,
    /// What the old key may still be asked for.
    pub left: Left,
}

/// What a key that was replaced may still sign.
///
/// Versions from before [`Succession::since`] stay good in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is retired: its notes hold until others take their place.
    Retired,
    /// It is in wrong hands: nothing new, and no word on what is newest.
    Compromised,
}

/// Returns the root after the last one of a chain, with the same keys; good until `expires` at
/// least.
///
/// Keys that were replaced before no longer say which version is the newest.
pub fn next_root(chain: &RootChain, expires: Moment) -> Root {
    let last = chain.last();
    let mut root = last.clone();
    root.repository = Some(chain.repository().clone());
    root.version += 1;
    root.expires = last.expires.max(expires);
    let retired = last.keys.iter().filter(|grant| grant.revoked_at.is_some());
    for grant in retired {
        drop_holder(&mut root, &Right::Freshness, &grant.key);
    }
    root
}

impl Succession<'_> {
    /// Changes the keys and roles of a root that is not signed yet.
    pub fn apply(&self, root: &mut Root) {
        let Some(old) = root.keys.iter_mut().find(|grant| grant.key == *self.old) else { return };
        let new = KeyGrant {
            key: self.new.clone(),
            not_after: self.not_after,
            revoked_at: None,
            channels: old.channels.clone(),
            max_fragments: old.max_fragments,
        };
        old.revoked_at = Some(old.revoked_at.map_or(self.since, |at| at.min(self.since)));
        root.keys.retain(|grant| grant.key.name() != self.new.name());
        root.keys.push(new);
        root.keys.sort_by(|a, b| a.key.name().cmp(b.key.name()));
        let held: Vec<Right> = root
            .roles
            .iter()
            .filter(|(_, holders)| holders.keys.contains(self.old.name()))
            .map(|(right, _)| right.clone())
            .collect();
        for right in held {
            if let Some(holders) = root.roles.get_mut(&right) {
                holders.keys.push(self.new.name().clone());
                holders.keys.sort();
                holders.keys.dedup();
            }
            // A root key that stays could sign roots for ever: what a root says of its keys does
            // not bound them. For heads `revoked_at` does, and revocations must stay readable.
            let drops = match right {
                Right::Root => true,
                Right::Freshness => self.left == Left::Compromised,
                _ => false,
            };
            if drops {
                drop_holder(root, &right, self.old);
            }
        }
    }
}

/// Takes a right from a key, unless too few would be left to use it.
fn drop_holder(root: &mut Root, right: &Right, key: &PublicKey) {
    let Some(holders) = root.roles.get_mut(right) else { return };
    if holders.keys.len() > holders.threshold {
        holders.keys.retain(|name| name != key.name());
    }
}

/// Adds a signed root to a repository and returns its number; one that is there already is fine.
///
/// # Errors
/// What the chain of roots refuses; [`Error::RootExists`] if somebody else was first.
pub fn add_root(remote: &impl Remote, pin: &RepositoryId, note: &[u8]) -> Result<u64, Error> {
    let mut notes = roots(remote)?;
    let there = RootChain::check(pin, &notes)?.last().version;
    if let Some((_, number)) = notes.iter().zip(1..).find(|(known, _)| known.as_slice() == note) {
        return Ok(number);
    }
    notes.push(note.to_vec());
    let number = there + 1;
    let name = Name::root(number);
    RootChain::check(pin, &notes)
        .map_err(|source| Error::Refused { name: name.to_string(), source })?;
    if remote.put_new(&name, note)? == Put::Exists
        && required(remote, &name, limits::ROOT as u64)? != note
    {
        return Err(Error::RootExists { number });
    }
    Ok(number)
}
