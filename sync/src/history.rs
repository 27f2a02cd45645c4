//! The history of a channel as its heads tell it.

use garner_kernel::bundle::{self, Reason, limits};
use garner_kernel::{Digest, KeyName, Moment, Version};

use crate::error::Error;
use crate::layout::Name;
use crate::mirror;
use crate::remote::Remote;
use crate::repository::Trust;

/// One version of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The digest of its head note.
    pub head: Digest,
    /// The digest of the head before it.
    pub previous: Option<Digest>,
    /// When it was published.
    pub created: Moment,
    /// Why.
    pub reason: Reason,
    /// Whose keys signed it.
    pub signers: Vec<KeyName>,
    /// The head note itself, as it was checked.
    pub(crate) note: Vec<u8>,
}

/// Returns every version from the first on, each checked and linked to the one before it.
///
/// # Errors
/// The first rule that a head breaks.
pub fn log(remote: &impl Remote, trust: &Trust) -> Result<Vec<Release>, Error> {
    let root = bundle::check_chain(&trust.repository.id, &mirror::roots(remote)?)?;
    let channel = &trust.repository.channel;
    let mut releases: Vec<Release> = Vec::new();
    let mut version = Version::FIRST;
    while let Some(bytes) = remote.get(&Name::head(channel, version), limits::HEAD as u64)? {
        let (head, digest, signers) = mirror::check_head(&bytes, &root, trust, version)?;
        let follows = head.previous == releases.last().map(|release| release.head)
            && head.skip == skip_digest(&releases, version);
        if !follows {
            return Err(Error::BrokenChain { channel: channel.clone(), version });
        }
        releases.push(Release {
            version,
            head: digest,
            previous: head.previous,
            created: head.created,
            reason: head.reason,
            signers,
            note: bytes,
        });
        version = version.next();
    }
    Ok(releases)
}

/// Returns the digest that the `skip` link of `version` must name.
pub(crate) fn skip_digest(releases: &[Release], version: Version) -> Option<Digest> {
    let target = bundle::Head::skip_version(version)?;
    releases.iter().find(|release| release.version == target).map(|release| release.head)
}
