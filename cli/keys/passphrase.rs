//! Passphrases: where they come from, and files that only they open.
//!
//! The files are plain age files (`age -d` opens them). A passphrase comes from the terminal or
//! from a file that the environment names, never from the words of a command.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::scrypt;
use age::secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::KeyError;
use super::file::{self, Stored};
use crate::context::Context;
use crate::error::Error;

/// The scrypt work factor of files that are written, as a power of two: that of the age program.
const WORK: u8 = 18;
/// The most work that a file may ask for: four times as much, and 1 GiB of memory.
const MAX_WORK: u8 = 20;

/// Returns the passphrase of a file that exists.
pub(super) fn known(path: &Path, what: &str, context: &Context) -> Result<SecretString, Error> {
    if let Some(file) = &context.environment.passphrase_file {
        return of_file(file);
    }
    if !std::io::stdin().is_terminal() {
        return Err(KeyError::NoPassphrase { path: path.to_owned() }.into());
    }
    typed(&format!("Passphrase of the {what}: "))
}

/// Returns the passphrase for a new file; what is typed is typed twice.
pub(super) fn new(what: &'static str, context: &Context) -> Result<SecretString, Error> {
    let passphrase = match &context.environment.passphrase_file {
        Some(file) => of_file(file)?,
        None if !std::io::stdin().is_terminal() => {
            return Err(KeyError::NoNewPassphrase { what }.into());
        }
        None => {
            let first = typed(&format!("New passphrase for the {what}: "))?;
            let again = typed("The same again: ")?;
            if first.expose_secret() != again.expose_secret() {
                return Err(KeyError::Differ.into());
            }
            first
        }
    };
    if passphrase.expose_secret().is_empty() {
        return Err(KeyError::Empty.into());
    }
    Ok(passphrase)
}

fn typed(prompt: &str) -> Result<SecretString, Error> {
    let typed = rpassword::prompt_password(prompt).map_err(|e| Error::io("read", "terminal", e))?;
    Ok(SecretString::from(typed))
}

/// Returns the first line of a file, which nobody else may be able to read.
fn of_file(path: &Path) -> Result<SecretString, Error> {
    if let Some(mode) = file::open_to_others(path)? {
        return Err(KeyError::OpenPassphrase { path: path.to_owned(), mode }.into());
    }
    let Stored::Plain(text) = file::read_any(path)? else { return Err(KeyError::Empty.into()) };
    Ok(SecretString::from(text.lines().next().unwrap_or_default().to_owned()))
}

/// Encrypts a secret with a passphrase, and opens it again before anybody relies on it.
pub(super) fn seal(path: &Path, secret: &str, passphrase: &SecretString) -> Result<Vec<u8>, Error> {
    let failed =
        |e: &dyn std::fmt::Display| KeyError::Age { path: path.to_owned(), reason: e.to_string() };
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|e| failed(&e))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|e| failed(&e))?;
    writer.write_all(secret.as_bytes()).map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    if *open(path, &sealed, passphrase)? != *secret {
        return Err(failed(&"it does not open again").into());
    }
    Ok(sealed)
}

/// Decrypts a file with a passphrase.
pub(super) fn open(
    path: &Path,
    sealed: &[u8],
    passphrase: &SecretString,
) -> Result<Zeroizing<String>, Error> {
    let at = || path.to_owned();
    let failed = |e: &dyn std::fmt::Display| KeyError::Age { path: at(), reason: e.to_string() };
    let input = ArmoredReader::new(sealed);
    let decryptor = age::Decryptor::new_buffered(input).map_err(|e| failed(&e))?;
    if !decryptor.is_scrypt() {
        return Err(KeyError::NotPassphrase { path: at() }.into());
    }
    let mut identity = scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(MAX_WORK);
    let identities = std::iter::once(&identity as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|e| match e {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            KeyError::WrongPassphrase { path: at() }
        }
        age::DecryptError::ExcessiveWork { required, .. } => {
            KeyError::TooMuchWork { path: at(), required, limit: MAX_WORK }
        }
        other => failed(&other),
    })?;
    // The plaintext is shorter than the file, so nothing grows and leaves copies behind.
    let mut secret = Zeroizing::new(String::with_capacity(sealed.len()));
    reader.read_to_string(&mut secret).map_err(|e| failed(&e))?;
    Ok(secret)
}
