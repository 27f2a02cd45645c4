//! Keyrings: the small file that carries an epoch's key to each reader.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::identity::{Identity, NoPlugins, Plugins};
use super::keys::{DeviceKey, Recipient};
use super::limits;
use super::sealed_box::{self, Purpose};
use super::statement::{RepositoryId, exact, exact_json, to_json};
use crate::contents::Version;
use crate::error::Error;
#[cfg(test)]
use crate::schema;

/// An epoch: the key that objects are encrypted to, from one version on.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Counts epochs, from 1.
    pub number: u64,
    /// The key that opens its objects.
    pub key: DeviceKey,
    /// The first version that uses it.
    pub from: Version,
}

/// A device that can read, by the name its owner gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The name.
    pub name: String,
    /// The public half of its key.
    pub recipient: Recipient,
}

/// What a keyring file carries to each recipient.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// The repository.
    pub repository: RepositoryId,
    /// Who can read.
    pub readers: Vec<Reader>,
    /// Every epoch that a reader may need.
    pub epochs: Vec<Epoch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireKeyring {
    #[cfg_attr(test, schemars(with = "schema::Repository"))]
    repo: String,
    readers: Vec<WireReader>,
    epochs: Vec<WireEpoch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "reader"))]
struct WireReader {
    name: String,
    #[cfg_attr(test, schemars(with = "schema::Recipient"))]
    recipient: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "epoch"))]
struct WireEpoch {
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    n: u64,
    #[cfg_attr(test, schemars(with = "schema::EpochKey"))]
    identity: String,
    #[cfg_attr(test, schemars(with = "schema::Number"))]
    from_seq: u64,
}

impl Keyring {
    /// Makes a keyring with a first epoch, whose key is new.
    pub fn new(repository: RepositoryId, readers: Vec<Reader>) -> Self {
        let epoch = Epoch { number: 1, key: DeviceKey::generate(), from: Version::FIRST };
        Self { repository, readers, epochs: vec![epoch] }
    }

    /// Starts a new epoch, whose key nobody had before, for the versions from `from` on.
    pub fn start_epoch(&mut self, from: Version) {
        let number = self.current().map_or(1, |epoch| epoch.number + 1);
        self.epochs.push(Epoch { number, key: DeviceKey::generate(), from });
    }

    /// Returns the newest epoch.
    pub fn current(&self) -> Option<&Epoch> {
        self.epochs.iter().max_by_key(|epoch| epoch.number)
    }

    /// Returns the epoch with this number.
    pub fn epoch(&self, number: u64) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| epoch.number == number)
    }

    /// Encrypts the keyring to its readers.
    ///
    /// # Errors
    /// [`Error::Limit`] above 64 readers, [`Error::Age`] without any, [`Error::NoPlugin`] for a
    /// reader whose key a plugin holds.
    pub fn seal(&self) -> Result<Vec<u8>, Error> {
        self.seal_with(&NoPlugins)
    }

    /// Encrypts the keyring to its readers, to those of plugins with what `plugins` returns.
    ///
    /// # Errors
    /// As [`Keyring::seal`]; [`Error::NoPlugin`] only for plugins that are not installed.
    pub fn seal_with(&self, plugins: &dyn Plugins) -> Result<Vec<u8>, Error> {
        if self.readers.len() > limits::RECIPIENTS {
            let (got, max) = (self.readers.len() as u64, limits::RECIPIENTS as u64);
            return Err(Error::Limit { what: "readers of a keyring", got, max });
        }
        let recipients: Vec<&Recipient> = self.readers.iter().map(|r| &r.recipient).collect();
        let plain = Zeroizing::new(self.to_json());
        sealed_box::encrypt_with(&recipients, plugins, plain.as_bytes())
    }

    /// Decrypts a keyring file, whose digest must already be trusted, with any of `keys`.
    ///
    /// # Errors
    /// [`Error::CannotDecrypt`] if none of the keys is among its readers.
    pub fn open(sealed: &[u8], keys: &[&dyn Identity]) -> Result<Self, Error> {
        let plain = sealed_box::decrypt(Purpose::Keyring, sealed, keys)?;
        Self::parse(&plain)
    }

    /// Returns the plaintext of the keyring file; it is secret.
    pub(super) fn to_json(&self) -> String {
        let reader =
            |r: &Reader| WireReader { name: r.name.clone(), recipient: r.recipient.to_string() };
        let epoch = |e: &Epoch| WireEpoch {
            n: e.number,
            identity: e.key.to_secret_text().to_string(),
            from_seq: e.from.get(),
        };
        to_json(&WireKeyring {
            repo: self.repository.to_string(),
            readers: self.readers.iter().map(reader).collect(),
            epochs: self.epochs.iter().map(epoch).collect(),
        })
    }

    /// Reads the plaintext of a keyring file.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Error> {
        let broken = || Error::Note { what: "keyring", rule: "it is malformed".to_owned() };
        Self::of(&exact_json(json).map_err(|_| broken())?).map_err(|e| e.in_note("keyring"))
    }

    fn of(wire: &WireKeyring) -> Result<Self, Error> {
        let broken = || Error::Note { what: "keyring", rule: "it is malformed".to_owned() };
        let reader = |r: &WireReader| {
            Ok::<_, Error>(Reader { name: r.name.clone(), recipient: exact(&r.recipient)? })
        };
        let epoch = |e: &WireEpoch| {
            let from = Version::new(e.from_seq).ok_or_else(broken)?;
            let key: DeviceKey = e.identity.parse()?;
            // Keys are read in more spellings than the one: in capitals, or with space around.
            if *key.to_secret_text() != e.identity {
                return Err(broken());
            }
            Ok::<_, Error>(Epoch { number: e.n, key, from })
        };
        let ascending = wire.epochs.is_sorted_by(|a, b| a.n < b.n && a.from_seq <= b.from_seq)
            && wire.epochs.first().is_none_or(|epoch| epoch.n > 0);
        if !ascending {
            return Err(broken());
        }
        Ok(Self {
            repository: wire.repo.parse()?,
            readers: wire.readers.iter().map(reader).collect::<Result<_, _>>()?,
            epochs: wire.epochs.iter().map(epoch).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_wire_type() {
        let title = "The plaintext of a keyring";
        schema::check::<WireKeyring>("keyring.v1.json", title, garner_schemas::KEYRING_SCHEMA);
    }

    #[test]
    fn the_keys_of_a_keyring_have_one_spelling() {
        let repository: RepositoryId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let recipient = DeviceKey::generate().recipient();
        let reader = Reader { name: "laptop".to_owned(), recipient: recipient.clone() };
        let keyring = Keyring::new(repository, vec![reader]);
        let json = keyring.to_json();
        assert!(Keyring::parse(json.as_bytes()).is_ok());
        let recipient = recipient.to_string();
        let identity = keyring.epochs[0].key.to_secret_text();
        for (from, to) in [
            (&recipient, recipient.to_uppercase()),
            (&recipient, format!(" {recipient}")),
            (&identity, identity.to_lowercase()),
            (&identity, format!("{}\\n", *identity)),
        ] {
            assert!(Keyring::parse(json.replace(from, &to).as_bytes()).is_err(), "{to}");
        }
    }
}
