//! What is on a remote and in no list: parts of a backup that was stopped, and of one that goes. The
//! next backup removes them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use garner_kernel::Digest;
use garner_sync::Name;

use super::Vault;
use crate::context::Context;
use crate::error::Error;

/// The digests of parts and notes, each written down before it is put, or taken out of the list.
pub(super) struct Pending {
    path: PathBuf,
    file: fs::File,
}

impl Pending {
    /// Starts to write down what is put into a vault, or taken out of it.
    pub(super) fn start(vault: &Vault, context: &Context) -> Result<Self, Error> {
        let path = path(context);
        let folder = &context.places.state;
        garner_sync::make_folder(folder)?;
        let file = fs::File::create(&path).map_err(|e| Error::io("create", &path, e))?;
        let mut pending = Self { path, file };
        pending.write(&format!("{} {}\n", vault.url(), vault.key().id()))?;
        garner_sync::sync_folder(folder)?;
        Ok(pending)
    }

    /// Writes down parts and notes; it is on the disk when it returns.
    pub(super) fn add(&mut self, digests: &[Digest]) -> Result<(), Error> {
        let lines: Vec<String> = digests.iter().map(|digest| format!("{digest}\n")).collect();
        self.write(&lines.concat())
    }

    /// Forgets it all: the list names the backup, or the files are gone.
    pub(super) fn done(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|e| Error::io("remove", &self.path, e))
    }

    fn write(&mut self, lines: &str) -> Result<(), Error> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io("write", &self.path, e))
    }
}

/// Removes from a vault what was written down, unless the list names the backup that it belongs to.
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
    let listed = vault.listing()?.map(|listing| listing.backups).unwrap_or_default();
    if !digests.iter().any(|digest| listed.iter().any(|backup| backup.digest == *digest)) {
        // Also as the name of a note: whichever of the two there is.
        let names = digests.iter().flat_map(|digest| [vault.part(digest), vault.name(digest)]);
        vault.remote().delete_all(&names.collect::<Vec<Name>>())?;
    }
    fs::remove_file(&path).map_err(|e| Error::io("remove", path, e))
}

fn path(context: &Context) -> PathBuf {
    context.places.state.join("backup.pending")
}
