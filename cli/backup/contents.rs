//! What is inside a backup: a tar archive of the store and of what is needed beside it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use garner_kernel::Moment;
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use super::Canary;

/// The file that says what the others are.
pub(super) const ABOUT: &str = "about.json";
/// The store.
pub(super) const STORE: &str = garner_loader::Store::FILE;
/// The folders of an archive, each with the ending of its files.
pub(super) const FOLDERS: [(&str, &str); 3] =
    [("keys", ".pub"), ("channels", ".json"), ("drafts", ".jsonl")];
/// The most entries of an archive.
const ENTRIES: usize = 4096;
/// The largest entry but the store, in bytes.
const ENTRY: u64 = 256 << 20;

/// What a backup says of itself, inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    pub(super) format: u32,
    pub(super) at: String,
    pub(super) operations: u64,
    pub(super) canaries: Vec<Canary>,
}

/// Writes the archive.
pub(super) struct Packing<W: Write> {
    archive: Builder<W>,
    at: u64,
}

impl<W: Write> Packing<W> {
    pub(super) fn new(out: W, at: Moment) -> Self {
        Self { archive: Builder::new(out), at: u64::try_from(at.unix()).unwrap_or_default() }
    }

    /// Adds bytes as a file.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, bytes.len() as u64, bytes)
    }

    /// Adds a file, as long as it is now.
    pub(super) fn file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        self.entry(name, size, file.take(size))
    }

    fn entry(&mut self, name: &str, size: u64, data: impl Read) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(self.at);
        header.set_size(size);
        self.archive.append_data(&mut header, name, data)
    }

    /// Ends the archive and returns what it was written to.
    pub(super) fn finish(self) -> io::Result<W> {
        self.archive.into_inner()
    }
}

/// Unpacks an archive into a folder and returns its files; every name must be one that is known.
pub(super) fn unpack(archive: impl Read, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let refused = |rule: String| io::Error::new(io::ErrorKind::InvalidData, rule);
    let mut archive = Archive::new(archive);
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let size = entry.header().size()?;
        if entry.header().entry_type() != EntryType::Regular || !is_known(&name) {
            return Err(refused(format!("an entry `{}`", name.escape_debug())));
        }
        if files.len() >= ENTRIES || (name != STORE && size > ENTRY) {
            return Err(refused(format!("too much, at `{name}`")));
        }
        let path = folder.join(&name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = private(&path)?;
        io::copy(&mut entry, &mut file)?;
        file.sync_all()?;
        files.push(PathBuf::from(name));
    }
    // Only the end tells that nothing is missing.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(files)
}

/// Returns whether a backup may hold a file of this name: one that cannot lead anywhere else.
pub(super) fn is_known(name: &str) -> bool {
    if name == ABOUT || name == STORE {
        return true;
    }
    let Some((folder, file)) = name.split_once('/') else { return false };
    let stem = FOLDERS
        .iter()
        .find(|(known, _)| *known == folder)
        .and_then(|(_, ending)| file.strip_suffix(ending));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    stem.is_some_and(|stem| !stem.is_empty() && stem.len() <= 64 && stem.chars().all(plain))
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(names: &[&str]) -> Vec<u8> {
        let mut packing = Packing::new(Vec::new(), Moment::from_unix(0));
        for name in names {
            packing.bytes(name, b"text").unwrap();
        }
        packing.finish().unwrap()
    }

    #[test]
    fn an_archive_unpacks_as_it_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["about.json", "store.db", "keys/root.pub", "channels/a-1.json"];
        let files = unpack(packed(&names).as_slice(), folder.path()).unwrap();
        assert_eq!(files, names.map(PathBuf::from));
        assert_eq!(fs::read(folder.path().join("keys/root.pub")).unwrap(), b"text");
    }

    #[test]
    fn names_that_no_backup_has_are_refused_and_nothing_is_written_elsewhere() {
        for name in [
            "keys/root.key",
            "keys/a/b.pub",
            "channels/.json",
            "channels/A.json",
            "store.db-wal",
            "other",
        ] {
            let folder = tempfile::tempdir().unwrap();
            assert!(unpack(packed(&[name]).as_slice(), folder.path()).is_err(), "{name}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
        }
        for name in ["../store.db", "/store.db", "keys/../../a.pub"] {
            assert!(!is_known(name), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let twice = packed(&["store.db", "store.db"]);
        assert!(unpack(twice.as_slice(), folder.path()).is_err());
        // A link is no file, whatever it is called.
        let mut link = Header::new_ustar();
        link.set_entry_type(EntryType::Symlink);
        link.set_size(0);
        let mut archive = Builder::new(Vec::new());
        archive.append_link(&mut link, "store.db", "/etc/passwd").unwrap();
        let bytes = archive.into_inner().unwrap();
        assert!(unpack(bytes.as_slice(), tempfile::tempdir().unwrap().path()).is_err());
    }
}
