//! Encryption: age files in memory, with the header checked before the age crate sees it.

use std::io::{Read as _, Write as _};

use zeroize::Zeroizing;

use super::keys::{DeviceKey, Recipient};
use super::limits;
use crate::error::Error;

/// Encrypts `plain` to every recipient.
///
/// # Errors
/// [`Error::Age`] if there are no recipients or the age crate fails.
pub(crate) fn encrypt(recipients: &[&Recipient], plain: &[u8]) -> Result<Vec<u8>, Error> {
    let failed =
        |e: &dyn std::fmt::Display| Error::Age { what: "encryption", reason: e.to_string() };
    let recipients = recipients.iter().map(|r| r.inner() as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|e| failed(&e))?;
    let mut sealed = Vec::with_capacity(plain.len() + 512);
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|e| failed(&e))?;
    writer.write_all(plain).map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    Ok(sealed)
}

/// Decrypts `sealed`, whose digest must already be trusted, with any of `keys`.
///
/// # Errors
/// [`Error::Limit`] for a header that is too long or has too many stanzas,
/// [`Error::CannotDecrypt`] if no key fits, [`Error::Age`] if the file is damaged.
pub(crate) fn decrypt(
    what: &'static str,
    sealed: &[u8],
    keys: &[&DeviceKey],
    max_stanzas: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |e: &dyn std::fmt::Display| Error::Age { what, reason: e.to_string() };
    let stanzas = check_header(what, sealed, max_stanzas)?;
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|e| failed(&e))?;
    let identities = keys.iter().map(|key| key.identity() as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|e| match e {
        age::DecryptError::NoMatchingKeys => Error::CannotDecrypt {
            what,
            tried: keys.iter().map(|key| key.recipient().to_string()).collect(),
            recipients: stanzas,
        },
        other => failed(&other),
    })?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut plain).map_err(|e| failed(&e))?;
    Ok(plain)
}

/// Checks the header's length and returns how many X25519 stanzas it has.
fn check_header(what: &'static str, sealed: &[u8], max_stanzas: usize) -> Result<usize, Error> {
    let head = sealed.get(..limits::AGE_HEADER.min(sealed.len())).unwrap_or_default();
    let mut stanzas = 0;
    let mut recipients = 0;
    for line in head.split(|byte| *byte == b'\n') {
        if line.starts_with(b"--- ") {
            return Ok(recipients);
        }
        if line.starts_with(b"-> ") {
            stanzas += 1;
            recipients += usize::from(line.starts_with(b"-> X25519 "));
        }
        if stanzas > max_stanzas {
            return Err(Error::Limit {
                what: "stanzas of an age header",
                got: stanzas as u64,
                max: max_stanzas as u64,
            });
        }
    }
    if sealed.len() > limits::AGE_HEADER {
        let (got, max) = (sealed.len() as u64, limits::AGE_HEADER as u64);
        return Err(Error::Limit { what: "age header", got, max });
    }
    Err(Error::Age { what, reason: "the header has no end".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recipient_reads_it() {
        let (ours, other) = (DeviceKey::generate(), DeviceKey::generate());
        let sealed = encrypt(&[&ours.recipient()], b"grain").unwrap();
        assert_eq!(decrypt("box", &sealed, &[&other, &ours], 3).unwrap().as_slice(), b"grain");
        let wrong = decrypt("box", &sealed, &[&other], 3);
        assert!(matches!(wrong, Err(Error::CannotDecrypt { recipients: 1, .. })));
    }

    #[test]
    fn a_header_bomb_is_refused_before_it_is_parsed() {
        let mut bomb = b"age-encryption.org/v1\n".to_vec();
        bomb.extend_from_slice(&b"-> X25519 aaaa\nbbbb\n".repeat(100_000));
        let refused = decrypt("box", &bomb, &[&DeviceKey::generate()], 64);
        assert!(matches!(refused, Err(Error::Limit { .. })));
        let mut long = b"age-encryption.org/v1\n-> X25519 a\n".to_vec();
        long.extend_from_slice(&b"A".repeat(1 << 20));
        let refused = decrypt("box", &long, &[&DeviceKey::generate()], 64);
        assert!(matches!(refused, Err(Error::Limit { .. })));
    }
}
