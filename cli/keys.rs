//! Keys: made once, each in a file of mode 0600, in the clear or under a passphrase.
//!
//! Beside each key `ROLE.key` lies its public half `ROLE.pub`, so that nobody is asked for a
//! passphrase where no secret is needed. A key in the clear is believed before its public file.

mod error;
mod file;
mod pair;
mod passphrase;
mod plugin;
mod successor;
mod transfer;

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use garner_kernel::bundle::{Identity, PublicKey, PublisherKey, Reader};
use zeroize::Zeroizing;

pub(crate) use self::error::KeyError;
use self::file::Stored;
pub(crate) use self::pair::KeyPair;
pub(crate) use self::plugin::{InstalledPlugins, check_plugin};
pub(crate) use self::transfer::{Form, copy_text, export, import};
use crate::context::Context;
use crate::error::Error;
use crate::places::Places;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyRole {
    /// Signs the root of a repository: who may publish
    Root,
    /// Signs kernels
    Publisher,
    /// Reads kernels on this machine
    Device,
    /// Reads kernels when all else is lost: print it and keep it elsewhere
    Recovery,
    /// Signs receipts: made when somebody asks for them
    Receipt,
}

/// How a key file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// In the clear, behind its mode alone.
    None,
    /// Encrypted with a passphrase.
    Passphrase,
    /// Held by an age plugin: the file only says which key it is.
    Plugin,
}

impl Protection {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Passphrase => "passphrase",
            Self::Plugin => "plugin",
        }
    }
}

/// The protected keys that were opened since the program started.
#[derive(Default)]
pub(crate) struct Unlocked(RefCell<Vec<(KeyRole, Zeroizing<String>)>>);

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unlocked")
    }
}

impl KeyRole {
    /// The keys that `garner setup` makes.
    pub(crate) const ALL: [Self; 4] = [Self::Root, Self::Publisher, Self::Device, Self::Recovery];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Publisher => "publisher",
            Self::Device => "device",
            Self::Recovery => "recovery",
            Self::Receipt => "receipt",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Root => "root key",
            Self::Publisher => "publisher key",
            Self::Device => "device key",
            Self::Recovery => "recovery key",
            Self::Receipt => "receipt key",
        }
    }

    /// Returns whether the key signs; one that does not, reads.
    pub(crate) const fn signs(self) -> bool {
        matches!(self, Self::Root | Self::Publisher | Self::Receipt)
    }

    /// Returns the file of the key.
    pub(crate) fn path(self, places: &Places) -> PathBuf {
        places.keys().join(format!("{}.key", self.as_str()))
    }

    /// Returns the file of the public half.
    pub(crate) fn public_path(self, places: &Places) -> PathBuf {
        places.keys().join(format!("{}.pub", self.as_str()))
    }

    /// Returns whether the key was taken away from this machine and only its public half is here.
    ///
    /// That is how a root or recovery key should be kept; the other two are in daily use.
    pub(crate) fn is_elsewhere(self, places: &Places) -> bool {
        matches!(self, Self::Root | Self::Recovery)
            && !self.path(places).exists()
            && self.public_path(places).exists()
    }

    /// Makes the key and its file, and returns the public half.
    ///
    /// The file is on the disk before the key is used; an existing file is never replaced.
    pub(crate) fn generate(self, places: &Places, name: &str) -> Result<String, Error> {
        let pair = KeyPair::generate(self, name)?;
        let bytes = Zeroizing::new(format!("{}\n", *pair.to_secret_text()));
        self.create(places, &pair, bytes.as_bytes())
    }

    /// Makes the key and its file under a new passphrase, and returns the public half.
    pub(crate) fn generate_protected(self, name: &str, context: &Context) -> Result<String, Error> {
        let path = self.path(&context.places);
        self.check_absent(&context.places)?;
        let passphrase = passphrase::new(self.what(), context)?;
        let pair = KeyPair::generate(self, name)?;
        let text = Zeroizing::new(format!("{}\n", *pair.to_secret_text()));
        self.create(&context.places, &pair, &passphrase::seal(&path, &text, &passphrase)?)
    }

    /// Writes the files of a key that is new here.
    fn create(self, places: &Places, pair: &KeyPair, bytes: &[u8]) -> Result<String, Error> {
        self.check_absent(places)?;
        file::create(&self.path(places), bytes)?;
        self.write_public(places, pair)
    }

    fn check_absent(self, places: &Places) -> Result<(), Error> {
        let path = self.path(places);
        if path.exists() {
            return Err(KeyError::Exists { what: self.what(), path }.into());
        }
        Ok(())
    }

    fn write_public(self, places: &Places, pair: &KeyPair) -> Result<String, Error> {
        let public = pair.public();
        file::replace(&self.public_path(places), format!("{public}\n").as_bytes())?;
        Ok(public)
    }

    /// Writes the public half of a key that is here, where a command was stopped before it did: with
    /// it, the key may be taken away later and is not taken for one that was never made.
    pub(crate) fn complete(self, places: &Places) -> Result<(), Error> {
        let path = self.path(places);
        if !path.exists() || self.public_path(places).exists() {
            return Ok(());
        }
        // What is no plain key is told by the command that needs it.
        let Stored::Plain(text) = file::read_any(&path)? else { return Ok(()) };
        let Ok(pair) = KeyPair::parse(&text, &path) else { return Ok(()) };
        self.write_public(places, &pair.fits(self, &path)?).map(drop)
    }

    /// Returns how the key file is kept; `None` where there is none.
    pub(crate) fn protection(self, places: &Places) -> Result<Option<Protection>, Error> {
        let path = self.path(places);
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(match file::read_any(&path)? {
            Stored::Sealed(_) => Protection::Passphrase,
            Stored::Plain(text) if pair::is_of_plugin(&text) => Protection::Plugin,
            Stored::Plain(_) => Protection::None,
        }))
    }

    /// Returns the public half of the key, without asking for a passphrase.
    pub(crate) fn public(self, places: &Places) -> Result<String, Error> {
        let path = self.path(places);
        if path.exists()
            && let Stored::Plain(text) = file::read(&path)?
        {
            return Ok(KeyPair::parse(&text, &path)?.fits(self, &path)?.public());
        }
        let public_path = self.public_path(places);
        match (path.exists(), public_path.exists()) {
            (_, true) => {}
            (true, false) => {
                let (what, path) = (self.what(), public_path);
                return Err(KeyError::NoPublicHalf { what, path }.into());
            }
            (false, false) => return Err(Error::NoKey { what: self.what(), path }),
        }
        let Stored::Plain(text) = file::read_any(&public_path)? else {
            return Err(KeyError::NotAKey { path: public_path }.into());
        };
        Ok(pair::key_line(&text).to_owned())
    }

    /// Returns the key, asking for its passphrase if it has one.
    pub(crate) fn pair(self, context: &Context) -> Result<KeyPair, Error> {
        let path = self.path(&context.places);
        if self.is_elsewhere(&context.places) {
            return Err(KeyError::Elsewhere { what: self.what(), path }.into());
        }
        if !path.exists() {
            return Err(Error::NoKey { what: self.what(), path });
        }
        let (text, sealed) = match file::read(&path)? {
            Stored::Plain(text) => (text, false),
            Stored::Sealed(sealed) => (self.unlock(&path, &sealed, context)?, true),
        };
        let pair = KeyPair::parse(&text, &path)?.fits(self, &path)?;
        let public_path = self.public_path(&context.places);
        if sealed && public_path.exists() && self.public(&context.places)? != pair.public() {
            let what = self.what();
            return Err(KeyError::OtherPublicHalf { what, path: public_path }.into());
        }
        Ok(pair)
    }

    /// Decrypts a protected key file, once for each run of the program.
    fn unlock(
        self,
        path: &Path,
        sealed: &[u8],
        context: &Context,
    ) -> Result<Zeroizing<String>, Error> {
        let mut unlocked = context.unlocked.0.borrow_mut();
        if let Some((_, text)) = unlocked.iter().find(|(role, _)| *role == self) {
            return Ok(text.clone());
        }
        let passphrase = passphrase::known(path, self.what(), context)?;
        let text = passphrase::open(path, sealed, &passphrase)?;
        unlocked.push((self, text.clone()));
        Ok(text)
    }

    /// Puts a key file under a new passphrase.
    ///
    /// The new file is on the disk, and was opened again, before it takes the place of the old one.
    pub(crate) fn protect(self, context: &Context) -> Result<(), Error> {
        let path = self.path(&context.places);
        if self.protection(&context.places)? == Some(Protection::Passphrase) {
            return Err(KeyError::Protected { what: self.what() }.into());
        }
        let pair = self.pair(context)?;
        let passphrase = passphrase::new(self.what(), context)?;
        let Stored::Plain(text) = file::read(&path)? else {
            return Err(KeyError::Protected { what: self.what() }.into());
        };
        let sealed = passphrase::seal(&path, &text, &passphrase)?;
        self.write_public(&context.places, &pair)?;
        file::replace(&path, &sealed)
    }

    /// Takes the passphrase off a key file, and writes its public half again.
    pub(crate) fn unprotect(self, context: &Context) -> Result<(), Error> {
        let path = self.path(&context.places);
        if !path.exists() {
            return Err(Error::NoKey { what: self.what(), path });
        }
        let Stored::Sealed(sealed) = file::read(&path)? else {
            return Err(KeyError::NotProtected { what: self.what() }.into());
        };
        let text = self.unlock(&path, &sealed, context)?;
        let pair = KeyPair::parse(&text, &path)?.fits(self, &path)?;
        self.write_public(&context.places, &pair)?;
        file::replace(&path, text.as_bytes())
    }
}

/// Returns the key that signs kernels.
pub(crate) fn publisher(context: &Context) -> Result<PublisherKey, Error> {
    signing(KeyRole::Publisher, context)
}

/// Returns the key that signs receipts.
pub(crate) fn receipt(context: &Context) -> Result<PublisherKey, Error> {
    signing(KeyRole::Receipt, context)
}

/// Returns the public half of the key that signs kernels.
pub(crate) fn publisher_public(places: &Places) -> Result<PublicKey, Error> {
    Ok(KeyRole::Publisher.public(places)?.parse()?)
}

/// Returns the public half of the key that signs roots.
pub(crate) fn root_public(places: &Places) -> Result<PublicKey, Error> {
    Ok(KeyRole::Root.public(places)?.parse()?)
}

/// Returns the key that signs roots.
pub(crate) fn root(context: &Context) -> Result<PublisherKey, Error> {
    signing(KeyRole::Root, context)
}

fn signing(role: KeyRole, context: &Context) -> Result<PublisherKey, Error> {
    match role.pair(context)? {
        KeyPair::Signing(key) => Ok(*key),
        KeyPair::Reading(_) | KeyPair::Plugin(_) => {
            Err(Error::NoKey { what: role.what(), path: role.path(&context.places) })
        }
    }
}

fn reading(role: KeyRole, context: &Context) -> Result<Box<dyn Identity>, Error> {
    let identity = role.pair(context)?.into_identity()?;
    identity.ok_or_else(|| Error::NoKey { what: role.what(), path: role.path(&context.places) })
}

/// Returns the keys that read kernels here: the device's, and the recovery key where it is kept in
/// the clear.
///
/// One that a plugin holds comes last, so that nobody has to touch it where another one opens.
pub(crate) fn devices(context: &Context) -> Result<Vec<Box<dyn Identity>>, Error> {
    let places = &context.places;
    let mut roles = vec![KeyRole::Device];
    // A recovery key under a passphrase is for the day when the device key is lost.
    if KeyRole::Recovery.protection(places)? == Some(Protection::None) {
        roles.push(KeyRole::Recovery);
    }
    if KeyRole::Device.protection(places)? == Some(Protection::Plugin) {
        roles.reverse();
    }
    roles.into_iter().map(|role| reading(role, context)).collect()
}

/// Returns the key that reads when all else is lost.
pub(crate) fn recovery(context: &Context) -> Result<Box<dyn Identity>, Error> {
    reading(KeyRole::Recovery, context)
}

/// Returns the key for `role` that a file holds, or standard input where the path is `-`.
///
/// It is a copy that lives anywhere, so its mode is not looked at.
pub(crate) fn reading_from(
    role: KeyRole,
    path: &Path,
    context: &Context,
) -> Result<Box<dyn Identity>, Error> {
    let text = match read_copy(path)? {
        Stored::Plain(text) => text,
        Stored::Sealed(sealed) => {
            passphrase::open(path, &sealed, &passphrase::known(path, role.what(), context)?)?
        }
    };
    let identity = KeyPair::parse(&text, path)?.fits(role, path)?.into_identity()?;
    Ok(identity.ok_or_else(|| KeyError::NotAKey { path: path.to_owned() })?)
}

/// Reads a copy of a key, or standard input where the path is `-`.
fn read_copy(path: &Path) -> Result<Stored, Error> {
    if path.as_os_str() == "-" {
        return file::read_from(std::io::stdin().lock(), path);
    }
    file::read_any(path)
}

/// Returns the recovery key if it is kept here under a passphrase or by a plugin, which then asks.
pub(crate) fn protected_recovery(context: &Context) -> Result<Option<Box<dyn Identity>>, Error> {
    match KeyRole::Recovery.protection(&context.places)? {
        Some(Protection::Passphrase | Protection::Plugin) => {
            Ok(Some(reading(KeyRole::Recovery, context)?))
        }
        Some(Protection::None) | None => Ok(None),
    }
}

/// Returns the temporary files of commands that were stopped while they wrote a key.
pub(crate) fn leftovers(places: &Places) -> Result<Vec<PathBuf>, Error> {
    let folder = places.keys();
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listed = |e| Error::io("list", &folder, e);
    let entries = std::fs::read_dir(&folder).map_err(listed)?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(listed)?;
    let is_left = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(file::TEMPORARY))
    };
    Ok(paths.into_iter().filter(is_left).collect())
}

/// Returns the readers of a new channel: this device, and the recovery key.
pub(crate) fn own_readers(places: &Places) -> Result<Vec<Reader>, Error> {
    let mut readers = Vec::new();
    for (role, name) in [(KeyRole::Device, "this device"), (KeyRole::Recovery, "recovery")] {
        match role.public(places) {
            Ok(public) => {
                readers.push(Reader { name: name.to_owned(), recipient: public.parse()? });
            }
            Err(Error::NoKey { .. }) if role == KeyRole::Recovery => {}
            Err(other) => return Err(other),
        }
    }
    Ok(readers)
}
