//! Encryption: age files in memory, with the header checked before the age crate sees it.

use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read, Write};

use zeroize::Zeroizing;

use super::identity::{Identity, NoPlugins, Plugins};
use super::keys::Recipient;
use super::limits;
use crate::error::Error;

/// Encrypts `plain` to every recipient.
///
/// # Errors
/// [`Error::Age`] if there are no recipients or the age crate fails.
pub(crate) fn encrypt(recipients: &[&Recipient], plain: &[u8]) -> Result<Vec<u8>, Error> {
    encrypt_with(recipients, &NoPlugins, plain)
}

/// Encrypts `plain` to every recipient, to those of plugins with what `plugins` returns.
///
/// # Errors
/// As [`encrypt`], and [`Error::NoPlugin`].
pub(crate) fn encrypt_with(
    recipients: &[&Recipient],
    plugins: &dyn Plugins,
    plain: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut sealed = Vec::with_capacity(plain.len() + 512);
    let mut writer = writer(recipients, plugins, &mut sealed)?;
    writer.write_all(plain).map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    Ok(sealed)
}

/// Returns what encrypts to every recipient all that is written to it, and gives it to `sealed`.
///
/// # Errors
/// As [`encrypt_with`].
pub(crate) fn writer<W: Write>(
    recipients: &[&Recipient],
    plugins: &dyn Plugins,
    sealed: W,
) -> Result<age::stream::StreamWriter<W>, Error> {
    // A plugin is asked once for all of its recipients.
    let mut foreign: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (plugin, text) in recipients.iter().filter_map(|recipient| recipient.plugin()) {
        foreign.entry(plugin).or_default().push(text);
    }
    let wrap = |(plugin, texts): (&&str, &Vec<&str>)| plugins.wrap(plugin, texts);
    let foreign: Vec<_> = foreign.iter().map(wrap).collect::<Result<_, _>>()?;
    let native = recipients.iter().filter_map(|recipient| recipient.x25519());
    let native = native.map(|recipient| recipient as &dyn age::Recipient);
    let all = native.chain(foreign.iter().map(|recipient| &**recipient));
    let encryptor = age::Encryptor::with_recipients(all).map_err(|e| failed(&e))?;
    encryptor.wrap_output(sealed).map_err(|e| failed(&e))
}

fn failed(e: &dyn std::fmt::Display) -> Error {
    Error::Age { what: "encryption", reason: e.to_string() }
}

/// What a sealed file is, which decides how its header may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An object: encrypted to the key of one epoch.
    Object,
    /// A keyring: encrypted to every reader.
    Keyring,
    /// A backup: encrypted to those who can restore it.
    Backup,
}

impl Purpose {
    const fn what(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Keyring => "keyring",
            Self::Backup => "backup",
        }
    }

    const fn max_stanzas(self) -> usize {
        match self {
            Self::Object => limits::OBJECT_STANZAS,
            Self::Keyring => limits::RECIPIENTS + limits::GREASE,
            Self::Backup => crate::backup::limits::RECIPIENTS + limits::GREASE,
        }
    }
}

/// Decrypts a small file, whose digest must already be trusted, with any of `keys`.
///
/// # Errors
/// As [`reader`], and [`Error::Age`] if the file is damaged.
pub(crate) fn decrypt(
    purpose: Purpose,
    sealed: &[u8],
    keys: &[&dyn Identity],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let what = purpose.what();
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader(purpose, sealed, keys)?
        .read_to_end(&mut plain)
        .map_err(|e| Error::Age { what, reason: e.to_string() })?;
    Ok(plain)
}

/// Returns a reader of the plaintext of a file, whose digest must already be trusted.
///
/// What it reads is authenticated piece by piece; only the end tells that nothing is missing.
///
/// # Errors
/// [`Error::Limit`] for a header that is too long or has too many stanzas,
/// [`Error::CannotDecrypt`] if no key fits, [`Error::Age`] if the header is damaged.
pub(crate) fn reader<'a>(
    purpose: Purpose,
    mut sealed: impl Read + 'a,
    keys: &[&dyn Identity],
) -> Result<impl Read + 'a, Error> {
    let what = purpose.what();
    let failed = |e: &dyn std::fmt::Display| Error::Age { what, reason: e.to_string() };
    let mut head = Vec::new();
    sealed
        .by_ref()
        .take((limits::AGE_HEADER + LAST_LINE) as u64)
        .read_to_end(&mut head)
        .map_err(|source| Error::Read { what, source })?;
    let recipients = check_header(purpose, &head)?;
    // The whole header is in `head`: the age crate, which takes quadratic time over headers that
    // arrive in pieces, sees it at once.
    let whole = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(sealed));
    let decryptor = age::Decryptor::new_buffered(whole).map_err(|e| failed(&e))?;
    let identities = keys.iter().map(|key| key.age());
    decryptor.decrypt(identities).map_err(|e| match e {
        age::DecryptError::NoMatchingKeys => Error::CannotDecrypt {
            what,
            tried: keys.iter().map(|key| key.name()).collect(),
            recipients,
        },
        other => failed(&other),
    })
}

/// How much is read at a time: one chunk of an age file.
const BUFFER: usize = 64 << 10;
/// What the last line of a header may have beyond its limit.
const LAST_LINE: usize = 128;
/// The length of the lines of a stanza's body but the last, which is shorter.
const BODY_LINE: usize = 64;

/// Checks the shape of a header and returns how many stanzas it has besides grease.
///
/// The age crate also takes stanzas without the last line of their body, which early versions
/// wrote; the specification does not.
fn check_header(purpose: Purpose, sealed: &[u8]) -> Result<usize, Error> {
    let what = purpose.what();
    let refused = |reason: &str| Error::Age { what, reason: reason.to_owned() };
    let head = sealed.get(..limits::AGE_HEADER.min(sealed.len())).unwrap_or_default();
    let mut stanzas = 0;
    let mut recipients = 0;
    let mut in_body = false;
    let mut cut = false;
    for line in head.split(|byte| *byte == b'\n') {
        if line.starts_with(b"--- ") {
            return match purpose {
                _ if cut || in_body => Err(refused("a stanza lacks the last line of its body")),
                Purpose::Object if recipients != 1 => Err(refused("not one recipient")),
                _ => Ok(recipients),
            };
        }
        if line.starts_with(b"-> ") {
            stanzas += 1;
            recipients += usize::from(!is_grease(line));
            cut |= in_body;
            in_body = true;
        } else {
            in_body &= line.len() >= BODY_LINE;
        }
        if stanzas > purpose.max_stanzas() {
            let (got, max) = (stanzas as u64, purpose.max_stanzas() as u64);
            return Err(Error::Limit { what: "age header (stanzas)", got, max });
        }
    }
    if sealed.len() > limits::AGE_HEADER {
        let (got, max) = (sealed.len() as u64, limits::AGE_HEADER as u64);
        return Err(Error::Limit { what: "age header", got, max });
    }
    Err(refused("the header has no end"))
}

/// Returns whether a stanza is there only so that readers pass over what they do not know.
fn is_grease(line: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').nth(1).is_some_and(|tag| tag.ends_with(b"-grease"))
}

#[cfg(test)]
mod tests {
    use super::super::keys::DeviceKey;
    use super::*;

    #[test]
    fn only_a_recipient_reads_it() {
        let (ours, other) = (DeviceKey::generate(), DeviceKey::generate());
        let sealed = encrypt(&[&ours.recipient()], b"grain").unwrap();
        assert_eq!(
            decrypt(Purpose::Keyring, &sealed, &[&other, &ours]).unwrap().as_slice(),
            b"grain"
        );
        let wrong = decrypt(Purpose::Object, &sealed, &[&other]);
        assert!(matches!(wrong, Err(Error::CannotDecrypt { recipients: 1, .. })));
    }

    #[test]
    fn a_header_bomb_is_refused_before_it_is_parsed() {
        let mut bomb = b"age-encryption.org/v1\n".to_vec();
        bomb.extend_from_slice(&b"-> X25519 aaaa\nbbbb\n".repeat(100_000));
        let refused = decrypt(Purpose::Keyring, &bomb, &[&DeviceKey::generate()]);
        assert!(matches!(refused, Err(Error::Limit { .. })));
        let mut long = b"age-encryption.org/v1\n-> X25519 a\n".to_vec();
        long.extend_from_slice(&b"A".repeat(1 << 20));
        let refused = decrypt(Purpose::Keyring, &long, &[&DeviceKey::generate()]);
        assert!(matches!(refused, Err(Error::Limit { .. })));
    }

    /// A plugin whose keys are X25519 keys after all.
    struct Toy(DeviceKey);

    impl Plugins for Toy {
        fn wrap(&self, plugin: &str, texts: &[&str]) -> Result<Box<dyn age::Recipient>, Error> {
            assert_eq!((plugin, texts.len()), ("toy", 2), "asked once for all of its recipients");
            Ok(Box::new(self.0.identity().to_public()))
        }
    }

    #[test]
    fn a_plugin_wraps_for_its_own_recipients_and_no_others() {
        let (toy, device) = (Toy(DeviceKey::generate()), DeviceKey::generate());
        // Two texts with the right checksums; what they stand for is the plugin's business.
        let (one, two) = ("age1toy1qygcca0k", "age1toy1qgex7h73");
        let recipients = [one.parse().unwrap(), device.recipient(), two.parse().unwrap()];
        let recipients: Vec<&Recipient> = recipients.iter().collect();
        let sealed = encrypt_with(&recipients, &toy, b"grain").unwrap();
        for key in [&device, &toy.0] {
            assert_eq!(decrypt(Purpose::Keyring, &sealed, &[key]).unwrap().as_slice(), b"grain");
        }
        let refused = encrypt(&recipients, b"grain");
        assert!(matches!(refused, Err(Error::NoPlugin { plugin }) if plugin == "toy"));
    }

    #[test]
    fn stanzas_of_plugins_count_as_recipients_and_grease_does_not() {
        let header = b"age-encryption.org/v1\n-> X25519 a\nb\n-> toy c\nd\n-> x-grease e\n\n--- f";
        assert_eq!(check_header(Purpose::Keyring, header).unwrap(), 2);
        assert!(check_header(Purpose::Object, header).is_err(), "an object has one recipient");
    }
}
