//! Committing: files first, then the one name whose creation decides.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::thread;
use std::time::Duration;

use garner_kernel::Digest;
use garner_kernel::bundle::{Sealed, limits};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Put, Remote};
use crate::repository::Trust;

/// How often a lost race is run again on top of what won.
pub(crate) const TRIES: u32 = 10;
/// The longest wait before the first of them, in milliseconds; it doubles with each.
const FIRST_WAIT_MS: u64 = 4;

/// Writes the files of a version, its head last; returns whether the head was ours.
pub(crate) fn commit(remote: &impl Remote, trust: &Trust, sealed: &Sealed) -> Result<bool, Error> {
    let channel = &trust.repository.channel;
    let bundle = &sealed.bundle;
    let mut files = Vec::new();
    for object in &bundle.objects {
        let (name, size) = (Name::object(&Digest::of(object)), object.len() as u64);
        // What older versions brought is not sent again.
        if remote.size(&name)? != Some(size) {
            files.push((name, size, object));
        }
    }
    remote.announce(&files.iter().map(|(name, size, _)| (name.clone(), *size)).collect::<Vec<_>>());
    files.iter().try_for_each(|(name, _, object)| put_whole(remote, name, object))?;
    put_whole(remote, &Name::keyring(&Digest::of(&bundle.keyring)), &bundle.keyring)?;
    put_whole(remote, &Name::manifest(&Digest::of(&bundle.manifest)), &bundle.manifest)?;
    let name = Name::head(channel, sealed.version);
    let head = bundle.heads.last().map_or(&[][..], Vec::as_slice);
    if !create(remote, &name, head)? {
        return Ok(false);
    }
    // From here on the version is published, whatever becomes of the note.
    remote.put_over(&Name::latest(channel), &sealed.latest).map_err(|source| {
        let (channel, version) = (channel.clone(), sealed.version);
        Error::Unannounced { channel, version, source: Box::new(source) }
    })?;
    Ok(true)
}

/// Creates a note that is the next of its kind; returns whether it is ours.
///
/// An answer may be lost, or say that the name is taken though nothing is there: what is there
/// decides, and the same bytes are our own success.
pub(crate) fn create(remote: &impl Remote, name: &Name, note: &[u8]) -> Result<bool, Error> {
    let mut put = remote.put_new(name, note);
    for tries in 1..TRIES {
        if matches!(put, Ok(Put::Created)) {
            return Ok(true);
        }
        if let Some(there) = remote.get(name, limits::REVOCATIONS as u64)? {
            return Ok(there == note);
        }
        put?;
        wait(tries);
        put = remote.put_new(name, note);
    }
    Ok(put? == Put::Created)
}

/// Waits a while before another try: longer each time, and for each publisher another while.
pub(crate) fn wait(tries: u32) {
    let draw = RandomState::new().build_hasher().finish();
    let most = FIRST_WAIT_MS << tries.min(8);
    thread::sleep(Duration::from_millis(draw % most));
}

/// Creates a file that is named by its digest, or mends one that is damaged.
fn put_whole(remote: &impl Remote, name: &Name, bytes: &[u8]) -> Result<(), Error> {
    let damaged = remote.put_new(name, bytes)? == Put::Exists
        && remote.get(name, limits::OBJECT)?.as_deref() != Some(bytes);
    if damaged { remote.put_over(name, bytes) } else { Ok(()) }
}
