//! Keys: a publisher signs (Ed25519), a device reads (X25519).
//!
//! Texts are those of the formats they belong to: C2SP signed note keys
//! (`name+id+base64`, `PRIVATE+KEY+name+id+base64`) and age keys (`age1…`, `AGE-SECRET-KEY-1…`).

use std::fmt;
use std::str::FromStr;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::words::KeyName;

/// The algorithm byte of Ed25519 in signed note keys.
const ED25519: u8 = 1;

/// A key that signs notes; its secret half is erased from memory when it is dropped.
pub struct PublisherKey {
    name: KeyName,
    signing: SigningKey,
}

impl PublisherKey {
    /// Makes a new key from the operating system's random source.
    ///
    /// # Errors
    /// [`Error::Random`] if the system has no randomness to give.
    pub fn generate(name: KeyName) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|e| Error::Random { reason: e.to_string() })?;
        Ok(Self::from_seed(name, &seed))
    }

    /// Returns the key of a 32-byte seed.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        Self { name, signing: SigningKey::from_bytes(seed) }
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), verifying: self.signing.verifying_key() }
    }

    /// Returns the secret text that [`FromStr`] reads.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let id = self.public().id();
        let mut data = Zeroizing::new(vec![ED25519]);
        data.extend_from_slice(&*Zeroizing::new(self.signing.to_bytes()));
        let data = Zeroizing::new(BASE64.encode(&*data));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{id}+{}", self.name, *data))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublisherKey({})", self.name)
    }
}

impl FromStr for PublisherKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let broken = || Error::BrokenKey { what: "publisher key" };
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or_else(broken)?;
        let (name, id, data) = key_fields(rest).ok_or_else(broken)?;
        let seed = Zeroizing::new(data.try_into().map_err(|_| broken())?);
        let key = Self::from_seed(name.parse()?, &seed);
        if key.public().id().to_string() == id { Ok(key) } else { Err(broken()) }
    }
}

/// The public half of a [`PublisherKey`].
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: KeyName,
    verifying: VerifyingKey,
}

impl PublicKey {
    /// Returns the key of these 32 bytes; `None` if they are not a point on the curve.
    pub fn from_bytes(name: KeyName, bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(|verifying| Self { name, verifying })
    }

    /// Returns the name that signature lines carry.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.verifying.as_bytes()
    }

    /// Returns the key id: the first 4 bytes of SHA-256(name, line feed, algorithm, key).
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.name.as_str())
            .chain_update([b'\n', ED25519])
            .chain_update(self.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        KeyId([a, b, c, d])
    }

    /// Checks a signature with the strict rules: no key or point of small order.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.verifying.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = vec![ED25519];
        data.extend_from_slice(self.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id(), BASE64.encode(data))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let broken = || Error::BrokenKey { what: "public key" };
        let (name, id, data) = key_fields(text.trim()).ok_or_else(broken)?;
        let bytes = data.try_into().map_err(|_| broken())?;
        let key = Self::from_bytes(name.parse()?, &bytes).ok_or_else(broken)?;
        if key.id().to_string() == id { Ok(key) } else { Err(broken()) }
    }
}

/// Splits `name+id+base64` and returns the bytes after the algorithm.
fn key_fields(text: &str) -> Option<(&str, &str, Vec<u8>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, data) = rest.split_once('+')?;
    match BASE64.decode(data).ok()?.split_first()? {
        (&ED25519, key) => Some((name, id, key.to_vec())),
        _ => None,
    }
}

/// Four bytes that tell keys of one name apart; displays as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A key that decrypts; the age crate erases it from memory when it is dropped.
#[derive(Clone)]
pub struct DeviceKey(age::x25519::Identity);

impl DeviceKey {
    /// Makes a new key from the operating system's random source.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Returns the public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(Kind::X25519(self.0.to_public()))
    }

    /// Returns the secret text that [`FromStr`] reads (`AGE-SECRET-KEY-1…`).
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    pub(crate) const fn identity(&self) -> &age::x25519::Identity {
        &self.0
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.recipient())
    }
}

impl FromStr for DeviceKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.trim().parse().map(Self).map_err(|_| Error::BrokenKey { what: "device key" })
    }
}

/// Who can decrypt: the public half of a [`DeviceKey`] (`age1…`), or of a key that an age plugin
/// holds (`age1NAME1…`), whether or not the plugin is installed here.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    X25519(age::x25519::Recipient),
    Plugin { name: String, text: String },
}

/// How plugin recipients start; the name of the plugin follows.
const PLUGIN_PREFIX: &str = "age1";
/// The longest plugin recipient, in bytes.
const PLUGIN_RECIPIENT: usize = 2048;

impl Recipient {
    /// Returns the X25519 recipient; `None` for one of a plugin.
    pub(crate) const fn x25519(&self) -> Option<&age::x25519::Recipient> {
        match &self.0 {
            Kind::X25519(recipient) => Some(recipient),
            Kind::Plugin { .. } => None,
        }
    }

    /// Returns the name of the plugin and the text that it is given; `None` for X25519.
    pub fn plugin(&self) -> Option<(&str, &str)> {
        match &self.0 {
            Kind::X25519(_) => None,
            Kind::Plugin { name, text } => Some((name, text)),
        }
    }
}

/// Returns the name of the plugin that a Bech32 text `age1NAME1…` belongs to.
fn plugin_of(text: &str) -> Option<&str> {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-._".contains(c);
    let (prefix, _) = text.rsplit_once('1').filter(|_| text.len() <= PLUGIN_RECIPIENT)?;
    let name = prefix.strip_prefix(PLUGIN_PREFIX)?;
    let named = !name.is_empty() && name.chars().all(valid);
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<LongBech32>(text).is_ok();
    (named && checked).then_some(name)
}

/// Bech32 without a limit of length, as age has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LongBech32 {}

impl bech32::Checksum for LongBech32 {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = bech32::Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = bech32::Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = bech32::Bech32::TARGET_RESIDUE;
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::X25519(recipient) => recipient.fmt(f),
            Kind::Plugin { text, .. } => f.write_str(text),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Ok(recipient) = text.parse() {
            return Ok(Self(Kind::X25519(recipient)));
        }
        let name = plugin_of(text).ok_or(Error::BrokenKey { what: "recipient" })?.to_owned();
        Ok(Self(Kind::Plugin { name, text: text.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_what_they_write() {
        let key = PublisherKey::from_seed("ada".parse().unwrap(), &[7; 32]);
        let again: PublisherKey = key.to_secret_text().parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), key.public());
        let device = DeviceKey::generate();
        let again: DeviceKey = device.to_secret_text().parse().unwrap();
        assert_eq!(again.recipient(), device.recipient());
        assert!(!format!("{key:?}{device:?}").contains("SECRET"));
    }

    #[test]
    fn a_key_under_another_name_is_another_key() {
        let text = PublisherKey::from_seed("ada".parse().unwrap(), &[7; 32]).public().to_string();
        assert!(text.replace("ada+", "eve+").parse::<PublicKey>().is_err());
        assert!("ada+00000000+AQ==".parse::<PublicKey>().is_err());
    }

    #[test]
    fn a_recipient_of_a_plugin_is_known_by_its_name_alone() {
        let encode = |hrp: &str, data: &[u8]| {
            bech32::encode_lower::<LongBech32>(bech32::Hrp::parse(hrp).unwrap(), data).unwrap()
        };
        let text = encode("age1garnertest", &[1, 2, 3]);
        let recipient: Recipient = text.parse().unwrap();
        assert_eq!(recipient.plugin(), Some(("garnertest", text.as_str())));
        assert_eq!(recipient.to_string(), text);
        let long: Recipient = encode("age1pq", &[7; 1200]).parse().unwrap();
        assert_eq!(long.plugin().unwrap().0, "pq");
        let device = DeviceKey::generate().recipient();
        assert_eq!(device.plugin(), None);
        for broken in [
            text.replace("garnertest1", "garnertast1"),
            text.to_uppercase(),
            encode("age1", &[1, 2, 3]),
            encode("age1../../x", &[1, 2, 3]),
            encode("age", &[1, 2, 3]),
            encode("age1x", &[7; 1400]),
            encode("bge1x", &[7; 3]),
        ] {
            assert!(broken.parse::<Recipient>().is_err(), "{broken}");
        }
    }
}
