//! Addresses of remotes, and invites that pin a repository.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use garner_kernel::bundle::RepositoryId;

use crate::bucket::{BucketAddress, BucketRemote};
use crate::error::Error;
use crate::folder::FolderRemote;
use crate::git::{self, GitRemote};
use crate::metered::{Meter, Metered};
use crate::remote::AnyRemote;
use crate::web::{self, WebRemote};

/// Where a channel's files live; displays as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// A folder on this machine, a mounted medium or a network drive.
    Folder(PathBuf),
    /// A web server that has the files below this address; it is only read.
    Web(String),
    /// A git repository, at an address as git takes it.
    Git(String),
    /// A bucket, with credentials from the environment.
    Bucket(BucketAddress),
}

impl RemoteUrl {
    /// Opens the remote, which must be there; `cache` is a folder for what a kind of remote keeps
    /// between two commands.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Io`] if the cache cannot be written; [`Error::Transport`] if
    /// this machine is not fit for a network.
    pub fn open(&self, cache: &Path) -> Result<AnyRemote, Error> {
        match self {
            Self::Folder(path) => Ok(Box::new(FolderRemote::open(path)?)),
            Self::Web(base) => Ok(Box::new(WebRemote::open(base)?)),
            Self::Git(address) => Ok(Box::new(GitRemote::open(address, cache)?)),
            Self::Bucket(address) => Ok(Box::new(BucketRemote::open(address)?)),
        }
    }

    /// Opens the remote like [`Self::open`], and counts on `meter` what it moves.
    ///
    /// What is read from web servers and buckets is held to the rate of the meter while it comes;
    /// everything else moves file by file, with the pause after each. The `git` program fetches and
    /// pushes at its own speed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_metered(&self, cache: &Path, meter: &Arc<Meter>) -> Result<AnyRemote, Error> {
        let far: AnyRemote = match self {
            Self::Web(base) => Box::new(WebRemote::open(base)?.counting(meter)),
            Self::Bucket(address) => Box::new(BucketRemote::open(address)?.counting(meter)),
            Self::Folder(_) | Self::Git(_) => self.open(cache)?,
        };
        Ok(Box::new(Metered::new(far, Arc::clone(meter))))
    }

    /// Returns whether what is there can only be reached over a network.
    pub fn is_on_network(&self) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::Git(address) => !address.starts_with('/'),
            Self::Web(_) | Self::Bucket(_) => true,
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file:{}", path.display()),
            Self::Web(base) => f.write_str(base),
            Self::Git(address) => write!(f, "git:{address}"),
            Self::Bucket(address) => address.fmt(f),
        }
    }
}

impl FromStr for RemoteUrl {
    type Err = Error;

    /// Parses `file:/path`, `file:///path`, an absolute path, `https://host/path`, `git:` and an
    /// address, or `s3://bucket/prefix` (`gs:`, `az:`).
    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |reason| Error::Url { text: text.to_owned(), reason };
        let path = match text.split_once(':') {
            Some(("file", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("http" | "https", _)) => {
                let refused = |reason| Error::Url { text: web::shown(text), reason };
                return web::address(text).map(Self::Web).map_err(refused);
            }
            Some(("git", rest)) => return git::check_address(rest).map(Self::Git),
            Some((scheme, _)) if BucketAddress::is_scheme(scheme) => {
                return text.parse().map(Self::Bucket);
            }
            Some((scheme, _)) if scheme.len() > 1 && !scheme.contains('/') => {
                return Err(refused(
                    "it starts with none of `file:`, `https:`, `git:`, `s3:`, `gs:`, `az:`",
                ));
            }
            _ => text,
        };
        if Path::new(path).is_absolute() {
            return Ok(Self::Folder(PathBuf::from(path)));
        }
        Err(refused("the path must be absolute"))
    }
}

/// The address of a remote and the repository that it must hold; displays as `file:/path#id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The address.
    pub url: RemoteUrl,
    /// The pinned repository, if it is known.
    pub repository: Option<RepositoryId>,
}

impl FromStr for Invite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix("garner+").unwrap_or(text);
        match text.rsplit_once('#') {
            None => Ok(Self { url: text.parse()?, repository: None }),
            Some((url, id)) => Ok(Self { url: url.parse()?, repository: Some(id.parse()?) }),
        }
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "garner+{}", self.url)?;
        self.repository.iter().try_for_each(|id| write!(f, "#{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_what_they_write() {
        let id = "0123456789abcdef0123456789abcdef";
        for (text, shown) in [
            ("/media/usb", "garner+file:/media/usb".to_owned()),
            ("file:///media/usb", "garner+file:/media/usb".to_owned()),
            (&format!("garner+file:/media/usb#{id}"), format!("garner+file:/media/usb#{id}")),
            ("https://host/notes/", "garner+https://host/notes".to_owned()),
            ("http://127.0.0.1:8080", "garner+http://127.0.0.1:8080".to_owned()),
            (&format!("garner+https://host/a@b#{id}"), format!("garner+https://host/a@b#{id}")),
            ("git:/srv/notes.git", "garner+git:/srv/notes.git".to_owned()),
            ("git:https://host/notes.git", "garner+git:https://host/notes.git".to_owned()),
            ("git:ssh://git@host:22/n.git", "garner+git:ssh://git@host:22/n.git".to_owned()),
            (
                &format!("git:git@host:notes.git#{id}"),
                format!("garner+git:git@host:notes.git#{id}"),
            ),
        ] {
            assert_eq!(text.parse::<Invite>().unwrap().to_string(), shown);
        }
        for text in ["usb", "ftp://host/x", "file:usb", "/media/usb#short"] {
            assert!(text.parse::<Invite>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_for_git_hold_no_option_no_program_and_no_password() {
        for text in [
            "git:--upload-pack=touch x",
            "git:-host:x",
            "git:git@-oProxyCommand=x:y",
            "git:ext::sh -c id",
            "git:relative/path",
            "git://host/notes.git",
            "git:ftp://host/notes.git",
            "git:https://me@host/notes.git",
            "git:https://me:secret@host/notes.git",
            "git:ssh://me:secret@host/notes.git",
            "git:me:secret@host:notes.git",
            "git:https://host/a\nb",
        ] {
            let refused = text.parse::<RemoteUrl>().unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn addresses_on_the_web_hold_no_secret_and_no_question() {
        for (text, facts) in [
            ("https://ada:hush@host/notes", "`https://…@host/notes`"),
            ("https://ada@host/notes", "no name and no password"),
            ("https://host/notes?token=hush", "no `?` and no `#`"),
            ("https://host/notes#part", "no `?` and no `#`"),
            ("https://", "a host"),
            ("https://ho st/notes", "a host"),
        ] {
            let refused = text.parse::<RemoteUrl>().unwrap_err().to_string();
            assert!(refused.contains(facts), "{text}: {refused}");
        }
    }
}
