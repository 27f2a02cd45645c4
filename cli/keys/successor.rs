//! Successors: the key that takes the place of another, which is on the disk before it is used.
//!
//! `ROLE.new.key` waits beside `ROLE.key` until every repository names it. Then it takes that name,
//! and the old one is kept as `ROLE.old-ID.key`. Whatever stops in between, nothing is lost and the
//! same command goes on.

use std::path::{Path, PathBuf};

use garner_kernel::KeyName;
use garner_kernel::bundle::{PublicKey, PublisherKey};
use zeroize::Zeroizing;

use super::file::{self, Stored};
use super::{KeyError, KeyPair, KeyRole, Protection, pair, passphrase};
use crate::context::Context;
use crate::error::Error;
use crate::places::Places;

impl KeyRole {
    /// Returns the file of the key that waits to take the place of the one in use.
    pub(crate) fn successor_path(self, places: &Places) -> PathBuf {
        places.keys().join(format!("{}.new.key", self.as_str()))
    }

    fn successor_public_path(self, places: &Places) -> PathBuf {
        places.keys().join(format!("{}.new.pub", self.as_str()))
    }

    /// Returns the public half of the key that waits; `None` if there is none.
    pub(crate) fn successor_public(self, places: &Places) -> Result<Option<PublicKey>, Error> {
        let path = self.successor_public_path(places);
        if !self.successor_path(places).exists() || !path.exists() {
            return Ok(None);
        }
        let Stored::Plain(text) = file::read_any(&path)? else {
            return Err(KeyError::NotAKey { path }.into());
        };
        Ok(Some(pair::key_line(&text).parse()?))
    }

    /// Returns the key that waits, or makes it: protected as the one in use is.
    pub(crate) fn successor(self, name: KeyName, context: &Context) -> Result<PublisherKey, Error> {
        let path = self.successor_path(&context.places);
        if path.exists() {
            let text = match file::read(&path)? {
                Stored::Plain(text) => text,
                Stored::Sealed(sealed) => {
                    let passphrase = passphrase::known(&path, self.what(), context)?;
                    passphrase::open(&path, &sealed, &passphrase)?
                }
            };
            let key = signing_key(&text, &path)?;
            // It may have been stopped between the two files.
            self.write_successor_public(&key.public(), &context.places)?;
            return Ok(key);
        }
        let key = PublisherKey::generate(name)?;
        let text = Zeroizing::new(format!("{}\n", *key.to_secret_text()));
        match self.protection(&context.places)? {
            Some(Protection::Passphrase) => {
                let passphrase = passphrase::new(self.what(), context)?;
                file::create(&path, &passphrase::seal(&path, &text, &passphrase)?)?;
            }
            _ => file::create(&path, text.as_bytes())?,
        }
        self.write_successor_public(&key.public(), &context.places)?;
        Ok(key)
    }

    fn write_successor_public(self, public: &PublicKey, places: &Places) -> Result<(), Error> {
        file::replace(&self.successor_public_path(places), format!("{public}\n").as_bytes())
    }

    /// Puts the key that waits in the place of the one in use, whose file is returned; `None` where
    /// that one was lost.
    pub(crate) fn succeed(
        self,
        old: &PublicKey,
        places: &Places,
    ) -> Result<Option<PathBuf>, Error> {
        let (path, successor) = (self.path(places), self.successor_path(places));
        let kept = places.keys().join(format!("{}.old-{}.key", self.as_str(), old.id()));
        if !kept.exists() && path.exists() {
            match file::read(&path)? {
                Stored::Plain(text) => file::create(&kept, text.as_bytes())?,
                Stored::Sealed(bytes) => file::create(&kept, &bytes)?,
            }
        }
        file::rename(&successor, &path)?;
        self.finish_succession(places)?;
        Ok(kept.exists().then_some(kept))
    }

    /// Finishes a succession that stopped between its two files, and returns whether there was one.
    pub(crate) fn finish_succession(self, places: &Places) -> Result<bool, Error> {
        let public = self.successor_public_path(places);
        if !public.exists() || self.successor_path(places).exists() {
            return Ok(false);
        }
        file::rename(&public, &self.public_path(places))?;
        Ok(true)
    }
}

fn signing_key(text: &str, path: &Path) -> Result<PublisherKey, Error> {
    match KeyPair::parse(text, path)? {
        KeyPair::Signing(key) => Ok(*key),
        KeyPair::Reading(_) | KeyPair::Plugin(_) => {
            Err(KeyError::NotAKey { path: path.to_owned() }.into())
        }
    }
}
