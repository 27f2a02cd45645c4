//! Making a backup: a copy of the store and what is needed beside it, sealed part by part.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use garner_kernel::backup::{Listed, Listing, Manifest, Part, Sealed, Sealer};
use garner_kernel::bundle::{Note, Recipient};
use garner_kernel::{Digest, Moment};
use garner_loader::{OpenOptions, Store};

use super::contents::{self, About, FOLDERS, Packing};
use super::pending::{self, Pending};
use super::{BackupError, Turn, Vault, canary};
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, InstalledPlugins, KeyRole};

/// Where a backup goes.
pub(crate) enum Target<'a> {
    /// Into a vault, whose list then names it.
    Vault(&'a Vault),
    /// Into one file, which is new.
    File(&'a Path),
}

/// A backup that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) listed: Listed,
    pub(crate) manifest: Manifest,
    pub(crate) operations: u64,
    /// The backups that the vault has now, the oldest first.
    pub(crate) backups: Vec<Listed>,
}

/// Opens a backup file; after it come the length of the note, the note, and the parts.
pub(super) const MAGIC: &[u8; 8] = b"GARNERB1";

/// Makes a backup of the store for the recovery key.
pub(crate) fn make(target: &Target<'_>, turn: &Turn, context: &Context) -> Result<Made, Error> {
    let (signer, recipient) = (keys::publisher(context)?, recipient(context)?);
    let at = context.now();
    let before = match target {
        Target::Vault(vault) => {
            pending::tidy(vault, context)?;
            vault.listing()?.map(|listing| listing.backups).unwrap_or_default()
        }
        Target::File(_) => Vec::new(),
    };
    let scratch = turn.scratch()?;
    let about = copy(scratch.path(), at, context)?;
    let operations = about.operations;
    let mut sink = match target {
        Target::Vault(vault) => Sink::Vault(vault, Pending::start(vault, context)?),
        Target::File(_) => Sink::spool(scratch.path())?,
    };
    let sealed = seal(&about, &recipient, scratch.path(), &mut sink, context)?;
    let Sealed { raw, parts } = sealed;
    let tool = concat!("garner ", env!("CARGO_PKG_VERSION")).to_owned();
    let manifest = Manifest { at, tool, raw, recipients: vec![recipient], parts };
    let note = manifest.sign(&signer).map_err(BackupError::Refused)?;
    // A clock that was set back does not make the newest backup an older one.
    let listed_at = before.last().map_or(at, |last| last.at.max(at));
    let listed = Listed { digest: note.digest(), at: listed_at, size: manifest.size() };
    let backups = before.into_iter().chain([listed.clone()]).collect();
    match (target, sink) {
        (Target::Vault(vault), Sink::Vault(_, mut pending)) => {
            pending.add(&[listed.digest])?;
            vault.remote().put_new(&vault.name(&listed.digest), &note.to_bytes())?;
            let listing = Listing { at: listed_at, backups };
            vault.put_listing(&listing, &signer)?;
            pending.done()?;
            Ok(Made { listed, manifest, operations, backups: listing.backups })
        }
        (Target::File(path), Sink::Spool(spool)) => {
            write_file(path, &note, spool)?;
            Ok(Made { listed, manifest, operations, backups })
        }
        _ => Err(stream("written")(io::ErrorKind::Unsupported.into()).into()),
    }
}

/// Returns who can open backups of this machine: whoever has its recovery key.
pub(crate) fn recipient(context: &Context) -> Result<Recipient, Error> {
    match KeyRole::Recovery.public(&context.places) {
        Err(Error::NoKey { .. }) => Err(BackupError::NoRecovery.into()),
        public => Ok(public?.parse()?),
    }
}

/// Copies the store into a folder, and asks the copy what a restored one must answer.
fn copy(folder: &Path, at: Moment, context: &Context) -> Result<About, Error> {
    let store = context.store()?;
    let bar = context.output.bar("Copying the store", 0);
    let copied = store.copy_to(&folder.join(Store::FILE), &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    copied?;
    let copied = Store::open(folder, &OpenOptions::read())?;
    let operations = copied.operations(1)?.first().map_or(0, |last| last.number);
    let canaries = canary::made(&copied, at)?;
    Ok(About { format: 1, at: at.to_string(), operations, canaries })
}

/// Where parts go while a backup is sealed.
enum Sink<'a> {
    Vault(&'a Vault, Pending),
    Spool(File),
}

impl Sink<'_> {
    /// Keeps the parts in a file without a name: their note comes before them.
    fn spool(folder: &Path) -> Result<Self, Error> {
        let spool = tempfile::tempfile_in(folder);
        Ok(Self::Spool(spool.map_err(|e| Error::io("make a file in", folder, e))?))
    }

    fn put(&mut self, part: &Part, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Vault(vault, pending) => {
                pending.add(&[part.digest])?;
                vault.remote().put_new(&vault.part(&part.digest), bytes)?;
                Ok(())
            }
            Self::Spool(spool) => Ok(spool.write_all(bytes).map_err(stream("written"))?),
        }
    }
}

fn seal(
    about: &About,
    recipient: &Recipient,
    copy: &Path,
    sink: &mut Sink<'_>,
    context: &Context,
) -> Result<Sealed, Error> {
    let failed: RefCell<Option<Error>> = RefCell::new(None);
    let bytes = RefCell::new(0_u64);
    let spinner = context.output.spinner();
    let mut store = |part: &Part, sealed: &[u8]| {
        sink.put(part, sealed).map_err(|error| {
            let told = io::Error::other(error.to_string());
            *failed.borrow_mut() = Some(error);
            told
        })?;
        *bytes.borrow_mut() += part.size;
        spinner.set_message(format!("Sealed {} MB.", *bytes.borrow() >> 20));
        Ok(())
    };
    let sealer = Sealer::new(&[recipient], &InstalledPlugins, &mut store)?;
    let packed = pack(about, copy, sealer, context);
    spinner.finish_and_clear();
    match (packed, failed.take()) {
        (Ok(made), None) => Ok(made),
        (_, Some(error)) => Err(error),
        (Err(source), None) => Err(stream("written")(source).into()),
    }
}

fn pack(about: &About, copy: &Path, sealer: Sealer<'_>, context: &Context) -> io::Result<Sealed> {
    let mut packing = Packing::new(sealer, context.now());
    packing.bytes(contents::ABOUT, &serde_json::to_vec(about)?)?;
    for (name, path) in beside(context) {
        packing.file(&name, &path)?;
    }
    packing.file(contents::STORE, &copy.join(Store::FILE))?;
    packing.finish()?.finish()
}

/// Returns what goes with the store: public halves of keys, what is trusted, and drafts.
fn beside(context: &Context) -> Vec<(String, PathBuf)> {
    let places = &context.places;
    let folders = [places.keys(), places.channels(), places.drafts()];
    let mut files = Vec::new();
    for ((name, ending), folder) in FOLDERS.iter().zip(folders) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let entry = format!("{name}/{file}");
            if file.ends_with(ending) && contents::is_known(&entry) {
                files.push((entry, path));
            }
        }
    }
    files.sort();
    files
}

fn write_file(path: &Path, note: &Note, mut spool: File) -> Result<(), Error> {
    let written = |e| Error::io("write", path, e);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = garner_sync::temporary(folder, 0o600)?;
    let note = note.to_bytes();
    let length = u32::try_from(note.len()).unwrap_or(u32::MAX).to_le_bytes();
    for bytes in [&MAGIC[..], &length, &note] {
        file.write_all(bytes).map_err(written)?;
    }
    spool.rewind().map_err(written)?;
    io::copy(&mut spool, file.as_file_mut()).map_err(written)?;
    file.as_file().sync_all().map_err(written)?;
    file.persist_noclobber(path).map_err(|e| written(e.error))?;
    Ok(garner_sync::sync_folder(folder)?)
}

/// Returns the error of a stream that could not be read or written.
pub(super) fn stream(action: &'static str) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Stream { action, source }
}

/// Returns the digest that a backup would have which is only planned.
pub(crate) fn planned(at: Moment) -> Listed {
    Listed { digest: Digest::of(b"planned"), at, size: 0 }
}
