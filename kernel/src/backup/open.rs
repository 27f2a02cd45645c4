//! Opening a backup: part by part, none decrypted before its size and digest are those signed for.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use super::limits;
use super::manifest::{Manifest, Part};
use crate::bundle::Identity;
use crate::bundle::limits::WINDOW_LOG;
use crate::bundle::sealed_box::{self, Purpose};
use crate::error::Error;

/// Where parts come from.
type Fetch<'a> = dyn FnMut(&Part) -> io::Result<Vec<u8>> + 'a;

/// Reads the plaintext of a backup.
///
/// Its bytes are whole only once it returned none, which it refuses unless every part was used and
/// the length is the signed one.
pub struct Opened<'a> {
    frame: Box<dyn Read + 'a>,
    left: u64,
    failure: Rc<RefCell<Option<Error>>>,
}

/// Decrypts the parts of a backup, whose note was checked, with any of `keys`.
///
/// # Errors
/// [`Error::CannotDecrypt`] if no key fits; what a part breaks.
pub fn open<'a>(
    manifest: &Manifest,
    keys: &[&dyn Identity],
    fetch: &'a mut Fetch<'a>,
) -> Result<Opened<'a>, Error> {
    let failure = Rc::new(RefCell::new(None));
    let mut left = manifest.parts.clone();
    left.reverse();
    let parts = Parts { left, part: Vec::new(), read: 0, fetch, failure: Rc::clone(&failure) };
    let told = |error: Error| failure.borrow_mut().take().unwrap_or(error);
    let plain = sealed_box::reader(Purpose::Backup, parts, keys).map_err(told)?;
    let mut frame = zstd::stream::read::Decoder::new(plain)
        .map_err(|e| told(Error::Zstd { reason: e.to_string() }))?;
    frame.window_log_max(WINDOW_LOG).map_err(|e| Error::Zstd { reason: e.to_string() })?;
    let left = manifest.raw.min(limits::RAW);
    Ok(Opened { frame: Box::new(frame), left, failure })
}

impl Opened<'_> {
    /// Returns which rule the backup broke, where that is why reading failed.
    pub fn failure(&self) -> Option<Error> {
        self.failure.borrow_mut().take()
    }

    fn refused(&self, rule: &str) -> io::Error {
        *self.failure.borrow_mut() = Some(Error::Object { rule: rule.to_owned() });
        io::Error::other(rule.to_owned())
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.frame.read(buffer)? as u64;
        if read > self.left {
            return Err(self.refused("it has more bytes than were signed for"));
        }
        if read == 0 && self.left > 0 {
            return Err(self.refused("it has fewer bytes than were signed for"));
        }
        self.left -= read;
        Ok(usize::try_from(read).unwrap_or_default())
    }
}

/// The encrypted bytes, one part in memory at a time.
struct Parts<'a> {
    /// The parts that were not read yet, the next one last.
    left: Vec<Part>,
    part: Vec<u8>,
    read: usize,
    fetch: &'a mut Fetch<'a>,
    failure: Rc<RefCell<Option<Error>>>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.part.len() {
            let Some(next) = self.left.pop() else { return Ok(0) };
            self.part = (self.fetch)(&next)?;
            self.read = 0;
            if let Err(error) = next.check(&self.part) {
                let told = io::Error::other(error.to_string());
                *self.failure.borrow_mut() = Some(error);
                return Err(told);
            }
        }
        let mut rest = self.part.get(self.read..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}
