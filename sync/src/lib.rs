//! Channels over remotes: publish, pull, trust, history.
//!
//! A channel is static files plus numbered heads that are created once and never replaced, so that
//! a folder, a USB stick, a git repository, a web server or a bucket can carry it. This crate moves and checks those
//! files; it never sees the store, and never decrypts but to build the next version.

mod atomic;
mod bucket;
mod cached;
mod collect;
mod commit;
#[cfg(test)]
mod drills;
mod error;
mod fleet;
mod folder;
mod git;
mod layout;
mod memory;
mod metered;
mod probe;
mod publish;
mod pull;
mod remote;
mod repository;
mod revoke;
mod settings;
mod succession;
mod survey;
mod tags;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod threats;
mod url;
mod web;

pub use atomic::{make_folder, make_private_folder, sync_folder, temporary, write_over};
pub use bucket::{BucketAddress, BucketRemote, Service};
pub use cached::Cached;
pub use collect::{Collection, Retention};
pub use error::Error;
pub use fleet::{Member, Receipts, put_receipt, receipt, remove_receipt};
pub use folder::FolderRemote;
pub use git::GitRemote;
pub use layout::Name;
pub use memory::MemoryRemote;
pub use metered::{Meter, Metered, Moved, Rate, Watcher};
pub use probe::{Promise, WRITERS, probe};
pub use publish::{Publication, Published, create_repository, preview, publish, put_readme, renew};
pub use pull::{Pulled, pull, pulled};
pub use remote::{AnyRemote, Changed, Put, Remote};
pub use repository::{Polled, Repository, Trust};
pub use revoke::revoke;
pub use settings::{ChannelSettings, load_settings, save_settings};
pub use succession::{Left, Succession, add_root, next_root};
pub use survey::{Fetched, Overdue, Release, Survey, roots, survey};
pub use tags::{fetch_tag, kept_tag, tag};
pub use url::{Invite, RemoteUrl};
pub use web::WebRemote;
