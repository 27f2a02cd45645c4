//! Channels over remotes: publish, pull, trust, history.
//!
//! A channel is static files plus numbered heads that are created once and never replaced, so that
//! a folder, a USB stick, a web server or a bucket can carry it. This crate moves and checks those
//! files; it never sees the store, and never decrypts but to build the next version.

mod atomic;
mod error;
mod folder;
mod history;
mod layout;
mod memory;
mod mirror;
mod publish;
mod pull;
mod remote;
mod repository;
mod settings;
#[cfg(test)]
mod tests;
mod url;

pub use atomic::write_over;
pub use error::Error;
pub use folder::FolderRemote;
pub use history::{Release, log};
pub use layout::Name;
pub use memory::MemoryRemote;
pub use mirror::{bundle_at, roots};
pub use publish::{Publication, Published, create_repository, publish};
pub use pull::{Pulled, pull};
pub use remote::{Put, Remote};
pub use repository::{Repository, Trust};
pub use settings::{ChannelSettings, load_settings, save_settings};
pub use url::{Invite, RemoteUrl};
