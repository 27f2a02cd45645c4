//! A secret key of either sort, as key files hold it.

use std::fmt;
use std::path::Path;

use garner_kernel::bundle::{DeviceKey, Identity, PublisherKey};
use zeroize::Zeroizing;

use super::plugin::PluginKey;
use super::{KeyError, KeyRole};
use crate::error::Error;

/// How an identity of a plugin starts.
const PLUGIN: &str = "AGE-PLUGIN-";

/// A secret key with its public half.
pub(crate) enum KeyPair {
    /// Signs notes.
    Signing(Box<PublisherKey>),
    /// Opens keyrings.
    Reading(DeviceKey),
    /// Opens keyrings with the help of an age plugin.
    Plugin(PluginKey),
}

impl KeyPair {
    /// Makes a new key for a role.
    pub(super) fn generate(role: KeyRole, name: &str) -> Result<Self, Error> {
        if role.signs() {
            let name = format!("{name}-{}", role.as_str()).parse()?;
            return Ok(Self::Signing(Box::new(PublisherKey::generate(name)?)));
        }
        Ok(Self::Reading(DeviceKey::generate()))
    }

    /// Reads the text of a key file: comments, and one line that is the key.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let line = key_line(text);
        let broken = |source| Error::BrokenKey { path: path.to_owned(), source };
        if line.starts_with("PRIVATE+KEY+") {
            return Ok(Self::Signing(Box::new(line.parse().map_err(broken)?)));
        }
        if line.starts_with("AGE-SECRET-KEY-") {
            return Ok(Self::Reading(line.parse().map_err(broken)?));
        }
        if line.starts_with(PLUGIN) {
            let unnamed = || KeyError::NoRecipient { path: path.to_owned() };
            return Ok(Self::Plugin(PluginKey::parse(text, line).ok_or_else(unnamed)?));
        }
        Err(KeyError::NotAKey { path: path.to_owned() }.into())
    }

    /// Returns what opens keyrings; `None` for a key that signs.
    pub(super) fn into_identity(self) -> Result<Option<Box<dyn Identity>>, Error> {
        Ok(match self {
            Self::Signing(_) => None,
            Self::Reading(key) => Some(Box::new(key)),
            Self::Plugin(key) => Some(Box::new(key.identity()?)),
        })
    }

    /// Returns the public half as it is shown and sent.
    pub(crate) fn public(&self) -> String {
        match self {
            Self::Signing(key) => key.public().to_string(),
            Self::Reading(key) => key.recipient().to_string(),
            Self::Plugin(key) => key.recipient.to_string(),
        }
    }

    /// Returns the secret text that is read again.
    pub(super) fn to_secret_text(&self) -> Zeroizing<String> {
        match self {
            Self::Signing(key) => key.to_secret_text(),
            Self::Reading(key) => key.to_secret_text(),
            Self::Plugin(key) => key.text.clone(),
        }
    }

    /// Returns what the key does.
    pub(super) const fn does(&self) -> &'static str {
        match self {
            Self::Signing(_) => "signs",
            Self::Reading(_) | Self::Plugin(_) => "reads",
        }
    }

    /// Checks that the key is of the sort that a role needs.
    pub(super) fn fits(self, role: KeyRole, path: &Path) -> Result<Self, Error> {
        if matches!(self, Self::Signing(_)) == role.signs() {
            return Ok(self);
        }
        let needs = if role.signs() { "signs" } else { "reads" };
        let (path, what, holds) = (path.to_owned(), role.what(), self.does());
        Err(KeyError::OtherSort { path, what, holds, needs }.into())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public())
    }
}

/// Returns whether the text of a key file names a key of a plugin.
pub(super) fn is_of_plugin(text: &str) -> bool {
    key_line(text).starts_with(PLUGIN)
}

/// Returns the first line that is neither empty nor a comment.
pub(super) fn key_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}
