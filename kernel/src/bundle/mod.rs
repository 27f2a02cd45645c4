//! The bundle format: signed notes outside, age encryption inside, zstd within (docs/format.md).

#[cfg(test)]
mod age_vectors;
mod blob;
mod check;
mod container;
#[cfg(test)]
mod edge_signatures;
mod head;
mod history;
mod identity;
mod index;
mod keyring;
mod keys;
mod latest;
pub mod limits;
mod manifest;
mod merge;
mod note;
mod object;
mod open;
#[cfg(feature = "probe")]
#[doc(hidden)]
pub mod probe;
mod receipt;
mod revocations;
mod root;
mod root_chain;
mod seal;
pub(crate) mod sealed_box;
pub(crate) mod statement;
#[cfg(test)]
mod tests;
mod unseal;
mod version_tag;

pub use blob::Blob;
pub use check::{Anchor, Checked, Known, Step, check, check_steps, read_head};
pub use container::{Bundle, MAGIC};
pub use head::{Head, NoteRef, Reason};
pub use history::{Floor, History, SignedHead};
pub use identity::{Identity, NoPlugins, Plugins};
pub use index::SecretScan;
pub use keyring::{Epoch, Keyring, Reader};
pub use keys::{DeviceKey, KeyId, PublicKey, PublisherKey, Recipient};
pub use latest::{Freshness, Latest};
pub use manifest::{FileRef, Manifest, ObjectRef};
pub use note::Note;
pub use object::Role;
pub use open::{Summary, Verified, open, open_parent, verify};
pub use receipt::Receipt;
pub use revocations::{Revocation, RevocationClass, Revocations, Revoked};
pub use root::{Holders, KeyGrant, Right, Root};
pub use root_chain::{RootChain, repository_of};
pub use seal::{LATEST_DAYS, Parent, Seal, Sealed, seal};
pub use statement::RepositoryId;
pub use version_tag::VersionTag;
