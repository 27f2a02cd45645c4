//! Sealing a backup: compress, encrypt, cut into parts, with one part in memory at a time.

use std::io::{self, Write};

use super::limits;
use super::manifest::Part;
use crate::bundle::{Plugins, Recipient, sealed_box};
use crate::digest::Digest;
use crate::error::Error;

/// What becomes of each part: it is stored, in order.
type Store<'a> = dyn FnMut(&Part, &[u8]) -> io::Result<()> + 'a;

/// Takes the plaintext of a backup and gives its parts away.
pub struct Sealer<'a> {
    frame: zstd::stream::write::Encoder<'static, age::stream::StreamWriter<Cutter<'a>>>,
    raw: u64,
}

/// What a sealer made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// How many bytes the plaintext had.
    pub raw: u64,
    /// The parts, in order.
    pub parts: Vec<Part>,
}

/// How hard zstd tries: a backup is made often, and vectors hardly shrink.
const LEVEL: i32 = 3;

impl<'a> Sealer<'a> {
    /// Starts a backup for `recipients`, whose parts go to `store`.
    ///
    /// # Errors
    /// [`Error::Age`] if there are no recipients, [`Error::NoPlugin`], or [`Error::Zstd`].
    pub fn new(
        recipients: &[&Recipient],
        plugins: &dyn Plugins,
        store: &'a mut Store<'a>,
    ) -> Result<Self, Error> {
        let cutter = Cutter { part: Vec::new(), parts: Vec::new(), store };
        let sealed = sealed_box::writer(recipients, plugins, cutter)?;
        let failed = |e: io::Error| Error::Zstd { reason: e.to_string() };
        let frame = zstd::stream::write::Encoder::new(sealed, LEVEL).map_err(failed)?;
        Ok(Self { frame, raw: 0 })
    }

    /// Ends the backup, gives the last part away and says what was made.
    ///
    /// # Errors
    /// Whatever `store` failed with.
    pub fn finish(self) -> io::Result<Sealed> {
        let mut cutter = self.frame.finish()?.finish()?;
        cutter.cut()?;
        Ok(Sealed { raw: self.raw, parts: cutter.parts })
    }
}

impl Write for Sealer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.frame.write(bytes)?;
        self.raw += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is flushed early: a part is given away when it is full.
        Ok(())
    }
}

/// Cuts the encrypted bytes into parts.
struct Cutter<'a> {
    part: Vec<u8>,
    parts: Vec<Part>,
    store: &'a mut Store<'a>,
}

impl Cutter<'_> {
    fn cut(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = Part { digest: Digest::of(&self.part), size: self.part.len() as u64 };
        (self.store)(&part, &self.part)?;
        self.parts.push(part);
        self.part.clear();
        Ok(())
    }
}

impl Write for Cutter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(limits::PART).unwrap_or(usize::MAX) - self.part.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.part.extend_from_slice(taken);
        if self.part.len() as u64 == limits::PART {
            self.cut()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
