//! Who opens and who wraps: the seams through which keys of age plugins come in.
//!
//! A plugin is a program, and the kernel starts none: it takes what can open a keyring as an
//! [`Identity`], and asks [`Plugins`] for what encrypts to recipients that are not X25519.

use super::keys::DeviceKey;
use crate::error::Error;

/// What can open a keyring: a [`DeviceKey`], or a key that a plugin holds.
pub trait Identity {
    /// Returns the public half, by which errors name the key.
    fn name(&self) -> String;

    /// Returns what unwraps the stanzas of an age header.
    fn age(&self) -> &dyn age::Identity;
}

impl Identity for DeviceKey {
    fn name(&self) -> String {
        self.recipient().to_string()
    }

    fn age(&self) -> &dyn age::Identity {
        self.identity()
    }
}

/// What encrypts to recipients of age plugins.
pub trait Plugins {
    /// Returns what encrypts to all of `recipients`, which belong to `plugin`.
    ///
    /// # Errors
    /// [`Error::NoPlugin`] if the plugin is not installed.
    fn wrap(&self, plugin: &str, recipients: &[&str]) -> Result<Box<dyn age::Recipient>, Error>;
}

/// No plugin at all: X25519 recipients only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlugins;

impl Plugins for NoPlugins {
    fn wrap(&self, plugin: &str, _recipients: &[&str]) -> Result<Box<dyn age::Recipient>, Error> {
        Err(Error::NoPlugin { plugin: plugin.to_owned() })
    }
}
