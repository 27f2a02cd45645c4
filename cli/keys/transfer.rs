//! Copies of keys: out to a file or to paper, and back in.

use std::path::Path;

use zeroize::Zeroizing;

use super::file::{self, Stored};
use super::{KeyError, KeyPair, KeyRole, passphrase};
use crate::context::Context;
use crate::error::Error;

/// The comment that says what an exported key is for.
const ROLE: &str = "# role: ";

/// How a copy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As an age file under a passphrase of its own.
    Sealed,
    /// In the clear.
    Plain,
}

/// Writes a copy of a key to a file that is not there yet, and returns the public half.
pub(crate) fn export(
    role: KeyRole,
    out: &Path,
    form: Form,
    context: &Context,
) -> Result<String, Error> {
    if out.exists() {
        return Err(KeyError::Exists { what: "file", path: out.to_owned() }.into());
    }
    let pair = role.pair(context)?;
    let text = copy_text(role, &pair, context);
    match form {
        Form::Plain => file::create(out, text.as_bytes())?,
        Form::Sealed => {
            let passphrase = passphrase::new("copy", context)?;
            file::create(out, &passphrase::seal(out, &text, &passphrase)?)?;
        }
    }
    Ok(pair.public())
}

/// Returns the text of a copy: comments that say what it is, and the key.
pub(crate) fn copy_text(role: KeyRole, pair: &KeyPair, context: &Context) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "# garner {}, copied on {}\n{ROLE}{}\n# public key: {}\n{}\n",
        role.what(),
        context.now().date(),
        role.as_str(),
        pair.public(),
        *pair.to_secret_text(),
    ))
}

/// Takes a key in from a copy, or from standard input where the path is `-`.
///
/// A copy under a passphrase stays under it. A key that is here is never replaced.
pub(crate) fn import(
    path: &Path,
    role: Option<KeyRole>,
    context: &Context,
) -> Result<(KeyRole, String), Error> {
    let stored = super::read_copy(path)?;
    let (text, sealed) = match stored {
        Stored::Plain(text) => (text, None),
        Stored::Sealed(sealed) => {
            let passphrase = passphrase::known(path, "copy", context)?;
            (passphrase::open(path, &sealed, &passphrase)?, Some(sealed))
        }
    };
    let pair = KeyPair::parse(&text, path)?;
    let role = role.map_or_else(|| role_of(&text, &pair, path), Ok)?;
    let pair = pair.fits(role, path)?;
    let known = role.is_elsewhere(&context.places).then(|| role.public(&context.places));
    if let Some(known) = known.transpose()?.filter(|known| *known != pair.public()) {
        return Err(KeyError::NotOurs { what: role.what(), found: pair.public(), known }.into());
    }
    let bytes = sealed.as_deref().unwrap_or(text.as_bytes());
    Ok((role, role.create(&context.places, &pair, bytes)?))
}

/// Returns what a key is for: by the comment of an export, or by the name of a key that signs.
fn role_of(text: &str, pair: &KeyPair, path: &Path) -> Result<KeyRole, Error> {
    let told = text.lines().find_map(|line| line.trim().strip_prefix(ROLE));
    let suffix = match pair {
        KeyPair::Signing(key) => {
            let public = key.public();
            public.name().as_str().rsplit_once('-').map(|(_, suffix)| suffix.to_owned())
        }
        KeyPair::Reading(_) | KeyPair::Plugin(_) => None,
    };
    let word = told.map(str::trim).or(suffix.as_deref());
    let role = KeyRole::ALL.into_iter().find(|role| Some(role.as_str()) == word);
    role.ok_or_else(|| {
        let roles = if matches!(pair, KeyPair::Signing(_)) {
            ["root", "publisher"]
        } else {
            ["device", "recovery"]
        };
        KeyError::WhichRole { path: path.to_owned(), holds: pair.does(), roles }.into()
    })
}
