//! The bundle format: signed notes outside, age encryption inside, zstd within (docs/format.md).

mod container;
mod head;
mod identity;
mod index;
mod keyring;
mod keys;
pub mod limits;
mod manifest;
mod note;
mod object;
mod open;
mod root;
mod seal;
mod sealed_box;
mod statement;
#[cfg(test)]
mod tests;

pub use container::{Bundle, MAGIC};
pub use head::{Head, Latest, Reason};
pub use identity::{Identity, NoPlugins, Plugins};
pub use index::SecretScan;
pub use keyring::{Epoch, Keyring, Reader};
pub use keys::{DeviceKey, KeyId, PublicKey, PublisherKey, Recipient};
pub use manifest::{FileRef, Manifest, ObjectRef};
pub use note::Note;
pub use object::Role;
pub use open::{
    Anchor, Checked, Floor, Verified, check, check_head, check_latest, open, open_parent,
};
pub use root::{KeyGrant, Right, Root, check_chain, repository_of};
pub use seal::{Parent, Seal, Sealed, seal};
pub use statement::RepositoryId;
