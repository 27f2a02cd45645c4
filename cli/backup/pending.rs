//! What an unfinished backup has put on a remote: the next one removes it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use garner_kernel::Digest;
use garner_kernel::backup::Manifest;
use garner_sync::Name;

use super::Vault;
use crate::context::Context;
use crate::error::Error;

/// The digests of parts, each written down before the part is put.
pub(super) struct Pending {
    path: PathBuf,
    file: fs::File,
}

impl Pending {
    /// Starts to write down what is put into a vault.
    pub(super) fn start(vault: &Vault, context: &Context) -> Result<Self, Error> {
        let path = path(context);
        let folder = &context.places.state;
        fs::create_dir_all(folder).map_err(|e| Error::io("create folder", folder, e))?;
        let file = fs::File::create(&path).map_err(|e| Error::io("create", &path, e))?;
        let mut pending = Self { path, file };
        pending.line(&format!("{} {}", vault.url(), vault.key().id()))?;
        Ok(pending)
    }

    /// Writes down a part that is put next.
    pub(super) fn part(&mut self, digest: &Digest) -> Result<(), Error> {
        self.line(&digest.to_string())
    }

    /// Forgets it all: the list names the backup.
    pub(super) fn done(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|e| Error::io("remove", &self.path, e))
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.file, "{line}").map_err(|e| Error::io("write", &self.path, e))
    }
}

/// Removes from a vault what an unfinished backup put there, unless the list names it after all.
pub(super) fn tidy(vault: &Vault, context: &Context) -> Result<(), Error> {
    let path = path(context);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|e| Error::io("read", &path, e))?,
    };
    let mut lines = text.lines();
    // What was put elsewhere stays written down until somebody goes there again.
    if lines.next() != Some(&format!("{} {}", vault.url(), vault.key().id())) && !text.is_empty() {
        return Ok(());
    }
    let digests: Vec<Digest> = lines.filter_map(|line| line.parse().ok()).collect();
    let newest = vault.listing()?.and_then(|listing| listing.backups.last().cloned());
    let used = match newest {
        None => Vec::new(),
        Some(newest) => match vault.read(&vault.name(&newest.digest))? {
            None => Vec::new(),
            Some(note) => Manifest::check(&note, &[vault.key()]).map(|(m, _)| m.parts)?,
        },
    };
    if !digests.iter().any(|digest| used.iter().any(|part| part.digest == *digest)) {
        // Also as the name of a note: whichever of the two there is.
        let names = digests.iter().flat_map(|digest| [vault.part(digest), vault.name(digest)]);
        vault.remote().delete_all(&names.collect::<Vec<Name>>())?;
    }
    fs::remove_file(&path).map_err(|e| Error::io("remove", path, e))
}

fn path(context: &Context) -> PathBuf {
    context.places.state.join("backup.pending")
}
