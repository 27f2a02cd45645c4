//! History: heads that follow on from each other, and who may sign the newest one.

use super::head::Head;
use super::keys::PublicKey;
use super::limits;
use super::note::Note;
use super::root::{KeyGrant, Right, Root};
use super::root_chain::RootChain;
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::words::{ChannelName, KeyName};

const WHAT: &str = "head";

/// A head that is signed by the root it names; what it is worth today is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// The statement.
    pub head: Head,
    /// The digest of the note.
    pub digest: Digest,
    /// The names of the keys that signed it, by the root that it names.
    pub signers: Vec<KeyName>,
    keys: Vec<PublicKey>,
    note: Note,
}

/// The keys that signed a head, by the root that judged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signers {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) threshold: usize,
    /// The smallest bound on live fragments among them.
    pub(crate) max_fragments: Option<u64>,
}

impl SignedHead {
    /// Reads a head note of the chain's repository.
    ///
    /// # Errors
    /// The first rule of docs/format.md, "Verification", step 3 and 3.1, that it breaks by itself.
    pub fn read(
        bytes: &[u8],
        roots: &RootChain,
        channel: Option<&ChannelName>,
    ) -> Result<Self, Error> {
        let note = Note::parse(WHAT, bytes, limits::HEAD)?;
        let head = Head::parse(note.text())?;
        let mismatch = |what, got: String, want: String| Err(Error::Mismatch { what, got, want });
        if head.repository != *roots.repository() {
            let (got, want) = (head.repository.to_string(), roots.repository().to_string());
            return mismatch("repository of the head", got, want);
        }
        if let Some(channel) = channel.filter(|channel| **channel != head.channel) {
            return mismatch("channel", head.channel.to_string(), channel.to_string());
        }
        let digest = note.digest();
        let mut signed = Self { head, digest, signers: Vec::new(), keys: Vec::new(), note };
        signed.keys = signed.judge(roots.at(signed.head.root)?)?.keys;
        signed.signers = signed.keys.iter().map(|key| key.name().clone()).collect();
        Ok(signed)
    }

    /// Checks the head against one root: signatures, and the bounds of the keys.
    pub(crate) fn judge(&self, root: &Root) -> Result<Signers, Error> {
        let (keys, threshold) = root.holders(&Right::Publish);
        let names = self.note.check(WHAT, &keys, threshold)?;
        let mut max_fragments = None;
        for grant in names.iter().filter_map(|name| root.grant(name)) {
            grant.check(self.head.created, &self.head.channel)?;
            max_fragments = max_fragments.into_iter().chain(grant.max_fragments).min();
        }
        let keys = keys.into_iter().filter(|key| names.contains(key.name())).cloned().collect();
        Ok(Signers { keys, threshold, max_fragments })
    }

    /// Checks that no signer was revoked before the head was made, by the last root (step 3.2).
    ///
    /// Keys are told by their bytes: a new name does not clear one.
    ///
    /// # Errors
    /// [`Error::KeyScope`] naming the key.
    pub fn check_revoked(&self, roots: &RootChain) -> Result<(), Error> {
        let signed =
            |grant: &&KeyGrant| self.keys.iter().any(|key| key.as_bytes() == grant.key.as_bytes());
        let mut grants = roots.last().keys.iter().filter(signed);
        grants.try_for_each(|grant| grant.check_revoked(self.head.created))
    }

    /// Returns the bytes of the note.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }
}

/// Heads of consecutive versions, ascending, each linked to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(Vec<SignedHead>);

impl History {
    /// Reads head notes of consecutive versions (docs/format.md, "Verification", step 3.1).
    ///
    /// # Errors
    /// The first rule that a head breaks.
    pub fn read<'a>(
        notes: impl IntoIterator<Item = &'a [u8]>,
        roots: &RootChain,
        channel: Option<&ChannelName>,
    ) -> Result<Self, Error> {
        let mut history = Self::default();
        for bytes in notes {
            let channel = channel.or_else(|| history.0.last().map(|last| &last.head.channel));
            let next = SignedHead::read(bytes, roots, channel)?;
            history.push(next)?;
        }
        Ok(history)
    }

    /// Adds the next head.
    ///
    /// # Errors
    /// [`Error::Chain`] unless it follows on from the last one.
    pub fn push(&mut self, next: SignedHead) -> Result<(), Error> {
        self.check_links(&next)?;
        self.0.push(next);
        Ok(())
    }

    fn check_links(&self, next: &SignedHead) -> Result<(), Error> {
        let version = next.head.version;
        let broken = |rule| Err(Error::Chain { version, rule });
        if let Some(last) = self.0.last() {
            if version != last.head.version.next() {
                return broken("it is not the version after the one before it");
            }
            if next.head.previous != Some(last.digest) {
                return broken("`prev` does not name the head before it");
            }
            let number = |head: &Head| head.revocations.map_or(0, |reference| reference.number);
            let falls = next.head.created < last.head.created
                || next.head.root < last.head.root
                || number(&next.head) < number(&last.head);
            if falls {
                return broken("its time, root or revocations go back behind the head before it");
            }
        }
        let target = Head::skip_version(version).and_then(|version| self.at(version));
        if target.is_some_and(|target| next.head.skip != Some(target.digest)) {
            return broken("`skip` does not name the head that it should");
        }
        Ok(())
    }

    /// Returns the heads, the oldest first.
    pub fn heads(&self) -> &[SignedHead] {
        &self.0
    }

    /// Returns the newest head, if there is any.
    pub fn newest(&self) -> Option<&SignedHead> {
        self.0.last()
    }

    /// Returns the head of this version.
    pub fn at(&self, version: Version) -> Option<&SignedHead> {
        let first = self.0.first()?.head.version.get();
        let index = usize::try_from(version.get().checked_sub(first)?).ok()?;
        self.0.get(index)
    }

    /// Checks that the newest head is signed by keys that may sign today (step 3.2).
    ///
    /// # Errors
    /// [`Error::Threshold`], [`Error::Signature`] or [`Error::KeyScope`].
    pub fn authorize(&self, roots: &RootChain) -> Result<(), Error> {
        self.newest().map_or(Ok(()), |newest| newest.judge(roots.last()).map(|_| ()))
    }

    /// Checks that the history goes on from a head that was verified before (step 3.3).
    ///
    /// # Errors
    /// [`Error::WentBack`], [`Error::Fork`] or [`Error::Limit`].
    pub fn check_floor(&self, floor: Floor) -> Result<(), Error> {
        let Some(newest) = self.newest() else { return Ok(()) };
        let (version, known) = (floor.version, floor.head);
        if newest.head.version < version {
            return Err(Error::WentBack { known: version, offered: newest.head.version });
        }
        let first = self.0.first().map_or(newest, |first| first);
        let offered = match self.at(version) {
            Some(head) => Some(head.digest),
            // The floor is right before the first head that is at hand.
            None if first.head.version == version.next() => first.head.previous,
            None => None,
        };
        if let Some(offered) = offered.filter(|offered| *offered != known) {
            return Err(Error::Fork { version, known, offered });
        }
        let got = newest.head.version.get() - version.get();
        if got > limits::VERSION_STEP {
            return Err(Error::Limit { what: "step of versions", got, max: limits::VERSION_STEP });
        }
        Ok(())
    }
}

/// A head that was verified before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Its version.
    pub version: Version,
    /// The digest of its note.
    pub head: Digest,
}
