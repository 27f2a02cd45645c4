//! Roots on their way: a note in a file, to which one holder after the other adds a signature.

use std::path::{Path, PathBuf};

use garner_kernel::KeyName;
use garner_kernel::bundle::{Note, PublisherKey, RepositoryId, Right, Root, RootChain, limits};

use super::TrustError;
use crate::context::Context;
use crate::error::Error;
use crate::files;

/// A root that may not have enough signatures yet.
#[derive(Debug)]
pub(crate) struct RootNote {
    path: PathBuf,
    bytes: Vec<u8>,
    text: String,
    pub(crate) root: Root,
}

/// Who signed a root so far, by the keys of one root.
#[derive(Debug)]
pub(crate) struct Signed {
    /// The number of the root whose keys judge.
    pub(crate) by: u64,
    /// Whose signatures are there.
    pub(crate) names: Vec<KeyName>,
    /// How many are needed.
    pub(crate) needed: usize,
}

impl Signed {
    /// Returns whether there are enough.
    pub(crate) fn is_enough(&self) -> bool {
        self.names.len() >= self.needed
    }
}

impl RootNote {
    /// Reads the file of a root.
    ///
    /// # Errors
    /// [`Error::Bundle`] if it is not one.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(path, files::read(path)?)
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let refused = |source| Error::Bundle { path: path.to_owned(), source };
        Note::parse("root", &bytes, limits::ROOT).map_err(refused)?;
        let note = String::from_utf8_lossy(&bytes);
        let (text, _) = note.rsplit_once("\n\n").unwrap_or_default();
        let text = format!("{text}\n");
        let root = Root::parse(&text).map_err(refused)?;
        Ok(Self { path: path.to_owned(), bytes, text, root })
    }

    /// Makes the file of a root with the first signatures; one that is there is not replaced.
    pub(crate) fn create(path: &Path, root: &Root, keys: &[&PublisherKey]) -> Result<Self, Error> {
        if path.exists() {
            return Err(TrustError::NoteExists { path: path.to_owned() }.into());
        }
        let note = Self::parse(path, root.sign(keys).to_bytes())?;
        garner_sync::write_over(path, &note.bytes)?;
        Ok(note)
    }

    /// Returns the signed note.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a signature to the file, unless it is there.
    pub(crate) fn add(&mut self, key: &PublisherKey) -> Result<(), Error> {
        let note = Note::sign(self.text.clone(), &[key]).to_bytes();
        let line =
            note.strip_prefix(self.text.as_bytes()).and_then(|rest| rest.strip_prefix(b"\n"));
        let line = line.unwrap_or_default();
        if self.bytes.windows(line.len().max(1)).any(|there| there == line) {
            return Ok(());
        }
        let bytes = [self.bytes.as_slice(), line].concat();
        *self = Self::parse(&self.path, bytes)?;
        Ok(garner_sync::write_over(&self.path, &self.bytes)?)
    }

    /// Returns who of the root keys of `judge` signed.
    ///
    /// # Errors
    /// [`Error::Bundle`] if a signature does not verify.
    pub(crate) fn signed_by(&self, judge: &Root) -> Result<Signed, Error> {
        let refused = |source| Error::Bundle { path: self.path.clone(), source };
        let (holders, needed) = judge.holders(&Right::Root);
        let note = Note::parse("root", &self.bytes, limits::ROOT).map_err(refused)?;
        let names = match note.check("root", &holders, 1) {
            Ok(names) => names,
            Err(garner_kernel::Error::Threshold { .. }) => Vec::new(),
            Err(other) => return Err(refused(other)),
        };
        Ok(Signed { by: judge.version, names, needed })
    }

    /// Returns who signed: by the root's own keys, and by those of the root before it where this
    /// machine knows its repository.
    pub(crate) fn signed(&self, context: &Context) -> Result<Vec<Signed>, Error> {
        let mut signed = Vec::new();
        if let Some(chain) = self.root.repository.as_ref().map(|id| known_chain(id, context)) {
            let before = self.root.version.saturating_sub(1);
            if let Some(Ok(before)) = chain?.as_ref().map(|chain| chain.at(before)) {
                signed.push(self.signed_by(before)?);
            }
        }
        signed.push(self.signed_by(&self.root)?);
        Ok(signed)
    }
}

/// Returns the roots of a repository that a channel of this machine has: those of its remote, or
/// of the mirror.
fn known_chain(id: &RepositoryId, context: &Context) -> Result<Option<RootChain>, Error> {
    for channel in context.known_channels()? {
        let settings = context.settings(&channel)?;
        if settings.trust.repository.id != *id {
            continue;
        }
        let notes = match context.remote(&settings) {
            Ok(remote) => garner_sync::roots(&remote),
            Err(_) => garner_sync::roots(&context.mirror(&settings)?),
        };
        match notes {
            Ok(notes) => return Ok(Some(RootChain::check(id, &notes)?)),
            Err(garner_sync::Error::NoRepository) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(None)
}

/// Returns the signatures of a root as rows.
pub(crate) fn signature_rows(signed: &[Signed]) -> Vec<Vec<String>> {
    let row = |signed: &Signed| {
        let names: Vec<_> = signed.names.iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let (got, needed) = (signed.names.len(), signed.needed);
        let text = format!("{names} ({got} of {needed} that root {} asks for)", signed.by);
        vec!["signed by".to_owned(), text]
    };
    signed.iter().map(row).collect()
}

/// Returns the signatures of a root as JSON.
pub(crate) fn signature_json(signed: &[Signed]) -> serde_json::Value {
    let item = |signed: &Signed| {
        serde_json::json!({
            "root": signed.by,
            "signers": signed.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "needed": signed.needed,
        })
    };
    signed.iter().map(item).collect()
}
